// The claim window of a device: its nonce and end, how many CHALLENGEs are left in it, and the few
// handshakes under way. Bounded so that no prober keeps the owner out: whoever is silent for a while
// makes way, and nobody holds a place for longer than a handshake may take (LIMITS.ownership).

import type { Bytes } from '../base/bytes.ts'
import { LIMITS } from '../base/limits.ts'
import { type ClaimKeys, wipeKeys } from './claim-keys.ts'

export interface Handshake {
  readonly link: number
  readonly since: number
  /** What the owner must prove with; compare in constant time. */
  readonly confirmP: Bytes
  readonly keys: ClaimKeys
}

export class ClaimWindow {
  #nonce: Bytes | null
  #end: number
  #challenges: number
  /** Oldest first. */
  readonly #handshakes: Handshake[]

  constructor() {
    this.#nonce = null
    this.#end = 0
    this.#challenges = 0
    this.#handshakes = []
  }

  /** Null when no window is open. */
  get nonce(): Bytes | null {
    return this.#nonce
  }

  open(now: number, nonce: Bytes): void {
    this.close()
    this.#nonce = Uint8Array.from(nonce)
    this.#end = now + LIMITS.ownership.windowMs
    this.#challenges = 0
  }

  /** Ends window and handshakes; returns the links that were in one. */
  close(): number[] {
    const links = this.#handshakes.map((h) => h.link)
    for (const { keys } of this.#handshakes) wipeKeys(keys)
    this.#handshakes.length = 0
    this.#nonce = null
    return links
  }

  left(now: number): number {
    return this.#nonce ? Math.max(0, this.#end - now) : 0
  }

  over(now: number): boolean {
    return this.#nonce !== null && now >= this.#end
  }

  nextTick(): number {
    let at = this.#nonce ? this.#end : Number.POSITIVE_INFINITY
    for (const { since } of this.#handshakes) at = Math.min(at, since + LIMITS.ownership.handshakeMs)
    return at
  }

  /**
   * May this link get a CHALLENGE? If so it is counted, here and now. An earlier handshake of the same
   * link makes way, and so does the oldest one when all places are taken and it was silent for a while.
   */
  admit(link: number, now: number): boolean {
    if (this.#challenges >= LIMITS.ownership.challengesPerWindow) return false
    this.drop(link)
    if (this.#handshakes.length >= LIMITS.ownership.handshakesAtOnce) {
      const oldest = this.#handshakes[0]!
      if (now < oldest.since + LIMITS.ownership.handshakeGraceMs) return false
      this.drop(oldest.link)
    }
    this.#challenges++
    return true
  }

  add(handshake: Handshake): void {
    this.#handshakes.push(handshake)
  }

  /** Takes the link's handshake out; its keys are then the caller's to wipe. */
  take(link: number): Handshake | null {
    const i = this.#handshakes.findIndex((h) => h.link === link)
    return i < 0 ? null : this.#handshakes.splice(i, 1)[0]!
  }

  /** True when there was one. */
  drop(link: number): boolean {
    const handshake = this.take(link)
    if (handshake) wipeKeys(handshake.keys)
    return handshake !== null
  }

  /** Drops the handshakes that had their time; how many. */
  dropSilent(now: number): number {
    let dropped = 0
    while (this.#handshakes.length > 0 && now >= this.#handshakes[0]!.since + LIMITS.ownership.handshakeMs) {
      this.drop(this.#handshakes[0]!.link)
      dropped++
    }
    return dropped
  }
}
