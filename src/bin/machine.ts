// This computer as a machine: the hw/linux set behind the interfaces of hw/hardware.ts.

import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { EXIT, WattleError } from '../base/errors.ts'
import type { Button, Hardware, Leds, Serial } from '../hw/hardware.ts'
import { LinuxClock, linuxRandom } from '../hw/linux/clock.ts'
import { type LinuxFiles, openFolder } from '../hw/linux/files.ts'
import { LinuxHttp } from '../hw/linux/http.ts'
import { lockFolder } from '../hw/linux/lock.ts'
import { LinuxSockets } from '../hw/linux/sockets.ts'
import { wait } from './cli.ts'
import { serialDriver } from './p1/line.ts'

export interface MachineParts {
  serial?: Serial
  button?: Button
  leds?: Leds
}

export interface OpenMachine {
  hardware: Hardware
  folder: string
  /** Gives the state folder back. */
  release: () => void
}

const NO_SERIAL: Serial = {
  open: (spec) => {
    throw new WattleError('no-serial', `no serial line ${spec} here`)
  },
}
const NO_BUTTON: Button = { pressed: () => false, onChange: () => {}, close: () => {} }
const NO_LEDS: Leds = { show: () => {} }

/** Where a party keeps its state unless --state says otherwise. */
export function stateFolder(given: string | undefined, party: string): string {
  return given === undefined
    ? join(process.env['XDG_STATE_HOME'] ?? join(homedir(), '.local', 'state'), 'wattle', party)
    : resolve(given)
}

/** @throws WattleError `state-in-use`, `state-unreadable`. */
export async function openMachine(
  folder: string,
  parts: MachineParts = {},
  clock: LinuxClock = new LinuxClock(),
): Promise<OpenMachine> {
  const files = await wait<LinuxFiles>((done) => openFolder(folder, done)).catch(
    (error: NodeJS.ErrnoException) => {
      if (error instanceof WattleError) throw error
      throw new WattleError(
        'state-unreadable',
        `the state folder ${folder} cannot be used: ${error.message}; choose another with --state`,
        EXIT.stay,
      )
    },
  )
  const release = lockFolder(folder)
  // However we end: whoever starts next need not find out that the lock is nobody's.
  process.once('exit', release)
  const hardware: Hardware = {
    clock,
    random: linuxRandom,
    serial: parts.serial ?? NO_SERIAL,
    button: parts.button ?? NO_BUTTON,
    leds: parts.leds ?? NO_LEDS,
    sockets: new LinuxSockets(),
    http: new LinuxHttp(),
    files,
  }
  return { hardware, folder, release }
}

/** The serial driver for `--serial PATH|tcp:HOST:PORT|sim`. */
export function serialFor(spec: string, clock: LinuxClock): Serial {
  return serialDriver(spec, clock)
}
