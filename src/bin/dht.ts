// `wattle dht`: a node by itself, and single operations for people and scripts. JSON on stdout, text
// for people on stderr. `--mainline` speaks plain BEP-5 (also on loopback, for tests); otherwise the
// private signed overlay of the given name.

import { lookup } from 'node:dns/promises'
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { type Bytes, hex, unhex, utf8 } from '../base/bytes.ts'
import { EXIT, WattleError } from '../base/errors.ts'
import { Signer } from '../crypto/native.ts'
import { Secret } from '../crypto/secret.ts'
import { Address, addressOf } from '../dht/krpc/address.ts'
import { scopeOf } from '../dht/krpc/reach.ts'
import { bencodeBytes, bytesOf, plainItem, signItem, storable, targetOf } from '../dht/objects.ts'
import type { Contact, Found, Put } from '../dht/options.ts'
import { LinuxClock, linuxRandom } from '../hw/linux/clock.ts'
import { type LinuxFiles, openFolder } from '../hw/linux/files.ts'
import { LinuxSockets } from '../hw/linux/sockets.ts'
import { DhtRunner, type DhtRunnerOptions } from '../node/dht-runner.ts'
import { Loop } from '../node/loop.ts'

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

/** Where the public network is entered when nothing else is said. */
const MAINLINE = 'router.bittorrent.com:6881,dht.transmissionbt.com:6881,router.utorrent.com:6881'
const NOWHERE = new Address()

const OPTIONS = {
  listen: { type: 'string' },
  overlay: { type: 'string' },
  mainline: { type: 'boolean', default: false },
  'read-only': { type: 'boolean' },
  bootstrap: { type: 'string' },
  state: { type: 'string' },
  'max-bytes': { type: 'string' },
  id: { type: 'string' },
  key: { type: 'string' },
  'public-key': { type: 'string' },
  salt: { type: 'string', default: '' },
  value: { type: 'string' },
  'value-hex': { type: 'string' },
  seq: { type: 'string' },
  cas: { type: 'string' },
  port: { type: 'string', default: '0' },
  wait: { type: 'string', default: '10000' },
  /** No limit on answers: for benchmarks on loopback only. */
  'full-rate': { type: 'boolean', default: false },
  /** One id an address and few a subnet also on loopback and private networks. */
  'strict-local': { type: 'boolean', default: false },
} as const

type Options = ReturnType<typeof parse>['values']

function parse(args: string[]) {
  return parseArgs({ args, options: OPTIONS, allowPositionals: true, strict: true })
}

