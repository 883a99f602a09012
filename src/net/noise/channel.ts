// A Noise channel as libp2p speaks it: the XX handshake with signed payloads, then frames of at most
// 65,535 bytes behind their length. Sans-I/O: bytes in, bytes out through its owner. Frames are opened
// into one buffer and sealed where they stand in another; both are the host's, so a channel at rest
// holds keys and counters only. https://github.com/libp2p/specs/blob/master/noise/README.md

import { type Bytes, equal } from '../../base/bytes.ts'
import { LIMITS } from '../../base/limits.ts'
import type { FrameCipher } from '../../crypto/framecipher.ts'
import { Exchange } from '../../crypto/native.ts'
import type { Random } from '../../hw/hardware.ts'
import type { NetCounter } from '../api.ts'
import type { Account } from '../queue.ts'
import { Assembler } from './assembler.ts'
import { Handshake } from './handshake.ts'
import { type Identity, readPayload, YAMUX } from './identity.ts'

const NONE: Bytes = new Uint8Array(0)
/** The 16-bit length before each message. */
export const PREFIX = 2
export const TAG = 16

/** What channels of one host share. */
export interface NoiseTools {
  readonly identity: Identity
  readonly random: Random
  readonly unread: Account
  /** Opened frames. */
  readonly inbox: Bytes
  /** Frames of ours: the plain bytes begin at PREFIX. */
  readonly outbox: Bytes
}

export interface NoiseOwner {
  /** Copies or sends at once. */
  write(bytes: Bytes): void
  /** The other side proved its key; frames may be sealed. */
  onSecured(): void
  /** One opened frame: the first `end` bytes of `bytes`, valid until the call returns. */
  onPlain(bytes: Bytes, end: number): void
  /** The channel cannot go on. */
  onNoiseError(counter: NetCounter, code: string, text: string): void
}

export class NoiseChannel {
  /** The Ed25519 key that the other side proved (32 bytes). */
  remoteKey: Bytes
  /** Both sides offered Yamux inside the handshake. */
  yamux: boolean
  readonly #tools: NoiseTools
  readonly #owner: NoiseOwner
  readonly #assembler: Assembler
  readonly #expectedKey: Bytes | null
  #handshake: Handshake | null
  #send: FrameCipher | null
  #receive: FrameCipher | null
  #sent: number
  #received: number
  #view: Bytes
  #closed: boolean

  /** @param options.expectedKey the only key that is accepted, or null for any. */
  constructor(
    tools: NoiseTools,
    owner: NoiseOwner,
    options: { initiator: boolean; expectedKey: Bytes | null },
  ) {
    this.remoteKey = NONE
    this.yamux = false
    this.#tools = tools
    this.#owner = owner
    this.#assembler = new Assembler(tools.unread, LIMITS.net.handshakeBytes)
    this.#expectedKey = options.expectedKey
    this.#handshake = new Handshake({
      initiator: options.initiator,
      prologue: NONE,
      static: tools.identity.exchange,
      ephemeral: Exchange.fresh(tools.random),
    })
    this.#send = null
    this.#receive = null
    this.#sent = 0
    this.#received = 0
    this.#view = NONE
    this.#closed = false
  }

  /** The initiator speaks first. */
  begin(): void {
    if (this.#handshake?.ours) this.#say(this.#handshake, NONE)
  }

  /** Bytes of memory that a partial frame occupies. */
  get held(): number {
    return this.#assembler.held
  }

  trim(): void {
    this.#assembler.trim()
  }

  close(): void {
    this.#closed = true
    this.#assembler.clear()
    this.#send?.destroy()
    this.#receive?.destroy()
  }

  /** Bytes from `from` on; messages may begin and end anywhere. */
  onBytes(bytes: Bytes, from: number): void {
    let at = from
    while (at < bytes.length && !this.#closed) {
      const whole = this.#assembler.take(bytes, at)
      at += this.#assembler.taken
      if (whole) this.#onMessage()
      else if (this.#assembler.broken) this.#fail('badFrames', 'a Noise message has an impossible length')
    }
  }

  /** Seals the `n` plain bytes at PREFIX of the outbox and sends them as one frame. */
  commit(n: number): void {
    if (!this.#send || this.#closed) return
    const out = this.#tools.outbox
    const box = n + TAG
    this.#send.seal(out, PREFIX, n, this.#sent++)
    out[0] = box >> 8
    out[1] = box
    // Frames of one channel all have one length: the view of the last one usually fits.
    if (this.#view.length !== box + PREFIX) this.#view = out.subarray(0, box + PREFIX)
    this.#owner.write(this.#view)
  }

  #say(handshake: Handshake, payload: Bytes): void {
    const message = handshake.write(payload)
    if (!message) {
      this.#fail('handshakeErrors', 'the other side sent an unusable key')
      return
    }
    const framed = new Uint8Array(PREFIX + message.length)
    framed[0] = message.length >> 8
    framed[1] = message.length
    framed.set(message, PREFIX)
    this.#owner.write(framed)
  }

  #onMessage(): void {
    const { source, start, length } = this.#assembler
    if (this.#handshake) {
      this.#onHandshake(this.#handshake, source.subarray(start, start + length))
      return
    }
    const { inbox } = this.#tools
    if (this.#receive!.open(source, start, length, this.#received++, inbox, 0))
      this.#owner.onPlain(inbox, length - TAG)
    else this.#fail('badTags', 'a frame does not verify')
  }

  /** The responder proves itself in the second message, the initiator in the third. */
  #onHandshake(handshake: Handshake, message: Bytes): void {
    const payload = handshake.read(message)
    const { identity } = this.#tools
    if (!payload) {
      this.#fail('handshakeErrors', 'the handshake does not verify')
      return
    }
    if (handshake.remoteStatic.length === 0) {
      this.#say(handshake, identity.payload)
      return
    }
    const said = readPayload(payload, handshake.remoteStatic)
    if (said.verdict !== 'ok') {
      this.#fail(said.verdict, 'the other side did not prove an Ed25519 identity')
      return
    }
    if (this.#expectedKey && !equal(this.#expectedKey, said.key)) {
      this.#owner.onNoiseError('wrongKeys', 'wrong-key', 'the other side proved another key than expected')
      return
    }
    this.remoteKey = said.key
    this.yamux = said.yamux && identity.muxers.includes(YAMUX)
    if (handshake.ours) this.#say(handshake, identity.payload)
    if (!handshake.done || this.#closed) return
    const ciphers = handshake.split()
    this.#send = ciphers.send
    this.#receive = ciphers.receive
    this.#handshake = null
    this.#assembler.limit = LIMITS.net.frameBytes
    this.#owner.onSecured()
  }

  #fail(counter: NetCounter, text: string): void {
    this.#owner.onNoiseError(counter, this.#handshake ? 'handshake-failed' : 'protocol-error', text)
  }
}
