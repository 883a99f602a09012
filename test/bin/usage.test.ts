// Wrong use ends with exit code 2 and a sentence that says what to do; a wrong configuration with 3;
// help and version with 0. Nothing of it starts anything or makes a state folder.

import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { folder, needWattle, said } from '../run/wattle.ts'

needWattle()

interface Wrong {
  args: string[]
  code: number
  says: RegExp
}

t.test('wrong use', async (t) => {
  const home = folder(t)
  const env = { HOME: home, XDG_STATE_HOME: join(home, 'state') }
  const file = (name: string, text: string): string => {
    const path = join(home, name)
    writeFileSync(path, text)
    return path
  }
  mkdirSync(join(home, 'dir'))
  const badStep = file('step.ndjson', '{"do":"press"}\n{"do":"dance"}\n')
  const noJson = file('nojson.ndjson', '# a comment\n{"do":"press"}\nnot json at all\n')
  const config = (name: string, value: unknown): string[] => [
    ...['device', '--config', file(name, typeof value === 'string' ? value : JSON.stringify(value))],
  ]
  const script = (path: string): string[] => ['run', '--headless', '--script', path]
  const wrong: Wrong[] = [
    { args: ['fly'], code: 2, says: /no command fly.*wattle help/ },
    { args: ['constructor'], code: 2, says: /no command constructor/ },
    { args: ['home', 'dance'], code: 2, says: /home: no subcommand dance/ },
    { args: ['home'], code: 2, says: /home: expected one of serve, claim/ },
    {
      args: ['provider'],
      code: 2,
      says: /provider: expected one of init, request, serve \(or follow\), grants/,
    },
    { args: ['provider', 'sing'], code: 2, says: /no subcommand sing/ },
    { args: ['device', '--colour', 'red'], code: 2, says: /Unknown option '--colour'.*wattle help/ },
    { args: ['home', 'serve', '--listne', '127.0.0.1:0'], code: 2, says: /Unknown option '--listne'/ },
    { args: ['label', '-x'], code: 2, says: /Unknown option '-x'/ },
    { args: ['device', '--serial'], code: 2, says: /--serial.*argument missing/ },
    { args: ['device', '--serial', '--state', home], code: 2, says: /--serial/ },
    { args: ['device', 'now'], code: 2, says: /options only, not now/ },
    { args: ['label', 'twice'], code: 2, says: /options only, not twice/ },
    { args: ['run', 'fast'], code: 2, says: /options only, not fast/ },
    { args: ['home', 'serve', 'here'], code: 2, says: /serve.*here/ },
    { args: ['provider', 'follow', 'me'], code: 2, says: /follow.*me/ },
    { args: ['provider', 'init', 'me'], code: 2, says: /init.*me/ },
    { args: ['home', 'claim'], code: 2, says: /home claim: expected CODE or URL/ },
    { args: ['home', 'claim', 'K7QD', 'M2XA'], code: 2, says: /expected CODE or URL/ },
    { args: ['home', 'grant', 'wattle-ab12'], code: 2, says: /expected DEVICE PROVIDER/ },
    { args: ['home', 'revoke'], code: 2, says: /expected DEVICE PROVIDER/ },
    { args: ['home', 'delete'], code: 2, says: /expected DEVICE/ },
    { args: ['home', 'devices', 'all'], code: 2, says: /expected nothing more/ },
    { args: ['home', 'grants', 'a', 'b'], code: 2, says: /grants/ },
    {
      args: ['home', 'grant', 'd', 'p', '--class', 'hour'],
      code: 2,
      says: /--class hour.*raw, 15min or day/,
    },
    { args: ['home', 'grant', 'd', 'p', '--until', 'soon'], code: 2, says: /--until soon.*2027-03-31/ },
    { args: ['home', 'claim', 'K7QD-M2XA-9RTE', '--wait', 'long'], code: 2, says: /--wait long/ },
    { args: ['device', '--ring-frames', 'many'], code: 2, says: /--ring-frames many/ },
    { args: ['device', '--ring-frames', '-1'], code: 2, says: /--ring-frames/ },
    { args: ['device', '--button', 'knob'], code: 2, says: /--button knob: expected sim, onoff or poll/ },
    { args: ['run', '--providers', 'many'], code: 2, says: /--providers: expected 0 to 16/ },
    { args: ['run', '--providers', '1.5'], code: 2, says: /--providers/ },
    { args: ['run', '--headless'], code: 2, says: /--headless needs --script FILE or --demo/ },
    { args: ['run', '--script', badStep], code: 2, says: /--script goes with --headless/ },
    { args: script(join(home, 'none')), code: 2, says: /--script .*none: ENOENT/ },
    { args: script(join(home, 'dir')), code: 2, says: /--script .*dir: EISDIR/ },
    { args: script(badStep), code: 2, says: /line 2: "do" must be one of press/ },
    { args: script(noJson), code: 2, says: /line 3: expected one JSON object/ },
    // A device that is configured wrongly must not be restarted for ever.
    { args: ['device', '--serial', '/no/such/port'], code: 3, says: /no such port.*wattle p1 ports/ },
    { args: ['device', '--serial', badStep], code: 3, says: /no serial port but an ordinary file/ },
    { args: ['device', '--serial', join(home, 'dir')], code: 3, says: /no serial port/ },
    { args: ['device', '--serial', 'tcp:'], code: 3, says: /tcp:HOST:PORT/ },
    { args: ['device', '--serial', 'tcp:nowhere'], code: 3, says: /tcp:HOST:PORT/ },
    { args: ['device', '--config', join(home, 'none')], code: 3, says: /--config .*ENOENT/ },
    { args: config('c1.json', 'not json'), code: 3, says: /--config .*c1/ },
    { args: config('c2.json', '[]'), code: 3, says: /expected a JSON object/ },
    { args: config('c3.json', 'null'), code: 3, says: /expected a JSON object/ },
    { args: config('c4.json', { colour: 'red' }), code: 3, says: /c4.*colour/ },
    { args: config('c5.json', { listen: 4001 }), code: 3, says: /c5.*listen/ },
    { args: config('c6.json', { serial: '/no/such/port' }), code: 3, says: /no such port/ },
  ]
  const results = await inTurns(wrong, 4, async (w) => said(t, w.args, { env }))
  for (const [i, { args, code, says }] of wrong.entries()) {
    const result = results[i]!
    const name = args.join(' ').replaceAll(home, '~')
    t.equal(result.code, code, `${name}: exit ${String(result.code)}, ${result.words}`)
    t.match(result.words, says, name)
    t.notMatch(result.words, /\n +at /, `${name}: no stack`)
    t.equal(result.out, '', `${name}: nothing on stdout`)
  }
  t.notOk(existsSync(join(home, 'state')), 'no state folder was made')
  t.same(
    readdirSync(home).filter((name) => name.startsWith('.')),
    [],
  )
})

