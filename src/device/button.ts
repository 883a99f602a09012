// One button, four gestures (DESIGN, "Button"): under 3 s short; 3 to 8 s second function; 10 s arms
// the reset, and a short press within 5 s of letting go confirms it. What lies between 8 and 10 s is
// neither, so that nobody slips from the one into the other. A plain machine: level changes and the
// time in, gestures out. A bouncing contact, a button held at power-up and a stuck one do nothing.

import type { Button } from '../hw/hardware.ts'
import type { Loop } from '../node/loop.ts'

export type Gesture = 'short' | 'second' | 'reset-armed' | 'reset-confirmed' | 'reset-cancelled' | 'stuck'

/** A shorter change is a bounce, ms. */
const BOUNCE_MS = 25
const SECOND_MS = 3_000
const SECOND_END_MS = 8_000
const RESET_MS = 10_000
/** From letting go to the confirming press, ms. */
const CONFIRM_MS = 5_000
/** Nobody holds a button this long: something lies on it, or it is broken. */
const STUCK_MS = 60_000

const NEVER: number = Number.POSITIVE_INFINITY

export class ButtonMachine {
  readonly #onGesture: (gesture: Gesture, now: number) => void
  /** Level as the contact says, and since when. */
  #raw = false
  #rawAt = 0
  /** Level as we believe it, and since when. */
  #down = false
  #downAt = 0
  /** This press counts for nothing any more: held at power-up, stuck, or it has armed the reset. */
  #spent = false
  #stuck = false
  #armed = false
  /** Until when a press confirms; NEVER while the arming press is still held. */
  #confirmBy: number = NEVER

  constructor(onGesture: (gesture: Gesture, now: number) => void) {
    this.#onGesture = onGesture
  }

  /** Both LEDs on: the next short press resets. */
  get armed(): boolean {
    return this.#armed
  }

  /** The level at power-up: a button that is down now is ignored until it was up. */
  onStart(pressed: boolean, now: number): void {
    this.#raw = pressed
    this.#rawAt = now
    this.#down = pressed
    this.#downAt = now
    this.#spent = pressed
  }

  /** The contact changed, at `now` of the monotonic clock. */
  onLevel(pressed: boolean, now: number): void {
    this.tick(now)
    if (pressed === this.#raw) return
    this.#raw = pressed
    this.#rawAt = now
  }

  /** Call when `next()` has come; earlier or later does no harm. */
  tick(now: number): void {
    // Compared as next() tells it: a difference could round to just below the limit, for ever.
    if (this.#raw !== this.#down && now >= this.#rawAt + BOUNCE_MS) {
      if (this.#raw) this.#press(this.#rawAt)
      else this.#release(this.#rawAt)
    }
    // A release that may yet be a bounce stops the clock of the hold.
    const until = this.#down ? (this.#raw ? now : this.#rawAt) : -NEVER
    if (until >= this.#downAt + RESET_MS && !this.#spent && !this.#armed) this.#arm(now, NEVER)
    if (until >= this.#downAt + STUCK_MS && !this.#stuck) {
      this.#stuck = true
      this.#spent = true
      this.#onGesture('stuck', now)
      this.#disarm(now)
    }
    if (!this.#down && !this.#raw && now >= this.#confirmBy) this.#disarm(now)
  }

  /** When `tick` is wanted next, monotonic ms; Infinity when only a level change matters. */
  next(): number {
    let at = NEVER
    if (this.#raw !== this.#down) at = this.#rawAt + BOUNCE_MS
    if (this.#down && this.#raw) {
      if (!this.#spent && !this.#armed) at = Math.min(at, this.#downAt + RESET_MS)
      if (!this.#stuck) at = Math.min(at, this.#downAt + STUCK_MS)
    }
    return this.#down || this.#raw ? at : Math.min(at, this.#confirmBy)
  }

  #press(at: number): void {
    this.#down = true
    this.#downAt = at
    this.#spent = false
    this.#stuck = false
    // A press that begins too late confirms nothing; it is a press like any other.
    if (at >= this.#confirmBy) this.#disarm(at)
  }

  #release(at: number): void {
    const held = at - this.#downAt
    const spent = this.#spent
    this.#down = false
    this.#spent = false
    if (spent) {
      if (this.#armed) this.#confirmBy = at + CONFIRM_MS
    } else if (this.#armed) {
      if (held >= SECOND_MS) this.#disarm(at)
      else {
        this.#armed = false
        this.#confirmBy = NEVER
        this.#onGesture('reset-confirmed', at)
      }
    } else if (held >= RESET_MS) {
      // The loop was late: the press that arms is over before its tick came.
      this.#arm(at, at + CONFIRM_MS)
    } else if (held < SECOND_MS) this.#onGesture('short', at)
    else if (held < SECOND_END_MS) this.#onGesture('second', at)
  }

  #arm(now: number, confirmBy: number): void {
    this.#armed = true
    this.#spent = this.#down
    this.#confirmBy = confirmBy
    this.#onGesture('reset-armed', now)
  }

  #disarm(now: number): void {
    this.#confirmBy = NEVER
    if (!this.#armed) return
    this.#armed = false
    this.#onGesture('reset-cancelled', now)
  }
}

/** The button's level and its timer, into the machine. */
export function driveButton(machine: ButtonMachine, button: Button, loop: Loop): void {
  const schedule = (): void => {
    const at = machine.next()
    if (at === Number.POSITIVE_INFINITY) return loop.cancel('button')
    loop.at('button', at, (now) => {
      machine.tick(now)
      schedule()
    })
  }
  machine.onStart(button.pressed(), loop.now())
  button.onChange((pressed, now) => {
    machine.onLevel(pressed, now)
    schedule()
  })
}
