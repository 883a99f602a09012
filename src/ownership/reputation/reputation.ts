// Opinions about others: local, subjective, per key, capped and decaying (docs/reputation.md). Fed by what
// this process observed and by what its owner said; read through `Opinion` by whoever chooses peers. A
// plain machine: time comes in with each call. Evidence against a key is not pushed out by newcomers.

import { type Bytes, base64url } from '../../base/bytes.ts'
import { getU32, Reader, Writer } from '../../base/cursor.ts'
import { LIMITS } from '../../base/limits.ts'
import {
  BLOCKED,
  FACTORY_JUDGEMENT,
  type Judgement,
  MEASURES,
  type Measure,
  PARTS,
  type PartName,
  PIN_POINTS,
  VOUCH_POINTS,
} from './weights.ts'

/** The whole of what a chooser of peers needs: higher first; −∞ is never. */
export type Opinion = (key: Bytes, now: number) => number

export interface Reason {
  what: PartName | 'vouches' | 'pinned' | 'blocked'
  points: number
}

export interface Explanation {
  /** −100 to 100, or −∞ for a blocked key. */
  score: number
  /** What it adds up from, without what adds nothing. */
  reasons: Reason[]
}

const MOST = 100
const MINUTE = 60_000
const HOUR_MINUTES = 60
const KEY_BYTES = 32
const CAP = LIMITS.reputation.keys
/** Tenths of a point below which an opinion is worth no place. */
const NEGLIGIBLE = 5
/** An opinion of more tenths than this, good or bad, is not given up for a newcomer. */
const WORTH_KEEPING = 50
const EXPORT_BYTES: number = KEY_BYTES + 4 + 4 + 2 * PARTS.length

export class Reputation {
  readonly #keys: Bytes
  readonly #prefixes: Uint32Array
  /** Minutes since 1970 at which the points were right. */
  readonly #at: Uint32Array
  readonly #points: Int16Array
  /** For each key the vouches of keys that the owner trusts. */
  readonly #vouches: Map<string, Set<string>>
  #judgement: Judgement
  #size: number

  constructor(judgement: Judgement = FACTORY_JUDGEMENT) {
    this.#keys = new Uint8Array(KEY_BYTES * CAP)
    this.#prefixes = new Uint32Array(CAP)
    this.#at = new Uint32Array(CAP)
    this.#points = new Int16Array(PARTS.length * CAP)
    this.#vouches = new Map()
    this.#judgement = judgement
    this.#size = 0
  }

  get size(): number {
    return this.#size
  }

  /** What the owner said; takes effect on everything known. */
  judge(judgement: Judgement): void {
    this.#judgement = judgement
    for (const [about, by] of this.#vouches) {
      for (const key of by) if (!judgement.vouchers.includes(key)) by.delete(key)
      if (by.size === 0) this.#vouches.delete(about)
    }
  }

  /**
   * One observation.
   * @param prefix of the address it came from (`prefixOf`), 0 where there is none
   * @param times how often, or how many megabytes
   * @returns false: no place for an opinion about this key; it counts as a newcomer
   */
  measure(key: Bytes, what: Measure, now: number, prefix = 0, times = 1): boolean {
    const { part, points } = MEASURES[what]
    const minute = Math.floor(now / MINUTE)
    let entry = this.#find(key)
    if (entry < 0) entry = this.#place(key, prefix, minute)
    if (entry < 0) return false
    this.#decay(entry, minute)
    const i = entry * PARTS.length + part
    const { least, most } = PARTS[part]!
    this.#points[i] = Math.max(least, Math.min(most, this.#points[i]! + Math.round(points * times)))
    return true
  }

