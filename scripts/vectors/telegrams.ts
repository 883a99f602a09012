// The cases of docs/vectors/telegrams.json and summaries.json: real telegrams packed as a device packs
// them, through joins, losses and new epochs; and what a day of them adds up to.

import { readdirSync, readFileSync } from 'node:fs'
import { type Bytes, hex } from '../../src/base/bytes.ts'
import { Aggregator, readSummary } from '../../src/p1/aggregate.ts'
import { crc16 } from '../../src/p1/frame/crc.ts'
import { Reading } from '../../src/p1/reading.ts'
import { TelegramPacker, TelegramUnpacker } from '../../src/p1/sequence.ts'
import { Telegram } from '../../src/p1/telegram.ts'
import { AT } from './world.ts'

const DIR = 'test/p1/telegrams'
const bytesOf = (text: string): Bytes => new Uint8Array(Buffer.from(text, 'latin1'))
const latin = (bytes: Bytes): string => Buffer.from(bytes).toString('latin1')

interface Step {
  in: 'state' | 'payload' | 'lost'
  bytes?: string
  /** The meter's own bytes (latin-1), or null where they cannot be recovered. */
  telegram?: string | null
  when?: number
}

/** Real telegrams from "/" to their last CRC digit. */
function meters(): { name: string; text: string }[] {
  return readdirSync(DIR)
    .filter((file) => file.endsWith('.p1'))
    .sort()
    .map((file) => {
      const text = latin(new Uint8Array(readFileSync(`${DIR}/${file}`)))
      const from = text.indexOf('/')
      const end = /![0-9A-F]{0,4}/.exec(text.slice(from))
      return {
        name: file.slice(0, -3),
        text: text.slice(from, end ? from + end.index + end[0].length : undefined),
      }
    })
}

