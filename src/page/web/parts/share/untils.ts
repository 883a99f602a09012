// For how long a consent may be given, as people say it.

/** Milliseconds; a consent always has an end, and can be given again. */
export const UNTILS = {
  hour: 3_600_000,
  day: 86_400_000,
  week: 604_800_000,
  month: 2_592_000_000,
  quarter: 7_776_000_000,
  year: 31_536_000_000,
} as const

export type Until = keyof typeof UNTILS
