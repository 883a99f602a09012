// The simulated smart meter: takes a real telegram as its form and fills in clock, powers, counters and
// CRC for any moment. A plain machine: `telegramAt(wallMs)` gives the bytes that the meter would
// send then; who sends them on what is somebody else's business. Counters go on from call to
// call, so the moments asked for should not go back (a jump back only sets the clock).

import type { Bytes } from '../../base/bytes.ts'
import { utf8 } from '../../base/bytes.ts'
import { crc16 } from '../../p1/frame/crc.ts'
import { KEY } from '../../p1/obis.ts'
import { obis, Telegram } from '../../p1/telegram.ts'
import { chance, gasPerHour, isSummer, loadsW, sunW } from './meter-house.ts'
import { TEMPLATES, type TemplateName } from './meter-templates.ts'

const QUARTER_MS = 900_000
const HOUR_MS = 3_600_000
/** Counters are integrated in steps of at most this, over at most a month. */
const STEP_MS = 60_000
const FAR_MS = 31 * 24 * HOUR_MS

const PHASES: readonly number[] = [0, 1, 2]

export class SimMeter {
  readonly #seed: number
  readonly #bytes: Bytes
  readonly #telegram: Telegram
  readonly #hasCrc: boolean
  /** Sweden and the like stay on normal time. */
  readonly #summerTime: boolean
  readonly #belgian: boolean
  /** Gas is read every five minutes from DSMR 5 on, every hour before. */
  readonly #gasEveryMs: number
  readonly #loads: Float64Array
  /** Net power of each phase, W: above zero from the grid. */
  readonly #net: Float64Array
  /** Counters by register, in Wh: in and out, total and tariffs 1 and 2. */
  readonly #energy: Map<number, number>
  #last: number
  #gas: number
  #gasShown: number
  #gasAt: number
  #quarterWh: number
  #peakW: number
  #peakAt: number
  #peakMonth: number

  /** @param template a telegram up to its "!", with CR LF or LF. */
  constructor(template: string, seed: number) {
    const form = template.replaceAll('\r\n', '\n').replaceAll('\n', '\r\n')
    this.#seed = seed
    this.#bytes = utf8(form)
    this.#telegram = new Telegram()
    this.#telegram.read(this.#bytes, 0, this.#bytes.length)
    this.#hasCrc = this.#telegram.find(0, KEY.time) >= 0
    this.#summerTime = !form.startsWith('/KAM')
    this.#belgian = this.#telegram.find(0, KEY.versionBe) >= 0
    this.#gasEveryMs = form.includes('1-3:0.2.8(50)') || this.#belgian ? 300_000 : HOUR_MS
    this.#loads = new Float64Array(3)
    this.#net = new Float64Array(3)
    this.#energy = new Map()
    for (const c of [1, 2])
      for (const e of [0, 1, 2]) this.#energy.set(obis(c, 8, e), this.#number(0x100, obis(c, 8, e), 0) * 1000)
    this.#last = Number.NaN
    this.#gas = this.#number(1, this.#gasKey(), -1)
    this.#gasShown = this.#gas
    this.#gasAt = Number.NaN
    this.#quarterWh = 0
    this.#peakW = 0
    this.#peakAt = Number.NaN
    this.#peakMonth = -1
  }

