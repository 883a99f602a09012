// `wattle p1 simulate`: the simulated meter by itself, on standard output, as a TCP server, or behind a
// pseudo terminal that any P1 program can open as if it were a cable. Faults on demand.

import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { EXIT, type ExitCode, WattleError } from '../../base/errors.ts'
import { SimMeter, simMeter } from '../../hw/sim/meter.ts'
import { withFaults } from '../../hw/sim/meter-faults.ts'
import { TEMPLATES, type TemplateName } from '../../hw/sim/meter-templates.ts'
import { type Parsed, parse, say, usage } from '../cli.ts'

type Send = (bytes: Uint8Array) => Promise<void> | void

/** Opens a pseudo terminal, says its name, and passes standard input on to it; what nobody reads is lost. */
const PTY_PROGRAM = `
import os, pty, sys, tty
m, s = pty.openpty()
tty.setraw(s)
print(os.ttyname(s), flush=True)
os.close(s)
os.set_blocking(m, False)
while True:
    d = os.read(0, 4096)
    if not d: break
    try: os.write(m, d)
    except OSError: pass
`

export async function simulate(args: string[]): Promise<ExitCode> {
  const options = parse(args, {
    meter: { type: 'string' },
    to: { type: 'string' },
    seed: { type: 'string' },
    period: { type: 'string' },
    count: { type: 'string' },
    at: { type: 'string' },
    noise: { type: 'string' },
    cut: { type: 'string' },
    parity: { type: 'boolean' },
  })
  if (options.words.length > 0) throw usage('p1 simulate takes options only')
  const seed = number(options, 'seed', 1)
  const meter = meterFor(options.text('meter') ?? 'nl50', seed)
  const period = number(options, 'period', 1_000)
  const count = number(options, 'count', Number.POSITIVE_INFINITY)
  const at = options.text('at')
  const start = at === undefined ? null : Date.parse(at)
  if (start !== null && Number.isNaN(start)) throw usage('--at takes a time such as 2026-11-20T10:00:00Z')
  const faults = {
    noise: number(options, 'noise', 0),
    cut: number(options, 'cut', 0),
    parity: options.flag('parity'),
  }
  const random = seeded(seed)
  const { send, close } = await open(options.text('to') ?? 'stdout')
  let stopped = false
  process.once('SIGINT', () => {
    stopped = true
  })
  // With a moment of its own the meter need not wait: telegrams for tests, as fast as they are read.
  const base = start ?? Date.now()
  for (let n = 0; n < count && !stopped; n++) {
    if (start === null) await until(base + n * period)
    await send(withFaults(meter.telegramAt(base + n * period), faults, random))
  }
  close()
  return EXIT.done
}

function number(options: Parsed, name: string, otherwise: number): number {
  const text = options.text(name)
  const value = text === undefined ? otherwise : Number(text)
  if (!(value >= 0)) throw usage(`--${name} takes a number`)
  return value
}

function until(at: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, at - Date.now())))
}

function meterFor(name: string, seed: number): SimMeter {
  if (Object.hasOwn(TEMPLATES, name)) return simMeter(name as TemplateName, seed)
  try {
    const text = readFileSync(name, 'latin1')
    const end = /\n!/.exec(text)
    return new SimMeter(end === null ? text : text.slice(0, end.index + 2), seed)
  } catch (error) {
    const names = Object.keys(TEMPLATES).join(', ')
    throw new WattleError(
      'no-meter',
      `--meter ${name} is neither ${names} nor a file with a telegram: ${(error as Error).message}`,
    )
  }
}

/** Numbers that are the same for the same seed (xorshift32). */
function seeded(seed: number): (n: number) => number {
  let x = ((seed + 1) * 0x9e3779b1) | 1
  return (n) => {
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    return (x >>> 0) % n
  }
}

async function open(to: string): Promise<{ send: Send; close: () => void }> {
  if (to === 'stdout')
    return {
      send: (bytes) =>
        process.stdout.write(bytes)
          ? undefined
          : new Promise((resolve) => process.stdout.once('drain', resolve)),
      close: () => {},
    }
  if (to.startsWith('tcp:')) return serve(to.slice(4))
  if (to === 'pty') return pseudoTerminal()
  throw usage('--to takes stdout, tcp:HOST:PORT or pty')
}

function serve(address: string): Promise<{ send: Send; close: () => void }> {
  const colon = address.lastIndexOf(':')
  const clients = new Set<Socket>()
  const server = createServer((socket) => {
    clients.add(socket)
    socket.on('error', () => socket.destroy())
    socket.on('close', () => clients.delete(socket))
  })
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(Number(address.slice(colon + 1)), address.slice(0, colon).replace(/^\[|\]$/g, ''), () => {
      const bound = server.address()
      say(
        `simulated meter on ${typeof bound === 'object' && bound !== null ? `${bound.address}:${bound.port}` : address}`,
      )
      resolve({
        send: (bytes) => {
          for (const client of clients) client.write(bytes)
        },
        close: () => {
          for (const client of clients) client.end()
          server.close()
        },
      })
    })
  })
}

/** Node has no call for pseudo terminals: Python's is borrowed. */
function pseudoTerminal(): Promise<{ send: Send; close: () => void }> {
  const child: ChildProcess = spawn('python3', ['-c', PTY_PROGRAM], { stdio: ['pipe', 'pipe', 'inherit'] })
  return new Promise((resolve, reject) => {
    child.once('error', (error) =>
      reject(
        new WattleError(
          'no-pty',
          `--to pty needs python3 (${error.message}); --to tcp:127.0.0.1:2001 does not`,
        ),
      ),
    )
    child.stdout!.once('data', (name: Buffer) => {
      process.stdout.write(`${JSON.stringify({ event: 'pty', path: name.toString().trim() })}\n`)
      say(`simulated meter behind ${name.toString().trim()}`)
      resolve({
        send: (bytes) => {
          child.stdin!.write(bytes)
        },
        close: () => child.stdin!.end(),
      })
    })
  })
}
