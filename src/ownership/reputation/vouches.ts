// The vouches that others gave for us: kept by us, their subject, and shown to others only when the owner
// chose to. A capped list; a second vouch of the same key and kind takes the place of the first.

import { type Bytes, equal, text, utf8 } from '../../base/bytes.ts'
import { Reader, Writer } from '../../base/cursor.ts'
import { LIMITS } from '../../base/limits.ts'
import { readVouch, type Vouch } from './statement.ts'

export interface KeptVouch {
  vouch: Vouch
  jws: string
  /** Shown to whoever asks. */
  released: boolean
}

export class Vouches {
  readonly #subject: Bytes
  readonly #kept: KeptVouch[]

  /** @param subject our Ed25519 key: vouches for others are not ours to keep */
  constructor(subject: Bytes) {
    this.#subject = subject
    this.#kept = []
  }

  get all(): readonly KeptVouch[] {
    return this.#kept
  }

  /** `kept`, or why not: `malformed`, `not-ours`, `over`, `full`. */
  keep(jws: string, now: number): 'kept' | 'malformed' | 'not-ours' | 'over' | 'full' {
    const vouch = readVouch(jws)
    if (!vouch) return 'malformed'
    if (!equal(vouch.about, this.#subject) || equal(vouch.by, this.#subject)) return 'not-ours'
    if (vouch.until <= now) return 'over'
    this.#dropOver(now)
    const same = this.#kept.findIndex((k) => equal(k.vouch.by, vouch.by) && k.vouch.kind === vouch.kind)
    if (same >= 0) this.#kept[same] = { vouch, jws, released: this.#kept[same]!.released }
    else if (this.#kept.length >= LIMITS.reputation.vouches) return 'full'
    else this.#kept.push({ vouch, jws, released: false })
    return 'kept'
  }

  /** The owner's choice for every vouch by `by`; false where there is none. */
  release(by: Bytes, shown: boolean): boolean {
    let found = false
    for (const kept of this.#kept) {
      if (!equal(kept.vouch.by, by)) continue
      kept.released = shown
      found = true
    }
    return found
  }

  /** What anybody may see. */
  released(now: number): string[] {
    this.#dropOver(now)
    return this.#kept.filter((k) => k.released).map((k) => k.jws)
  }

  save(): Bytes {
    const texts = this.#kept.map((k) => utf8(k.jws))
    const w = new Writer(new Uint8Array(1 + texts.reduce((sum, t) => sum + 3 + t.length, 0)))
    w.u8(texts.length)
    for (const [i, t] of texts.entries()) w.u8(this.#kept[i]!.released ? 1 : 0).block(t)
    return w.bytes
  }

  /** Takes what `save` made; each vouch is verified anew, and what does not verify is left out. */
  restore(bytes: Bytes, now: number): void {
    const r = new Reader(bytes)
    const count = r.u8()
    for (let i = 0; i < count && r.ok; i++) {
      const released = r.u8() === 1
      const jws = text(r.block(LIMITS.reputation.vouchChars))
      if (!r.ok || this.keep(jws, now) !== 'kept') continue
      this.#kept[this.#kept.length - 1]!.released = released
    }
  }

  #dropOver(now: number): void {
    for (let i = this.#kept.length - 1; i >= 0; i--)
      if (this.#kept[i]!.vouch.until <= now) this.#kept.splice(i, 1)
  }
}
