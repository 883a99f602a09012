// `make bench-net`: our streams and discovery beside js-libp2p (and hyperdht where its addon loads), in
// one run on loopback: size of the bundle, memory with 64 sessions, processor time of an inbound
// handshake, heap of an idle connection, processor time for 1 KB messages. Processor time and memory are
// each process's own, so that other work on the machine moves them little. Exit 1 where a goal is missed.
import { mkdirSync, statSync } from 'node:fs'
import { type BuildOptions, build } from 'esbuild'
import { hyperAvailable } from '../test/nat/hyper.ts'
import { Peer } from '../test/peers/dht/drive.ts'
import { bundleOptions } from './bundle.ts'

const OUT = 'build/bench-net'
const PEERS = 'test/peers/net'
const node = process.execPath
const SESSIONS = 64
/** Handshakes of one run: our listener lets so many come at once, and 16 a second after them. */
const HANDSHAKES = 100
const REFILL_MS = 8_000
const MEGABYTES = 48
/** The middle one of so many runs counts. */
const RUNS = 3

type Answer = Record<string, number>
interface Address {
  address: string
  key: string
  id: string
}

const pause = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms))
const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1]!
let missed = 0

function goal(name: string, ours: number, theirs: number, options: { parts: number; unit: string }): void {
  const { parts, unit } = options
  const met = ours * parts <= theirs
  if (!met) missed++
  const text = (n: number): string => (n >= 100 ? n.toFixed(0) : n.toFixed(2))
  console.log(
    `${met ? 'ok      ' : 'EXCEEDED'} ${name.padEnd(34)} ours ${text(ours).padStart(7)} ${unit.padEnd(3)} js-libp2p ${text(theirs).padStart(7)} ${unit.padEnd(3)} 1/${(theirs / ours).toFixed(1)} (goal 1/${parts})`,
  )
}

async function ask<T = Answer>(peer: Peer, order: Record<string, unknown>): Promise<T> {
  const answer = (await peer.ask(order)) as T & { error?: string }
  if (answer.error) throw new Error(`${JSON.stringify(order)}: ${answer.error}`)
  return answer
}

async function bundle(name: string, entry: string, more: BuildOptions = {}): Promise<string> {
  const outfile = `${OUT}/${name}.mjs`
  await build({
    ...bundleOptions,
    entryPoints: [entry],
    outfile,
    format: 'esm',
    target: 'node22',
    minify: true,
    banner: {
      js: "import { createRequire as wattleRequire } from 'node:module'; const require = wattleRequire(import.meta.url);",
    },
    logLevel: 'warning',
    ...more,
  })
  return outfile
}

interface Stack {
  program: string[]
  /** Who calls when a server is measured; it is not. */
  caller: string[]
}

async function start(args: string[]): Promise<Peer> {
  return new Peer(node, ['--expose-gc', ...args])
}

/** What a process weighs that does nothing. */
async function bare(): Promise<number> {
  const peer = await start([`${PEERS}/bare.mjs`])
  const { anon } = await ask(peer, { do: 'report' })
  await peer.stop()
  return anon!
}

/** One server: memory with sessions, heap of one, processor time of a handshake. */
async function server({ program, caller }: Stack, empty: number): Promise<Answer> {
  const server = await start(program)
  const client = await start(caller)
  const at = await ask<Address>(server, { do: 'listen' })
  await ask(client, { do: 'dial', ...at, count: HANDSHAKES })
  await pause(REFILL_MS)
  const before = await ask(server, { do: 'report' })
  await ask(client, { do: 'dial', ...at, count: HANDSHAKES })
  const after = await ask(server, { do: 'report' })
  await server.stop()
  await client.stop()

  const idle = await start(program)
  const holder = await start(caller)
  const there = await ask<Address>(idle, { do: 'listen' })
  await ask(holder, { do: 'dial', ...there, count: 4, hold: true })
  await pause(500)
  await ask(holder, { do: 'dial', ...there, count: SESSIONS - 4, hold: true })
  await pause(1_500)
  const full = await ask(idle, { do: 'report' })
  await idle.stop()
  await holder.stop()

  // In a process whose code is compiled already: only connections make the difference.
  const warm = await start(program)
  const keeper = await start(caller)
  const here = await ask<Address>(warm, { do: 'listen' })
  await ask(keeper, { do: 'dial', ...here, count: 60 })
  await pause(1_500)
  const few = await ask(warm, { do: 'report' })
  await ask(keeper, { do: 'dial', ...here, count: SESSIONS - 4, hold: true })
  await pause(1_500)
  const many = await ask(warm, { do: 'report' })
  await warm.stop()
  await keeper.stop()
  return {
    handshakeMs: (after['cpuUs']! - before['cpuUs']!) / 1_000 / HANDSHAKES,
    heapKb: (many['heap']! - few['heap']!) / (SESSIONS - 4) / 1_024,
    memoryMb: (full['anon']! - empty) / 1_048_576,
  }
}