  /** The whole transmission, CR LF at its end included, in memory of its own. */
  telegramAt(wallMs: number): Bytes {
    const now = Math.floor(wallMs / 1000) * 1000
    this.#advance(now)
    this.#fill(now)
    const body = this.#bytes
    const n = body.length
    const out = new Uint8Array(n + (this.#hasCrc ? 6 : 2))
    out.set(body)
    if (this.#hasCrc) out.set(utf8(crc16(body, 0, n).toString(16).toUpperCase().padStart(4, '0')), n)
    out.set([13, 10], out.length - 2)
    return out
  }

  #offset(at: number): number {
    return this.#summerTime && isSummer(at) ? 2 * HOUR_MS : HOUR_MS
  }

  /** Counters from the last moment to this one. */
  #advance(now: number): void {
    const gap = now - this.#last
    let at = gap > 0 && gap <= FAR_MS ? this.#last : now
    this.#measure(at)
    while (at < now) {
      // A step never crosses a quarter of an hour, nor the next reading of gas.
      const step = Math.min(STEP_MS - (at % STEP_MS), now - at)
      const net = this.#net[0]! + this.#net[1]! + this.#net[2]!
      const wh = (Math.abs(net) * step) / HOUR_MS
      const c = net >= 0 ? 1 : 2
      for (const e of [0, this.#tariff(at)]) {
        const key = obis(c, 8, e)
        this.#energy.set(key, this.#energy.get(key)! + wh)
      }
      if (net > 0) this.#quarterWh += wh
      this.#gas += (gasPerHour(this.#seed, at, this.#offset(at)) * step) / HOUR_MS
      at += step
      if (at % QUARTER_MS === 0) this.#endQuarter(at)
      if (at % this.#gasEveryMs === 0) this.#readGas(at)
      this.#measure(at)
    }
    if (Number.isNaN(this.#gasAt)) this.#readGas(Math.floor(now / this.#gasEveryMs) * this.#gasEveryMs)
    this.#last = now
  }

  #measure(at: number): void {
    const offset = this.#offset(at)
    loadsW(this.#seed, at, offset, this.#loads)
    const sun = sunW(this.#seed, at, offset)
    for (const p of PHASES) this.#net[p] = Math.round(this.#loads[p]! - (p === 1 ? sun : 0))
  }

  #readGas(at: number): void {
    this.#gasAt = at
    this.#gasShown = this.#gas
  }

  /** The month's peak is the highest mean of a quarter of an hour (eMUCs P1). */
  #endQuarter(at: number): void {
    const month = new Date(at - 1 + this.#offset(at)).getUTCMonth()
    const mean = this.#quarterWh * 4
    this.#quarterWh = 0
    if (month === this.#peakMonth && mean <= this.#peakW) return
    this.#peakMonth = month
    this.#peakW = mean
    this.#peakAt = at
  }

  /** NL: 1 is low, nights and week-ends; BE: 1 is the day. */
  #tariff(at: number): 1 | 2 {
    const local = new Date(at + this.#offset(at))
    const hour = local.getUTCHours()
    const low = local.getUTCDay() % 6 === 0 || hour < 7 || hour >= (this.#belgian ? 22 : 23)
    return low === this.#belgian ? 2 : 1
  }

  #fill(now: number): void {
    this.#writeTime(0, KEY.time, now)
    const net = this.#net[0]! + this.#net[1]! + this.#net[2]!
    this.#write(obis(1, 7, 0), Math.max(0, net))
    this.#write(obis(2, 7, 0), Math.max(0, -net))
    for (const p of PHASES) {
      const watts = this.#net[p]!
      const volts = 229 + p + 4 * chance(this.#seed, 50 + p, Math.floor(now / 10_000)) - watts / 1_500
      this.#write(obis(21 + 20 * p, 7, 0), Math.max(0, watts))
      this.#write(obis(22 + 20 * p, 7, 0), Math.max(0, -watts))
      this.#write(obis(32 + 20 * p, 7, 0), volts)
      this.#write(obis(31 + 20 * p, 7, 0), Math.abs(watts) / volts)
      this.#write(obis(23 + 20 * p, 7, 0), 0.2 * this.#loads[p]!)
    }
    this.#write(obis(3, 7, 0), 0.2 * (this.#loads[0]! + this.#loads[1]! + this.#loads[2]!))
    for (const [key, wh] of this.#energy) this.#write(key, wh)
    this.#write(obis(1, 4, 0), this.#quarterWh * 4)
    if (!Number.isNaN(this.#peakAt)) {
      this.#writeTime(0x100, KEY.monthPeak, this.#peakAt)
      this.#write(KEY.monthPeak, this.#peakW, 1)
    }
    this.#writeAt(this.#telegram.find(0, obis(96, 14, 0)), 0, this.#tariff(now))
    const gas = this.#telegram.find(1, this.#gasKey())
    this.#writeTime(1, this.#gasKey(), this.#gasAt)
    this.#writeAt(gas, -1, this.#gasShown)
  }

  #gasKey(): number {
    for (const key of [KEY.mbusValue, KEY.mbusValueBe, KEY.mbusValueV3])
      if (this.#telegram.find(1, key) >= 0) return key
    return KEY.mbusValue
  }

  #write(key: number, value: number, group = 0): void {
    this.#writeAt(this.#telegram.find(0x100, key), group, value)
  }

  /** Content of a group of object `i`: from and to; a negative `group` counts from the object's last. */
  #place(i: number, group: number): [number, number] {
    const t = this.#telegram
    const g = group < 0 ? t.first[i + 1]! + group : t.first[i]! + group
    return [t.groupFrom[g]!, t.groupTo[g]!]
  }

  /** `value` in W, Wh, V, A, m3 into the digits that are there, in the unit that is there. */
  #writeAt(i: number, group: number, value: number): void {
    if (i < 0) return
    const b = this.#bytes
    const [from, to] = this.#place(i, group)
    let end = from
    while (end < to && b[end] !== 42) end++
    const point = b.subarray(from, end).indexOf(46)
    const decimals = point < 0 ? 0 : end - from - point - 1
    const thousands = b[end + 1] === 107 ? 3 : 0
    let left = Math.floor(value * 10 ** (decimals - thousands) + 1e-6)
    for (let at = end - 1; at >= from; at--) {
      if (b[at] === 46) continue
      b[at] = 48 + (left % 10)
      left = Math.floor(left / 10)
    }
  }

  #number(medium: number, key: number, group: number): number {
    const i = this.#telegram.find(medium, key)
    if (i < 0) return 0
    const [from, to] = this.#place(i, group)
    return Number.parseFloat(String.fromCharCode(...this.#bytes.subarray(from, to)))
  }

  /** Local time with its letter, or the 12 digits of old meters, as the form has it. */
  #writeTime(medium: number, key: number, ms: number): void {
    const i = this.#telegram.find(medium, key)
    if (i < 0) return
    const [from, to] = this.#place(i, 0)
    const local = new Date(ms + this.#offset(ms)).toISOString().replaceAll(/[-T:]/g, '').slice(2, 14)
    const letter = this.#summerTime && isSummer(ms) ? 'S' : 'W'
    this.#bytes.set(utf8(to - from === 13 ? local + letter : local), from)
  }
}

/** A meter after one of the built-in telegrams. */
export function simMeter(name: TemplateName, seed: number): SimMeter {
  return new SimMeter(TEMPLATES[name], seed)
}
