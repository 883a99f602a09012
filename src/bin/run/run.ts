// `wattle run`: a whole home on this computer. Three processes and a simulated meter; a person watches
// the LEDs in the terminal and presses Enter for the button, or a life script plays by itself.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { EXIT, type ExitCode, WattleError } from '../../base/errors.ts'
import { parse, say, untilStopped, usage } from '../cli.ts'
import { CAPTIONS, DEMO } from './demo.ts'
import { type Line, parseScript, Script, type Step } from './script.ts'
import { Cast } from './stage.ts'
import { openStay } from './stay.ts'
import { Terminal } from './terminal.ts'

const OPTIONS = {
  demo: { type: 'boolean' },
  headless: { type: 'boolean' },
  script: { type: 'string' },
  providers: { type: 'string' },
  state: { type: 'string' },
  page: { type: 'string' },
} as const

const PAGE = '127.0.0.1:8480'
const TICK_MS = 50
const LONGEST_SCRIPT_MS = 3_600_000

export async function run(args: string[]): Promise<ExitCode> {
  const given = parse(args, OPTIONS)
  if (given.words.length > 0) throw usage(`run takes options only, not ${given.words[0]}`)
  const headless = given.flag('headless')
  const file = given.text('script')
  if (file !== undefined && !headless) throw usage('--script goes with --headless')
  const steps = file !== undefined ? readScript(file) : given.flag('demo') ? DEMO : null
  if (headless && !steps) throw usage('--headless needs --script FILE or --demo')
  const providers = Number(given.text('providers') ?? 1)
  if (!Number.isInteger(providers) || providers < 0 || providers > 16)
    throw usage('--providers: expected 0 to 16')
  const kept = given.text('state')
  const folder = kept === undefined ? mkdtempSync(join(tmpdir(), 'wattle-')) : resolve(kept)
  // However we end: the folder has keys in it.
  if (kept === undefined) process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  const stay = openStay(folder)
  const { label } = stay
  const started = Date.now()
  const terminal = headless ? null : new Terminal({ color: process.stderr.isTTY })
  let script: Script | null = null
  const onEvent = (line: Line): void => {
    const told = { ...line, t: line.t - started }
    if (headless) process.stdout.write(`${JSON.stringify(withoutCard(told))}\n`)
    else terminal?.onEvent(told)
    script?.onEvent(line, Date.now())
  }
  const cast = new Cast({
    folder,
    stay,
    providers,
    page: given.text('page') ?? PAGE,
    terminal: !headless,
    onEvent,
  })
  try {
    const { link, devicePage } = await cast.open()
    terminal?.welcome({ link, devicePage, code: label.code, name: label.name, demo: given.flag('demo') })
    if (steps) {
      script = new Script(steps, cast, (event, detail) => {
        if (headless)
          process.stdout.write(
            `${JSON.stringify({ t: Date.now() - started, who: 'script', event, ...detail })}\n`,
          )
        else if (event === 'step')
          terminal?.caption(given.flag('demo') ? CAPTIONS[Number(detail['n'])] : undefined)
      })
      return await play(script)
    }
    await live(cast)
    return EXIT.done
  } finally {
    await cast.close()
  }
}

async function play(script: Script): Promise<ExitCode> {
  const end = Date.now() + LONGEST_SCRIPT_MS
  let stopped = false
  void untilStopped({ stdin: false }).then(() => {
    stopped = true
  })
  while (!script.done && !stopped && Date.now() < end) {
    script.tick(Date.now())
    await new Promise((next) => setTimeout(next, TICK_MS))
  }
  if (script.failed !== null) {
    say(`wattle: ${script.failed}`)
    return EXIT.failed
  }
  return script.done ? EXIT.done : EXIT.failed
}

/** Enter is the button, held Enter is not: the second line within a second is ignored. */
async function live(cast: Cast): Promise<void> {
  process.stdin.setEncoding('utf8')
  process.stdin.on('data', (text: string) => {
    if (/hold/.test(text)) cast.press(10_500)
    else if (/second/.test(text)) cast.press(4_000)
    else cast.press()
  })
  await untilStopped({ stdin: false })
  process.stdin.pause()
}

function readScript(file: string): Step[] {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw new WattleError('bad-script', `--script ${file}: ${(error as Error).message}`, EXIT.usage)
  }
  return parseScript(text)
}

/** A card is a long line; who wants it asks the provider. */
function withoutCard(line: Line): Line {
  if (line['card'] === undefined) return line
  const { card: _card, ...rest } = line
  return rest as Line
}
