// The blink patterns of the two lights, one row per state (docs: the LED table of the image notes,
// section 6.5, with a claim window of 60 s). Data only: the device drives its LEDs from these rows and
// the page draws the same blinking, so that what a person sees on the screen is what the device does.
// A row is what hw/hardware.ts calls a LedPattern: on and off times in ms, alternating, on first.

export interface LedRow {
  /** `[]` off, `[0]` steady on, else on, off, on, off … */
  readonly times: readonly number[]
  /** False: one round, then off. */
  readonly repeat: boolean
}

function row(times: readonly number[], repeat = true): LedRow {
  return { times, repeat }
}

/** STATUS (green). Patterns longer than one flash are at least 0.6 s, unlike the firmware's own codes. */
export const STATUS_LED: Readonly<Record<StatusLed, LedRow>> = {
  off: row([]),
  booting: row([500, 500]),
  unclaimed: row([60, 2_940]),
  window: row([100, 100]),
  claiming: row([900, 100]),
  claimed: row([3_000, 200], false),
  refused: row([600, 400, 600, 400, 600, 1_000], false),
  well: row([0]),
  offline: row([60, 240, 60, 1_640]),
  'no-wifi': row([60, 940]),
  updating: row([250, 250]),
  trial: row([1_800, 200]),
  'fault-2': row([600, 400, 600, 2_000]),
  'fault-3': row([600, 400, 600, 400, 600, 2_000]),
  'fault-4': row([600, 400, 600, 400, 600, 400, 600, 2_000]),
  'fault-5': row([600, 400, 600, 400, 600, 400, 600, 400, 600, 2_000]),
  'fault-6': row([600, 400, 600, 400, 600, 400, 600, 400, 600, 400, 600, 2_000]),
  'fault-7': row([600, 400, 600, 400, 600, 400, 600, 400, 600, 400, 600, 400, 600, 2_000]),
  'reset-armed': row([0]),
  safe: row([1_000, 1_000]),
}

export type StatusLed =
  | 'off'
  | 'booting'
  | 'unclaimed'
  | 'window'
  | 'claiming'
  | 'claimed'
  | 'refused'
  | 'well'
  | 'offline'
  | 'no-wifi'
  | 'updating'
  | 'trial'
  | 'fault-2'
  | 'fault-3'
  | 'fault-4'
  | 'fault-5'
  | 'fault-6'
  | 'fault-7'
  | 'reset-armed'
  | 'safe'

export type MeterLed = 'off' | 'telegram' | 'silent' | 'bad' | 'no-wifi' | 'updating' | 'fault' | 'safe'

/** METER (amber). */
export const METER_LED: Readonly<Record<MeterLed, LedRow>> = {
  off: row([]),
  /** Once for each valid telegram. */
  telegram: row([30, 20], false),
  silent: row([500, 500]),
  bad: row([100, 100]),
  /** Alternates with STATUS: the round begins dark. */
  'no-wifi': row([0, 500, 60, 440]),
  updating: row([0, 250, 250]),
  fault: row([0]),
  safe: row([1_000, 1_000]),
}
