// What an instance counts, as numbers of its counters' column, and their names for whoever reads them.
// The names stand in the order of the numbers: krpc.test.ts holds them together.

export const received = 0
export const sent = 1
export const queries = 2
export const answers = 3
export const errors = 4
export const malformed = 5
export const foreign = 6
export const limited = 7
export const unsolicited = 8
export const wrongId = 9
export const wrongToken = 10
export const refused = 11
export const badSignature = 12
export const unproven = 13
export const proven = 14
export const timeouts = 15
export const stored = 16
export const announced = 17

export const COUNTED = [
  'received',
  'sent',
  'queries',
  'answers',
  'errors',
  'malformed',
  'foreign',
  'limited',
  'unsolicited',
  'wrongId',
  'wrongToken',
  'refused',
  'badSignature',
  'unproven',
  'proven',
  'timeouts',
  'stored',
  'announced',
] as const
export type Count = (typeof COUNTED)[number]
