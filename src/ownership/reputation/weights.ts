// What this process measures of others and what each observation weighs: one table (docs/reputation.md).
// Points are integers of a tenth. Nothing of it is global: adding up the opinions of strangers would
// reward whoever makes most of them.

export type PartName = 'signatures' | 'answers' | 'storing' | 'relaying' | 'equivocation'

/** One kind of evidence: how the points of its observations add up. */
export interface Part {
  readonly name: PartName
  /** The sum stays within these tenths of a point. */
  readonly least: number
  readonly most: number
  /** False: it stays until the owner forgives it. */
  readonly decays: boolean
}

export const PARTS: readonly Part[] = [
  { name: 'signatures', least: -1_000, most: 0, decays: true },
  { name: 'answers', least: -200, most: 200, decays: true },
  { name: 'storing', least: -600, most: 300, decays: true },
  { name: 'relaying', least: -600, most: 400, decays: true },
  { name: 'equivocation', least: -1_000, most: 0, decays: false },
]

/** What can be observed; `points` in tenths for one time (for relaying: for each 1,000,000 bytes). */
export const MEASURES = {
  'bad-signature': { part: 0, points: -100 },
  malformed: { part: 0, points: -100 },
  answered: { part: 1, points: 10 },
  'timed-out': { part: 1, points: -10 },
  'kept-promise': { part: 2, points: 20 },
  'broke-promise': { part: 2, points: -40 },
  'relayed-megabyte': { part: 3, points: 10 },
  'relay-lied': { part: 3, points: -30 },
  equivocated: { part: 4, points: -1_000 },
} as const

export type Measure = keyof typeof MEASURES

/** What the owner's policy says about opinions; the factory default is below. */
export interface Judgement {
  /** Factor for each part of `PARTS`, 0 to 4. */
  readonly weights: Readonly<Record<PartName, number>>
  readonly halfLifeHours: number
  /** Ed25519 keys in base64url: +50, whatever else; never chosen; whose word about others counts. */
  readonly pins: readonly string[]
  readonly blocks: readonly string[]
  readonly vouchers: readonly string[]
}

export const FACTORY_JUDGEMENT: Judgement = {
  weights: { signatures: 1, answers: 1, storing: 1, relaying: 1, equivocation: 1 },
  halfLifeHours: 24,
  pins: [],
  blocks: [],
  vouchers: [],
}

/** Points for a pin, and for the vouches of trusted keys: each, and all together. */
export const PIN_POINTS = 50
export const VOUCH_POINTS = 5
/** What a blocked key has; lower than anything that can be earned. */
export const BLOCKED: number = Number.NEGATIVE_INFINITY

/** Below `refuse` nothing is relayed or stored for a key and it comes last; below `ignore` it is not answered. */
export const THRESHOLD = { refuse: -20, ignore: -50, trusted: 20 } as const
