// What an owner tells a provider about a device's key (docs/wire/owners.md "Device key"): that another one
// followed it, which both keys have signed for, or that it is revoked, which counts when somebody says so
// who let us in there. Who the owners are a provider does not know, and need not.

import { type Bytes, base64url, equal, unbase64url } from '../base/bytes.ts'
import { type JwsKey, splitJws } from '../crypto/jws.ts'
import { Verifier } from '../crypto/native.ts'
import type { Certificate } from '../ownership/claim-keys.ts'
import { readEvent } from '../ownership/event.ts'
import { follows } from '../ownership/owners/device-key.ts'

/** `after` followed `before`; null: nobody is to believe `before` any more. */
export interface KeyStep {
  readonly before: Bytes
  readonly after: Certificate | null
  readonly jws: string
}

/** Signatures by whatever keys they name: what they are worth is seen elsewhere. */
export function namedKey(kid: string): JwsKey | null {
  // A successor's signature names the digest of the one after it behind its key.
  const key = unbase64url(kid.split('.')[0]!)
  return key?.length === 32 && base64url(key) === kid.slice(0, 43) ? Verifier.of(key) : null
}

/** What a KEY message proves by itself; null where it proves nothing. */
export function readKeyStep(jws: string): KeyStep | null {
  const event = readEvent(jws, namedKey)?.event
  if (event?.body.type === 'DEVICE_KEY_REVOKED') return { before: event.device, after: null, jws }
  if (event?.body.type !== 'DEVICE_KEY_REPLACED') return null
  const after = follows(event.body.succession, { device: event.device, prev: event.prev })
  return after && { before: event.device, after, jws }
}

/** The steps that lead to this key, oldest first. */
export function stepsTo(key: Bytes, steps: readonly KeyStep[]): KeyStep[] {
  const path: KeyStep[] = []
  for (let i = steps.length - 1, at = key; i >= 0; i--) {
    const step = steps[i]!
    if (!step.after || !equal(step.after.device, at)) continue
    path.unshift(step)
    at = step.before
  }
  return path
}

/** Did somebody sign it who has signed one of these events: an owner who has let us in? */
export function isByOneOf(jws: string, events: readonly string[]): boolean {
  const theirs = new Set(events.flatMap((event) => splitJws(event)?.kids ?? []))
  return splitJws(jws)?.kids.some((kid) => theirs.has(kid)) ?? false
}