/** Runs a subcommand; its exit code. */
export async function dht(args: string[]): Promise<number> {
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

function usage(why: string): number {
  console.error(`wattle dht: ${why}\n${USAGE}`)
  return EXIT.usage
}

function wrong(why: string): WattleError {
  return new WattleError('usage', why, EXIT.usage)
}

function number(text: string, name: string, most: number): number {
  const n = Number(text)
  if (!Number.isInteger(n) || n < 0 || n > most) throw wrong(`--${name}: expected 0 to ${most}, got ${text}`)
  return n
}

function big(text: string, name: string): bigint {
  if (!/^\d{1,19}$/.test(text) || BigInt(text) >= 1n << 63n)
    throw wrong(`--${name}: expected 0 to 2^63-1, got ${text}`)
  return BigInt(text)
}

function bytes(text: string, name: string, length?: number): Bytes {
  const out = unhex(text)
  if (!out || (length !== undefined && out.length !== length))
    throw wrong(`--${name}: expected ${length ? `${2 * length} ` : ''}hex digits, got ${text}`)
  return out
}

/** A file with a 32-byte Ed25519 seed, raw or as 64 hex digits. */
function keyFile(path: string): Signer {
  let content: Bytes
  try {
    content = readFileSync(path)
  } catch (error) {
    throw new WattleError('key-file', `cannot read the key ${path}: ${(error as Error).message}`, EXIT.usage)
  }
  const seed = content.length === 32 ? Uint8Array.from(content) : unhex(String(content).trim())
  if (seed?.length !== 32) throw wrong(`${path}: expected 32 bytes or 64 hex digits`)
  return new Signer(new Secret(seed))
}

function fresh(): Signer {
  const seed = new Uint8Array(32)
  linuxRandom(seed)
  return new Signer(new Secret(seed))
}

/** The state folder with the node's own key in it, made at the first start. */
async function openState(folder: string): Promise<{ files: LinuxFiles; signer: Signer }> {
  const files = await new Promise<LinuxFiles>((done, fail) =>
    openFolder(folder, (error, opened) =>
      opened
        ? done(opened)
        : fail(new WattleError('state', `--state ${folder}: ${error?.message}`, EXIT.stay)),
    ),
  )
  const old = await new Promise<Bytes | null>((done, fail) =>
    files.read('dht-key', (error, found) =>
      error ? fail(new WattleError('state', `dht-key: ${error.message}`, EXIT.stay)) : done(found),
    ),
  )
  if (old && old.length !== 32)
    throw new WattleError('state', `${folder}/dht-key: expected 32 bytes, got ${old.length}`, EXIT.stay)
  if (old) return { files, signer: new Signer(new Secret(old)) }
  const seed = new Uint8Array(32)
  linuxRandom(seed)
  await new Promise<void>((done, fail) =>
    files.replace('dht-key', seed, (error) =>
      error ? fail(new WattleError('state', `dht-key: ${error.message}`, EXIT.stay)) : done(),
    ),
  )
  return { files, signer: new Signer(new Secret(seed)) }
}

interface Peer {
  readonly address: string
  readonly publicKey: Bytes | null
}

/** Literal addresses of `host:port`; names are looked up. */
async function resolve(address: string): Promise<string[]> {
  if (addressOf(address)) return [address]
  const match = /^([a-zA-Z0-9.-]+):(\d{1,5})$/.exec(address)
  if (!match) throw wrong(`--bootstrap: expected host:port, got ${address}`)
  try {
    const found = await lookup(match[1]!, { all: true })
    return found.map((a) => (a.family === 6 ? `[${a.address}]:${match[2]}` : `${a.address}:${match[2]}`))
  } catch (error) {
    console.error(`wattle dht: ${address}: ${(error as Error).message}`)
    return []
  }
}

async function peersOf(options: Options, subject: string | null): Promise<Peer[]> {
  const local = (options.listen ?? '').split(',').some((a) => scopeOf(addressOf(a) ?? NOWHERE) === 1)
  const known = options.mainline && !local && subject === null ? MAINLINE : ''
  const out: Peer[] = []
  for (const peer of (options.bootstrap ?? known).split(',')) {
    const [name, key] = peer.split('@')
    if (!name) continue
    const publicKey = key ? bytes(key, 'bootstrap', 32) : null
    for (const address of await resolve(name)) out.push({ address, publicKey })
  }
  return out
}

/** @param subject an address that is to be talked to beside the bootstrap peers, or null. */
async function settings(
  options: Options,
  client: boolean,
  subject: string | null,
): Promise<DhtRunnerOptions> {
  if (options.mainline === (options.overlay !== undefined))
    throw wrong('either --mainline or --overlay NAME is needed')
  const bootstrap = await peersOf(options, subject)
  const talkTo = [...bootstrap.map((peer) => peer.address), ...(subject ? [subject] : [])]
  const six = talkTo.some((a) => a.startsWith('['))
  const four = !six || talkTo.some((a) => !a.startsWith('['))
  const any = [...(four ? ['0.0.0.0:0'] : []), ...(six ? ['[::]:0'] : [])]
  const listen = options.listen?.split(',').filter((a) => a !== '') ?? any
  for (const a of listen) if (!addressOf(a)) throw wrong(`--listen: expected host:port, got ${a}`)
  const state = options.state && !client ? await openState(options.state) : null
  const signer =
    options.overlay === undefined ? null : options.key ? keyFile(options.key) : (state?.signer ?? fresh())
  const most = options['max-bytes']
  return {
    listen,
    bootstrap,
    alsoReach: talkTo,
    readOnly: options['read-only'] ?? client,
    strictLocal: options['strict-local'],
    ...(signer ? { overlay: { name: options.overlay!, signer } } : {}),
    ...(options.id ? { id: bytes(options.id, 'id', 20) } : {}),
    ...(most ? { maxBytes: number(most, 'max-bytes', 2 ** 31) } : {}),
    ...(options['full-rate'] ? { rates: { perSource: 1e7, bytes: 1e12, signatures: 1e6 } } : {}),
    state: state ? { files: state.files, name: 'dht' } : null,
  }
}

async function start(
  options: Options,
  client: boolean,
  subject: string | null = null,
): Promise<{ runner: DhtRunner; clock: LinuxClock }> {
  const clock = new LinuxClock()
  const machine = { loop: new Loop(clock), random: linuxRandom, sockets: new LinuxSockets({ lend: true }) }
  try {
    return { runner: new DhtRunner(machine, await settings(options, client, subject)), clock }
  } catch (error) {
    throw error instanceof RangeError ? wrong(error.message) : error
  }
}

/** A node until SIGINT or SIGTERM. */
async function node(options: Options): Promise<number> {
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

async function once(options: Options, run: Run, subject: string | null = null): Promise<number> {
  const { runner, clock } = await start(options, true, subject)
  try {
    await runner.start()
    if (subject === null && options.bootstrap !== '')
      await runner.joined(number(options.wait, 'wait', 600_000))
    return await run(runner)
  } finally {
    await runner.stop()
    clock.stop()
  }
}

async function ping(runner: DhtRunner, address: string): Promise<number> {
  const ms = await runner.ping(address)
  console.log(
    JSON.stringify(ms < 0 ? { address, answered: false } : { address, answered: true, ms: round(ms) }),
  )
  return ms < 0 ? EXIT.failed : EXIT.done
}

type Run = (runner: DhtRunner) => Promise<number>

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

function contact(c: Contact): object {
  return { id: hex(c.id), address: c.address, ...(c.publicKey ? { publicKey: hex(c.publicKey) } : {}) }
}

/** One JSON line; done when what was asked for was found or stored. */
function print(found: Found): number {
  const item = found.item
  const content = item ? bytesOf(item.value) : null
  const text = content ? new TextDecoder().decode(content) : null
  console.log(
    JSON.stringify({
      kind: found.kind,
      ...(item
        ? {
            target: hex(item.target),
            ...(found.kind === 'get' ? { value: hex(item.value), ...(text === null ? {} : { text }) } : {}),
            ...(item.publicKey
              ? { publicKey: hex(item.publicKey), seq: String(item.seq), signature: hex(item.signature!) }
              : {}),
          }
        : {}),
      ...(found.kind === 'peers' ? { peers: found.peers } : {}),
      ...(found.kind === 'put' || found.kind === 'announce'
        ? { stored: found.stored, refusal: found.refusal }
        : {}),
      nodes: found.nodes.map(contact),
      asked: found.asked,
      silent: found.silent,
      hops: found.hops,
      ms: round(found.ms),
    }),
  )
  const done =
    found.kind === 'find'
      ? found.nodes.length > 0
      : found.kind === 'peers'
        ? found.peers.length > 0
        : found.kind === 'get'
          ? item !== null
          : found.stored > 0
  return done ? EXIT.done : EXIT.failed
}

function round(ms: number): number {
  return Math.round(ms * 100) / 100
}
