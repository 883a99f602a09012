// Who must sign what, docs/wire/owners.md "Signatures": taking power away needs one key; giving power
// needs m owners, each with its key and with the successor key that the set has committed to. A revealed
// successor is used up: its signature names the digest of the one after it. Pure functions over a set.

import { type Bytes, base64url, equal, unbase64url } from '../../base/bytes.ts'
import { sha256, Verifier } from '../../crypto/native.ts'
import { type OwnerKeys, type OwnerSet, ownerIn } from '../../wire/owner-set.ts'

/** Everybody whose signature may stand under an event, by what gives it weight. */
export interface Signers {
  /** Owners of now who signed with their key. */
  readonly owners: readonly OwnerKeys[]
  /** Owners of now whose successor signed, and the digest that takes its place. */
  readonly revealed: readonly { readonly owner: OwnerKeys; readonly next: Bytes }[]
  /** The paper key signed. */
  readonly paper: boolean
  /** Owners of a set that a paper key has asked for. */
  readonly heirs: readonly OwnerKeys[]
  /** The device itself. */
  readonly device: boolean
}

export interface Known {
  readonly device: Bytes
  readonly set: OwnerSet
  readonly heirs: OwnerSet | null
}

/** `kid` of a successor's signature: its key, and the digest of the one after it. */
export function successorKid(key: Bytes, next: Bytes): string {
  return `${base64url(key)}.${base64url(next)}`
}

interface Successor {
  readonly owner: OwnerKeys
  readonly key: Bytes
  readonly next: Bytes
}

function successorOf(kid: string, set: OwnerSet): Successor | null {
  const dot = kid.indexOf('.')
  const key = dot === 43 ? unbase64url(kid.slice(0, dot)) : null
  const next = dot === 43 ? unbase64url(kid.slice(dot + 1)) : null
  if (key?.length !== 32 || next?.length !== 32) return null
  const digest = sha256(key)
  const owner = set.owners.find((o) => o.next && equal(o.next, digest))
  return owner ? { owner, key, next } : null
}

/** The key that a `kid` names, where its signature may mean anything; else null. */
export function keyOf(kid: string, known: Known): Verifier | null {
  const successor = successorOf(kid, known.set)
  if (successor) return Verifier.of(successor.key)
  const key = unbase64url(kid)
  if (key?.length !== 32) return null
  const { set, heirs, device } = known
  const { recovery } = set
  const counts =
    ownerIn(set, key) ||
    (heirs && ownerIn(heirs, key)) ||
    equal(device, key) ||
    (recovery && equal(sha256(key), recovery))
  return counts ? Verifier.of(key) : null
}

/** Sorts verified signatures by what they are worth. */
export function signersOf(kids: readonly string[], known: Known): Signers {
  const owners: OwnerKeys[] = []
  const heirs: OwnerKeys[] = []
  const revealed: { owner: OwnerKeys; next: Bytes }[] = []
  let paper = false
  let device = false
  for (const kid of kids) {
    const successor = successorOf(kid, known.set)
    if (successor) {
      // The same key under another digest is the same owner, once.
      if (!revealed.some((r) => r.owner === successor.owner)) revealed.push(successor)
      continue
    }
    const key = unbase64url(kid)
    if (!key) continue
    const owner = ownerIn(known.set, key)
    const heir = known.heirs && ownerIn(known.heirs, key)
    if (owner) owners.push(owner)
    if (heir) heirs.push(heir)
    if (equal(key, known.device)) device = true
    if (known.set.recovery && equal(sha256(key), known.set.recovery)) paper = true
  }
  return { owners, revealed, paper, heirs, device }
}

/** m owners agree, each by its key. */
export function agreed(set: OwnerSet, signers: Signers): boolean {
  return signers.owners.length >= set.m
}

/** m owners agree, each by its key and, where it has committed to one, by its successor. */
export function agreedInFull(set: OwnerSet, signers: Signers): boolean {
  const full = signers.owners.filter((o) => o.next === null || signers.revealed.some((r) => r.owner === o))
  return full.length >= set.m
}

/** With one owner only, what gives power takes a press at the device too. */
export function takesPress(set: OwnerSet): boolean {
  return set.owners.length === 1
}

/** One owner takes itself out, and nothing else is different: that takes its key alone. */
export function leaves(before: OwnerSet, after: OwnerSet, signers: Signers): boolean {
  const [leaver] = signers.owners
  if (!leaver || signers.owners.length !== 1 || ownerIn(after, leaver.sign)) return false
  const rest = before.owners.filter((o) => o !== leaver)
  return (
    after.m === before.m &&
    after.owners.length === rest.length &&
    rest.every((o) => isSame(o, ownerIn(after, o.sign))) &&
    sameBytes(before.recovery, after.recovery)
  )
}

/**
 * The set that a signed change leads to: successors that were revealed give way to the digests their
 * signatures name. Null when the change meddles with another owner's successor, when a successor is
 * somebody's key already, or when two would be the same.
 */
export function nextSet(before: OwnerSet, asked: OwnerSet, signers: Signers): OwnerSet | null {
  for (const owner of asked.owners) {
    const old = ownerIn(before, owner.sign)
    if (old && !isSame(old, owner)) return null
  }
  const owners = asked.owners.map((owner) => {
    const revealed = signers.revealed.find((r) => equal(r.owner.sign, owner.sign))
    return revealed ? { ...owner, next: revealed.next } : owner
  })
  // A paper key that has signed is used up too.
  if (signers.paper && sameBytes(before.recovery, asked.recovery)) return null
  const digests = owners.flatMap((o) => (o.next ? [o.next] : []))
  if (asked.recovery) digests.push(asked.recovery)
  // A successor whose key is known, or that serves two, commits to nothing.
  const known = [
    ...before.owners.flatMap((o) => (signers.revealed.some((r) => r.owner === o) && o.next ? [o.next] : [])),
    ...owners.map((o) => sha256(o.sign)),
  ]
  for (let i = 0; i < digests.length; i++) {
    if (known.some((k) => equal(k, digests[i]!))) return null
    if (digests.findIndex((d) => equal(d, digests[i]!)) !== i) return null
  }
  return { m: asked.m, owners, recovery: asked.recovery }
}

function isSame(a: OwnerKeys, b: OwnerKeys | null): boolean {
  return b !== null && equal(a.box, b.box) && sameBytes(a.next, b.next)
}

function sameBytes(a: Bytes | null, b: Bytes | null): boolean {
  return a === null || b === null ? a === b : equal(a, b)
}
