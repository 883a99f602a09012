// The whole life of a device on real processes, told by the script of `wattle run --headless`: refused
// without a press, refused with a wrong code, claimed, read by its owner, shared with two providers,
// taken back from one, deleted. The events that it prints must bear out what was promised, and so must
// the files: the provider that was shut out keeps all its keys and the complete traffic.

import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { memoryFolder } from '../../src/hw/linux/files.ts'
import { freshCode, showCode } from '../../src/ownership/label.ts'
import { follow, journalRecords, readRing } from './reader.ts'
import { folder, type Line, needWattle, type Running, wattle } from './wattle.ts'

const LIVE = process.env['WATTLE_FULL'] ? 60 : 4
const CLAIM_MS = 3_000
const GRANT_MS = 2_000
const LATE_MS = 250
/** Record of the device's journal with the two seeds in front (device/state.ts). */
const IDENTITY = 1

needWattle()

const wrongCode = showCode(freshCode((into) => into.fill(9)))

const STEPS = [
  { do: 'claim', expect: 'window-closed' },
  { do: 'press' },
  { do: 'expect', who: 'device', event: 'window', open: true, within: 5_000 },
  { do: 'claim', code: wrongCode, expect: 'wrong-code' },
  { do: 'claim' },
  { do: 'expect', who: 'home', event: 'telegram', count: LIVE, within: LIVE * 1_500 + 10_000 },
  { do: 'grant', to: 'provider1' },
  { do: 'expect', who: 'provider1', event: 'reading', count: 2, within: 10_000 },
  { do: 'grant', to: 'provider2' },
  { do: 'expect', who: 'provider1', event: 'reading', count: 2, within: 10_000 },
  { do: 'revoke', from: 'provider1' },
  { do: 'expect', who: 'provider1', event: 'sealed', count: 8, within: 15_000 },
  { do: 'expect', who: 'provider2', event: 'reading', new: true, count: 4, within: 12_000 },
  { do: 'delete' },
  { do: 'wait', ms: 2_500 },
]
const REVOKE = STEPS.findIndex((s) => s.do === 'revoke') + 1

/** Copies of state as it was at some moment. */
function keep(from: string, to: string): void {
  mkdirSync(to, { recursive: true })
  for (const name of readdirSync(from))
    if (!name.startsWith('.') && !name.endsWith('.sock')) copyFileSync(join(from, name), join(to, name))
}

const at = (line: Line): number => Number(line['at'])
const place = (line: Line): string => `${String(line['epoch'])}/${String(line['index'])}`
const step = (run: Running, what: string, nth = 0): Line =>
  run.lines.filter(
    (l) => l.who === 'script' && l.event === 'step' && (l['step'] as { do: string }).do === what,
  )[nth]!

/** Nothing between the first and the last that the meter sent is missing. */
function hole(got: Line[], sent: Line[]): number[] {
  const times = new Set(got.map(at))
  return sent
    .map(at)
    .filter((time) => time >= at(got[0]!) && time <= at(got.at(-1)!))
    .filter((time) => !times.has(time))
}

