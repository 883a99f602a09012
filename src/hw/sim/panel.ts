// The simulated front of the device: one button that a test presses, two LEDs whose patterns are
// written down with their times. Both stay when the program on the machine dies (LEDs go dark).

import type { LedName, LedPattern } from '../../base/lights/leds.ts'
import type { Button, Leds } from '../hardware.ts'
import type { Life, Scheduler } from './scheduler.ts'

export class SimButton {
  readonly #scheduler: Scheduler
  readonly #world: Life
  #pressed = false
  #listener: ((pressed: boolean, now: number) => void) | null = null
  #life: Life

  constructor(scheduler: Scheduler, world: Life) {
    this.#scheduler = scheduler
    this.#world = world
    this.#life = world
  }

  /** Down now, up `ms` later. */
  press(ms = 200): void {
    this.level(true)
    this.#scheduler.after(ms, this.#world, () => this.level(false), null, null)
  }

  /** Sets the level; the program hears of it as the next event, if it changed. */
  level(pressed: boolean): void {
    if (pressed === this.#pressed) return
    this.#pressed = pressed
    this.#tell()
  }

  /** The program's side. A button that is down already is reported once. */
  button(life: Life): Button {
    return {
      pressed: () => this.#pressed,
      onChange: (listener) => {
        this.#life = life
        this.#listener = listener
        if (this.#pressed) this.#tell()
      },
      close: () => {
        this.#listener = null
      },
    }
  }

  #tell(): void {
    const listener = this.#listener
    if (!listener) return
    const pressed = this.#pressed
    this.#scheduler.after(0, this.#life, () => listener(pressed, this.#scheduler.now()), null, null)
  }
}

/** One line of the timeline: from `t` (ms of virtual time) on, `led` shows the pattern `name`. */
export interface LedChange {
  t: number
  led: LedName
  name: string
}

/** A day of one change a second; older lines are dropped. */
const TIMELINE = 86_400

export class SimLeds {
  readonly timeline: LedChange[] = []
  readonly #scheduler: Scheduler
  readonly #showing: Map<LedName, string> = new Map()

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler
  }

  /** Name of the pattern that `led` shows, or `dark`. */
  showing(led: LedName): string {
    return this.#showing.get(led) ?? 'dark'
  }

  dark(): void {
    for (const led of this.#showing.keys()) this.#set(led, 'dark')
  }

  /** The program's side. */
  leds(life: Life): Leds {
    return {
      show: (led: LedName, pattern: LedPattern) => {
        if (life.alive) this.#set(led, pattern.name)
      },
    }
  }

  #set(led: LedName, name: string): void {
    this.#showing.set(led, name)
    if (this.timeline.length >= TIMELINE) this.timeline.splice(0, TIMELINE / 2)
    this.timeline.push({ t: this.#scheduler.now(), led, name })
  }
}
