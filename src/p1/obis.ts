// The register of OBIS references that a reading knows, as data: reference, slot, unit.
// Sources: DSMR P1 2.2 to 5.0.2, eMUCs P1, Smarty P1 1.1.3, the Swedish H1 recommendation 2.0.
// Unknown references stay in the telegram, raw; nothing here must ever reject one.

import {
  UNIT_A,
  UNIT_HZ,
  UNIT_NONE,
  UNIT_V,
  UNIT_VA,
  UNIT_VAR,
  UNIT_VARH,
  UNIT_W,
  UNIT_WH,
} from './decimal.ts'
import { obis } from './telegram.ts'

/** One number of a reading: its name there, its C.D.E, its unit. The place in the list is the slot. */
interface Register {
  readonly name: string
  readonly key: number
  readonly unit: number
}

function register(name: string, c: number, d: number, e: number, unit: number): Register {
  return { name, key: obis(c, d, e), unit }
}

/** Of the electricity meter (A = 1), whatever B says. */
const ELECTRICITY: readonly Register[] = [
  register('energyIn', 1, 8, 0, UNIT_WH),
  register('energyInT1', 1, 8, 1, UNIT_WH),
  register('energyInT2', 1, 8, 2, UNIT_WH),
  register('energyInT3', 1, 8, 3, UNIT_WH),
  register('energyInT4', 1, 8, 4, UNIT_WH),
  register('energyOut', 2, 8, 0, UNIT_WH),
  register('energyOutT1', 2, 8, 1, UNIT_WH),
  register('energyOutT2', 2, 8, 2, UNIT_WH),
  register('energyOutT3', 2, 8, 3, UNIT_WH),
  register('energyOutT4', 2, 8, 4, UNIT_WH),
  register('reactiveEnergyIn', 3, 8, 0, UNIT_VARH),
  register('reactiveEnergyOut', 4, 8, 0, UNIT_VARH),
  register('powerIn', 1, 7, 0, UNIT_W),
  register('powerOut', 2, 7, 0, UNIT_W),
  register('powerNet', 16, 24, 0, UNIT_W),
  register('powerInL1', 21, 7, 0, UNIT_W),
  register('powerInL2', 41, 7, 0, UNIT_W),
  register('powerInL3', 61, 7, 0, UNIT_W),
  register('powerOutL1', 22, 7, 0, UNIT_W),
  register('powerOutL2', 42, 7, 0, UNIT_W),
  register('powerOutL3', 62, 7, 0, UNIT_W),
  register('voltageL1', 32, 7, 0, UNIT_V),
  register('voltageL2', 52, 7, 0, UNIT_V),
  register('voltageL3', 72, 7, 0, UNIT_V),
  register('currentL1', 31, 7, 0, UNIT_A),
  register('currentL2', 51, 7, 0, UNIT_A),
  register('currentL3', 71, 7, 0, UNIT_A),
  register('reactivePowerIn', 3, 7, 0, UNIT_VAR),
  register('reactivePowerOut', 4, 7, 0, UNIT_VAR),
  register('apparentPowerIn', 9, 7, 0, UNIT_VA),
  register('apparentPowerOut', 10, 7, 0, UNIT_VA),
  register('powerFactor', 13, 7, 0, UNIT_NONE),
  register('frequency', 14, 7, 0, UNIT_HZ),
  register('quarterPower', 1, 4, 0, UNIT_W),
  register('monthPeak', 1, 6, 0, UNIT_W),
  register('sagsL1', 32, 32, 0, UNIT_NONE),
  register('sagsL2', 52, 32, 0, UNIT_NONE),
  register('sagsL3', 72, 32, 0, UNIT_NONE),
  register('swellsL1', 32, 36, 0, UNIT_NONE),
  register('swellsL2', 52, 36, 0, UNIT_NONE),
  register('swellsL3', 72, 36, 0, UNIT_NONE),
  register('fuse', 31, 4, 0, UNIT_A),
]

/** Of the device itself (A = 0, B = 0). The limit has W, VA or A, as the country likes. */
const DEVICE: readonly Register[] = [
  register('tariff', 96, 14, 0, UNIT_NONE),
  register('breaker', 96, 3, 10, UNIT_NONE),
  register('failures', 96, 7, 21, UNIT_NONE),
  register('longFailures', 96, 7, 9, UNIT_NONE),
]

export const SLOT_NAMES: readonly string[] = [...ELECTRICITY, ...DEVICE].map((r) => r.name)
export const SLOT_UNITS: Uint8Array = Uint8Array.from([...ELECTRICITY, ...DEVICE], (r) => r.unit)
export const SLOTS: number = SLOT_NAMES.length

/** Slot of a register by its name; a name that is not there is a mistake of ours. */
export function slot(name: string): number {
  const i = SLOT_NAMES.indexOf(name)
  if (i < 0) throw new RangeError(`no register ${name}`)
  return i
}

/** An open hash table without any collision chain longer than what is filled below. */
const SIZE = 512
const keys = new Int32Array(2 * SIZE).fill(-1)
const slots = new Uint8Array(2 * SIZE)

function place(table: number, key: number): number {
  return table * SIZE + ((Math.imul(key, 0x9e3779b1) >>> 16) & (SIZE - 1))
}

function fill(table: number, list: readonly Register[], firstSlot: number): void {
  for (let n = 0; n < list.length; n++) {
    let at = place(table, list[n]!.key)
    while (keys[at] !== -1) at = table * SIZE + ((at + 1) & (SIZE - 1))
    keys[at] = list[n]!.key
    slots[at] = firstSlot + n
  }
}

fill(0, DEVICE, ELECTRICITY.length)
fill(1, ELECTRICITY, 0)

/** Slot of `key` for A = 0 or 1, or -1. */
export function slotOf(a: number, key: number): number {
  let at = place(a, key)
  while (keys[at] !== -1) {
    if (keys[at] === key) return slots[at]!
    at = a * SIZE + ((at + 1) & (SIZE - 1))
  }
  return -1
}

/** References that a reading handles by themselves. */
export const KEY: {
  readonly time: number
  readonly version: number
  readonly versionBe: number
  readonly equipmentId: number
  readonly equipmentIdLu: number
  readonly equipmentIdHu: number
  readonly ean: number
  readonly limit: number
  readonly monthPeak: number
  readonly failureLog: number
  readonly peakHistory: number
  readonly textMessage: number
  readonly textCode: number
  readonly mbusType: number
  readonly mbusId: number
  readonly mbusIdBe: number
  readonly mbusValue: number
  readonly mbusValueBe: number
  readonly mbusValueV3: number
  readonly mbusValve: number
} = {
  time: obis(1, 0, 0),
  version: obis(0, 2, 8),
  versionBe: obis(96, 1, 4),
  equipmentId: obis(96, 1, 1),
  equipmentIdLu: obis(42, 0, 0),
  equipmentIdHu: obis(96, 1, 0),
  ean: obis(96, 1, 2),
  limit: obis(17, 0, 0),
  monthPeak: obis(1, 6, 0),
  failureLog: obis(99, 97, 0),
  peakHistory: obis(98, 1, 0),
  textMessage: obis(96, 13, 0),
  textCode: obis(96, 13, 1),
  mbusType: obis(24, 1, 0),
  mbusId: obis(96, 1, 0),
  mbusIdBe: obis(96, 1, 1),
  mbusValue: obis(24, 2, 1),
  mbusValueBe: obis(24, 2, 3),
  mbusValueV3: obis(24, 3, 0),
  mbusValve: obis(24, 4, 0),
}
