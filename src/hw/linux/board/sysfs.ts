// The small text files of /sys and /proc, and the GPIO numbers in them. Kernels count pins from a base
// of their own (458, 512, …), so a pin is looked up by the label of its chip, never by number alone.
// Reads and writes are synchronous: these files are answered from the kernel's memory.

import { closeSync, constants, openSync, readdirSync, readFileSync, readSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { EXIT, WattleError } from '../../../base/errors.ts'

/** What drivers need of a tree of small files; a model of the kernel in tests. Paths are absolute. */
export interface Tree {
  /** Content without white space at its ends, or null where it cannot be read. */
  read(path: string): string | null
  /** Null, or what went wrong (`EINVAL`, `EACCES`, …). */
  write(path: string, value: string): string | null
  /** Names in a folder; none where there is no such folder. */
  list(path: string): string[]
}

export const SYSFS: Tree = {
  read(path) {
    try {
      return readFileSync(path, 'utf8').trim()
    } catch {
      return null
    }
  },
  write(path, value) {
    let fd = -1
    try {
      // Never made: a file that is not there is a trigger or pin that is not there. Not for reading:
      // the kernel refuses that even to root where a file (`export`) can be written only.
      fd = openSync(path, constants.O_WRONLY)
      writeSync(fd, value)
      return null
    } catch (error) {
      return codeOf(error)
    } finally {
      if (fd >= 0) closeSync(fd)
    }
  },
  list(path) {
    try {
      return readdirSync(path).sort()
    } catch {
      return []
    }
  },
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? String(error)
}

/** A pin as a person names it. */
export interface PinSpec {
  /** Part of the chip's label; null: the board's own chip. */
  chip: string | null
  pin: number
  /** Pressed, or lit, at high level. */
  high: boolean
}

/** The Raspberry Pi's own controller, by label; failing that the first chip with as many lines. */
const OWN_CHIP = 'pinctrl-bcm'
const OWN_LINES = 54
const MOST_LINES = 1_024

/** Reads `[LABEL/]PIN[,high|,low]`; null where it is not that. */
export function parsePin(spec: string, high: boolean): PinSpec | null {
  const parts = /^(?:(\w[\w.:-]{0,63})\/)?(\d{1,4})(?:,(high|low))?$/.exec(spec)
  if (!parts) return null
  return {
    chip: parts[1] ?? null,
    pin: Number(parts[2]),
    high: parts[3] === undefined ? high : parts[3] === 'high',
  }
}

export interface FoundPin {
  /** The number that sysfs and onoff go by. */
  gpio: number
  /** Folder of the pin's files once it is exported. */
  folder: string
  label: string
}

/**
 * The global number of a pin.
 * @param root `/sys/class/gpio`.
 * @throws WattleError `gpio-missing`: no such chip, or no such line on it.
 */
export function findPin(tree: Tree, root: string, spec: PinSpec): FoundPin {
  const chips = tree
    .list(root)
    .filter((name) => name.startsWith('gpiochip'))
    .map((name) => ({
      label: tree.read(join(root, name, 'label')) ?? '',
      base: Number(tree.read(join(root, name, 'base')) ?? Number.NaN),
      lines: Number(tree.read(join(root, name, 'ngpio')) ?? Number.NaN),
    }))
    .filter((chip) => Number.isInteger(chip.base) && chip.base >= 0 && chip.lines <= MOST_LINES)
  const wanted = spec.chip ?? OWN_CHIP
  const chip =
    chips.find((c) => c.label.includes(wanted)) ??
    (spec.chip === null ? chips.find((c) => c.lines === OWN_LINES) : undefined)
  const seen = chips.map((c) => `${c.label || '?'} (${c.lines} lines)`).join(', ') || 'none'
  if (!chip)
    throw new WattleError(
      'gpio-missing',
      `no GPIO chip called ${wanted} under ${root}; there is: ${seen}`,
      EXIT.stay,
    )
  if (spec.pin >= chip.lines)
    throw new WattleError(
      'gpio-missing',
      `${chip.label} has lines 0 to ${chip.lines - 1}, not ${spec.pin}`,
      EXIT.stay,
    )
  const gpio = chip.base + spec.pin
  return { gpio, folder: join(root, `gpio${gpio}`), label: chip.label }
}

/**
 * Makes the pin's files appear and sets its direction (`in`, or `high`/`low` for an output with that level).
 * @throws WattleError `gpio-refused`.
 */
export function exportPin(tree: Tree, root: string, pin: FoundPin, direction: 'in' | 'high' | 'low'): void {
  const refused = (what: string, why: string): WattleError =>
    new WattleError(
      'gpio-refused',
      `GPIO ${pin.gpio} of ${pin.label}: ${what} failed (${why})${why === 'EBUSY' ? ': another driver holds this pin' : ''}`,
      EXIT.stay,
    )
  if (tree.read(join(pin.folder, 'direction')) === null) {
    const failed = tree.write(join(root, 'export'), String(pin.gpio))
    if (failed !== null) throw refused('export', failed)
  }
  const failed = tree.write(join(pin.folder, 'direction'), direction)
  if (failed !== null) throw refused('direction', failed)
}

/** A file that is read again and again, kept open. */
export class LevelFile {
  readonly #fd: number
  readonly #byte: Uint8Array = new Uint8Array(1)
  #open = true

  /** @throws the system's error where it cannot be opened. */
  constructor(path: string) {
    this.#fd = openSync(path, 'r')
  }

  /** True for `1`, false for `0`, null where it cannot be read. */
  read(): boolean | null {
    try {
      if (this.#open && readSync(this.#fd, this.#byte, 0, 1, 0) === 1) return this.#byte[0] === 0x31
    } catch {
      // A pin that is gone has no level.
    }
    return null
  }

  close(): void {
    if (this.#open) closeSync(this.#fd)
    this.#open = false
  }
}
