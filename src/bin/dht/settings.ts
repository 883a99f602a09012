// Options of `wattle dht` and what they mean: keys, the state folder, bootstrap peers, sockets.

import { lookup } from 'node:dns/promises'
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { type Bytes, unhex } from '../../base/bytes.ts'
import { EXIT, WattleError } from '../../base/errors.ts'
import { Signer } from '../../crypto/native.ts'
import { Secret } from '../../crypto/secret.ts'
import { Address, addressOf } from '../../dht/krpc/address.ts'
import { scopeOf } from '../../dht/krpc/reach.ts'
import { linuxRandom } from '../../hw/linux/clock.ts'
import { type LinuxFiles, openFolder } from '../../hw/linux/files.ts'
import type { DhtRunnerOptions } from '../../node/dht-runner.ts'

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
  wait: { type: 'string', default: '5000' },
  /** No limit on answers: for benchmarks on loopback only. */
  'full-rate': { type: 'boolean', default: false },
  /** One id an address and few a subnet also on loopback and private networks. */
  'strict-local': { type: 'boolean', default: false },
} as const

type Parsed = ReturnType<
  typeof parseArgs<{ args: string[]; options: typeof OPTIONS; allowPositionals: true; strict: true }>
>
export type Options = Parsed['values']

/** @throws TypeError for what is no option. */
export function parse(args: string[]): Parsed {
  return parseArgs({ args, options: OPTIONS, allowPositionals: true, strict: true })
}

export function wrong(why: string): WattleError {
  return new WattleError('usage', why, EXIT.usage)
}

export function number(text: string, name: string, most: number): number {
  const n = Number(text)
  if (!Number.isInteger(n) || n < 0 || n > most) throw wrong(`--${name}: expected 0 to ${most}, got ${text}`)
  return n
}

export function big(text: string, name: string): bigint {
  if (!/^\d{1,19}$/.test(text) || BigInt(text) >= 1n << 63n)
    throw wrong(`--${name}: expected 0 to 2^63-1, got ${text}`)
  return BigInt(text)
}

export function bytes(text: string, name: string, length?: number): Bytes {
  const out = unhex(text)
  if (!out || (length !== undefined && out.length !== length))
    throw wrong(`--${name}: expected ${length ? `${2 * length} ` : ''}hex digits, got ${text}`)
  return out
}

/** A file with a 32-byte Ed25519 seed, raw or as 64 hex digits. */
export function keyFile(path: string): Signer {
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
export async function settings(
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
