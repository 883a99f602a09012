// The table in docs/decisions/0003-frame.md, measured anew: how many frames a telegram takes at each
// frame size, for the meters of the simulator and for the corpus of real telegrams.

import { readFileSync } from 'node:fs'
import t from 'tap'
import { LIMITS } from '../../src/base/limits.ts'
import { simMeter } from '../../src/hw/sim/meter.ts'
import type { TemplateName } from '../../src/hw/sim/meter-templates.ts'
import { packKey } from '../../src/p1/pack.ts'
import { TelegramPacker } from '../../src/p1/sequence.ts'
import { body, bytesOf, corpus } from '../p1/corpus.ts'

const SIZES = [192, 224, 256, 320]
/** Header 48, tag 16, signature 64, and the byte that counts. */
const OVERHEAD = 129
const TELEGRAMS = 600
const START = Date.UTC(2026, 10, 20, 10, 0, 0)
/** DSMR 5, and Belgium since 2019, send every second; the others every ten. */
const EVERY: Record<TemplateName, number> = { nl50: 1, be: 1, lu: 10, nl42: 10, se: 10, nl22: 10 }

function row(name: string, sizes: number[], raw: number): string {
  const frames = SIZES.map((size) => sizes.reduce((n, b) => n + Math.ceil(b / (size - OVERHEAD)), 0))
  const bytes = SIZES.map((size, i) => Math.round((frames[i]! * size) / sizes.length))
  const cells = SIZES.map((_, i) => `${(frames[i]! / sizes.length).toFixed(2)} (${bytes[i]})`)
  return `| ${name} | ${Math.round(raw / sizes.length)} | ${cells.join(' | ')} |`
}

function live(name: TemplateName): string {
  const meter = simMeter(name, 1)
  const packer = new TelegramPacker()
  const sizes: number[] = []
  let raw = 0
  for (let i = 0; i < TELEGRAMS; i++) {
    const at = START + i * 1_000 * EVERY[name]
    const text = new TextDecoder('latin1').decode(meter.telegramAt(at))
    const telegram = bytesOf(text.replace(/(![0-9A-F]*)\r\n$/, '$1'))
    sizes.push(packer.pack(telegram, at).length)
    raw += telegram.length
  }
  return row(`simulated ${name}, each ${EVERY[name]} s`, sizes, raw)
}

function whole(): string {
  const out = new Uint8Array(LIMITS.p1.packedBytes)
  const texts = corpus.map((sample) => bytesOf(body(sample.good)))
  const sizes = texts.map((telegram) => 7 + packKey(telegram, out))
  return row(
    'corpus, each telegram whole',
    sizes,
    texts.reduce((n, x) => n + x.length, 0),
  )
}

t.test('the table of decision 0003 is what is measured', async (t) => {
  const rows = [...(Object.keys(EVERY) as TemplateName[]).map(live), whole()]
  const text = readFileSync('docs/decisions/0003-frame.md', 'utf8')
  for (const line of rows) t.ok(text.includes(line), `expected the row ${line}`)
})
