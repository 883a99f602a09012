// Who may cost us how much: a bucket per source (subnet), and global buckets for answered bytes and
// for signatures to check or make. The table of sources is fixed and keyed, so a flood from many
// addresses can neither grow it nor aim at the place of an honest source; nodes of our own routing
// table draw on a share of the bytes that strangers cannot touch.

import type { Address } from '../krpc/address.ts'
import { scopeOf } from '../krpc/reach.ts'
import type { Dice } from '../math/dice.ts'
import { SipHash } from '../math/siphash.ts'
import type { Slab } from '../slab.ts'

export interface Rates {
  /** Queries per second and subnet, with a burst of four seconds' worth. */
  readonly perSource: number
  /** Bytes of answers per second, over all. */
  readonly bytes: number
  /** Signatures checked or made per second for others. */
  readonly signatures: number
}

/** Who asks; `known` is true for a node of our routing table. */
export interface Asker {
  known(): boolean
}

export const RATES: Rates = {
  perSource: 50, // several devices may share one address; an honest node needs a few a second
  bytes: 200_000, // a household's uplink survives it; strangers get three quarters
  signatures: 30, // with a burst of four seconds' worth; some per cent of a Pi Zero's core
}

/** On loopback only the machine itself speaks: there is nobody to be protected from. */
export const LOCAL_RATES: Rates = { perSource: 1e6, bytes: 1e9, signatures: 400 }

/** Seconds of rate that may be saved up. */
const BURST = 4
const WAYS = 4
/** Share of the answered bytes kept for nodes of our own table. */
const KEPT = 0.25

export class Limiter {
  readonly #sip: SipHash
  readonly #key: Int32Array
  readonly #input: Uint8Array
  readonly #sources: Int32Array
  readonly #level: Float32Array
  readonly #time: Uint32Array
  readonly #sets: number
  readonly #rates: Rates
  readonly #byPort: boolean
  #bytes: number
  #bytesAt: number
  #signatures: number
  #signaturesAt: number

  /** @param byPort on loopback every port counts as a source of its own (many nodes on one machine). */
  constructor(slab: Slab, sources: number, dice: Dice, options: { rates: Rates; byPort: boolean }) {
    this.#sip = new SipHash()
    this.#key = slab.i32(4)
    this.#sources = slab.i32(sources)
    this.#level = slab.f32(sources)
    this.#time = slab.u32(sources)
    this.#input = slab.u8(18)
    this.#sets = Math.floor(sources / WAYS)
    this.#rates = options.rates
    this.#byPort = options.byPort
    dice.words(this.#key, 0, 4)
    this.#bytes = options.rates.bytes
    this.#bytesAt = Number.NEGATIVE_INFINITY
    this.#signatures = options.rates.signatures * BURST
    this.#signaturesAt = Number.NEGATIVE_INFINITY
  }

  /** Keyed 32-bit name of a source: its /24 or /64. Never 0. */
  source(a: Address): number {
    const input = this.#input
    const end = a.store(input, 0)
    if (this.#byPort && scopeOf(a) === 1) this.#sip.hash(this.#key, 0, input, 0, end)
    else this.#sip.hash(this.#key, 0, input, 0, a.family === 4 ? 3 : 8)
    return this.#sip.low | 1
  }

  /** True when this source may ask once more now. */
  admit(source: number, now: number): boolean {
    const ms = now >>> 0
    const most = this.#rates.perSource * BURST
    const set = ((source >>> 1) % this.#sets) * WAYS
    let slot = -1
    let fullest = set
    let fullestLevel = -1
    for (let i = set; i < set + WAYS; i++) {
      if (this.#sources[i] === source) {
        slot = i
        break
      }
      const level = this.#sources[i] === 0 ? most + 1 : this.#refilled(i, ms, most)
      if (level > fullestLevel) {
        fullest = i
        fullestLevel = level
      }
    }
    if (slot < 0) {
      // The one that used least of its allowance makes room; offenders stay known.
      slot = fullest
      this.#sources[slot] = source
      this.#level[slot] = most
    } else this.#level[slot] = this.#refilled(slot, ms, most)
    this.#time[slot] = ms
    if (this.#level[slot]! < 1) return false
    this.#level[slot]! -= 1
    return true
  }

  #refilled(slot: number, ms: number, most: number): number {
    const passed = (ms - this.#time[slot]!) >>> 0
    return Math.min(most, this.#level[slot]! + (passed * this.#rates.perSource) / 1_000)
  }

  /** Takes `n` bytes of the answer budget, if there are as many for this asker. */
  answer(n: number, now: number, asker: Asker): boolean {
    const most = this.#rates.bytes
    if (now > this.#bytesAt) {
      this.#bytes = Math.min(most, this.#bytes + ((now - this.#bytesAt) * most) / 1_000)
      this.#bytesAt = now
    }
    // Looking the asker up is left for when it matters.
    if (this.#bytes - n < most * KEPT && (this.#bytes < n || !asker.known())) return false
    this.#bytes -= n
    return true
  }

  /** Takes one signature of the budget. */
  signature(now: number): boolean {
    const most = this.#rates.signatures * BURST
    if (now > this.#signaturesAt) {
      this.#signatures = Math.min(
        most,
        this.#signatures + ((now - this.#signaturesAt) * this.#rates.signatures) / 1_000,
      )
      this.#signaturesAt = now
    }
    if (this.#signatures < 1) return false
    this.#signatures -= 1
    return true
  }
}