/** Both ends together, for a megabyte in messages of 1 KB. */
async function messages({ program }: Stack): Promise<number> {
  const server = await start(program)
  const client = await start(program)
  const at = await ask<Address>(server, { do: 'listen' })
  const run = (megabytes: number): Promise<Answer> =>
    ask(client, { do: 'send', ...at, count: megabytes * 1_024 })
  await run(16)
  const cpu = async (): Promise<number> =>
    (await ask(server, { do: 'report' }))['cpuUs']! + (await ask(client, { do: 'report' }))['cpuUs']!
  const idleFrom = await cpu()
  const idle = (await cpu()) - idleFrom
  const before = await cpu()
  await run(MEGABYTES)
  const total = (await cpu()) - before - idle
  await server.stop()
  await client.stop()
  return total / 1_000 / MEGABYTES
}

async function hyper(): Promise<void> {
  const program = `${PEERS}/bench-hyper.mjs`
  const boot = await start([program, 'boot'])
  const { address } = await ask<Address>(boot, { do: 'listen' })
  const server = await start([program, 'peer', address])
  const client = await start([program, 'peer', address])
  const bytes = MEGABYTES * 1_048_576
  const at = await ask<Address>(server, { do: 'listen', bytes })
  await ask(client, { do: 'dial', key: at.key, count: HANDSHAKES })
  const before = await ask(server, { do: 'report' })
  await ask(client, { do: 'dial', key: at.key, count: HANDSHAKES })
  const after = await ask(server, { do: 'report' })
  const handshakeMs = (after['cpuUs']! - before['cpuUs']!) / 1_000 / HANDSHAKES
  const cpu = async (): Promise<number> =>
    (await ask(server, { do: 'report' }))['cpuUs']! + (await ask(client, { do: 'report' }))['cpuUs']!
  await ask(client, { do: 'send', key: at.key, count: MEGABYTES * 1_024 })
  const from = await cpu()
  await ask(client, { do: 'send', key: at.key, count: MEGABYTES * 1_024 })
  const perMb = ((await cpu()) - from) / 1_000 / MEGABYTES
  for (const peer of [client, server, boot]) await peer.stop()
  console.log(
    `         hyperdht 6.34 (native addons): handshake ${handshakeMs.toFixed(2)} ms, ${perMb.toFixed(1)} ms a MB in 1 KB messages`,
  )
}

async function main(): Promise<void> {
  mkdirSync(OUT, { recursive: true })
  const whole = await bundle('whole', 'test/bench/net/whole.ts')
  const theirWhole = await bundle('libp2p-whole', `${PEERS}/whole.mjs`)
  const party = await bundle('party', 'test/bench/net/party.ts')
  const libp2p = await bundle('libp2p', `${PEERS}/bench.mjs`)
  const kb = (file: string): number => statSync(file).size / 1_024
  goal('bundle, minified', kb(whole), kb(theirWhole), { parts: 10, unit: 'KB' })
  const all = kb(await bundle('all', 'test/bench/net/all.ts'))
  console.log(
    `         with datagrams, punching, ports at routers, rendezvous and relays: ${all.toFixed(0)} KB`,
  )

  const ours: Stack = { program: [party], caller: [party] }
  const theirs: Stack = { program: [libp2p], caller: [party] }
  const empty = median([await bare(), await bare(), await bare()])
  const empty4 = (): Record<string, number[]> => ({
    memoryMb: [],
    handshakeMs: [],
    heapKb: [],
    messageMs: [],
  })
  const rows = [empty4(), empty4()]
  // In turns, so that other work on the machine meets both.
  for (let i = 0; i < RUNS; i++)
    for (const [n, stack] of [ours, theirs].entries()) {
      const measured = await server(stack, empty)
      for (const name of ['memoryMb', 'handshakeMs', 'heapKb']) rows[n]![name]!.push(measured[name]!)
      rows[n]!['messageMs']!.push(await messages(stack))
    }
  const [us, them] = rows as [Record<string, number[]>, Record<string, number[]>]
  const compare = (name: string, field: string, parts: number, unit: string): void =>
    goal(name, median(us[field]!), median(them[field]!), { parts, unit })
  compare(`memory over bare Node, ${SESSIONS} sessions`, 'memoryMb', 3, 'MB')
  compare('processor, inbound handshake', 'handshakeMs', 3, 'ms')
  compare('heap of an idle connection', 'heapKb', 4, 'KB')
  compare('processor, a MB in 1 KB messages', 'messageMs', 3, 'ms')
  if (hyperAvailable()) await hyper()
  else console.log('         hyperdht is not there, or its addon does not load: no comparison')
  console.log(
    `bench-net: Node ${process.versions.node}, the middle of ${RUNS} runs each, ${missed} goals missed`,
  )
}

await main()
process.exitCode = missed > 0 ? 1 : 0
