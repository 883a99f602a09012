// What the page of a home on a computer may ask beyond what a phone's page can: history, proof, owners,
// policy, copies and firmware. Types of what is asked and of what comes back (protocol.ts `Answer.result`),
// and the check of a question: it is outside input, and is built anew from what is known.

import { plainText } from '../plain-text.ts'

/** `export`, `backup`: made by the first piece (`at` 0) and fetched by the next ones. */
export const DESK_VERBS = [
  'history',
  'csv',
  'proof',
  'export',
  'owners',
  'card',
  'add-owner',
  'remove-owner',
  'invitation',
  'join',
  'policy',
  'set-policy',
  'identify',
  'raw-port',
  'backup',
  'restore',
  'update',
] as const
export type DeskVerb = (typeof DESK_VERBS)[number]

export type DeskWith = Readonly<Record<string, string | number | boolean>>

export interface DeskAsk {
  readonly id: number
  readonly do: 'desk'
  readonly verb: DeskVerb
  /** PageDevice.id; empty where it is about none. */
  readonly device: string
  readonly with: DeskWith
}

/** Begin of a step; Wh taken and returned; litres of gas and of water; highest minute in W; 1: not all of it was measured. */
export type HistoryCells = readonly [
  at: number,
  inWh: number | null,
  outWh: number | null,
  gasL: number | null,
  waterL: number | null,
  peakW: number | null,
  gap: 0 | 1,
]

export interface HistoryView {
  /** What is known of this device at all: first and last moment. */
  readonly known: readonly [number, number] | null
  /** Steps that something is known of, ascending. */
  readonly rows: readonly HistoryCells[]
}

/** A place in a channel and when it was, by the device's clock. */
export interface DeskPlace {
  readonly epoch: number
  readonly index: number
  readonly at: number
}

/** One consent and what its keys open, computed from the signed entries of the device (docs/proof.md). */
export interface DeskConsent {
  readonly id: string
  readonly provider: string
  readonly domain: string
  readonly class: string
  readonly purpose: string
  readonly since: number
  readonly until: number
  readonly state: 'waiting' | 'open' | 'paused' | 'ended'
  readonly why: string | null
  readonly read: readonly {
    readonly from: DeskPlace
    readonly to: DeskPlace | null
    readonly differs: boolean
  }[]
  readonly delivered: DeskPlace | null
}

export interface DeskOwners {
  /** So many of them must agree to a change. */
  readonly threshold: number
  readonly recovery: boolean
  readonly owners: readonly { readonly name: string; readonly key: string; readonly own: boolean }[]
  /** A change of owners or policy that is still on its way. */
  readonly waiting: boolean
}

export interface DeskPolicy {
  /** Member by its path (`grants.days`): its value as text. */
  readonly members: readonly (readonly [string, string])[]
  /** What it says otherwise than the one that a device is claimed with, in words. */
  readonly differs: readonly string[]
}

/** What came of a change of owners or policy. */
export interface DeskChange {
  readonly state: 'done' | 'waiting' | 'needs-signatures'
  readonly does: readonly string[]
  readonly text?: string
  /** For the other owners, where they must sign too. */
  readonly change?: string
}

/** A piece of a file that the page saves: base64url, and how long the whole is. */
export interface DeskPiece {
  readonly piece: string
  readonly size: number
}

/** How far a long act has come. */
export interface DeskProgress {
  readonly t: 'progress'
  readonly device: string
  readonly at: number
  readonly of: number
}

const MOST_MEMBERS = 8
const MOST_CHARS = 3_000

/** The verb's fields, or what is wrong with them. */
export function readDesk(fields: Readonly<Record<string, unknown>>, id: number): DeskAsk | string {
  const { verb, device, with: more } = fields
  if (!DESK_VERBS.includes(verb as DeskVerb)) return `verb: expected one of ${DESK_VERBS.join(', ')}`
  if (typeof device !== 'string' || device.length > 128 || !plainText(device))
    return 'device: expected a short text, or an empty one'
  if (typeof more !== 'object' || more === null || Array.isArray(more)) return 'with: expected an object'
  const members = Object.entries(more as Record<string, unknown>)
  if (members.length > MOST_MEMBERS) return `with: expected at most ${MOST_MEMBERS} members`
  const known: Record<string, string | number | boolean> = {}
  for (const [name, value] of members) {
    const fits =
      typeof value === 'boolean' ||
      (typeof value === 'number' && Number.isFinite(value)) ||
      (typeof value === 'string' && value.length <= MOST_CHARS && plainText(value))
    if (!/^[a-z]{1,20}$/i.test(name) || !fits) return 'with: expected short texts, numbers, true or false'
    known[name] = value as string | number | boolean
  }
  return { id, do: 'desk', verb: verb as DeskVerb, device, with: known }
}
