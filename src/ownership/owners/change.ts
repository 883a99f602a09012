// A change on its way from owner to owner (docs/wire/owners.md "Change"): the events of one act, one for
// each device, with the signatures gathered so far; as one line of text, for a file or a link. Nothing in
// it is secret. Whoever signs reads first what it does: `describe` says so, from what the device's log is
// now and not from what the text claims.

import { type Bytes, base64url, equal, text, unbase64url, utf8 } from '../../base/bytes.ts'
import { LIMITS } from '../../base/limits.ts'
import { splitJws } from '../../crypto/jws.ts'
import { type OwnerSet, ownerIn } from '../../wire/owner-set.ts'
import { type OwnerEvent, parsePayload } from '../event.ts'
import type { Policy } from '../policy/policy.ts'

const PREFIX = 'wattle-change:'

export interface ChangedEvent {
  readonly event: OwnerEvent
  readonly jws: string
}

/** One line of text. */
export function encodeChange(events: readonly string[]): string {
  return PREFIX + base64url(utf8(JSON.stringify({ v: 1, events })))
}

/** The events of a change, oldest first; null for a text that is none. No signature is verified. */
export function decodeChange(line: string): ChangedEvent[] | null {
  const trimmed = line.trim()
  if (!trimmed.startsWith(PREFIX) || trimmed.length > LIMITS.ownership.changeChars) return null
  const bytes = unbase64url(trimmed.slice(PREFIX.length))
  const list = bytes && eventsIn(bytes)
  if (!list || list.length === 0 || list.length > LIMITS.home.devices) return null
  const events: ChangedEvent[] = []
  for (const jws of list) {
    if (typeof jws !== 'string' || jws.length > LIMITS.ownership.eventBytes) return null
    const payload = splitJws(jws)?.payload
    const event = payload && parsePayload(payload)
    if (!event) return null
    events.push({ event, jws })
  }
  return events
}

function eventsIn(bytes: Bytes): unknown[] | null {
  try {
    const value: unknown = JSON.parse(text(bytes))
    const { v, events } = (value ?? {}) as { v?: unknown; events?: unknown }
    return v === 1 && Array.isArray(events) ? events : null
  } catch {
    return null
  }
}

/** What a set would become, in words; `nameOf` tells an owner's name where one is known. */
export function describeSets(before: OwnerSet, after: OwnerSet, nameOf: (sign: Bytes) => string): string[] {
  const words: string[] = []
  const gone = before.owners.filter((o) => !ownerIn(after, o.sign))
  const came = after.owners.filter((o) => !ownerIn(before, o.sign))
  if (gone.length === before.owners.length) words.push('the device goes to another household')
  for (const owner of gone) words.push(`takes out owner ${nameOf(owner.sign)}`)
  for (const owner of came) words.push(`adds owner ${nameOf(owner.sign)}`)
  if (before.m !== after.m || before.owners.length !== after.owners.length)
    words.push(
      `from then on ${after.m} of ${after.owners.length} must agree (now ${before.m} of ${before.owners.length})`,
    )
  const same =
    before.recovery && after.recovery
      ? equal(before.recovery, after.recovery)
      : before.recovery === after.recovery
  if (!same) words.push(after.recovery ? 'another paper key' : 'no paper key any more')
  return words
}

/** Members of the policy that differ, as `relay.for: nobody → owners`. */
export function describePolicies(before: Policy, after: Policy): string[] {
  const words: string[] = []
  const walk = (a: unknown, b: unknown, path: string): void => {
    if (typeof a !== 'object' || a === null) {
      if (a !== b) words.push(`${path}: ${String(a)} → ${String(b)}`)
      return
    }
    for (const [name, value] of Object.entries(a))
      walk(value, (b as Record<string, unknown>)[name], path === '' ? name : `${path}.${name}`)
  }
  const shown = (p: Policy): unknown => ({ ...p, mailboxes: (p.mailboxes ?? []).join(', ') || 'none' })
  walk(shown(before), shown(after), '')
  return words
}
