// docs/owners.md as a person follows it: its commands, in its order, with real processes. What a person
// puts in (the code, an address, the paper key) is put in here. In `make test` the first parts alone.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { folder, needWattle, type Running, said, wattle } from '../run/wattle.ts'

needWattle()

const PARTS = process.env['WATTLE_FULL'] ? Number.POSITIVE_INFINITY : 2

interface Step {
  part: string
  /** A command, or what somebody does at the device. */
  who: string | null
  words: string
}

function steps(): Step[] {
  const out: Step[] = []
  let part = ''
  let inside = false
  for (const line of readFileSync('docs/owners.md', 'utf8').split('\n')) {
    if (line.startsWith('## ')) part = line.slice(3)
    if (line.startsWith('```')) inside = line === '```console'
    else if (inside && line.startsWith('# ')) out.push({ part, who: null, words: line.slice(2) })
    else if (inside) {
      const [, who, words] = /^(\w+)\$ wattle (.+)$/.exec(line) ?? []
      if (!who || !words) throw new Error(`docs/owners.md: ${line}`)
      out.push({ part, who, words })
    }
  }
  return out
}

function parsed(out: string): unknown {
  try {
    return JSON.parse(out)
  } catch {
    return null
  }
}

t.test('the commands of docs/owners.md', async (t) => {
  const shared = folder(t)
  const device = wattle(t, [
    ...['device', '--serial', 'sim', '--listen', '127.0.0.1:0', '--button', 'sim', '--state'],
    join(shared, 'device'),
  ])
  const ready = (await device.event('ready'))!
  const [code] = readFileSync(join(shared, 'device', 'claim-code.txt'), 'utf8').split('\n')
  const given: Record<string, string> = { CODE: code!, ADDRESS: String(ready['address']) }
  const homes = new Map<string, Running>()
  const home = async (who: string): Promise<void> => {
    if (homes.has(who)) return
    const running = wattle(t, ['home', 'serve', '--listen', '127.0.0.1:0', '--state', join(shared, who)])
    homes.set(who, running)
    if (!(await running.event('ready'))) throw new Error(running.words)
  }
  const all = steps()
  const parts = [...new Set(all.map((s) => s.part))].slice(0, PARTS)
  t.ok(parts.length >= 2 && all.length > 25, 'there is something to follow')
  let fails = false
  for (const { part, who, words } of all.filter((s) => parts.includes(s.part))) {
    if (who === null) {
      fails = words === '72 hours later'
      if (words.includes('press its button')) {
        device.write('{"do":"press"}\n')
        t.ok(await device.event('window', { open: true }), words)
      } else if (words.includes('hold its button')) {
        device.write('{"do":"hold","ms":4000}\n')
        t.ok(await device.event('owners', { what: 'open' }), words)
      }
      continue
    }
    await home(who)
    const args = words
      .split(' ')
      .map((w) => given[w] ?? (/\.(card|change|txt)$/.test(w) ? join(shared, w) : w))
    const result = await said(t, [...args, '--state', join(shared, who)])
    t.equal(result.code, fails ? 1 : 0, `${part}: ${who}$ ${words} ${result.words}`)
    fails = false
    const answer = parsed(result.out) as Record<string, unknown> | null
    if (typeof answer?.['paper'] === 'string') given['PAPER'] = answer['paper']
    const told = answer?.['devices'] as { state: string }[] | undefined
    const open = words.includes('--out') || words.includes('owners read')
    if (told && !words.includes('policy show'))
      t.ok(
        told.every((d) => d.state === (open ? 'needs-signatures' : 'done')),
        `${who}$ ${words}: ${JSON.stringify(told)}`,
      )
  }
  const last = await said(t, ['home', 'owners', '--state', join(shared, parts.length > 2 ? 'finn' : 'cleo')])
  const shown = parsed(last.out) as { threshold: number; owners: unknown[] }[] | null
  t.same(
    [shown?.[0]?.threshold, shown?.[0]?.owners.length],
    parts.length > 2 ? [1, 1] : [2, 3],
    'who owns it in the end',
  )
})
