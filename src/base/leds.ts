// How the STATUS light blinks, by state: what the page needs of the device's LED table to draw the same
// blinking (a test holds it against device/leds.ts, which the page may not import). Names and times are
// those of that table; docs: the LED section of the image notes.

export interface LedRow {
  /** On and off times in ms, alternating, on first; `[]` off, `[0]` steady on. */
  readonly times: readonly number[]
  /** False: one round, then dark. */
  readonly repeat: boolean
}

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

function row(times: readonly number[], repeat = true): LedRow {
  return { times, repeat }
}

/** `n` long flashes, then a pause of two seconds. */
function fault(n: number): LedRow {
  const times: number[] = []
  for (let i = 1; i <= n; i++) times.push(600, i === n ? 2_000 : 400)
  return row(times)
}

export const STATUS_LED: Readonly<Record<StatusLed, LedRow>> = {
  booting: row([500, 500]),
  unpaired: row([100, 2_900]),
  'window-open': row([100, 100]),
  claiming: row([900, 100]),
  claimed: row([3_000, 0], false),
  refused: row([600, 300, 600, 300, 600, 300], false),
  paired: row([0]),
  identify: row([100, 100, 100, 700]),
  offline: row([100, 200, 100, 1_600]),
  'no-wifi': row([100, 900]),
  updating: row([250, 250]),
  trial: row([1_800, 200]),
  'reset-armed': row([0]),
  'safe-mode': row([1_000, 1_000]),
  'fault-2': fault(2),
  'fault-3': fault(3),
  'fault-4': fault(4),
  'fault-5': fault(5),
  'fault-6': fault(6),
  'fault-7': fault(7),
}
