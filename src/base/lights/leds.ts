// What the two LEDs say, as data: STATUS (green) and METER (amber). The pages and the manual draw the
// same table. One-shot patterns are shown once and leave the LED dark: whoever shows one shows the
// lasting pattern again after `roundMs`.
// Fault flashes are long (0.6 s) so that nobody takes them for the boot firmware's own short ACT codes.

/** On and off times in ms, alternating, beginning with on: `[]` off, `[0]` steady on. */
export interface LedPattern {
  readonly name: string
  readonly times: readonly number[]
  /** Go on until the next pattern, or stop (dark) after one round. */
  readonly repeat: boolean
}

export type LedName = 'status' | 'meter'

function pattern(name: string, times: readonly number[], repeat = true): LedPattern {
  return { name, times, repeat }
}

/** Nothing. */
export const OFF: LedPattern = pattern('off', [])
/** Steady. */
export const ON: LedPattern = pattern('on', [0])

/** STATUS, by the state of the device. */
export type StatusLed =
  | 'booting'
  | 'unpaired'
  | 'window-open'
  | 'claiming'
  | 'claimed'
  | 'refused'
  | 'paired'
  | 'identify'
  | 'offline'
  | 'no-wifi'
  | 'updating'
  | 'trial'
  | 'reset-armed'
  | 'safe-mode'
  | 'fault-2'
  | 'fault-3'
  | 'fault-4'
  | 'fault-5'
  | 'fault-6'
  | 'fault-7'
  | 'fault-8'

export const STATUS: Readonly<Record<StatusLed, LedPattern>> = {
  booting: pattern('booting', [500, 500]),
  unpaired: pattern('unpaired', [100, 2_900]),
  'window-open': pattern('window-open', [100, 100]),
  claiming: pattern('claiming', [900, 100]),
  claimed: pattern('claimed', [3_000, 0], false),
  refused: pattern('refused', [600, 300, 600, 300, 600, 300], false),
  paired: pattern('paired', [0]),
  identify: pattern('identify', [100, 100, 100, 700]),
  offline: pattern('offline', [100, 200, 100, 1_600]),
  'no-wifi': pattern('no-wifi', [100, 900]),
  updating: pattern('updating', [250, 250]),
  trial: pattern('trial', [1_800, 200]),
  /** As paired: METER, steady too, tells them apart. */
  'reset-armed': pattern('reset-armed', [0]),
  'safe-mode': pattern('safe-mode', [1_000, 1_000]),
  'fault-2': faultPattern(2),
  'fault-3': faultPattern(3),
  'fault-4': faultPattern(4),
  'fault-5': faultPattern(5),
  'fault-6': faultPattern(6),
  'fault-7': faultPattern(7),
  'fault-8': faultPattern(8),
}

/** METER, by what comes down the P1 line. */
export type MeterLed =
  | 'waiting'
  | 'telegram'
  | 'silent'
  | 'bad'
  | 'fault'
  | 'identify'
  | 'no-wifi'
  | 'updating'
  | 'reset-armed'
  | 'safe-mode'

export const METER: Readonly<Record<MeterLed, LedPattern>> = {
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
  'no-wifi': pattern('no-wifi', [0, 500, 100, 400]),
  updating: pattern('updating', [0, 250, 250, 0]),
  'reset-armed': pattern('reset-armed', [0]),
  'safe-mode': pattern('safe-mode', [1_000, 1_000]),
}

/** Numbers of the faults that STATUS counts out, and what each is called. */
export const FAULTS: readonly (readonly [number, string])[] = [
  [2, 'storage is read-only or full'],
  [3, 'identity is damaged'],
  [4, 'radio firmware is missing'],
  [5, 'update signature was refused'],
  [6, 'restarted again and again'],
  [7, 'too hot'],
  [8, 'wattle.txt cannot be understood'],
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
  return led === 'status' ? Object.values(STATUS) : Object.values(METER)
}
