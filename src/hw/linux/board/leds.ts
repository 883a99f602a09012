// The two LEDs of a board through /sys/class/leds: a pattern is handed to a kernel trigger (timer,
// pattern, oneshot) with a few writes, and the kernel blinks without waking this process. Where a
// trigger is missing, and on bare GPIO pins, a timer of ours blinks instead (blink.ts).
// Documents: Linux Documentation/leds/ledtrig-oneshot.rst and ABI sysfs-class-led-trigger-pattern.

import { join } from 'node:path'
import { EXIT, WattleError } from '../../../base/errors.ts'
import type { LedName, LedPattern } from '../../../base/lights/leds.ts'
import type { Leds } from '../../hardware.ts'
import { Blinker } from './blink.ts'
import { exportPin, findPin, type PinSpec, SYSFS, type Tree } from './sysfs.ts'

/** One LED that can show any pattern. */
export interface Lamp {
  show(pattern: LedPattern): void
  close(): void
}

/** LED class entries by our names: the device tree of the image names them so. */
const CLASS_NAMES: Readonly<Record<LedName, readonly string[]>> = {
  // ACT is the board's own LED: a bare board without ours can be read too.
  status: ['status', 'ACT'],
  meter: ['meter'],
}
/** The kernel repeats no shorter step, and `0` would stay on. */
const LEAST_MS = 10

/** What the kernel's pattern trigger is told: pairs of level and time, each with an end of no length, so that nothing fades. */
function patternText(pattern: LedPattern, lit: string): string {
  const steps: string[] = []
  for (let i = 0; i < pattern.times.length; i++) {
    const last = i === pattern.times.length - 1
    const ms =
      !pattern.repeat && last && i % 2 === 1 ? Math.max(LEAST_MS, pattern.times[i]!) : pattern.times[i]!
    const level = i % 2 === 0 ? lit : '0'
    if (ms > 0) steps.push(level, String(ms), level, '0')
  }
  return steps.join(' ')
}

/** One entry of /sys/class/leds. */
export class ClassLamp implements Lamp {
  readonly #tree: Tree
  readonly #folder: string
  readonly #lit: string
  #trigger = ''
  /** What oneshot is set to: a repeated blip is one write. */
  #shot = ''
  #soft: Blinker | null = null

  constructor(tree: Tree, folder: string) {
    this.#tree = tree
    this.#folder = folder
    this.#lit = tree.read(join(folder, 'max_brightness')) ?? '1'
  }

  show(pattern: LedPattern): void {
    this.#soft?.close()
    this.#soft = null
    if (!this.#byKernel(pattern)) this.#bySoftware(pattern)
  }

  close(): void {
    this.#soft?.close()
  }

  /** False where the kernel lacks what the pattern needs. */
  #byKernel({ times, repeat, name }: LedPattern): boolean {
    const [on = 0, off = 0] = times
    if (times.length < 2)
      return (
        this.#set('trigger', 'none') &&
        this.#set('brightness', on === 0 && times.length === 1 ? this.#lit : '0')
      )
    if (!repeat && times.length === 2) return this.#once(on)
    if (repeat && times.length === 2 && on > 0 && off > 0)
      return (
        this.#set('trigger', 'timer') &&
        this.#set('delay_on', String(on)) &&
        this.#set('delay_off', String(off))
      )
    const text = patternText({ name, times, repeat }, this.#lit)
    return (
      this.#set('trigger', 'pattern') &&
      this.#set('repeat', repeat ? '-1' : '1') &&
      this.#set('pattern', text)
    )
  }

  /** A flash and then dark; a blip of the same length again is a single write. */
  #once(on: number): boolean {
    const shot = String(on)
    if (this.#trigger === 'oneshot' && this.#shot === shot) return this.#set('shot', '1')
    const set =
      this.#set('trigger', 'none') &&
      this.#set('brightness', '0') &&
      this.#set('trigger', 'oneshot') &&
      this.#set('delay_on', shot) &&
      this.#set('delay_off', String(LEAST_MS)) &&
      this.#set('shot', '1')
    if (set) this.#shot = shot
    return set
  }

  #set(file: string, value: string): boolean {
    const failed = this.#tree.write(join(this.#folder, file), value)
    if (file === 'trigger') this.#trigger = failed === null ? value : ''
    return failed === null
  }

  #bySoftware(pattern: LedPattern): void {
    this.#set('trigger', 'none')
    this.#soft = new Blinker((lit) => this.#set('brightness', lit ? this.#lit : '0'))
    this.#soft.show(pattern)
  }
}

/** One GPIO output, where no LED class entry is. */
export function pinLamp(tree: Tree, root: string, spec: PinSpec): Lamp {
  const pin = findPin(tree, root, spec)
  exportPin(tree, root, pin, spec.high ? 'low' : 'high')
  const value = join(pin.folder, 'value')
  return new Blinker((lit) => tree.write(value, lit === spec.high ? '1' : '0'))
}

export class BoardLeds implements Leds {
  readonly #lamps: Readonly<Record<LedName, readonly Lamp[]>>
  readonly #showing: Map<LedName, LedPattern> = new Map()

  constructor(lamps: Readonly<Record<LedName, readonly Lamp[]>>) {
    this.#lamps = lamps
  }

  show(led: LedName, pattern: LedPattern): void {
    // A lasting pattern that is shown already must not begin anew.
    if (pattern.repeat && this.#showing.get(led) === pattern) return
    this.#showing.set(led, pattern)
    for (const lamp of this.#lamps[led]) lamp.show(pattern)
  }

  close(): void {
    for (const lamps of Object.values(this.#lamps)) for (const lamp of lamps) lamp.close()
  }
}

/**
 * The LEDs of the device tree.
 * @param root `/sys/class/leds`.
 * @throws WattleError `leds-missing`: not even one of them.
 */
export function classLeds(tree: Tree = SYSFS, root = '/sys/class/leds'): BoardLeds {
  const there = tree.list(root)
  const lamps = (led: LedName): Lamp[] =>
    CLASS_NAMES[led]
      .filter((name) => there.includes(name))
      .map((name) => new ClassLamp(tree, join(root, name)))
  const status = lamps('status')
  if (status.length === 0)
    throw new WattleError(
      'leds-missing',
      `no LED called ${CLASS_NAMES.status.join(' or ')} under ${root}; there is: ${there.join(', ') || 'none'}`,
      EXIT.stay,
    )
  return new BoardLeds({ status, meter: lamps('meter') })
}
