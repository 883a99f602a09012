// What the two LEDs say, as data: STATUS (green) and METER (amber). The pages and the manual draw the
// same table. One-shot patterns are shown once and leave the LED dark: whoever shows one shows the
// lasting pattern again after `roundMs`.
// Fault flashes are long (0.6 s) so that nobody takes them for the boot firmware's own short ACT codes.

import type { LedName, LedPattern } from '../hw/hardware.ts'

function pattern(name: string, times: readonly number[], repeat = true): LedPattern {
  return { name, times, repeat }
}

/** Nothing. */
export const OFF: LedPattern = pattern('off', [])
/** Steady. */
export const ON: LedPattern = pattern('on', [0])

type Patterns<Name extends string> = Readonly<Record<Name, LedPattern>>

/** STATUS, by the state of the device. */
export const STATUS: Patterns<
  | 'booting'
  | 'unpaired'
  | 'windowOpen'
  | 'claiming'
  | 'claimed'
  | 'refused'
  | 'paired'
  | 'identify'
  | 'offline'
  | 'noWifi'
  | 'updating'
  | 'trial'
  | 'resetArmed'
  | 'safeMode'
> = {
  booting: pattern('booting', [500, 500]),
  unpaired: pattern('unpaired', [100, 2_900]),
  windowOpen: pattern('window-open', [100, 100]),
  claiming: pattern('claiming', [900, 100]),
  claimed: pattern('claimed', [3_000, 0], false),
  refused: pattern('refused', [600, 300, 600, 300, 600, 300], false),
  paired: pattern('paired', [0]),
  identify: pattern('identify', [100, 100, 100, 700]),
  offline: pattern('offline', [100, 200, 100, 1_600]),
  noWifi: pattern('no-wifi', [100, 900]),
  updating: pattern('updating', [250, 250]),
  trial: pattern('trial', [1_800, 200]),
  /** As paired: METER, steady too, tells them apart. */
  resetArmed: pattern('reset-armed', [0]),
  safeMode: pattern('safe-mode', [1_000, 1_000]),
}

/** METER, by what comes down the P1 line. */
export const METER: Patterns<
  | 'waiting'
  | 'telegram'
  | 'silent'
  | 'bad'
  | 'fault'
  | 'identify'
  | 'noWifi'
  | 'updating'
  | 'resetArmed'
  | 'safeMode'
> = {
  /** Before the first byte. */
  waiting: OFF,
  /** Once per valid telegram. */
  telegram: pattern('telegram', [30, 0], false),
  /** Nothing for six intervals. */
  silent: pattern('silent', [500, 500]),
  /** More than one telegram in ten fails its CRC. */
  bad: pattern('bad', [100, 100]),
  fault: pattern('fault', [0]),
  identify: pattern('identify', [100, 100, 100, 700]),
  /** Begins dark, so that it alternates with STATUS. */
  noWifi: pattern('no-wifi', [0, 500, 100, 400]),
  updating: pattern('updating', [0, 250, 250, 0]),
  resetArmed: pattern('reset-armed', [0]),
  safeMode: pattern('safe-mode', [1_000, 1_000]),
}

/** Numbers of the faults that STATUS counts out, and what each is called. */
export const FAULTS: readonly (readonly [number, string])[] = [
  [2, 'storage is read-only'],
  [3, 'identity is damaged'],
  [4, 'radio firmware is missing'],
  [5, 'update signature was refused'],
  [6, 'restarted again and again'],
  [7, 'too hot'],
]

/** `n` long flashes, then a pause of two seconds. */
export function faultPattern(n: number): LedPattern {
  const times: number[] = []
  for (let i = 0; i < n; i++) times.push(600, i === n - 1 ? 2_000 : 400)
  return pattern(`fault-${n}`, times)
}

/** How long one round of a pattern takes, ms; 0 for steady ones. */
export function roundMs(p: LedPattern): number {
  let sum = 0
  for (const ms of p.times) sum += ms
  return sum
}

/** Whether the LED is lit `ms` after the pattern was shown; before that it is dark. */
export function litAt(p: LedPattern, ms: number): boolean {
  if (ms < 0) return false
  const round = roundMs(p)
  if (round === 0) return p.times.length > 0
  if (!p.repeat && ms >= round) return false
  let left = ms % round
  for (let i = 0; i < p.times.length; i++) {
    if (left < p.times[i]!) return i % 2 === 0
    left -= p.times[i]!
  }
  return false
}

/** Every pattern of one LED, for drawing the legend. */
export function patternsOf(led: LedName): LedPattern[] {
  return led === 'status'
    ? [...Object.values(STATUS), ...FAULTS.map(([n]) => faultPattern(n))]
    : Object.values(METER)
}
