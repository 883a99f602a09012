// The button on a GPIO pin. Edges come through `onoff` where its addon loads; the level is looked at
// by polling too: slowly as long as edges prove that they arrive, quickly where there is no addon or
// where a change was seen that no edge told of (emulators, odd boards). Debouncing is the button
// machine's business (device/button.ts): every change is passed on with the time of the clock.

import { join } from 'node:path'
import type { Button, Clock } from '../../hardware.ts'
import { exportPin, findPin, LevelFile, type PinSpec, SYSFS, type Tree } from './sysfs.ts'

/** What of `onoff` is used. */
export interface Onoff {
  Gpio: new (
    gpio: number,
    direction: 'in',
    edge: 'both',
    options: { reconfigureDirection: boolean },
  ) => {
    watch(callback: (error: Error | null | undefined, value: number) => void): void
    unwatch(): void
    unexport(): void
  }
}

export interface PinButtonOptions {
  clock: Clock
  pin: PinSpec
  /** `onoff`: edges first; `poll`: never loads the addon. */
  driver: 'onoff' | 'poll'
  /** Loads the addon; throws where it is not there or does not fit this Node. */
  load: () => Onoff
  /** Which driver is at work, and why it is not the one that was asked for. */
  onDriver?: (driver: 'edge' | 'poll', why: string) => void
  root?: string
  tree?: Tree
  /** Opens the file with the level; another one in tests. */
  level?: (path: string) => Pick<LevelFile, 'read' | 'close'>
}

/** A press shorter than this is a bounce anyway (device/button.ts), ms. */
const POLL_MS = 20
/** With edges at work: only against a lost one, ms. */
const LOOK_MS = 500
/** An edge may come this much later than the level that a look saw, ms. */
const EDGE_LATE_MS = 40
/** Changes that no edge told of before edges are given up. */
const MISSED = 2

export class PinButton implements Button {
  readonly #options: PinButtonOptions
  readonly #file: Pick<LevelFile, 'read' | 'close'>
  #edges: InstanceType<Onoff['Gpio']> | null = null
  #driver: 'edge' | 'poll' = 'poll'
  #listener: ((pressed: boolean, now: number) => void) | null = null
  #pressed: boolean
  #timer: NodeJS.Timeout | null = null
  /** Edges have arrived at least once. */
  #proved = false
  #missed = 0
  /** When a look found a change that no edge had told of. */
  #foundAt: number = Number.NEGATIVE_INFINITY
  #closed = false

  /**
   * Exports the pin and begins to look at it.
   * @throws WattleError `gpio-missing`, `gpio-refused`.
   */
  constructor(options: PinButtonOptions) {
    this.#options = options
    const tree = options.tree ?? SYSFS
    const root = options.root ?? '/sys/class/gpio'
    const found = findPin(tree, root, options.pin)
    exportPin(tree, root, found, 'in')
    this.#file = (options.level ?? ((path) => new LevelFile(path)))(join(found.folder, 'value'))
    this.#pressed = this.#read() ?? false
    if (options.driver === 'onoff') this.#watch(found.gpio)
    else options.onDriver?.('poll', 'asked for')
    this.#schedule()
  }

  pressed(): boolean {
    return this.#pressed
  }

  onChange(listener: (pressed: boolean, now: number) => void): void {
    this.#listener = listener
    if (this.#pressed) setImmediate(() => this.#tell())
  }

  close(): void {
    this.#closed = true
    this.#listener = null
    if (this.#timer) clearTimeout(this.#timer)
    this.#edges?.unwatch()
    this.#file.close()
  }

  #watch(gpio: number): void {
    const { load, onDriver } = this.#options
    try {
      const { Gpio } = load()
      this.#edges = new Gpio(gpio, 'in', 'both', { reconfigureDirection: false })
      this.#edges.watch((error, value) => {
        if (!error && !this.#closed) this.#onEdge(value === 1)
      })
      this.#driver = 'edge'
      onDriver?.('edge', 'onoff')
    } catch (error) {
      this.#edges = null
      onDriver?.('poll', `onoff cannot be used: ${(error as Error).message.split('\n')[0]}`)
    }
  }

  /** An edge to the level that we know changes nothing; it proves something only if a look was just faster. */
  #onEdge(high: boolean): void {
    const pressed = high === this.#options.pin.high
    const now = this.#options.clock.now()
    if (pressed === this.#pressed && now - this.#foundAt > EDGE_LATE_MS) return
    this.#missed = 0
    this.#proved = true
    if (this.#driver === 'poll') {
      this.#driver = 'edge'
      this.#options.onDriver?.('edge', 'edges arrive after all')
    }
    if (pressed !== this.#pressed) this.#set(pressed)
  }

  #look(): void {
    const pressed = this.#read()
    const now = this.#options.clock.now()
    if (pressed !== null && pressed !== this.#pressed) {
      this.#foundAt = now
      if (this.#edges && this.#driver === 'edge' && ++this.#missed >= MISSED) {
        this.#driver = 'poll'
        this.#options.onDriver?.('poll', 'a press came without an edge')
      }
      this.#set(pressed)
    }
    this.#schedule()
  }

  #schedule(): void {
    if (this.#closed) return
    const slow = this.#driver === 'edge' && this.#proved
    this.#timer = setTimeout(() => this.#look(), slow ? LOOK_MS : POLL_MS)
    // The button alone keeps no process alive.
    this.#timer.unref()
  }

  #read(): boolean | null {
    const high = this.#file.read()
    return high === null ? null : high === this.#options.pin.high
  }

  #set(pressed: boolean): void {
    this.#pressed = pressed
    this.#tell()
  }

  #tell(): void {
    this.#listener?.(this.#pressed, this.#options.clock.now())
  }
}
