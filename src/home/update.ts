// Sends firmware to a device of ours over `/wattle/update/1.0.0`: offers the manifest, sends the system as
// fast as the device takes it, and goes on where it was when the connection breaks. The file is read by
// whoever has it: this machine sees pieces.

import type { Bytes } from '../base/bytes.ts'
import { WattleError } from '../base/errors.ts'
import { LIMITS } from '../base/limits.ts'
import type { Host } from '../net/host.ts'
import { Link } from '../node/link.ts'
import type { Loop } from '../node/loop.ts'
import {
  decodePlaceOf,
  decodeUpdateRefused,
  encodeData,
  encodeOffer,
  UPDATE,
  UPDATE_PROTOCOL,
  type UpdateRefusal,
} from '../wire/card/update.ts'
import type { OwnedDevice } from './store.ts'

export interface UpdateSource {
  /** The signed manifest. */
  jws: string
  /** Bytes of the system. */
  size: number
  /** `n` bytes from `at` on, or null where they cannot be read. */
  read: (at: number, n: number, done: (bytes: Bytes | null) => void) => void
}

export interface UpdateOptions {
  host: Host
  loop: Loop
  device: OwnedDevice
  source: UpdateSource
  /** Bytes that the device has. */
  onProgress: (at: number, size: number) => void
  /** Null: installed, the device restarts and tries it. */
  onDone: (error: WattleError | null) => void
}

/** Nothing came for so long: given up. The device reads back and compares at the end. */
const SILENT_MS = 180_000
/** The same before it has answered at all. */
const REACH_MS = 30_000

const WORDS: Readonly<Record<UpdateRefusal, string>> = {
  unsigned:
    'it is not signed by the key that this device trusts; fetch it again from where the device came from',
  malformed: 'it is damaged, or no update; fetch it again',
  'other-board': 'it is for another kind of board',
  'other-boot': 'it needs other boot files than this card has; write the card anew with wattle flash',
  downgrade:
    'it is older than this device allows; hold the button for 3 to 8 seconds and send it again within 10 minutes',
  'too-large': 'it does not fit into the card’s partition',
  'on-trial': 'the device is still trying its last update; wait until STATUS shows no gap any more',
  busy: 'another update is under way',
  damaged: 'what the card holds is not what was sent: send it again; if that happens twice, use another card',
  storage: 'the card cannot be written; use another card',
  'no-card': 'the device does not run from a card of ours',
}

let made = 0

export class UpdateSender {
  readonly #options: UpdateOptions
  readonly #link: Link
  readonly #timer: string
  /** Next byte to send, and the next one that the device has not got. */
  #sent = 0
  #taken = 0
  #reading = false
  /** Marks reads of a connection that is gone. */
  #run = 0
  #over = false
  #reached = false

  constructor(options: UpdateOptions) {
    const { host, loop, device, source } = options
    this.#options = options
    this.#timer = `update ${++made}`
    this.#link = new Link({
      host,
      loop,
      key: device.log.device,
      protocol: UPDATE_PROTOCOL,
      addresses: () => device.addresses,
      opening: () => [encodeOffer(source.jws)],
      onMessage: (message) => this.#onMessage(message),
      onState: (up) => {
        if (!up) this.#run++
        this.#reading = false
      },
    })
  }

  start(): void {
    this.#heard()
    this.#link.start()
  }

  stop(): void {
    this.#over = true
    this.#options.loop.cancel(this.#timer)
    this.#link.stop()
  }

  #onMessage(message: Bytes): void {
    if (this.#over) return
    this.#reached = true
    this.#heard()
    const { source, onProgress } = this.#options
    switch (message[0]) {
      case UPDATE.accept:
      case UPDATE.taken: {
        const at = decodePlaceOf(message)
        if (at === null || at > source.size) return this.#end('bad-answer', 'the device answered out of turn')
        if (message[0] === UPDATE.accept) this.#sent = at
        this.#taken = at
        onProgress(at, source.size)
        return this.#pump()
      }
      case UPDATE.installed:
        onProgress(source.size, source.size)
        return this.#finish(null)
      case UPDATE.refused: {
        const word = decodeUpdateRefused(message)
        return this.#end(word ?? 'refused', word ? WORDS[word] : 'it gave no reason that this version knows')
      }
      default:
        return this.#end('bad-answer', 'the device answered out of turn')
    }
  }

  /** One read at a time, so that pieces go out in order; as much as the window allows. */
  #pump(): void {
    const { source } = this.#options
    const room = LIMITS.update.windowBytes - (this.#sent - this.#taken)
    const n = Math.min(LIMITS.update.chunkBytes, source.size - this.#sent, room)
    if (this.#reading || this.#over || n <= 0) return
    this.#reading = true
    const run = this.#run
    source.read(this.#sent, n, (bytes) => {
      if (run !== this.#run || this.#over) return
      this.#reading = false
      if (!bytes || bytes.length !== n)
        return this.#end('unreadable', 'the update file cannot be read any more')
      this.#link.send(encodeData(this.#sent, bytes))
      this.#sent += n
      this.#pump()
    })
  }

  #heard(): void {
    const { loop } = this.#options
    if (!this.#reached)
      loop.after(this.#timer, REACH_MS, () =>
        this.#end('device-offline', 'the device cannot be reached, or does not run from a card of ours'),
      )
    else
      loop.after(this.#timer, SILENT_MS, () =>
        this.#end(
          'no-answer',
          'the device did not answer for three minutes; send it again, it goes on where it was',
        ),
      )
  }

  #end(code: string, words: string): void {
    this.#finish(new WattleError(code, `the update was not installed: ${words}`))
  }

  #finish(error: WattleError | null): void {
    if (this.#over) return
    this.stop()
    this.#options.onDone(error)
  }
}
