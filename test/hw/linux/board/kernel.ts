// A model of what Linux does with /sys/class/leds and /sys/class/gpio, strict where the kernel is:
// triggers that are not loaded are EINVAL, files of a trigger exist only while it is set, writing 0 to
// brightness takes the trigger away. It tells whether a LED is lit at a given time. (Kernel sources:
// ledtrig-timer.c, -oneshot.c, -pattern.c.)

import type { Tree } from '../../../../src/hw/linux/board/sysfs.ts'

interface Step {
  level: number
  ms: number
}

export class KernelLed {
  readonly triggers: readonly string[]
  readonly max: number
  trigger = 'none'
  writes = 0
  #brightness = 0
  #on = 500
  #off = 500
  #repeat = -1
  #steps: Step[] = []
  /** When the running trigger began; -1: not. */
  #since = -1
  readonly #now: () => number

  constructor(now: () => number, triggers: readonly string[] = ['timer', 'oneshot', 'pattern'], max = 255) {
    this.#now = now
    this.triggers = triggers
    this.max = max
  }

  write(file: string, value: string): string | null {
    this.writes++
    switch (file) {
      case 'trigger':
        if (value !== 'none' && !this.triggers.includes(value)) return 'EINVAL'
        this.trigger = value
        this.#brightness = 0
        this.#steps = []
        this.#repeat = -1
        this.#on = value === 'oneshot' ? 100 : 500
        this.#off = this.#on
        this.#since = value === 'timer' ? this.#now() : -1
        return null
      case 'brightness':
        if (Number(value) > this.max) return 'EINVAL'
        if (Number(value) === 0) this.trigger = 'none'
        this.#brightness = Number(value)
        return null
      case 'delay_on':
      case 'delay_off':
        if (this.trigger !== 'timer' && this.trigger !== 'oneshot') return 'ENOENT'
        if (file === 'delay_on') this.#on = Number(value)
        else this.#off = Number(value)
        if (this.trigger === 'timer') this.#since = this.#now()
        return null
      case 'shot':
        if (this.trigger !== 'oneshot') return 'ENOENT'
        this.#since = this.#now()
        return null
      case 'repeat':
        if (this.trigger !== 'pattern') return 'ENOENT'
        if (!/^(-1|[1-9]\d*)$/.test(value)) return 'EINVAL'
        this.#repeat = Number(value)
        return null
      case 'pattern':
        if (this.trigger !== 'pattern') return 'ENOENT'
        return this.#setPattern(value)
      default:
        return 'ENOENT'
    }
  }

  lit(): boolean {
    const since = this.#now() - this.#since
    if (this.trigger === 'none') return this.#brightness > 0
    if (this.#since < 0) return false
    if (this.trigger === 'timer') return since % (this.#on + this.#off) < this.#on
    if (this.trigger === 'oneshot') return since < this.#on
    let round = 0
    for (const step of this.#steps) round += step.ms
    if (this.#repeat > 0 && since >= round * this.#repeat)
      return this.#steps[this.#steps.length - 1]!.level > 0
    let left = since % round
    for (const step of this.#steps) {
      if (left < step.ms) return step.level > 0
      left -= step.ms
    }
    return false
  }

  /** `level ms level 0` pairs only: anything else would fade, which no pattern of ours does. */
  #setPattern(text: string): string | null {
    const numbers = text.split(' ').map(Number)
    if (numbers.length < 4 || numbers.length % 4 !== 0 || numbers.some((n) => !Number.isInteger(n) || n < 0))
      return 'EINVAL'
    const steps: Step[] = []
    for (let i = 0; i < numbers.length; i += 4) {
      const [level, ms, again, zero] = numbers.slice(i, i + 4) as [number, number, number, number]
      if (level > this.max || again !== level || zero !== 0 || ms === 0) return 'EINVAL'
      steps.push({ level, ms })
    }
    this.#steps = steps
    this.#since = this.#now()
    return null
  }
}

/** A tree with LEDs under /leds. */
export function ledTree(leds: Readonly<Record<string, KernelLed>>): Tree {
  const find = (path: string): [KernelLed | undefined, string] => {
    const [, , name = '', file = ''] = path.split('/')
    return [leds[name], file]
  }
  return {
    read: (path) => {
      const [led, file] = find(path)
      return led && file === 'max_brightness' ? String(led.max) : null
    },
    write: (path, value) => {
      const [led, file] = find(path)
      return led ? led.write(file, value) : 'ENOENT'
    },
    list: () => Object.keys(leds).sort(),
  }
}

/** A GPIO chip under /gpio with pins that a test drives. */
export class KernelPins implements Tree {
  readonly levels: Map<number, boolean> = new Map()
  readonly directions: Map<number, string> = new Map()
  readonly chips: readonly { name: string; label: string; base: number; lines: number }[]
  busy: number[] = []

  constructor(chips: { name: string; label: string; base: number; lines: number }[]) {
    this.chips = chips
  }

  list(path: string): string[] {
    if (path !== '/gpio') return []
    return [
      'export',
      'unexport',
      ...this.chips.map((c) => c.name),
      ...[...this.directions.keys()].map((n) => `gpio${n}`),
    ]
  }

  read(path: string): string | null {
    const [, , name = '', file = ''] = path.split('/')
    const chip = this.chips.find((c) => c.name === name)
    if (chip) return { label: chip.label, base: String(chip.base), ngpio: String(chip.lines) }[file] ?? null
    const gpio = Number(name.slice(4))
    if (!this.directions.has(gpio)) return null
    if (file === 'direction') return this.directions.get(gpio)!
    return file === 'value' ? (this.levels.get(gpio) ? '1' : '0') : null
  }

  write(path: string, value: string): string | null {
    const [, , name = '', file = ''] = path.split('/')
    if (name === 'export') {
      const gpio = Number(value)
      if (this.busy.includes(gpio)) return 'EBUSY'
      if (!this.chips.some((c) => gpio >= c.base && gpio < c.base + c.lines)) return 'EINVAL'
      this.directions.set(gpio, 'in')
      return null
    }
    const gpio = Number(name.slice(4))
    if (!this.directions.has(gpio)) return 'ENOENT'
    if (file === 'direction') {
      this.directions.set(gpio, value === 'in' ? 'in' : 'out')
      if (value !== 'in') this.levels.set(gpio, value === 'high')
      return null
    }
    if (file !== 'value' || this.directions.get(gpio) !== 'out') return 'EPERM'
    this.levels.set(gpio, value === '1')
    return null
  }
}