/** The same meter so many seconds later: another time, another power, the right CRC. */
function later(text: string, seconds: number): string {
  const end = text.lastIndexOf('!') + 1 || text.length
  const moved = text
    .slice(0, end)
    .replace(
      /(0-0:1\.0\.0\(\d{8})\d{4}/,
      (_, head: string) => head + String(1_000 + seconds).padStart(4, '0'),
    )
    .replace(/(1-0:1\.7\.0\(\d+\.)\d{2}/, (_, head: string) => head + String(10 + ((seconds * 7) % 90)))
  const crc = crc16(bytesOf(moved), 0, moved.length).toString(16).toUpperCase().padStart(4, '0')
  return text.length === end + 4 ? moved + crc : moved
}

/** A sequence as its sender packs it and a reader that is there from the beginning unpacks it. */
class Sequence {
  readonly steps: Step[] = []
  readonly packer = new TelegramPacker()
  readonly #reader = new TelegramUnpacker()
  #at = AT

  payload(text: string, arrives = true): void {
    const bytes = this.packer.pack(bytesOf(text), this.#at)
    this.#at += 1_000
    if (arrives) this.take(bytes)
    else this.lost()
  }

  take(bytes: Bytes): void {
    const got = this.#reader.unpack(bytes)
    const telegram = got && latin(got)
    this.steps.push({
      in: 'payload',
      bytes: hex(bytes),
      telegram,
      ...(got ? { when: this.#reader.wall } : {}),
    })
  }

  lost(): void {
    this.#reader.lost()
    this.steps.push({ in: 'lost' })
  }

  state(bytes: Bytes): void {
    const got = this.#reader.join(bytes)
    this.steps.push({ in: 'state', bytes: hex(bytes), telegram: got && latin(got) })
  }
}

export function telegramCases(): { name: string; steps: Step[] }[] {
  const all = meters()
  const whole = all.map(({ name, text }) => {
    const s = new Sequence()
    for (let i = 0; i < 3; i++) s.payload(i === 0 ? text : later(text, i))
    const back = s.steps.map((step) => step.telegram)
    if (back[0] !== text || back[2] !== later(text, 2)) throw new Error(`${name} does not come back`)
    return { name, steps: s.steps }
  })
  const { text } = all.find((m) => m.name.startsWith('v5.0'))!

  const minute = new Sequence()
  for (let i = 0; i < 62; i++) minute.payload(later(text, i))

  const joins = new Sequence()
  for (let i = 0; i < 3; i++) joins.payload(later(text, i))
  joins.packer.join()
  for (let i = 3; i < 6; i++) joins.payload(later(text, i))

  const joiner = new Sequence()
  for (let i = 0; i < 3; i++) joiner.packer.pack(bytesOf(later(text, i)), AT)
  joiner.state(joiner.packer.join())
  for (let i = 3; i < 6; i++) joiner.payload(later(text, i))

  const losses = new Sequence()
  losses.payload(later(text, 0))
  losses.payload(later(text, 1), false)
  losses.payload(later(text, 2))
  losses.packer.join()
  losses.lost()
  losses.payload(later(text, 3))
  losses.payload(later(text, 4))
  losses.packer.restart()
  losses.payload(later(text, 5))

  const bad = new Sequence()
  bad.payload(later(text, 0))
  const good = bad.packer.pack(bytesOf(later(text, 1)), AT).slice()
  for (const change of [
    (b: Bytes) => b.subarray(0, 6),
    (b: Bytes) => b.subarray(0, 7),
    (b: Bytes) => b.subarray(0, -1),
    (b: Bytes) => new Uint8Array([...b, 0]),
    (b: Bytes) => Uint8Array.from(b, (x, i) => (i === 0 ? 4 : x)),
    (b: Bytes) => Uint8Array.from(b, (x, i) => (i === 7 ? 3 : x)),
    (b: Bytes) => Uint8Array.from(b, (x, i) => (i === 8 ? x ^ 1 : x)),
  ])
    bad.take(change(good))
  bad.take(good)
  const over = new Uint8Array(4_096 + 8)
  over.set([1, 0, 0, 0, 0, 0, 0, 0])
  bad.take(over)
  bad.take(new Uint8Array([...over, 0]))
  const past = new Uint8Array([1, 0, 0, 0, 0, 0, 0, 1, 0x5f, 0xff, 0x3f, 0xf0])
  bad.take(past)

  return [
    ...whole,
    { name: 'a minute and a bit: a whole one after each 59 others', steps: minute.steps },
    { name: 'somebody joins: the others take it as the joiner does', steps: joins.steps },
    { name: 'the joiner: its state, then what follows', steps: joiner.steps },
    { name: 'losses: what rests on nothing is not guessed', steps: losses.steps },
    { name: 'what is no payload', steps: bad.steps },
  ]
}

/** A day of a real meter in steps of a minute, summed up. */
export function summaryCases(): { name: string; class: number; bytes: string; values: unknown }[] {
  const { text } = meters().find((m) => m.name.startsWith('v5.0'))!
  const out: { name: string; class: number; bytes: string; values: unknown }[] = []
  for (const [cls, kind, stepMs] of [
    [1, 1, 10_000],
    [2, 2, 60_000],
  ] as const) {
    const aggregator = new Aggregator(kind)
    const telegram = new Telegram()
    const reading = new Reading()
    const midnight = Date.UTC(2026, 10, 20, 23, 0, 0)
    const until = kind === 1 ? 2 * 900_000 : 86_400_000
    for (let at = 0; at <= until + 2 * stepMs; at += stepMs) {
      const bytes = bytesOf(atTime(text, midnight + at, at / stepMs))
      telegram.read(bytes, 0, bytes.length)
      reading.read(telegram, midnight + at)
      if (!aggregator.add(reading)) continue
      const s = readSummary(aggregator.summary)!
      const values = {
        kind,
        gap: s.gap,
        start: s.startMs / 1_000,
        end: s.endMs / 1_000,
        readings: s.samples,
        energyInAtEndWh: s.energyInWh,
        energyInWh: s.energyInDeltaWh,
        energyOutAtEndWh: s.energyOutWh,
        energyOutWh: s.energyOutDeltaWh,
        gasAtEndDm3: s.gasDm3,
        gasDm3: s.gasDeltaDm3,
        maxPowerInW: s.maxPowerInW,
        maxPowerInAt: s.maxPowerInMs && s.maxPowerInMs / 1_000,
        maxPowerOutW: s.maxPowerOutW,
        maxPowerOutAt: s.maxPowerOutMs && s.maxPowerOutMs / 1_000,
        minVoltageV: s.minVoltageV,
        maxVoltageV: s.maxVoltageV,
      }
      out.push({
        name: `${kind === 1 ? 'quarter' : 'day'} ${out.length + 1}`,
        class: cls,
        bytes: hex(aggregator.summary),
        values,
      })
    }
  }
  if (out.length < 3) throw new Error(`${out.length} summaries`)
  return out
}

function atTime(text: string, utc: number, n: number): string {
  const local = new Date(utc + 3_600_000).toISOString().replace(/[-T:]/g, '').slice(2, 14)
  return text
    .replace(/0-0:1\.0\.0\(\d{12}[SW]/, `0-0:1.0.0(${local}W`)
    .replace(
      /(1-0:1\.7\.0\(\d+\.)\d{3}/,
      (_, head: string) => head + String((n * 37) % 1_000).padStart(3, '0'),
    )
    .replace(
      /(1-0:1\.8\.1\()\d{6}\.\d{3}/,
      (_, head: string) => `${head}004${((n / 1_000) % 1_000).toFixed(3).padStart(7, '0')}`,
    )
}
