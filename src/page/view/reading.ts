// A telegram's values as a page gets them (protocol.ts `PageReading`). Telegram and Reading are filled
// again for each call; only the result is new.

import type { Bytes } from '../../base/bytes.ts'
import { DECIMALS, MANTISSA, UNIT, UNIT_J, UNIT_M3, UNIT_WH, UTC_MS } from '../../p1/decimal.ts'
import { slot } from '../../p1/obis.ts'
import { type Channel, MBUS_GAS, MBUS_HEAT, MBUS_WARM_WATER, MBUS_WATER, Reading } from '../../p1/reading.ts'
import { Telegram } from '../../p1/telegram.ts'
import type { PageOther, PagePhase, PageQuarter, PageReading } from '../protocol.ts'

const TARIFF = slot('tariff')
const IN_TOTAL = slot('energyIn')
const OUT_TOTAL = slot('energyOut')
const IN: readonly number[] = [1, 2, 3, 4].map((n) => slot(`energyInT${n}`))
const OUT: readonly number[] = [1, 2, 3, 4].map((n) => slot(`energyOutT${n}`))
const PHASES: readonly (readonly number[])[] = ['L1', 'L2', 'L3'].map((p) => [
  slot(`powerIn${p}`),
  slot(`powerOut${p}`),
  slot(`voltage${p}`),
  slot(`current${p}`),
])

const QUARTER = slot('quarterPower')
const PEAK = slot('monthPeak')
const OTHERS: readonly (readonly [number, PageOther['kind']])[] = [
  [MBUS_WATER, 'water'],
  [MBUS_WARM_WATER, 'warm-water'],
  [MBUS_HEAT, 'heat'],
]

export class PageReader {
  readonly #telegram: Telegram = new Telegram()
  readonly #reading: Reading = new Reading()

  /** @param wall when it was received, milliseconds since 1970; the meter's own time counts where it tells one. */
  read(telegram: Bytes, wall: number): PageReading {
    const r = this.#reading
    this.#telegram.read(telegram, 0, telegram.length)
    r.read(this.#telegram, wall)
    const meterTime = r.meterTimeMs
    const others = this.#others()
    const quarter = this.#quarter()
    return {
      at: Number.isNaN(meterTime) || r.clockSkew ? wall : meterTime,
      powerInW: r.powerInW || 0,
      powerOutW: r.powerOutW || 0,
      tariff: this.#value(TARIFF),
      energyIn: this.#registers(IN, IN_TOTAL),
      energyOut: this.#registers(OUT, OUT_TOTAL),
      phases: this.#phases(),
      gas: this.#gas(),
      ...(others.length > 0 ? { others } : {}),
      ...(quarter ? { quarter } : {}),
    }
  }

  /** What the meter calls itself in its header line. */
  get meter(): string {
    const { mem, from, headerTo } = this.#telegram
    let name = ''
    for (let i = from + 1; i < headerTo && name.length < 64; i++) name += String.fromCharCode(mem[i]! & 0x7f)
    return name
  }

  #value(at: number): number | null {
    const value = this.#reading.value(at)
    return Number.isNaN(value) ? null : value
  }

  #registers(tariffs: readonly number[], total: number): number[] {
    const values = tariffs.map((at) => this.#value(at)).filter((v) => v !== null)
    const sum = this.#value(total)
    return values.length > 0 || sum === null ? values : [sum]
  }

  #phases(): PagePhase[] {
    const out: PagePhase[] = []
    for (const [powerIn, powerOut, voltage, current] of PHASES) {
      const phase = {
        powerInW: this.#value(powerIn!),
        powerOutW: this.#value(powerOut!),
        voltage: this.#value(voltage!),
        current: this.#value(current!),
      }
      if (phase.powerInW !== null || phase.voltage !== null || phase.current !== null) out.push(phase)
    }
    return out
  }

  #gas(): PageReading['gas'] {
    const gas = this.#reading.newest(MBUS_GAS)
    const m3 = gas && digitsOf(gas)
    return gas && m3 !== null ? { at: gas.time[UTC_MS]!, m3 } : null
  }

  #others(): PageOther[] {
    const out: PageOther[] = []
    for (const [type, kind] of OTHERS) {
      const channel = this.#reading.newest(type)
      const value = channel && amountOf(channel)
      if (channel && value) out.push({ kind, at: channel.time[UTC_MS]!, ...value })
    }
    return out
  }

  #quarter(): PageQuarter | null {
    const nowW = this.#value(QUARTER)
    if (nowW === null) return null
    const at = this.#reading.monthPeakTime[UTC_MS]!
    return { nowW, peakW: this.#value(PEAK), peakAt: Number.isNaN(at) ? null : at }
  }
}

/** Volume in the meter's own digits, heat in GJ or kWh (a reading holds J and Wh); null for other units. */
function amountOf(channel: Channel): Pick<PageOther, 'value' | 'unit'> | null {
  const digits = digitsOf(channel)
  const unit = channel.value[UNIT]
  if (digits === null) return null
  if (unit === UNIT_M3) return { value: digits, unit: 'm3' }
  if (unit === UNIT_J) return { value: (Number(digits) / 1e9).toFixed(3), unit: 'GJ' }
  return unit === UNIT_WH ? { value: (Number(digits) / 1e3).toFixed(3), unit: 'kWh' } : null
}

/** The digits of an M-Bus meter as it wrote them, or null where it wrote none. */
function digitsOf(channel: Channel): string | null {
  const mantissa = channel.value[MANTISSA]!
  if (Number.isNaN(mantissa)) return null
  const decimals = channel.value[DECIMALS]!
  const digits = String(mantissa).padStart(decimals + 1, '0')
  return decimals === 0 ? digits : `${digits.slice(0, -decimals)}.${digits.slice(-decimals)}`
}
