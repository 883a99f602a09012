// Telegrams as a channel carries them, docs/wire.md "Telegram payload": now and then whole, else as the
// difference to a reference that both sides hold. The reference is the last whole telegram, or, after
// somebody joined, the telegram that the joiner was given; nothing on the wire tells which.

import type { Bytes } from '../base/bytes.ts'
import { getU48, putU48, Reader, Writer } from '../base/cursor.ts'
import { LIMITS } from '../base/limits.ts'
import { packDelta, packKey } from './pack.ts'
import { unpackDelta, unpackKey } from './unpack.ts'

const KIND = { key: 1, delta: 2, rebased: 3 } as const
/** Kind and receive time before the packed bytes. */
const HEAD = 7
/** A whole telegram after so many, for readers that lost one. */
const KEY_EVERY = 60

/** A telegram and how long it is, in memory of its own. */
class Held {
  readonly bytes: Bytes
  length: number
  /** Telegrams of one meter mostly have one length. */
  #view: Bytes

  constructor() {
    this.bytes = new Uint8Array(LIMITS.p1.telegramBytes)
    this.length = 0
    this.#view = this.bytes.subarray(0, 0)
  }

  set(from: Bytes): void {
    this.bytes.set(from)
    this.length = from.length
  }

  view(): Bytes {
    if (this.#view.length !== this.length) this.#view = this.bytes.subarray(0, this.length)
    return this.#view
  }
}

export class TelegramPacker {
  readonly #reference: Held
  readonly #last: Held
  readonly #out: Bytes
  readonly #body: Bytes
  #sinceKey: number
  #joined: boolean

  constructor() {
    this.#reference = new Held()
    this.#last = new Held()
    this.#out = new Uint8Array(LIMITS.channel.payloadBytes)
    this.#body = this.#out.subarray(HEAD)
    this.#sinceKey = KEY_EVERY
    this.#joined = false
  }

  /** The next telegram goes out whole: an epoch begins. */
  restart(): void {
    this.#sinceKey = KEY_EVERY
  }

  /** The payload for a telegram received at `wall` (milliseconds since 1970); a view of memory that is used again. */
  pack(telegram: Bytes, wall: number): Bytes {
    const body = this.#body
    putU48(this.#out, 1, Math.max(0, Math.floor(wall)))
    let n = 0
    if (this.#sinceKey < KEY_EVERY) {
      if (this.#joined) this.#reference.set(this.#last.view())
      this.#out[0] = this.#joined ? KIND.rebased : KIND.delta
      n = packDelta(this.#reference.view(), telegram, body)
      this.#sinceKey++
    } else {
      this.#out[0] = KIND.key
      n = packKey(telegram, body)
      this.#reference.set(telegram)
      this.#sinceKey = 1
    }
    this.#joined = false
    this.#last.set(telegram)
    return this.#out.subarray(0, HEAD + n)
  }

  /** What a joiner must be given: the current telegram, or nothing before the first. */
  join(): Bytes {
    if (this.#last.length === 0) return new Uint8Array(0)
    const out = new Uint8Array(LIMITS.p1.telegramBytes + 64)
    const n = packKey(this.#last.view(), out)
    this.#joined = true
    return out.slice(0, n)
  }
}

export class TelegramUnpacker {
  readonly #reference: Held
  readonly #last: Held
  readonly #scratch: Held
  /** When the newest telegram was received, milliseconds since 1970. */
  wall: number

  constructor() {
    this.#reference = new Held()
    this.#last = new Held()
    this.#scratch = new Held()
    this.wall = 0
  }

  /** What came with a grant. Returns the telegram, or null where there is none. */
  join(state: Bytes): Bytes | null {
    const n = unpackKey(state, this.#last.bytes)
    this.#last.length = Math.max(0, n)
    this.#reference.set(this.#last.view())
    return n > 0 ? this.#last.view() : null
  }

  /** The telegram in a payload (a view, valid until the next call), or null when its reference is missing or it is damaged. */
  unpack(payload: Bytes): Bytes | null {
    if (payload.length < HEAD) return null
    const kind = payload[0]!
    const body = payload.subarray(HEAD)
    if (kind === KIND.rebased) this.#reference.set(this.#last.view())
    let n = -1
    if (kind === KIND.key) n = unpackKey(body, this.#scratch.bytes)
    else if ((kind === KIND.delta || kind === KIND.rebased) && this.#reference.length > 0)
      n = unpackDelta(this.#reference.view(), body, this.#scratch.bytes)
    if (n < 0) {
      // Without this telegram a later "rebased" has nothing to stand on.
      this.#last.length = 0
      return null
    }
    this.#last.set(this.#scratch.bytes.subarray(0, n))
    if (kind === KIND.key) this.#reference.set(this.#last.view())
    this.wall = getU48(payload, 1)
    return this.#last.view()
  }

  /** A payload was lost: only what refers to a whole telegram can still be read. */
  lost(): void {
    this.#last.length = 0
  }

  /** Both telegrams, for going on after a restart of the reader. */
  save(): Bytes {
    const w = new Writer(new Uint8Array(4 + this.#reference.length + this.#last.length))
    return w.block(this.#reference.view()).block(this.#last.view()).bytes
  }

  restore(saved: Bytes): void {
    const r = new Reader(saved)
    const reference = r.block(LIMITS.p1.telegramBytes)
    const last = r.block(LIMITS.p1.telegramBytes)
    if (!r.done) return
    this.#reference.set(reference)
    this.#last.set(last)
  }
}
