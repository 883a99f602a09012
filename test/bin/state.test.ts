// State that cannot be used: damaged, half written, unreadable, open to others, or another process's.
// Whoever finds it says so and leaves every byte as it was (exit 3: a restart would not help); what a
// power cut may leave behind, an unfinished tail, is no damage.

import {
  chmodSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { folder, needWattle, type Running, said, wattle } from '../run/wattle.ts'

needWattle()

type Party = 'device' | 'home' | 'provider1'
type Damage = (path: string) => void

const LIFE = [
  { do: 'press' },
  { do: 'expect', who: 'device', event: 'window', open: true, within: 5_000 },
  { do: 'claim' },
  { do: 'expect', who: 'home', event: 'telegram', count: 1, within: 10_000 },
  { do: 'grant', to: 'provider1' },
  { do: 'expect', who: 'provider1', event: 'reading', count: 1, within: 10_000 },
]

/** The state of a house that has lived for a few seconds and was stopped. */
async function livedIn(t: Test): Promise<string> {
  const state = folder(t)
  const script = join(folder(t), 'life.ndjson')
  writeFileSync(script, LIFE.map((s) => JSON.stringify(s)).join('\n'))
  const args = ['run', '--headless', '--script', script, '--state', state, '--page', '127.0.0.1:0']
  const result = await said(t, args)
  if (result.code !== 0) throw new Error(result.words)
  return state
}

function command(party: Party, state: string): string[] {
  switch (party) {
    case 'device':
      return ['device', '--serial', 'sim', '--listen', '127.0.0.1:0', '--state', state]
    case 'home':
      return ['home', 'serve', '--listen', '127.0.0.1:0', '--state', state]
    case 'provider1':
      return [
        ...['provider', 'follow', '--listen', '127.0.0.1:0', '--page', '127.0.0.1:0'],
        ...['--state', state],
      ]
  }
}

/** Every file and its bytes; names with a dot (the lock) are nobody's state. */
function bytesOf(state: string): Record<string, string> {
  const files: Record<string, string> = {}
  for (const name of readdirSync(state).filter((n) => !n.startsWith('.') && !n.endsWith('.sock')))
    files[name] = statSync(join(state, name)).isDirectory()
      ? 'a folder'
      : readFileSync(join(state, name)).toString('hex')
  return files
}

const half: Damage = (path) => truncateSync(path, statSync(path).size >> 1)
const empty: Damage = (path) => truncateSync(path, 0)
const noise: Damage = (path) => writeFileSync(path, randomish(statSync(path).size || 100))
/** One bit, at this share of the file. */
const flip =
  (share: number): Damage =>
  (path) => {
    const bytes = readFileSync(path)
    bytes[Math.floor(bytes.length * share)]! ^= 0x10
    writeFileSync(path, bytes)
  }

function randomish(n: number): Buffer {
  const bytes = Buffer.alloc(n)
  let x = 12_345
  for (let i = 0; i < n; i++) {
    x = (Math.imul(x, 1_103_515_245) + 12_345) >>> 0
    bytes[i] = x >>> 16
  }
  return bytes
}

const DAMAGES: Readonly<Record<string, Damage>> = {
  'half written': half,
  empty,
  noise,
  'one bit in the head': flip(0.02),
  'one bit in the middle': flip(0.4),
}

/** Files in which any damage means that there is nothing to go on with. */
const FILES: readonly [Party, string, readonly string[]][] = [
  ['device', 'device.journal', ['empty', 'noise', 'one bit in the head', 'one bit in the middle']],
  // It has no checksum: another salt is a good record of another code.
  ['device', 'label.json', ['half written', 'empty', 'noise', 'one bit in the head']],
  ['home', 'home.journal', ['empty', 'noise', 'one bit in the head', 'one bit in the middle']],
  ['home', 'owner.keys', Object.keys(DAMAGES)],
  ['home', 'home.places', Object.keys(DAMAGES)],
  ['home', 'claim.pending', Object.keys(DAMAGES)],
  ['provider1', 'provider.keys', Object.keys(DAMAGES)],
  ['provider1', 'provider.places', Object.keys(DAMAGES)],
]

t.test('state that cannot be used', async (t) => {
  const lived = await livedIn(t)
  const scratch = folder(t)
  let copies = 0
  const copy = (party: Party): string => {
    const path = join(scratch, String(copies++))
    cpSync(join(lived, party), path, { recursive: true })
    chmodSync(path, 0o700)
    return path
  }
  const untilReady = async (t: Test, party: Party, state: string): Promise<Running> => {
    const running = wattle(t, command(party, state))
    t.ok(await running.event('ready'), `${party} starts: ${running.words}`)
    return running
  }
  const stop = async (t: Test, running: Running): Promise<void> => {
    running.kill('SIGTERM')
    t.equal(await running.ended, 0, running.words)
  }

  t.test('damage is said, and nothing is overwritten', async (t) => {
    for (const [party, name, kinds] of FILES) {
      const cases = kinds.map(async (kind) => {
        const state = copy(party)
        DAMAGES[kind]!(join(state, name))
        const before = bytesOf(state)
        const { code, words, out } = await said(t, command(party, state))
        return { kind, code, words, out, same: JSON.stringify(bytesOf(state)) === JSON.stringify(before) }
      })
      for (const { kind, code, words, out, same } of await Promise.all(cases)) {
        t.equal(code, 3, `${name}, ${kind}: exit ${String(code)}, ${words}${out}`)
        t.match(words, name, `${name}, ${kind}: it names the file`)
        t.match(words, /restore|make one|move it away|backup/, 'and says what to do')
        t.notMatch(words, /\n +at /)
        t.ok(same, `${name}, ${kind}: every byte is as it was`)
      }
    }
  })

  t.test('a folder where a file should be, a file where the folder should be', async (t) => {
    for (const [party, name] of [
      ['device', 'device.journal'],
      ['home', 'owner.keys'],
      ['provider1', 'provider.keys'],
    ] as const) {
      const state = copy(party)
      rmSync(join(state, name))
      mkdirSync(join(state, name))
      const before = bytesOf(state)
      const one = await said(t, command(party, state))
      t.equal(one.code, 3, `${party}: ${one.words}`)
      t.match(one.words, name)
      t.same(bytesOf(state), before)
      const file = join(lived, party, name)
      const other = await said(t, command(party, file))
      t.equal(other.code, 3, `${party}: ${other.words}`)
      t.match(other.words, `${file} cannot be used`)
    }
  })

  t.test('a folder that others can read', async (t) => {
    for (const party of ['device', 'home', 'provider1'] as const) {
      const state = copy(party)
      chmodSync(state, 0o755)
      const before = bytesOf(state)
      const { code, words } = await said(t, command(party, state))
      t.equal(code, 3, words)
      t.match(words, /mode 755.*chmod 700/)
      t.same(bytesOf(state), before)
    }
  })

  t.test('an unfinished tail is cut off and the rest kept', async (t) => {
    for (const [party, name] of [
      ['device', 'device.journal'],
      ['home', 'home.journal'],
    ] as const)
      for (const tail of [Buffer.from('WJB'), randomish(37), randomish(300)]) {
        const state = copy(party)
        const whole = readFileSync(join(state, name))
        writeFileSync(join(state, name), Buffer.concat([whole, tail]))
        const running = await untilReady(t, party, state)
        if (party === 'device') t.match(await running.event('ready'), { claimed: true })
        else {
          const devices = await said(t, ['home', 'devices', '--state', state])
          t.equal(JSON.parse(devices.out).length, 1, 'the device is still there')
        }
        await stop(t, running)
        t.ok(readFileSync(join(state, name)).subarray(0, whole.length).equals(whole), 'what was there is')
      }
  })

  t.test('a batch that was cut short is forgotten, and no more than that', async (t) => {
    const state = copy('device')
    const path = join(state, 'device.journal')
    truncateSync(path, statSync(path).size - 5)
    const running = await untilReady(t, 'device', state)
    t.match(await running.event('ready'), { claimed: true })
    await stop(t, running)
  })

  t.test('what is left of a file that was being replaced is of no account', async (t) => {
    const state = copy('home')
    writeFileSync(join(state, '.owner.keys.new'), 'half')
    const keys = readFileSync(join(state, 'owner.keys'))
    await stop(t, await untilReady(t, 'home', state))
    t.ok(readFileSync(join(state, 'owner.keys')).equals(keys))
  })

  t.test('a ring of noise costs its frames, not the device', async (t) => {
    const state = copy('device')
    noise(join(state, 'frames-raw.ring'))
    const running = await untilReady(t, 'device', state)
    t.match(await running.event('ready'), { claimed: true })
    t.ok(await running.event('telegram'))
    await stop(t, running)
  })

  t.test('one process a folder', async (t) => {
    for (const party of ['device', 'home', 'provider1'] as const) {
      const state = copy(party)
      const first = await untilReady(t, party, state)
      const before = bytesOf(state)
      const { code, words } = await said(t, command(party, state))
      t.equal(code, 1, words)
      t.match(words, `in use by process ${first.child.pid}`)
      t.match(words, '--state')
      if (party !== 'device') t.same(bytesOf(state), before)
      first.kill('SIGKILL')
      await first.ended
      await stop(t, await untilReady(t, party, state))
    }
  })
})
