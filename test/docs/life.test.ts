// docs/examples/life.ndjson: it can be read, and (with the full counts, since it takes its time) it passes
// and shows what it says: who read what, by the places of the frames.

import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import t from 'tap'
import { type Line, parseScript } from '../../src/bin/run/script.ts'

const FILE = 'docs/examples/life.ndjson'
const skip = process.env['WATTLE_FULL'] === undefined ? 'takes two minutes: make test-full' : false

t.test('the example is a script', async (t) => {
  const acts = parseScript(readFileSync(FILE, 'utf8')).map((step) => step.do)
  for (const act of ['press', 'claim', 'grant', 'revoke', 'delete', 'expect']) t.ok(acts.includes(act), act)
})

t.test('the life script explains every step there is', async (t) => {
  const known = /"do" must be one of (.*)/
  const text = readFileSync('docs/life-script.md', 'utf8')
  let words = ''
  try {
    parseScript('{"do":"nothing"}')
  } catch (error) {
    words = known.exec((error as Error).message)?.[1] ?? ''
  }
  t.ok(words.includes('press'), words)
  for (const word of words.split(', ')) t.match(text, new RegExp(`\`${word}\``), word)
})

t.test('the whole life', { skip, timeout: 240_000 }, async (t) => {
  const args = ['run', '--headless', '--providers', '2', '--page', '127.0.0.1:0', '--script', FILE]
  const lines = await new Promise<Line[]>((resolve, reject) => {
    execFile(process.execPath, ['dist/wattle', ...args], { maxBuffer: 1 << 26 }, (error, out, words) => {
      if (error) reject(new Error(`exit code ${error.code}: ${words}`))
      else
        resolve(
          out
            .trim()
            .split('\n')
            .map((line) => JSON.parse(line) as Line),
        )
    })
  })
  const of = (who: string, event: string): Line[] => lines.filter((l) => l.who === who && l.event === event)
  const places = (who: string, event: string): string[] =>
    of(who, event).map((l) => `${l['epoch']}/${l['index']}`)
  const [owner, first, second] = [
    places('home', 'telegram'),
    places('provider1', 'reading'),
    places('provider2', 'reading'),
  ]
  t.ok(owner.length > 60)
  t.same(
    first,
    owner.slice(owner.indexOf(first[0]!)).slice(0, first.length),
    'from the grant on, without a gap',
  )
  t.same(second, owner.slice(owner.indexOf(second[0]!)), 'the other provider has all that the owner has')
  t.ok(places('provider1', 'sealed').every((place) => !first.includes(place)))
  t.same(of('home', 'gap').concat(of('provider2', 'gap')), [])
  const at = (event: string): number => lines.find((l) => l.event === event)!.t
  t.ok(at('claimed') - at('button') <= 3_000, 'claimed within 3 s of the press')
})
