// The set of owners as it is signed, sealed and hashed (docs/wire/claim.md "Owner set"): how many of
// them must agree, who they are, digests of the keys that may follow, digest of the paper key.
// One set has one encoding: owners ascend by signing key, digests ascend, nothing appears twice.

import { type Bytes, compare } from '../base/bytes.ts'
import { Reader, Writer } from '../base/cursor.ts'
import { LIMITS } from '../base/limits.ts'
import { canonicalEd25519, canonicalX25519 } from '../crypto/points.ts'

export interface OwnerKeys {
  /** Ed25519, 32 bytes. */
  readonly sign: Bytes
  /** X25519, 32 bytes; boxes for this owner go here. */
  readonly box: Bytes
}

export interface OwnerSet {
  /** So many owners must sign what increases power. */
  readonly m: number
  readonly owners: readonly OwnerKeys[]
  /** SHA-256 of each pre-committed successor key. */
  readonly next: readonly Bytes[]
  /** SHA-256 of the paper recovery key, or null. */
  readonly recovery: Bytes | null
}

/** The largest encoding there is. */
export const OWNER_SET_BYTES: number = 4 + LIMITS.ownership.owners * (64 + 32) + 32

/** The same set in canonical order. */
export function orderedOwnerSet(set: OwnerSet): OwnerSet {
  return {
    m: set.m,
    owners: [...set.owners].sort((a, b) => compare(a.sign, b.sign)),
    next: [...set.next].sort(compare),
    recovery: set.recovery,
  }
}

/** Encodes as given; only a set that `readOwnerSet` accepts is of use. */
export function encodeOwnerSet(set: OwnerSet): Bytes {
  const w = new Writer(new Uint8Array(OWNER_SET_BYTES)).u8(set.m).u8(set.owners.length)
  for (const owner of set.owners) w.put(owner.sign).put(owner.box)
  w.u8(set.next.length)
  for (const digest of set.next) w.put(digest)
  w.u8(set.recovery ? 1 : 0)
  if (set.recovery) w.put(set.recovery)
  return w.done().slice()
}

/** Reads one set at the reader's place; copies. Null for anything that is not in canonical form. */
export function readOwnerSet(r: Reader): OwnerSet | null {
  const m = r.u8()
  const count = r.u8()
  if (count < 1 || count > LIMITS.ownership.owners || m < 1 || m > count) return null
  const owners: OwnerKeys[] = []
  for (let i = 0; i < count; i++) {
    const owner = { sign: r.take(32).slice(), box: r.take(32).slice() }
    if (!canonicalEd25519(owner.sign) || !canonicalX25519(owner.box)) return null
    if (i > 0 && compare(owners[i - 1]!.sign, owner.sign) >= 0) return null
    owners.push(owner)
  }
  const next: Bytes[] = []
  const digests = r.u8()
  if (digests > LIMITS.ownership.owners) return null
  for (let i = 0; i < digests; i++) {
    const digest = r.take(32).slice()
    if (i > 0 && compare(next[i - 1]!, digest) >= 0) return null
    next.push(digest)
  }
  const flag = r.u8()
  const recovery = flag === 1 ? r.take(32).slice() : null
  return r.ok && flag <= 1 ? { m, owners, next, recovery } : null
}

/** A whole encoding, nothing behind it; else null. */
export function decodeOwnerSet(bytes: Bytes): OwnerSet | null {
  const r = new Reader(bytes)
  const set = readOwnerSet(r)
  return r.done ? set : null
}
