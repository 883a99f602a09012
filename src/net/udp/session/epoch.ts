// The keys of one handshake: seals and opens datagrams in place, counts them, refuses repetition. An
// epoch is young, then due for replacement, then dead; how it came to be does not matter here.

import type { Bytes } from '../../../base/bytes.ts'
import { getU32, putU32 } from '../../../base/cursor.ts'
import { LIMITS } from '../../../base/limits.ts'
import type { FrameCipher } from '../../../crypto/framecipher.ts'
import { DATA_HEAD, TYPE } from './layout.ts'
import { ReplayWindow } from './replay.ts'

const TAG = 16

export class Epoch {
  /** Our index, which the other side writes, and theirs. */
  readonly ours: number
  readonly theirs: number
  readonly initiator: boolean
  readonly born: number
  /** The other side has used it: it has the keys. */
  confirmed: boolean
  /** Set by `open`: the datagram was the newest of all so far. */
  newest: boolean
  readonly #send: FrameCipher
  readonly #receive: FrameCipher
  readonly #window: ReplayWindow
  #sent: number

  constructor(o: {
    ours: number
    theirs: number
    initiator: boolean
    now: number
    ciphers: { send: FrameCipher; receive: FrameCipher }
  }) {
    this.ours = o.ours
    this.theirs = o.theirs
    this.initiator = o.initiator
    this.born = o.now
    this.confirmed = false
    this.newest = false
    this.#send = o.ciphers.send
    this.#receive = o.ciphers.receive
    this.#window = new ReplayWindow()
    this.#sent = 0
  }

  /** Time for new keys: the side that began is first, the other follows if it does not. */
  old(now: number): boolean {
    const age = this.initiator ? LIMITS.udp.rekeyMs : LIMITS.udp.rekeyMs + 15_000
    return now - this.born >= age || this.#sent >= LIMITS.udp.rekeyDatagrams
  }

  dead(now: number): boolean {
    return now - this.born >= LIMITS.udp.rejectMs || this.#sent >= LIMITS.udp.rejectDatagrams
  }

  /** Seals the `n` plain bytes behind the head where they stand; the length of the datagram. */
  seal(datagram: Bytes, n: number): number {
    const counter = this.#sent++
    datagram[0] = TYPE.data
    datagram[1] = 0
    datagram[2] = 0
    datagram[3] = 0
    putU32(datagram, 4, this.theirs)
    putU32(datagram, 8, Math.floor(counter / 0x1_0000_0000))
    putU32(datagram, 12, counter >>> 0)
    this.#send.seal(datagram, DATA_HEAD, n, counter)
    return DATA_HEAD + n + TAG
  }

  /** Opens a datagram into the start of `into`; the length of the plain text, or -1. */
  open(datagram: Bytes, into: Bytes): number {
    const high = getU32(datagram, 8)
    const counter = high * 0x1_0000_0000 + getU32(datagram, 12)
    if (high >= 0x20_0000 || !this.#window.fresh(counter)) return -1
    const length = datagram.length - DATA_HEAD
    if (!this.#receive.open(datagram, DATA_HEAD, length, counter, into, 0)) return -1
    this.newest = this.#window.take(counter)
    return length - TAG
  }

  destroy(): void {
    this.#send.destroy()
    this.#receive.destroy()
  }
}