t.test('an address that is none', async (t) => {
  const home = folder(t)
  const env = { HOME: home, XDG_STATE_HOME: join(home, 'state') }
  const bad: string[][] = [
    ['device', '--listen', 'nowhere'],
    ['device', '--listen', '127.0.0.1:99999'],
    ['home', 'serve', '--listen', '127.0.0.1'],
    ['provider', 'follow', '--listen', 'x'],
    ['provider', 'follow', '--listen', '127.0.0.1:0', '--page', 'x'],
    ['device', '--listen', '192.0.2.1:4001'],
  ]
  const results = await inTurns(bad, 3, async (args) =>
    said(t, [...args, '--state', join(home, String(bad.indexOf(args)))], { env }),
  )
  for (const [i, args] of bad.entries()) {
    const { code, words } = results[i]!
    t.equal(code, 1, `${args.join(' ')}: ${words}`)
    t.match(
      words,
      /--(listen|page) .*cannot listen there: .*is not host:port|cannot listen on/,
      args.join(' '),
    )
    t.notMatch(words, /\n +at /)
  }
})

t.test('help and version', async (t) => {
  const help = await said(t, ['help'])
  t.equal(help.code, 0)
  t.equal(help.words, '')
  for (const name of ['run', 'device', 'home serve', 'provider serve', 'label'])
    t.match(help.out, `wattle ${name}`)
  t.match(help.out, /Exit codes/)
  t.same(await said(t, ['--help']), help)
  const nothing = await said(t, [])
  t.equal(nothing.code, 2, 'nothing asked is wrong use')
  t.equal(nothing.out, help.out)
  const version = await said(t, ['--version'])
  t.equal(version.code, 0)
  t.match(version.out, /^wattle \d+\.\d+\.\d+ node v\d+/)
  const each = await said(t, ['home', '--help'])
  t.equal(each.code, 0, `help of one command: ${each.words}`)
  t.match(each.out, /home grant DEVICE PROVIDER/)
})

/** `n` at a time. */
async function inTurns<T, R>(items: readonly T[], n: number, act: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < items.length) {
      const i = next++
      results[i] = await act(items[i]!)
    }
  }
  await Promise.all(Array.from({ length: n }, worker))
  return results
}
