import { readFileSync } from 'node:fs'
import t from 'tap'
import { drawing, ledsPage } from '../../scripts/leds.ts'
import { FAULTS, faultPattern, METER, patternsOf, STATUS } from '../../src/base/lights/leds.ts'
import { METER_WORDS, STATUS_WORDS } from '../../src/base/lights/legend.ts'

t.test('the printed page is the table', async (t) => {
  t.equal(readFileSync('docs/leds.md', 'utf8'), ledsPage(), 'run scripts/leds.ts')
})

t.test('every pattern has words, every fault a pattern, and a name of its own', async (t) => {
  t.same(Object.keys(STATUS_WORDS), Object.keys(STATUS))
  t.same(Object.keys(METER_WORDS), Object.keys(METER))
  for (const [n] of FAULTS) {
    const pattern = STATUS[`fault-${n}` as keyof typeof STATUS]
    t.same(pattern, faultPattern(n))
    t.equal(pattern.times.filter((ms, i) => i % 2 === 0 && ms >= 600).length, n)
  }
  t.equal(Object.keys(STATUS).filter((name) => name.startsWith('fault-')).length, FAULTS.length)
})

t.test('no two lasting STATUS patterns look the same, but those that METER tells apart', async (t) => {
  const seen = new Map<string, string>()
  for (const pattern of patternsOf('status')) {
    const look = `${pattern.times.join()} ${pattern.repeat}`
    const other = seen.get(look)
    if (other !== undefined) t.same([other, pattern.name].sort(), ['paired', 'reset-armed'])
    seen.set(look, pattern.name)
  }
})

t.test('drawings', async (t) => {
  t.equal(drawing(STATUS.booting), '█████·····█████·····…')
  t.same(
    [...drawing(STATUS['fault-8']).matchAll(/█+/g)].map((m) => m[0].length),
    Array(8).fill(6),
  )
  t.equal(drawing(METER.waiting), `${'·'.repeat(20)}…`)
  t.equal(drawing(METER.telegram), '█ once')
  t.ok(patternsOf('status').every((p) => drawing(p).length <= 101 && drawing(p).includes('█')))
})
