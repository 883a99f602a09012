// What the console tells of a start: when each stage was reached, in the guest's own time.

import type { Console, ConsoleLine } from './console.ts'

/** Stage: the line on the console that says it is reached. */
const STAGES: readonly (readonly [string, RegExp])[] = [
  ['stage 1 runs', /wattle-stage1: start/],
  ['first light of ours', /wattle-stage1: light on/],
  ['root mounted', /wattle-stage1: slot . mounted/],
  ['data mounted', /wattle-stage1: data /],
  ['ready', /"event":"ready"/],
  ['first telegram', /"event":"telegram"/],
]

/**
 * Seconds since the kernel's start. Lines without a stamp of the kernel are placed by the stamped line
 * that stands closest before them, since guest and computer share one clock between two lines.
 */
export function guestTime(console: Console, line: ConsoleLine): number {
  if (line.guest !== null) return line.guest
  // A stamped line may be printed late, never early: the smallest distance is the true one.
  const offsets = console.lines
    .filter((l) => l.guest !== null && l.at <= line.at)
    .map((l) => l.at / 1_000 - l.guest!)
  return line.at / 1_000 - Math.min(...offsets)
}

/** Stages that were reached after line `from`, with seconds and the share of each up to the last. */
export function stages(console: Console, from = 0): { stage: string; at: number; took: number }[] {
  const found: { stage: string; at: number; took: number }[] = []
  let before = 0
  let ready: { up: number; t: number } | null = null
  for (const [stage, what] of STAGES) {
    const line = console.lines.slice(from).find((l) => what.test(l.text))
    if (!line) continue
    // The runtime says itself how long the machine has been up, and what comes then counts from there.
    const said = /^\{.*\}$/.test(line.text) ? (JSON.parse(line.text) as { up?: number; t: number }) : null
    if (said?.up !== undefined) ready = { up: said.up, t: said.t }
    const at = said && ready ? ready.up + (said.t - ready.t) / 1_000 : guestTime(console, line)
    found.push({ stage, at: Number(at.toFixed(2)), took: Number((at - before).toFixed(2)) })
    before = at
  }
  return found
}
