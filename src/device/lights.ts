// What the LEDs say now: the device's state on one side, the table in leds.ts on the other. Shows a
// pattern only when it changes; passing ones (claimed, refused, identify) give way after one round.

import type { LedPattern } from '../base/lights/leds.ts'
import { FAULTS, faultPattern, METER, roundMs, STATUS } from '../base/lights/leds.ts'
import type { Leds } from '../hw/hardware.ts'
import type { Loop } from '../node/loop.ts'

export interface LightState {
  claimed: boolean
  windowOpen: boolean
  claiming: boolean
  resetArmed: boolean
  meterSilent: boolean
  meterBad: boolean
  /** A byte has come from the meter since the start. */
  meterSeen: boolean
  /** Not ready yet. */
  booting: boolean
  updating: boolean
  safeMode: boolean
  noWifi: boolean
  offline: boolean
  /** This version has not proved itself yet. */
  trial: boolean
}

/** Patterns of the faults, made once: the same fault is the same object. */
const FAULT_PATTERNS: ReadonlyMap<number, LedPattern> = new Map(FAULTS.map(([n]) => [n, faultPattern(n)]))

/** Rounds of "identify" that a person needs to find the device. */
const IDENTIFY_MS = 3_000

export class Lights {
  readonly #leds: Leds
  readonly #loop: Loop
  readonly #state: LightState
  #status: LedPattern | null
  #meter: LedPattern | null
  #passing: LedPattern | null
  /** Numbers of FAULTS that are there now; the lowest is counted out. */
  readonly #faults: Set<number> = new Set()

  constructor(leds: Leds, loop: Loop) {
    this.#leds = leds
    this.#loop = loop
    this.#state = {
      claimed: false,
      windowOpen: false,
      claiming: false,
      resetArmed: false,
      meterSilent: false,
      meterBad: false,
      meterSeen: false,
      booting: false,
      updating: false,
      safeMode: false,
      noWifi: false,
      offline: false,
      trial: false,
    }
    this.#status = null
    this.#meter = null
    this.#passing = null
    this.#show()
  }

  /** Name of the pattern that STATUS shows. */
  get status(): string {
    return this.#status?.name ?? 'off'
  }

  set(change: Partial<LightState>): void {
    Object.assign(this.#state, change)
    this.#show()
  }

  /** @param fault a number of FAULTS. */
  raiseFault(fault: number): void {
    if (FAULT_PATTERNS.has(fault)) this.#faults.add(fault)
    this.#show()
  }

  clearFault(fault: number): void {
    if (this.#faults.delete(fault)) this.#show()
  }

  /** One valid telegram: METER blips. Allocates nothing. */
  telegram(): void {
    const s = this.#state
    s.meterSeen = true
    if (s.meterSilent || s.meterBad) {
      s.meterSilent = false
      s.meterBad = false
      this.#show()
    }
    // Only where METER has nothing of its own to say.
    if (this.#meter === METER.waiting) this.#leds.show('meter', METER.telegram)
  }

  claimed(): void {
    this.#pass(STATUS.claimed, roundMs(STATUS.claimed))
  }

  refused(): void {
    this.#pass(STATUS.refused, roundMs(STATUS.refused))
  }

  identify(): void {
    this.#pass(STATUS.identify, IDENTIFY_MS)
  }

  #pass(pattern: LedPattern, ms: number): void {
    this.#passing = pattern
    this.#status = null
    this.#show()
    this.#loop.after('lights', ms, () => {
      this.#passing = null
      this.#show()
    })
  }

  #show(): void {
    const status = this.#statusPattern()
    if (status !== this.#status) {
      this.#status = status
      this.#leds.show('status', status)
    }
    const meter = this.#meterPattern()
    if (meter === this.#meter) return
    this.#meter = meter
    this.#leds.show('meter', meter)
  }

  #statusPattern(): LedPattern {
    const s = this.#state
    if (s.resetArmed) return STATUS['reset-armed']
    if (this.#passing) return this.#passing
    if (s.claiming) return STATUS.claiming
    if (s.windowOpen) return STATUS['window-open']
    if (s.booting) return STATUS.booting
    if (s.updating) return STATUS.updating
    if (this.#faults.size > 0) return FAULT_PATTERNS.get(Math.min(...this.#faults))!
    if (s.safeMode) return STATUS['safe-mode']
    if (s.noWifi) return STATUS['no-wifi']
    if (s.offline) return STATUS.offline
    if (s.trial) return STATUS.trial
    return s.claimed ? STATUS.paired : STATUS.unpaired
  }

  #meterPattern(): LedPattern {
    const s = this.#state
    if (s.resetArmed) return METER['reset-armed']
    if (this.#passing === STATUS.identify) return METER.identify
    if (this.#status === STATUS.updating) return METER.updating
    if (this.#status?.name.startsWith('fault-')) return METER.fault
    if (this.#status === STATUS['safe-mode']) return METER['safe-mode']
    if (this.#status === STATUS['no-wifi']) return METER['no-wifi']
    if (s.meterBad) return METER.bad
    return s.meterSilent ? METER.silent : METER.waiting
  }
}
