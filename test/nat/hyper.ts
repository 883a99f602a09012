// The same cells with hyperdht, for comparison: milliseconds until its stream is open, or why it is not.
// Null where it is not installed or its native addon does not load.
import { type ChildProcess, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { Lab, type LabOptions, RELAYS } from './lab.ts'

const PROGRAM = 'test/peers/net/hyper.mjs'
const FOLDER = 'test/peers/net/node_modules/hyperdht'
const PATIENCE_MS = 20_000

export function hyperAvailable(): boolean {
  if (!existsSync(FOLDER)) return false
  const script = `import('./${FOLDER}/index.js').then(() => process.exit(0), () => process.exit(1))`
  return spawnSync(process.execPath, ['--input-type=module', '-e', script], { timeout: 20_000 }).status === 0
}

export async function runHyper(options: LabOptions): Promise<string> {
  if (options.a === 'six') return 'IPv4 only'
  const lab = new Lab(options)
  try {
    const boot = next(lab.spawn('inet', [PROGRAM, 'boot', RELAYS[0]!, RELAYS[1]!]))
    if (!(await boot)) return 'did not start'
    const at = `${RELAYS[0]}:49737`
    const server = await next(lab.spawn('b', [PROGRAM, 'serve', at]))
    if (!server) return 'server did not start'
    const said = await next(lab.spawn('a', [PROGRAM, 'connect', at, String(server['key'])]))
    if (!said) return `nothing in ${PATIENCE_MS / 1_000} s`
    return said['open'] === undefined ? `${said['failed']} after ${said['ms']} ms` : `${said['open']} ms`
  } finally {
    lab.close()
  }
}

/** The first line of a program, or null. */
function next(child: ChildProcess): Promise<Record<string, unknown> | null> {
  return new Promise((done) => {
    const late = setTimeout(() => done(null), PATIENCE_MS)
    createInterface({ input: child.stdout! }).once('line', (line) => {
      clearTimeout(late)
      done(JSON.parse(line) as Record<string, unknown>)
    })
    child.once('exit', () => {
      clearTimeout(late)
      setTimeout(() => done(null), 100)
    })
  })
}
