// What the owner log leaves to the device (docs/wire/owners.md "Press", "Recovery", "Time"): the press
// without which a single owner's power does not grow, the delay of the paper key, the time by which
// consents end. Decides and remembers; claim.ts carries out.

import { base64url } from '../../base/bytes.ts'
import { LIMITS } from '../../base/limits.ts'
import type { Loop } from '../../node/loop.ts'
import { signEvent } from '../../ownership/event.ts'
import type { Checked, Decision } from '../../ownership/log.ts'
import { MeterTime } from '../../ownership/meter-time.ts'
import { takesPress } from '../../ownership/owners/rights.ts'
import type { Lights } from '../lights.ts'
import type { DeviceState } from '../state.ts'
import { holdsKey } from './next-key.ts'

/** So often the time, and how far a recovery has come, are written down, ms. */
const WRITE_MS = 3_600_000

/** Why the device does not take an event that the log would take. */
export type Held = 'press-needed' | 'too-early' | 'bad-key'

export interface OwningOptions {
  state: DeviceState
  lights: Lights
  loop: Loop
  report: (event: string, detail?: Record<string, unknown>) => void
}

const WINDOW = 'owners'

export class Owning {
  readonly #state: DeviceState
  readonly #lights: Lights
  readonly #loop: Loop
  readonly #report: (event: string, detail?: Record<string, unknown>) => void
  #time: MeterTime
  #pressedUntil: number
  #writtenAt: number

  constructor({ state, lights, loop, report }: OwningOptions) {
    this.#state = state
    this.#lights = lights
    this.#loop = loop
    this.#report = report
    this.#time = new MeterTime(state.time)
    this.#pressedUntil = Number.NEGATIVE_INFINITY
    this.#writtenAt = Number.NEGATIVE_INFINITY
  }

  /**
   * The button was held for the second function: power may grow for ten minutes. Where one owner has a
   * recovery to fear, it ends that instead: the event to carry out, signed by the device. Monotonic ms.
   */
  onSecond(now: number, wall: number): string | null {
    const cancel = this.#cancelRecovery(wall)
    if (cancel !== null) return cancel
    const ms = LIMITS.ownership.pressMs
    this.pressed(now, ms)
    this.#lights.set({ windowOpen: true })
    this.#report('owners', { what: 'open', ms })
    this.#loop.after(WINDOW, ms, () => this.#lights.set({ windowOpen: false }))
    return null
  }

  /** A press counts for so long. */
  pressed(now: number, ms: number): void {
    this.#pressedUntil = now + ms
  }

  /** ms left of it. */
  pressLeft(now: number): number {
    return Math.max(0, this.#pressedUntil - now)
  }

  /** By a press, where there is one owner and a recovery is under way; else null. */
  #cancelRecovery(wall: number): string | null {
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
    const { body } = checked.event
    // The log knows that a key followed ours; that it is the one we hold, we alone know.
    if (body.type === 'DEVICE_KEY_REPLACED' && !holdsKey(this.#state, body.succession.certificate))
      return 'bad-key'
    if (body.type === 'RECOVERY_FINISHED' && this.recoveryLeft > 0) return 'too-early'
    return null
  }

  /** Telegram time until a recovery may be finished, ms. */
  get recoveryLeft(): number {
    return Math.max(0, LIMITS.ownership.recoveryMs - this.#state.recovered)
  }

  onDecision(decision: Decision, at: number): void {
    this.#time.hint(at)
    if (decision.kind === 'owners') {
      // One press, one change of the owners.
      this.#pressedUntil = Number.NEGATIVE_INFINITY
      this.#loop.cancel(WINDOW)
      this.#lights.set({ windowOpen: false })
      const { m, owners } = decision.after
      this.#report('owners', { what: 'changed', m, owners: owners.length })
    }
    if (decision.kind === 'recovery') this.#state.recovered = 0
  }

  /** Is the time of a consent over, as far as we know the time? `until` 0 has no end. */
  isOver(until: number): boolean {
    return until > 0 && until <= this.#time.now
  }

  /** What the time would be if a telegram of a start, one of the first, told the truth. */
  ifTrue(utcMs: number): number {
    return this.#time.ifTrue(utcMs)
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
      if (error) this.#report('failed', { what: 'time', text: error.message })
    })
  }
}
