// What the owner log leaves to the device (docs/wire/owners.md "Press", "Recovery", "Time"): the press
// without which a single owner's power does not grow, the delay of the paper key, the time by which
// consents end. Decides and remembers; claim.ts carries out.

import { base64url } from '../../base/bytes.ts'
import { LIMITS } from '../../base/limits.ts'
import type { Failure } from '../../hw/hardware.ts'
import { signEvent } from '../../ownership/event.ts'
import type { Checked, Decision } from '../../ownership/log.ts'
import { MeterTime } from '../../ownership/meter-time.ts'
import { takesPress } from '../../ownership/owners/rights.ts'
import type { DeviceState } from '../state.ts'

/** So often the time, and how far a recovery has come, are written down, ms. */
const WRITE_MS = 3_600_000

/** Why the device does not take an event that the log would take. */
export type Held = 'press-needed' | 'too-early'

export class Owning {
  readonly #state: DeviceState
  readonly #report: (event: string, detail?: Record<string, unknown>) => void
  #time: MeterTime
  #pressedUntil: number
  #writtenAt: number
  #failed: (error: NonNullable<Failure>) => void

  constructor(
    state: DeviceState,
    report: (event: string, detail?: Record<string, unknown>) => void,
    failed: (error: NonNullable<Failure>) => void,
  ) {
    this.#state = state
    this.#report = report
    this.#failed = failed
    this.#time = new MeterTime(state.time)
    this.#pressedUntil = Number.NEGATIVE_INFINITY
    this.#writtenAt = Number.NEGATIVE_INFINITY
  }

  /** The button was held for the second function: power may grow for ten minutes. Monotonic ms. */
  pressed(now: number, ms: number = LIMITS.ownership.pressMs): void {
    this.#pressedUntil = now + ms
  }

  /** ms left of it. */
  pressLeft(now: number): number {
    return Math.max(0, this.#pressedUntil - now)
  }

  /**
   * The event by which a press ends a recovery: signed by the device itself, where there is one owner and
   * a recovery is under way; else null.
   */
  cancelRecovery(wall: number): string | null {
    const { log, signer } = this.#state
    if (!log?.heirs || !signer || !takesPress(log.set)) return null
    const event = {
      device: log.device,
      seq: log.seq + 1,
      prev: log.head,
      at: Math.max(0, Math.floor(wall)),
      body: { type: 'RECOVERY_CANCELLED' as const },
    }
    return signEvent(event, [{ kid: base64url(signer.publicKey), signer }])
  }

  /** An event that the log would take: may it be taken now? */
  held(checked: Checked & { refusal: null }, now: number): Held | null {
    if (checked.press && this.pressLeft(now) <= 0) return 'press-needed'
    if (checked.event.body.type === 'RECOVERY_FINISHED' && this.recoveryLeft > 0) return 'too-early'
    return null
  }

  /** Telegram time until a recovery may be finished, ms. */
  get recoveryLeft(): number {
    return Math.max(0, LIMITS.ownership.recoveryMs - this.#state.recovered)
  }

  onDecision(decision: Decision, at: number): void {
    this.#time.hint(at)
    // One press, one change of the owners.
    if (decision.kind === 'owners') this.#pressedUntil = Number.NEGATIVE_INFINITY
    if (decision.kind === 'recovery') this.#state.recovered = 0
  }

  /** A telegram with a CRC that fits. Returns the confirmed time, or NaN; `now` is monotonic. */
  onTelegram(utcMs: number, now: number): number {
    const passed = this.#time.onTelegram(utcMs, now)
    const time = this.#time.now
    const state = this.#state
    if (Number.isNaN(time) || !state.log) return time
    if (state.log.heirs && state.recovered < LIMITS.ownership.recoveryMs) {
      state.recovered += passed
      if (this.recoveryLeft === 0) {
        this.#report('recovery', { what: 'ripe' })
        this.#write(time, now)
      }
    }
    if (now - this.#writtenAt >= WRITE_MS) this.#write(time, now)
    return time
  }

  #write(time: number, now: number): void {
    this.#writtenAt = now
    this.#state.keepTime(Math.floor(time), (error) => {
      if (error) this.#failed(error)
    })
  }
}
