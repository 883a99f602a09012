// `wattle dht`: a node by itself, and single operations for people and scripts. JSON on stdout, text
// for people on stderr. `--mainline` speaks plain BEP-5 (also on loopback, for tests); otherwise the
// private signed overlay of the given name.

import { type Bytes, hex, unhex, utf8 } from '../../base/bytes.ts'
import { EXIT, type ExitCode, WattleError } from '../../base/errors.ts'
import { addressOf } from '../../dht/krpc/address.ts'
import { bencodeBytes, plainItem, signItem, storable, targetOf } from '../../dht/objects.ts'
import type { Put } from '../../dht/options.ts'
import { LinuxClock, linuxRandom } from '../../hw/linux/clock.ts'
import { LinuxSockets } from '../../hw/linux/sockets.ts'
import { DhtRunner, type DhtRunnerOptions } from '../../node/dht-runner.ts'
import { Loop } from '../../node/loop.ts'
import { print, round } from './print.ts'
import { big, bytes, keyFile, number, type Options, parse, settings, wrong } from './settings.ts'

const USAGE = `wattle dht node --listen ADDR[,ADDR6] (--overlay NAME [--state DIR] | --mainline [--read-only])
           [--bootstrap ADDR[@KEYHEX][,...]] [--max-bytes N] [--id HEX] [--key FILE]
           [--strict-local] [--full-rate]
wattle dht get TARGETHEX | --public-key HEX [--salt TEXT]
wattle dht put --value TEXT | --value-hex HEX [--key FILE [--salt TEXT] [--seq N] [--cas N]]
wattle dht find TARGETHEX
wattle dht peers TOPICHEX
wattle dht announce TOPICHEX [--port N]
wattle dht ping ADDR
  each with --listen, --bootstrap, --mainline or --overlay NAME, --wait MS`

/** Runs a subcommand; its exit code. */
export async function dht(args: string[]): Promise<ExitCode> {
  let parsed: ReturnType<typeof parse>
  try {
    parsed = parse(args)
  } catch (error) {
    return usage((error as Error).message)
  }
  const [command, subject] = parsed.positionals
  const options = parsed.values
  try {
    if (command === 'node') return await node(options)
    if (command === 'put') return await once(options, preparePut(options))
    if (command === 'get') return await once(options, prepareGet(options, subject))
    if (command === 'ping') {
      if (!subject || !addressOf(subject)) return usage('ping wants host:port')
      return await once(options, (runner) => ping(runner, subject), subject)
    }
    if (command !== 'find' && command !== 'peers' && command !== 'announce')
      return usage(command ? `no command ${command}` : 'which command?')
    const target = unhex(subject ?? '')
    if (target?.length !== 20) return usage(`${command} wants 40 hex digits`)
    const wanted =
      command === 'announce'
        ? ({ kind: command, target, port: number(options.port, 'port', 65_535) } as const)
        : ({ kind: command, target } as const)
    return await once(options, async (runner) => print(await runner.ask(wanted)))
  } catch (error) {
    if (!(error instanceof WattleError)) throw error
    console.error(`wattle dht: ${error.message}`)
    return error.exit
  }
}

function usage(why: string): ExitCode {
  console.error(`wattle dht: ${why}\n${USAGE}`)
  return EXIT.usage
}

async function start(
  options: Options,
  client: boolean,
  subject: string | null = null,
): Promise<{ runner: DhtRunner; clock: LinuxClock; bootstrap: DhtRunnerOptions['bootstrap'] }> {
  const clock = new LinuxClock()
  const machine = { loop: new Loop(clock), random: linuxRandom, sockets: new LinuxSockets({ lend: true }) }
  try {
    const given = await settings(options, client, subject)
    return { runner: new DhtRunner(machine, given), clock, bootstrap: given.bootstrap }
  } catch (error) {
    throw error instanceof RangeError ? wrong(error.message) : error
  }
}

