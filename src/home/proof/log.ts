// What `wattle home log` says of one device: the owner log, event by event, in words. The log is the
// device's order of what its owners signed; each event was verified when it was taken into the store.

import { base64url, text } from '../../base/bytes.ts'
import { splitJws } from '../../crypto/jws.ts'
import { type EventBody, eventHash, type OwnerEvent, parsePayload } from '../../ownership/event.ts'
import { CLASS_NAMES } from '../../wire/frame.ts'
import type { OwnerSet } from '../../wire/owner-set.ts'
import type { OwnedDevice } from '../store.ts'

export interface LogReport {
  /** 1 for the first event of the device. */
  seq: number
  /** Milliseconds since 1970, as the owner who signed believed. */
  at: number
  type: string
  /** Key ids of those who signed, as in the JWS. */
  signers: readonly string[]
  /** SHA-256 of the event's text, base64url: what the next event names as `prev`. */
  hash: string
  words: string
}

/** Every event of the device's log, oldest first. */
export function logOf(device: OwnedDevice): LogReport[] {
  const names = new Map<string, string>()
  return device.events.flatMap((jws) => {
    const parts = splitJws(jws)
    const event = parts && parsePayload(parts.payload)
    if (!parts || !event) return []
    const { body } = event
    if (body.type === 'AUTHORIZED') names.set(base64url(body.reader.grantId), body.reader.name)
    return [
      {
        seq: event.seq,
        at: event.at,
        type: body.type,
        signers: parts.kids,
        hash: base64url(eventHash(jws)),
        words: wordsOf(body, parts.payload, names),
      },
    ]
  })
}

function wordsOf(body: EventBody, payload: Uint8Array, names: ReadonlyMap<string, string>): string {
  switch (body.type) {
    case 'DEVICE_ADDED':
      return `the device is ours and is called ${body.name}`
    case 'AUTHORIZED': {
      const { name, domain, class: cls, until, purpose } = body.reader
      const who = domain === '' ? name : `${name} (${domain})`
      const why = purpose === '' ? '' : `, for ${purpose}`
      return `${who} may read ${CLASS_NAMES[cls]} until ${new Date(until).toISOString().slice(0, 10)}${why}`
    }
    case 'AUTHORIZATION_REVOKED':
      return `${nameOf(body.grantId, names)} may no longer read`
    case 'PAUSED':
      return body.grantId ? `${nameOf(body.grantId, names)} has to wait` : 'everybody has to wait'
    case 'RESUMED':
      return body.grantId ? `${nameOf(body.grantId, names)} may go on` : 'everybody may go on'
    case 'DEVICE_DELETED':
      return 'the device is nobody’s again'
    case 'OWNERS_CHANGED':
      return `owners: ${setWords(body.set)}`
    case 'RECOVERY_STARTED':
      return `the paper key asks for other owners: ${setWords(body.set)}`
    case 'RECOVERY_FINISHED':
      return 'the recovery is over: the owners it asked for are the owners'
    case 'RECOVERY_CANCELLED':
      return 'the recovery was stopped'
    case 'POLICY_SET':
      return `policy: ${JSON.stringify(policyIn(payload))}`
    default:
      return unnamed(body)
  }
}

/** An event that has no words of its own yet is called by its type. */
const unnamed = (body: OwnerEvent['body']): string => body.type.toLowerCase().replaceAll('_', ' ')

const nameOf = (grantId: Uint8Array, names: ReadonlyMap<string, string>): string =>
  names.get(base64url(grantId)) ?? `the consent ${base64url(grantId)}`

function setWords({ m, owners, recovery }: OwnerSet): string {
  const keys = owners.map(({ sign }) => base64url(sign).slice(0, 8)).join(', ')
  return `${m} of ${owners.length} (${keys})${recovery ? ', with a paper key' : ''}`
}

const policyIn = (payload: Uint8Array): unknown =>
  (JSON.parse(text(payload)) as { policy?: unknown }).policy ?? {}