  /** A verified vouch of one key for another (statement.ts); counts when the owner trusts the voucher. */
  vouched(by: Bytes, about: Bytes): boolean {
    const voucher = base64url(by)
    if (!this.#judgement.vouchers.includes(voucher)) return false
    const name = base64url(about)
    const known = this.#vouches.get(name)
    if (known) {
      if (known.size < LIMITS.reputation.vouchesCounted) known.add(voucher)
    } else if (this.#vouches.size < CAP) this.#vouches.set(name, new Set([voucher]))
    else return false
    return true
  }

  /** Everything measured about a key is forgotten: the owner forgives. */
  forgive(key: Bytes): void {
    const entry = this.#find(key)
    if (entry >= 0) this.#remove(entry)
  }

  readonly score: Opinion = (key, now) => this.explain(key, now).score

  explain(key: Bytes, now: number): Explanation {
    const name = base64url(key)
    const { weights, pins, blocks } = this.#judgement
    if (blocks.includes(name)) return { score: BLOCKED, reasons: [{ what: 'blocked', points: BLOCKED }] }
    const reasons: Reason[] = []
    const entry = this.#find(key)
    if (entry >= 0) {
      const minute = Math.floor(now / MINUTE)
      PARTS.forEach((part, i) => {
        const tenths = this.#points[entry * PARTS.length + i]! * this.#left(entry, i, minute)
        const points = Math.round(tenths * weights[part.name]) / 10
        if (points !== 0) reasons.push({ what: part.name, points })
      })
    }
    const vouches = this.#vouches.get(name)?.size ?? 0
    if (vouches > 0) reasons.push({ what: 'vouches', points: vouches * VOUCH_POINTS })
    if (pins.includes(name)) reasons.push({ what: 'pinned', points: PIN_POINTS })
    const sum = reasons.reduce((total, reason) => total + reason.points, 0)
    return { score: Math.max(-MOST, Math.min(MOST, Math.round(sum * 10) / 10)), reasons }
  }

  /** Every key there is an opinion of: measured, vouched for, pinned or blocked. */
  known(): string[] {
    const names = new Set<string>([
      ...this.#judgement.pins,
      ...this.#judgement.blocks,
      ...this.#vouches.keys(),
    ])
    for (let i = 0; i < this.#size; i++) names.add(base64url(this.#key(i)))
    return [...names]
  }

  /** The table's bytes for a snapshot file (docs/wire/peers.md "Files"). */
  save(): Bytes {
    const w = new Writer(new Uint8Array(2 + this.#size * EXPORT_BYTES))
    w.u16(this.#size)
    for (let i = 0; i < this.#size; i++) {
      w.put(this.#key(i)).u32(this.#prefixes[i]!).u32(this.#at[i]!)
      for (let part = 0; part < PARTS.length; part++) w.u16(this.#points[i * PARTS.length + part]! & 0xffff)
    }
    return w.bytes
  }

  /** Takes what `save` made; false, and nothing taken, where it is not that. */
  restore(bytes: Bytes): boolean {
    const r = new Reader(bytes)
    const count = r.u16()
    if (count > CAP || bytes.length !== 2 + count * EXPORT_BYTES) return false
    for (let i = 0; i < count; i++) {
      this.#keys.set(r.take(KEY_BYTES), i * KEY_BYTES)
      this.#prefixes[i] = r.u32()
      this.#at[i] = r.u32()
      PARTS.forEach(({ least, most }, part) => {
        const points = (r.u16() << 16) >> 16
        this.#points[i * PARTS.length + part] = Math.max(least, Math.min(most, points))
      })
    }
    this.#size = count
    return true
  }

  #key(entry: number): Bytes {
    return this.#keys.subarray(entry * KEY_BYTES, (entry + 1) * KEY_BYTES)
  }

  #find(key: Bytes): number {
    const first = getU32(key, 0)
    for (let entry = 0; entry < this.#size; entry++) {
      const at = entry * KEY_BYTES
      if (getU32(this.#keys, at) !== first) continue
      let i = 4
      while (i < KEY_BYTES && this.#keys[at + i] === key[i]) i++
      if (i === KEY_BYTES) return entry
    }
    return -1
  }

  /** How much of a part is left at `minute`, 0 to 1. */
  #left(entry: number, part: number, minute: number): number {
    if (!PARTS[part]!.decays) return 1
    const age = Math.max(0, minute - this.#at[entry]!)
    return 2 ** (-age / (this.#judgement.halfLifeHours * HOUR_MINUTES))
  }

  #decay(entry: number, minute: number): void {
    if (minute <= this.#at[entry]!) return
    for (let part = 0; part < PARTS.length; part++) {
      const i = entry * PARTS.length + part
      this.#points[i] = Math.trunc(this.#points[i]! * this.#left(entry, part, minute))
    }
    this.#at[entry] = minute
  }

  /** The largest part, in tenths: what giving the entry up would lose. */
  #worth(entry: number, minute: number): number {
    let worth = 0
    for (let part = 0; part < PARTS.length; part++)
      worth = Math.max(
        worth,
        Math.abs(this.#points[entry * PARTS.length + part]!) * this.#left(entry, part, minute),
      )
    return worth
  }

  /** A free entry, or that of the key we would miss least; −1 where every one is worth more than a newcomer. */
  #place(key: Bytes, prefix: number, minute: number): number {
    let ofPrefix = 0
    let least = -1
    let leastOfPrefix = -1
    const lighter = (a: number, b: number): number =>
      b < 0 || this.#worth(a, minute) < this.#worth(b, minute) ? a : b
    for (let i = 0; i < this.#size; i++) {
      least = lighter(i, least)
      if (prefix === 0 || this.#prefixes[i] !== prefix) continue
      ofPrefix++
      leastOfPrefix = lighter(i, leastOfPrefix)
    }
    let entry = this.#size
    if (ofPrefix >= LIMITS.reputation.keysOfOnePrefix) entry = leastOfPrefix
    else if (this.#size >= CAP) entry = least
    if (entry < this.#size) {
      const worth = this.#worth(entry, minute)
      if (worth > (entry === leastOfPrefix ? NEGLIGIBLE : WORTH_KEEPING)) return -1
    } else this.#size++
    this.#keys.set(key, entry * KEY_BYTES)
    this.#prefixes[entry] = prefix
    this.#at[entry] = minute
    this.#points.fill(0, entry * PARTS.length, (entry + 1) * PARTS.length)
    return entry
  }

  #remove(entry: number): void {
    const last = --this.#size
    if (entry === last) return
    this.#keys.copyWithin(entry * KEY_BYTES, last * KEY_BYTES, (last + 1) * KEY_BYTES)
    this.#prefixes[entry] = this.#prefixes[last]!
    this.#at[entry] = this.#at[last]!
    this.#points.copyWithin(entry * PARTS.length, last * PARTS.length, (last + 1) * PARTS.length)
  }
}