t.test('the life of a device on real processes', async (t) => {
  const state = folder(t)
  const kept = folder(t)
  const script = join(kept, 'life.ndjson')
  writeFileSync(script, STEPS.map((s) => JSON.stringify(s)).join('\n'))
  const run = wattle(t, [
    ...['run', '--headless', '--script', script, '--providers', '2'],
    ...['--state', state, '--page', '127.0.0.1:0'],
  ])
  // The keys of the provider while it may read, and everything there is after it no longer may.
  await run.until(() => run.lines.some((l) => l.event === 'step' && l['n'] === REVOKE), 120_000)
  keep(join(state, 'provider1'), join(kept, 'before'))
  await run.until(() => run.all('provider1', 'sealed').length >= 7)
  keep(join(state, 'provider1'), join(kept, 'after'))
  keep(join(state, 'device'), join(kept, 'device'))
  const memory = memoryFolder(join(state, 'device'))
  if (existsSync(memory)) keep(memory, join(kept, 'device'))
  t.ok(await run.until(() => run.over, 30_000), 'it comes to its end')
  t.equal(await run.ended, 0, run.words)
  const failed = run.lines.filter((l) => l.who === 'script' && l.event === 'failed')
  t.same(failed, [], 'every step came to what was expected')

  const sent = run.all('device', 'telegram')
  const home = run.all('home', 'telegram')
  const first = run.all('provider1', 'reading')
  const second = run.all('provider2', 'reading')
  const [claimed, revoked, deleted] = ['claimed', 'revoked', 'deleted'].map(
    (event) => run.all('device', event)[0]!,
  ) as [Line, Line, Line]
  const [granted1, granted2] = run.all('device', 'authorized') as [Line, Line]
  const claims = run.lines.filter((l) => l.event === 'result' && l['do'] === 'claim')
  t.same(
    claims.map((l) => l['result']),
    ['window-closed', 'wrong-code', 'ok'],
  )

  t.test('who read what', async (t) => {
    t.ok(home.length >= LIVE, `${home.length} telegrams at the owner`)
    const owed = sent.filter((l) => l.t > claimed.t && l.t < deleted.t).map(at)
    t.same(home.map(at), owed, 'the owner has every telegram between claim and deletion, once and in order')
    const before = new Set(sent.filter((l) => l.t <= granted1.t).map(at))
    t.ok(first.length >= 4)
    t.same(
      first.filter((l) => before.has(at(l))),
      [],
      'the first provider opened nothing from before its grant',
    )
    t.same(hole(first, sent), [], 'and everything from then on')
    const revokedEpoch = Number(revoked['epoch'])
    t.same(
      first.filter((l) => Number(l['epoch']) >= revokedEpoch),
      [],
      'nothing under the keys of after the revocation',
    )
    const after = sent.filter((l) => l.t > revoked.t).map(at)
    t.ok(after.length > 2)
    t.equal(first.at(-1)!.t < after[0]!, true)
    t.same(
      first.filter((l) => after.includes(at(l))),
      [],
      'and no telegram of after it',
    )
    const sealed = new Set(run.all('provider1', 'sealed').map(place))
    const later = home.filter((l) => Number(l['epoch']) >= revokedEpoch)
    t.ok(later.length >= 3)
    t.same(
      later.map(place).filter((p) => !sealed.has(p)),
      [],
      'it received every one of those frames and could not open it',
    )
    t.same(hole(second, sent), [], 'the second provider lost none')
    t.same(
      second.map(at),
      home.map(at).filter((time) => time >= at(second[0]!)),
      'and reads what the owner reads',
    )
    t.notOk(second.some((l) => l.t < granted2.t))
    for (const who of ['home', 'provider1', 'provider2'])
      t.same(run.all(who, 'gap'), [], `${who} speaks of no gap`)
    t.same(run.all('home', 'reject'), [])
    const places = [...home.map(place)]
    t.equal(new Set(places).size, places.length, 'no place twice')
  })

  t.test('what the keys open', async (t) => {
    const frames = readRing(join(kept, 'device', 'frames-raw.ring'))
    const revokedEpoch = Number(revoked['epoch'])
    t.ok(frames.some((f) => f.epoch === revokedEpoch))
    for (const dir of ['before', 'after']) {
      const got = await follow(join(kept, dir), join(kept, 'device'))
      t.equal(got.frames, frames.length, `${got.frames} frames, the complete traffic`)
      t.same(
        got.opened.filter((p) => p.epoch >= revokedEpoch),
        [],
        `keys of ${dir} the revocation open nothing behind it`,
      )
      if (dir === 'after') continue
      t.ok(got.hadKey, 'it had a key')
      t.ok(got.closed.filter((p) => p.epoch >= revokedEpoch).length >= 3, 'and these frames were genuine')
    }
  })

  t.test('what is left after the deletion', async (t) => {
    const seeds: Buffer[] = []
    for (const { type, payload } of journalRecords(join(kept, 'device', 'device.journal')))
      if (type === IDENTITY) seeds.push(payload.subarray(0, 32), payload.subarray(32, 64))
    t.equal(seeds.length, 2, 'it had an identity')
    const left = readdirSync(join(state, 'device'))
    t.notOk(
      left.some((name) => name.endsWith('.ring')),
      'no frames',
    )
    for (const name of left) {
      const bytes = readFileSync(join(state, 'device', name))
      t.notOk(
        seeds.some((seed) => bytes.includes(seed)),
        `${name} holds no key of the old identity`,
      )
    }
    const late = (l: Line): boolean => l.t > deleted.t + 250
    t.same([...home, ...first, ...second].filter(late), [], 'nobody reads anything more')
    t.ok(sent.filter(late).length >= 2, 'though the meter goes on')
    t.ok(
      run.all('provider2', 'access').some((l) => l['access'] === 'ended'),
      'the second provider was told that access has ended',
    )
    t.match(run.all('device', 'listening').at(-1), { claimed: false })
  })

  t.test('how long it took', async (t) => {
    const press = step(run, 'press')
    const claim = claimed.t - press.t
    t.comment(`claimed ${claim} ms after the press, a wrong code in between`)
    t.ok(claim <= CLAIM_MS, `${claim} ms`)
    for (const [who, n, got] of [
      ['provider1', 0, first],
      ['provider2', 1, second],
    ] as const) {
      const asked = step(run, 'grant', n)
      const ms = got[0]!.t - asked.t
      t.comment(`${who}: ${ms} ms from the grant to the first opened frame`)
      t.ok(ms <= GRANT_MS, `${ms} ms`)
    }
    const late = home.map((l) => Number(l['late'])).sort((a, b) => a - b)
    const p95 = late[Math.floor(late.length * 0.95)]!
    t.comment(`telegram to My Home: median ${late[late.length >> 1]} ms, 95 % within ${p95} ms`)
    t.ok(p95 <= LATE_MS, `${p95} ms`)
  })

  t.notOk(run.leftBehind, 'no process is left')
  t.ok(existsSync(state), 'a state folder that was given is kept')
})
