// Starts peer processes that speak NDJSON, one answer line for each command, and builds our own
// program; shared by interop-dht and bench-dht.
import { type ChildProcess, spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { createInterface } from 'node:readline'
import { build } from 'esbuild'
import { bundleOptions } from '../../../scripts/bundle.ts'

export type Answer = Record<string, unknown>

export class Peer {
  readonly process: ChildProcess
  /** Sum of `allocated=` of --trace-gc-nvp lines so far: bytes of JavaScript heap. */
  allocated: number
  readonly #lines: Answer[]
  readonly #waiting: ((answer: Answer) => void)[]

  constructor(command: string, args: string[], cwd?: string) {
    this.allocated = 0
    this.#lines = []
    this.#waiting = []
    this.process = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'], ...(cwd ? { cwd } : {}) })
    createInterface({ input: this.process.stdout! }).on('line', (line) => {
      if (!line.startsWith('{')) {
        const match = / allocated=(\d+)/.exec(line)
        if (match) this.allocated += Number(match[1])
        return
      }
      const answer = JSON.parse(line) as Answer
      const waiting = this.#waiting.shift()
      if (waiting) waiting(answer)
      else this.#lines.push(answer)
    })
    this.process.once('exit', () => {
      for (const waiting of this.#waiting.splice(0)) waiting({ gone: true })
    })
  }

  /** The next line it prints. */
  next(): Promise<Answer> {
    const line = this.#lines.shift()
    if (line) return Promise.resolve(line)
    return new Promise((done) => this.#waiting.push(done))
  }

  ask(command: object): Promise<Answer> {
    this.process.stdin!.write(`${JSON.stringify(command)}\n`)
    return this.next()
  }

  /** The line it prints on SIGUSR2. */
  stats(): Promise<Answer> {
    this.process.kill('SIGUSR2')
    return this.next()
  }

  async stop(): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return
    const gone = new Promise<void>((done) => this.process.once('exit', () => done()))
    this.process.kill('SIGTERM')
    await gone
  }
}

/** A port that is free now for UDP and TCP on this host, for peers that cannot choose one themselves. */
export async function freePort(host: string): Promise<number> {
  const plain = host.replace(/[[\]]/g, '')
  for (;;) {
    const udp = createSocket(plain.includes(':') ? 'udp6' : 'udp4')
    udp.bind(0, plain)
    await once(udp, 'listening')
    const { port } = udp.address()
    const tcp = createServer()
    const free = await new Promise<boolean>((done) => {
      tcp.once('error', () => done(false))
      tcp.listen(port, plain, () => done((tcp.address() as AddressInfo).port === port))
    })
    tcp.close()
    udp.close()
    if (free) return port
  }
}

/** Bundles `wattle dht` alone, as CommonJS like the whole program; the file's path. */
export async function buildDht(minify = false): Promise<string> {
  mkdirSync('build/dht', { recursive: true })
  const outfile = `build/dht/dht${minify ? '.min' : ''}.cjs`
  await build({
    ...bundleOptions,
    stdin: {
      contents: `import { dht } from './src/bin/dht/dht.ts'\nvoid dht(process.argv.slice(2)).then((code) => (process.exitCode = code))`,
      resolveDir: process.cwd(),
      loader: 'ts',
    },
    format: 'cjs',
    target: 'node18',
    outfile,
    minify,
    logLevel: 'warning',
  })
  return outfile
}
