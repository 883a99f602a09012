// Each of the three is killed without warning and started again in the middle of a life, by the script's
// steps `kill` and `start`. The others carry on; whoever was away gets every frame that was sealed
// meanwhile; nothing that was acknowledged is forgotten; no key seals two frames.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { readRing } from './reader.ts'
import { folder, type Line, needWattle, type Running, wattle } from './wattle.ts'

needWattle()

type Step = Record<string, unknown>

const OPEN: readonly Step[] = [
  { do: 'press' },
  { do: 'expect', who: 'device', event: 'window', open: true, within: 5_000 },
  { do: 'claim' },
]
const expects = (who: string, event: string, count: number, more: Step = {}): Step => ({
  ...{ do: 'expect', who, event, count, within: 10_000 + 1_500 * count },
  ...more,
})
const reads = (who: string, count: number, more: Step = {}): Step =>
  expects(who, who === 'home' || who === 'device' ? 'telegram' : 'reading', count, more)
const kill = (who: string): Step => ({ do: 'kill', who })
const start = (who: string): Step => ({ do: 'start', who })
/** Long enough for what was just sealed to be written, short enough for no further telegram. */
const settle: Step = { do: 'wait', ms: 300 }

interface Life {
  run: Running
  state: string
}

function live(t: Test, steps: readonly Step[]): Life {
  const state = folder(t)
  const script = join(folder(t), 'script.ndjson')
  writeFileSync(script, steps.map((s) => JSON.stringify(s)).join('\n'))
  const args = ['run', '--headless', '--script', script, '--state', state, '--page', '127.0.0.1:0']
  return { run: wattle(t, args), state }
}

async function end(t: Test, { run }: Life): Promise<void> {
  await run.until(() => run.over, 50_000)
  t.equal(await run.ended, 0, run.words)
  t.same(
    run.lines.filter((l) => l.who === 'script' && l.event === 'failed'),
    [],
    'every step came to what was expected',
  )
  t.notOk(run.leftBehind, 'no process is left')
}

const at = (line: Line): number => Number(line['at'])

/** Telegrams that the device sent from the reader's first to its last and the reader never got. */
function missing(run: Running, who: string): number[] {
  const got = run.all(who, who === 'home' ? 'telegram' : 'reading')
  const times = new Set(got.map(at))
  const [first, last] = [Math.min(...times), Math.max(...times)]
  return run
    .all('device', 'telegram')
    .map(at)
    .filter((time) => time >= first && time <= last && !times.has(time))
}

/** What came in the order of the channel: a place never goes back but by what a saved place repeats. */
function noKeyTwice(t: Test, life: Life): void {
  const frames = readRing(join(life.state, 'device', 'frames-raw.ring'))
  const nonces = new Map<number, string>()
  const epochs = new Map<string, number>()
  const places = new Set<string>()
  for (const { epoch, index, nonce } of frames) {
    const place = `${epoch}/${index}`
    if ((nonces.get(epoch) ?? nonce) !== nonce || (epochs.get(nonce) ?? epoch) !== epoch)
      t.fail(`epoch ${epoch} has two nonces, or its nonce two epochs`)
    if (places.has(place)) t.fail(`two frames at ${place}`)
    nonces.set(epoch, nonce)
    epochs.set(nonce, epoch)
    places.add(place)
  }
  const starts = life.run.all('device', 'ready').length
  t.ok(nonces.size >= starts, `${nonces.size} epochs, ${frames.length} frames, ${starts} starts`)
  const order = frames.map((f) => f.epoch)
  t.same(
    order,
    order.toSorted((a, b) => a - b),
    'epochs only grow',
  )
}

const readersAway: readonly Step[] = [
  ...OPEN,
  reads('home', 1),
  { do: 'grant', to: 'provider1' },
  reads('provider1', 2),
  kill('home'),
  reads('provider1', 3, { new: true }),
  settle,
  start('home'),
  reads('home', 5),
  kill('provider1'),
  reads('home', 3, { new: true }),
  start('provider1'),
  reads('provider1', 4),
  reads('provider1', 1, { new: true }),
]

/** Each decision is acknowledged, and the device is killed at that very moment. */
const deviceDies: readonly Step[] = [
  ...OPEN,
  kill('device'),
  kill('home'),
  start('device'),
  start('home'),
  reads('home', 2),
  { do: 'grant', to: 'provider1' },
  kill('device'),
  start('device'),
  reads('provider1', 2),
  settle,
  kill('device'),
  start('device'),
  reads('provider1', 2),
  { do: 'revoke', from: 'provider1' },
  kill('device'),
  start('device'),
  reads('home', 2),
  reads('provider1', 0, { none: true, new: true, within: 1_500 }),
]

t.test('kill and restart, in two lives side by side', async (t) => {
  const [away, dying] = [live(t, readersAway), live(t, deviceDies)]

  t.test('readers are killed and come back', async (t) => {
    await end(t, away)
    const { run } = away
    t.same(missing(run, 'home'), [], 'the owner ends up with every telegram')
    t.same(missing(run, 'provider1'), [], 'and so does the provider')
    for (const who of ['home', 'provider1']) t.same(run.all(who, 'gap'), [], `no gap at ${who}`)
    t.equal(run.all('device', 'ready').length, 1, 'the device noticed nothing')
    t.equal(run.all('home', 'ready').length, 2)
    t.equal(run.all('provider1', 'ready').length, 2)
    const back = run.lines.findLastIndex((l) => l.who === 'home' && l.event === 'ready')
    t.same(
      run.lines.slice(back).filter((l) => l.event === 'claimed' || l.event === 'authorized'),
      [],
      'nobody had to decide anything again',
    )
    noKeyTwice(t, away)
  })

  t.test('the device is killed at each acknowledgement', async (t) => {
    await end(t, dying)
    const { run } = dying
    t.same(
      run.all('device', 'ready').map((l) => l['claimed']),
      [false, true, true, true, true],
      'a claim that was acknowledged stands',
    )
    t.equal(new Set(run.all('device', 'ready').map((l) => l['name'])).size, 1, 'under one name')
    t.same(missing(run, 'home'), [], 'the owner has every telegram that was sealed')
    t.same(run.all('home', 'gap'), [])
    t.same(run.all('home', 'reject'), [])
    const revoked = run.lines.find((l) => l.event === 'result' && l['do'] === 'revoke')!
    t.same(
      run.all('provider1', 'reading').filter((l) => l.t > revoked.t + 50),
      [],
      'a revocation that was acknowledged stands',
    )
    t.equal(run.all('device', 'authorized').length, 1, 'a consent that was acknowledged stands')
    noKeyTwice(t, dying)
  })
})
