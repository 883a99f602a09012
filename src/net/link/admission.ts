// Who may begin a handshake now: a ration for everybody together and one for each source, because a
// handshake costs a small board tens of milliseconds. Sources are IPv4 addresses and IPv6 /64
// networks, kept in a fixed table where a new one takes the place of the one unseen longest.

import { LIMITS } from '../../base/limits.ts'

const SOURCES = LIMITS.net.sources

export class Admission {
  readonly #names: string[]
  /** Tokens left and when they were counted, per source; the last entry is for everybody. */
  readonly #tokens: Float64Array
  readonly #counted: Float64Array

  constructor(now: number) {
    this.#names = new Array<string>(SOURCES).fill('')
    this.#tokens = new Float64Array(SOURCES + 1)
    this.#counted = new Float64Array(SOURCES + 1)
    this.#tokens[SOURCES] = LIMITS.net.acceptBurst
    this.#counted[SOURCES] = now
  }

  /** @param remote `host:port`. False: refuse the connection before any work is done for it. */
  admit(remote: string, now: number): boolean {
    const i = this.#find(sourceOf(remote), now)
    this.#earn(i, LIMITS.net.acceptsPerSecondOfOne, LIMITS.net.acceptBurstOfOne, now)
    if (this.#tokens[i]! < 1) return false
    this.#earn(SOURCES, LIMITS.net.acceptsPerSecond, LIMITS.net.acceptBurst, now)
    if (this.#tokens[SOURCES]! < 1) return false
    this.#tokens[i]!--
    this.#tokens[SOURCES]!--
    return true
  }

  #earn(i: number, perSecond: number, burst: number, now: number): void {
    const earned = ((now - this.#counted[i]!) * perSecond) / 1_000
    this.#tokens[i] = Math.min(burst, this.#tokens[i]! + earned)
    this.#counted[i] = now
  }

  #find(source: string, now: number): number {
    let oldest = 0
    for (let i = 0; i < SOURCES; i++) {
      if (this.#names[i] === source) return i
      if (this.#counted[i]! < this.#counted[oldest]!) oldest = i
    }
    this.#names[oldest] = source
    this.#tokens[oldest] = LIMITS.net.acceptBurstOfOne
    this.#counted[oldest] = now
    return oldest
  }
}

/** The part of an address that one party usually has to itself. */
export function sourceOf(remote: string): string {
  const host = remote.slice(0, Math.max(0, remote.lastIndexOf(':'))).replace(/^\[|\]$/g, '')
  if (!host.includes(':') || host.includes('.')) return host.slice(host.lastIndexOf(':') + 1)
  const head = host.split('::')[0]!.split(':')
  return head.slice(0, 4).join(':')
}
