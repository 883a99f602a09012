// Button and LEDs of `wattle device`, as --button and --leds name them (docs/leds.md). Everything is
// reported as events too, so that a log tells what a person saw.

import { createRequire } from 'node:module'
import type { LedName, LedPattern } from '../base/lights/leds.ts'
import type { Button, Card, Leds } from '../hw/hardware.ts'
import { LinuxBoard } from '../hw/linux/board/board.ts'
import { FatFolder } from '../hw/linux/board/boot.ts'
import { type Onoff, PinButton } from '../hw/linux/board/button.ts'
import { openCard } from '../hw/linux/board/card.ts'
import type { DoorHttp } from '../hw/linux/board/door.ts'
import { BoardLeds, classLeds, pinLamp } from '../hw/linux/board/leds.ts'
import { ScriptRadio } from '../hw/linux/board/radio.ts'
import { type PinSpec, parsePin, SYSFS } from '../hw/linux/board/sysfs.ts'
import type { LinuxClock } from '../hw/linux/clock.ts'
import { LineButton, type Lines, ReportedLeds } from '../hw/linux/panel.ts'
import { usage } from './cli.ts'

/** On a Raspberry Pi pin 5 of the header: it has a pull-up of its own, and wakes a halted board. */
const BUTTON_PIN: PinSpec = { chip: null, pin: 3, high: false }
const GPIO_ROOT = '/sys/class/gpio'

export type Emit = (event: string, detail: Record<string, unknown>) => void

/**
 * The button that `--button sim|onoff|poll[:[LABEL/]PIN[,high]]` names.
 * @throws WattleError `usage`, `gpio-missing`, `gpio-refused`.
 */
export function openButton(spec: string, clock: LinuxClock, input: Lines | null, emit: Emit): Button {
  if (spec === 'sim') {
    const button = new LineButton(clock)
    if (input) button.listen(input)
    return button
  }
  const [driver, where] = split(spec)
  const pin = where === null ? BUTTON_PIN : parsePin(where, false)
  if ((driver !== 'onoff' && driver !== 'poll') || pin === null)
    throw usage(`--button ${spec}: expected sim, onoff or poll, the last two with :[LABEL/]PIN[,high]`)
  return new PinButton({
    clock,
    pin,
    driver,
    // Beside the program, where `make hardware` or the image puts it.
    load: () => createRequire(process.argv[1] ?? process.execPath)('onoff') as Onoff,
    onDriver: (used, why) => emit('button-driver', { driver: used, why }),
  })
}

/**
 * The LEDs that `--leds report|class|gpio:STATUS,METER` names.
 * @throws WattleError `usage`, `leds-missing`, `gpio-missing`, `gpio-refused`.
 */
export function openLeds(spec: string, emit: Emit): Leds {
  const told = new ReportedLeds((led, pattern) => {
    if (pattern.name !== 'telegram') emit('led', { led, pattern: pattern.name, times: pattern.times })
  })
  if (spec === 'report') return told
  const board = spec === 'class' ? classLeds() : pinLeds(spec)
  return {
    show: (led: LedName, pattern: LedPattern) => {
      board.show(led, pattern)
      told.show(led, pattern)
    },
  }
}

function pinLeds(spec: string): BoardLeds {
  const [kind, where] = split(spec)
  const parts = /^((?:[\w.:-]+\/)?\d+(?:,low)?),((?:[\w.:-]+\/)?\d+(?:,low)?)$/.exec(where ?? '')
  const pins = parts ? [parsePin(parts[1]!, true), parsePin(parts[2]!, true)] : []
  const [status, meter] = pins
  if (kind !== 'gpio' || !status || !meter)
    throw usage(
      `--leds ${spec}: expected report, class or gpio:STATUS,METER (two pins, each with ,low where low lights it)`,
    )
  return new BoardLeds({
    status: [pinLamp(SYSFS, GPIO_ROOT, status)],
    meter: [pinLamp(SYSFS, GPIO_ROOT, meter)],
  })
}

export interface BoardSettings {
  board: string | undefined
  card: string | undefined
  run: string | undefined
  watchdog: string | undefined
  fat: string | undefined
  wifi: string | undefined
  'clock-file': string | undefined
}

/**
 * The board that the configuration names; null where it names none. What of it is missing is told as an
 * event `trouble`, and the device goes on without.
 */
export function openBoard(
  { board, card, run = '/run/wattle', watchdog, fat, wifi, 'clock-file': clockFile }: BoardSettings,
  door: DoorHttp,
  onRestart: (reason: string) => void,
  emit: Emit,
): LinuxBoard | null {
  if (board === undefined) return null
  let found: Card | null = null
  try {
    if (card !== undefined) found = openCard(card)
  } catch (error) {
    // Without updates, but with all the rest.
    emit('trouble', { what: 'card', text: (error as Error).message })
  }
  return new LinuxBoard({
    kind: board,
    run,
    card: found,
    watchdog: watchdog ?? null,
    boot: fat === undefined ? null : new FatFolder(fat),
    radio: wifi === undefined ? null : new ScriptRadio(wifi, run),
    clockFile: clockFile ?? null,
    door,
    onRestart,
    onTrouble: (what, text) => emit('trouble', { what, text }),
  })
}

function split(spec: string): [string, string | null] {
  const at = spec.indexOf(':')
  return at < 0 ? [spec, null] : [spec.slice(0, at), spec.slice(at + 1)]
}
