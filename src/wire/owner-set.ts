// The set of owners as it is signed, sealed and hashed (docs/wire/claim.md "Owner set"): how many of
// them must agree, who they are, digests of the keys that may follow them, digest of the paper key.
// One set has one encoding: owners ascend by signing key, nothing appears twice.

import { type Bytes, compare, equal } from '../base/bytes.ts'
import { Reader, Writer } from '../base/cursor.ts'
import { LIMITS } from '../base/limits.ts'
import { canonicalEd25519, canonicalX25519 } from '../crypto/points.ts'

export interface OwnerKeys {
  /** Ed25519, 32 bytes. */
  readonly sign: Bytes
  /** X25519, 32 bytes; boxes for this owner go here. */
  readonly box: Bytes
  /** SHA-256 of this owner's pre-committed successor key (Ed25519); null where it has none. */
  readonly next: Bytes | null
}

export interface OwnerSet {
  /** So many owners must sign what increases power. */
  readonly m: number
  readonly owners: readonly OwnerKeys[]
  /** SHA-256 of the paper recovery key, or null. */
  readonly recovery: Bytes | null
}

/** The largest encoding there is. */
export const OWNER_SET_BYTES: number = 3 + LIMITS.ownership.owners * 96 + 32

const NONE: Bytes = new Uint8Array(32)

/** The same set in canonical order. */
export function orderedOwnerSet(set: OwnerSet): OwnerSet {
  const owners = set.owners.map(({ sign, box, next }) => ({ sign, box, next }))
  return { m: set.m, owners: owners.sort((a, b) => compare(a.sign, b.sign)), recovery: set.recovery }
}

/** Encodes as given; only a set that `readOwnerSet` accepts is of use. */
export function encodeOwnerSet(set: OwnerSet): Bytes {
  const w = new Writer(new Uint8Array(OWNER_SET_BYTES)).u8(set.m).u8(set.owners.length)
  for (const owner of set.owners)
    w.put(owner.sign)
      .put(owner.box)
      .put(owner.next ?? NONE)
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
    const sign = r.take(32).slice()
    const box = r.take(32).slice()
    const digest = r.take(32).slice()
    const next = equal(digest, NONE) ? null : digest
    if (!canonicalEd25519(sign) || !canonicalX25519(box)) return null
    if (i > 0 && compare(owners[i - 1]!.sign, sign) >= 0) return null
    // One successor for two owners would count twice.
    if (next && owners.some((o) => o.next && equal(o.next, next))) return null
    owners.push({ sign, box, next })
  }
  const flag = r.u8()
  const recovery = flag === 1 ? r.take(32).slice() : null
  return r.ok && flag <= 1 ? { m, owners, recovery } : null
}

/** A whole encoding, nothing behind it; else null. */
export function decodeOwnerSet(bytes: Bytes): OwnerSet | null {
  const r = new Reader(bytes)
  const set = readOwnerSet(r)
  return r.done ? set : null
}

/** The owner with this signing key, or null. */
export function ownerIn(set: OwnerSet, sign: Bytes): OwnerKeys | null {
  return set.owners.find((o) => equal(o.sign, sign)) ?? null
}
