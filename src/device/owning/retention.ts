// How many sealed frames the owners' policy lets the card hand out: as many as a meter of one telegram a
// second makes in so many days, and the frames of key changes among them.

import type { Policy } from '../../ownership/policy/policy.ts'
import { CLASS, type ClassId } from '../../wire/frame.ts'

/** Frames of a day: telegrams or summaries, and room for a change of keys each hour. */
const PER_DAY: Readonly<Record<ClassId, number>> = {
  [CLASS.raw]: 86_400 + 3_600,
  [CLASS.quarter]: 96 + 48,
  [CLASS.day]: 1 + 48,
}

export function framesKept(cls: ClassId, policy: Policy): number {
  return policy.retention.days * PER_DAY[cls]
}