/** A node until SIGINT or SIGTERM. */
async function node(options: Options): Promise<ExitCode> {
  const { runner, clock } = await start(options, false)
  await runner.start()
  const line = (what: object): void => void process.stdout.write(`${JSON.stringify(what)}\n`)
  line({ ready: true, listen: runner.addresses, id: hex(runner.dht.id), mainline: options.mainline })
  process.on('SIGUSR2', () => {
    globalThis.gc?.()
    const memory = process.memoryUsage()
    const cpu = process.cpuUsage()
    const stats = runner.dht.stats(clock.now())
    line({
      ...stats,
      external: runner.dht.externalAddress(),
      cpuUs: cpu.user + cpu.system,
      memory,
    })
  })
  await new Promise<void>((done) => {
    process.once('SIGINT', done)
    process.once('SIGTERM', done)
  })
  await runner.stop()
  clock.stop()
  return EXIT.done
}

async function once(options: Options, run: Run, subject: string | null = null): Promise<ExitCode> {
  const { runner, clock, bootstrap } = await start(options, true, subject)
  try {
    await runner.start()
    if (subject === null && options.bootstrap !== '') await join(runner, options, bootstrap ?? [])
    return await run(runner)
  } finally {
    await runner.stop()
    clock.stop()
  }
}

/** @throws WattleError `no-network` where nobody of this network answers in time. */
async function join(
  runner: DhtRunner,
  options: Options,
  bootstrap: NonNullable<DhtRunnerOptions['bootstrap']>,
): Promise<void> {
  if (bootstrap.length === 0) throw wrong('--bootstrap HOST:PORT is needed: nobody to ask is known')
  const ms = number(options.wait, 'wait', 600_000)
  if (await runner.joined(ms)) return
  const network = options.mainline ? 'the Mainline network' : `the overlay "${options.overlay}"`
  const where = bootstrap.map((peer) => peer.address).slice(0, 3)
  throw new WattleError(
    'no-network',
    `no node of ${network} answered at ${where.join(', ')} within ${ms / 1_000} s. Is it running, and is it of ` +
      'this network? Mainline nodes and overlays of different names do not answer one another.',
  )
}

async function ping(runner: DhtRunner, address: string): Promise<ExitCode> {
  const ms = await runner.ping(address)
  console.log(
    JSON.stringify(ms < 0 ? { address, answered: false } : { address, answered: true, ms: round(ms) }),
  )
  return ms < 0 ? EXIT.failed : EXIT.done
}

type Run = (runner: DhtRunner) => Promise<ExitCode>

/** Everything is checked before the first datagram leaves. */
function prepareGet(options: Options, subject: string | undefined): Run {
  const salt = utf8(options.salt)
  const publicKey = options['public-key'] ? bytes(options['public-key'], 'public-key', 32) : undefined
  const target = publicKey ? targetOf(publicKey, salt) : unhex(subject ?? '')
  if (target?.length !== 20) throw wrong('get wants 40 hex digits, or --public-key')
  return async (runner) =>
    print(await runner.ask({ kind: 'get', target, salt, ...(publicKey ? { publicKey } : {}) }))
}

function preparePut(options: Options): Run {
  if (options.value === undefined && options['value-hex'] === undefined)
    throw wrong('put wants --value or --value-hex (one bencoded value)')
  const value =
    options['value-hex'] !== undefined
      ? bytes(options['value-hex'], 'value-hex')
      : bencodeBytes(utf8(options.value ?? ''))
  if (!storable(value)) throw wrong('the value: expected one canonical bencoded value of at most 1000 bytes')
  if (!options.key) {
    const item = plainItem(value)
    return async (runner) => print(await runner.ask({ kind: 'put', item }))
  }
  const signer = keyFile(options.key)
  const salt = utf8(options.salt)
  if (salt.length > 64) throw wrong('--salt: at most 64 bytes')
  const cas = options.cas === undefined ? undefined : big(options.cas, 'cas')
  const given = options.seq === undefined ? undefined : big(options.seq, 'seq')
  return async (runner) => {
    const seq = given ?? (await nextSeq(runner, signer.publicKey, salt))
    const item: Put = signItem(signer, value, { seq, salt, ...(cas === undefined ? {} : { cas }) })
    return print(await runner.ask({ kind: 'put', item }))
  }
}

/** One more than what the network holds. */
async function nextSeq(runner: DhtRunner, publicKey: Bytes, salt: Bytes): Promise<bigint> {
  const old = await runner.ask({ kind: 'get', target: targetOf(publicKey, salt), salt, publicKey })
  return old.item ? old.item.seq + 1n : 1n
}
