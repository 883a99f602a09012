// The health gate of a new system: it has to show that it works before it may stay. What worked before
// must work again (a meter that is not plugged in must not throw an update back). A plain machine.

/** What is seen of this run so far. */
export interface Seen {
  /** The watchdog was fed without a miss since this time of the monotonic clock, ms. */
  aliveSince: number
  /** A durable write has succeeded. */
  writable: boolean
  telegram: boolean
  /** Somebody has proved a key to us over the network. */
  peer: boolean
}

/** What a system that stayed has seen at some time. */
export interface Before {
  telegram: boolean
  peer: boolean
}

/** Loop, meter and network in order for so long. */
const ALIVE_MS = 60_000
/** After this the trial is over: the board restarts, which costs a try. */
const TRIAL_MS = 600_000

export type GateVerdict = 'wait' | 'good' | 'give-up'

export function judgeTrial(now: number, startedAt: number, seen: Seen, before: Before): GateVerdict {
  const good =
    now - seen.aliveSince >= ALIVE_MS &&
    seen.writable &&
    (seen.telegram || !before.telegram) &&
    (seen.peer || !before.peer)
  if (good) return 'good'
  return now - startedAt >= TRIAL_MS ? 'give-up' : 'wait'
}

/** What is missing, for a log. */
export function missing(now: number, seen: Seen, before: Before): string[] {
  const lacks: string[] = []
  if (now - seen.aliveSince < ALIVE_MS) lacks.push('a minute without a stall')
  if (!seen.writable) lacks.push('a write to the card')
  if (before.telegram && !seen.telegram) lacks.push('a telegram')
  if (before.peer && !seen.peer) lacks.push('a peer')
  return lacks
}
