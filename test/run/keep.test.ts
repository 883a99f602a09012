// `wattle run --state DIR`: a home that is stopped and started again is the same home.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { folder, needWattle, said } from './wattle.ts'

needWattle()

t.test('a home that is kept finds itself again', async (t) => {
  const home = folder(t)
  const kept = join(home, 'kept')
  const play = (name: string, steps: object[]) => {
    const file = join(home, name)
    writeFileSync(file, steps.map((step) => `${JSON.stringify(step)}\n`).join(''))
    return said(t, ['run', '--headless', '--page', '127.0.0.1:0', '--state', kept, '--script', file])
  }
  const first = await play('first.ndjson', [
    { do: 'press' },
    { do: 'expect', who: 'device', event: 'window' },
    { do: 'claim', wait: 5_000 },
    { do: 'expect', who: 'home', event: 'telegram', count: 2, within: 10_000 },
    { do: 'grant' },
    { do: 'expect', who: 'provider1', event: 'reading', count: 2, within: 10_000 },
  ])
  t.equal(first.code, 0, first.words)
  const second = await play('second.ndjson', [
    { do: 'expect', who: 'home', event: 'telegram', count: 3, within: 20_000 },
    { do: 'expect', who: 'provider1', event: 'reading', new: true, count: 3, within: 20_000 },
    // To its own owner the device only repeats what it said at the claim.
    { do: 'claim' },
    { do: 'expect', who: 'home', event: 'telegram', count: 2, within: 10_000 },
  ])
  t.equal(second.code, 0, second.words)
  const places = second.out.split('\n').flatMap((line) => {
    const e = JSON.parse(line) as { who?: string; event?: string; epoch?: number; index?: number }
    return e.who === 'home' && e.event === 'telegram' ? [`${e.epoch}/${e.index}`] : []
  })
  t.equal(new Set(places).size, places.length, 'and is followed once')
})
