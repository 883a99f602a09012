// `wattle peer serve`: a peer that others lean on, on any machine that can be reached. Each role is off
// or on and has its own limits: rendezvous (where somebody is), relay of datagrams and of connections (mine,
// community, open), node of a private DHT, mailbox of devices that it was told of. It sees nothing but ciphertext.

import { type Bytes, base64url, unbase64url } from '../../base/bytes.ts'
import { type ExitCode, WattleError } from '../../base/errors.ts'
import { LIMITS } from '../../base/limits.ts'
import type { Signer } from '../../crypto/native.ts'
import { PeerMail } from '../../home/mail/peer-mail.ts'
import type { Files } from '../../hw/hardware.ts'
import { CircuitServer } from '../../net/circuit/server.ts'
import { Host } from '../../net/host.ts'
import { serveIdentify } from '../../net/services/identify.ts'
import { servePing } from '../../net/services/ping.ts'
import { type DhtMachine, DhtRunner } from '../../node/dht-runner.ts'
import { Loop } from '../../node/loop.ts'
import { Plane } from '../../node/path/plane.ts'
import { sharedSockets } from '../../node/path/shared.ts'
import { serveLists } from '../../node/peers/community/exchange.ts'
import { bootstrapPeers } from '../../node/peers/config.ts'
import { serveRendezvous } from '../../node/peers/service.ts'
import { CHANNEL_PROTOCOL } from '../../wire/channel.ts'
import { emit, listenError, type Parsed, parse, untilStopped, usage, wait } from '../cli.ts'
import { keyFile } from '../keyfile.ts'
import { openMachine, stateFolder } from '../machine.ts'
import { makeList, readListFile } from '../peers/list.ts'

const OPTIONS = {
  listen: { type: 'string' },
  udp: { type: 'string' },
  state: { type: 'string' },
  rendezvous: { type: 'string' },
  relay: { type: 'string' },
  mailbox: { type: 'string' },
  mine: { type: 'string', multiple: true },
  inviter: { type: 'string', multiple: true },
  overlay: { type: 'string' },
  'dht-listen': { type: 'string' },
  bootstrap: { type: 'string' },
  list: { type: 'string', multiple: true },
  m: { type: 'string' },
  signer: { type: 'string', multiple: true },
} as const

const MAIL_SYNC_MS = 60_000
const RELAY_WORDS = ['off', 'mine', 'community', 'open'] as const

export async function peer(args: string[]): Promise<ExitCode> {
  const given = parse(args, OPTIONS)
  const [verb, ...words] = given.words
  if (verb === 'list' || verb === 'sign') return makeList(verb, words, given)
  if (verb !== 'serve' || words.length > 0)
    throw usage('peer: expected serve and options, list NAME KEY@HOST:PORT[,…], or sign FILE')
  const lists = given.list('list').map(readListFile)
  const listen = given.text('listen') ?? '0.0.0.0:4010'
  const udp = given.text('udp') ?? listen
  const relay = wordOf(given, 'relay', RELAY_WORDS, 'mine')
  const rendezvous = wordOf(given, 'rendezvous', ['on', 'off'], 'on')
  const keeps = wordOf(given, 'mailbox', ['on', 'off'], 'off')
  const mine = keysOf(given, 'mine')
  const inviters = keysOf(given, 'inviter')
  const { hardware, release } = await openMachine(stateFolder(given.text('state'), 'peer'))
  const { clock, random, sockets, files } = hardware
  const signer = await keyFile(files, 'peer-key', random)
  const loop = new Loop(clock)
  const wall = (): number => clock.wall()
  const stops: (() => void)[] = []

  const host = new Host({ sockets, timers: loop, random, signer, agent: 'wattle-peer' })
  serveIdentify(host)
  servePing(host)
  if (lists.length > 0) serveLists(host, lists)
  if (rendezvous === 'on') stops.push(serveRendezvous({ host, loop, wall }).stop)
  if (keeps === 'on') stops.push(await keepMail({ host, loop, files, mine }))
  const listener = await wait<{ address: string }>((done) => host.listen(listen, done)).catch(
    (error: Error) => {
      throw listenError('peer serve --listen', listen, error)
    },
  )

  let plane: Plane | null = null
  if (relay !== 'off') {
    const isMine = (key: Bytes): boolean => mine.includes(base64url(key))
    const rules = {
      mine: isMine,
      inviters: relay === 'mine' ? [] : inviters.map((k) => unbase64url(k)!),
      open: relay === 'open',
    }
    // One port for both planes, where a free one was asked for.
    const at = udp.endsWith(':0') ? listener.address : udp
    plane = new Plane({ loop, sockets, random, signer, relay: rules })
    await wait<true>((done) => plane!.start([at], (error) => done(error, true))).catch((error: Error) => {
      throw listenError('peer serve --udp', at, error)
    })
    plane.carry(host)
    stops.push(() => plane?.close())
    const circuits = new CircuitServer({ host, timers: loop, signer, rules, wall })
    host.onDisconnect = (connection) => circuits.onDisconnect(connection)
    stops.push(() => circuits.stop())
  }

  // The DHT on the port of everything else, unless it was given one of its own.
  const own = given.text('dht-listen') !== undefined || !plane
  const dhtSockets = own ? sockets : sharedSockets(plane!, sockets, loop)
  const dht = await startDht(given, plane?.sockets.addresses, {
    ...{ loop, random, files, signer },
    sockets: dhtSockets,
  })
  if (dht) stops.push(() => dht.stop())

  const stopped = untilStopped({ stdin: process.env['WATTLE_CHILD'] === '1' })
  emit('peer', 'ready', {
    key: base64url(signer.publicKey),
    bootstrap: `${base64url(signer.publicKey)}@${listener.address}`,
    listen: listener.address,
    udp: plane?.sockets.addresses ?? [],
    dht: dht?.addresses ?? [],
    roles: { rendezvous, relay, mailbox: keeps, overlay: given.text('overlay') ?? 'off' },
  })
  await stopped
  emit('peer', 'status', { net: host.counters.report() })
  for (const stop of stops) stop()
  host.close()
  release()
  return 0
}

/** Frames of the devices named with --mine, for their readers while they are away. Returns what ends it. */
async function keepMail(o: { host: Host; loop: Loop; files: Files; mine: string[] }): Promise<() => void> {
  const { host, loop, files } = o
  const devices = o.mine.map((key) => unbase64url(key)!)
  if (devices.length === 0 || devices.length > LIMITS.home.mailboxDevices)
    throw usage(`--mailbox on: expected --mine KEY for 1 to ${LIMITS.home.mailboxDevices} devices`)
  const mail = await wait<PeerMail>((done) => PeerMail.open({ files, devices }, done))
  host.handle(CHANNEL_PROTOCOL, (stream) => mail.mailbox.onStream(stream))
  loop.every('mailbox sync', MAIL_SYNC_MS, () => mail.mailbox.sync())
  return () => mail.close()
}

interface DhtParts extends DhtMachine {
  files: Files
  signer: Signer
}

async function startDht(
  given: Parsed,
  shared: readonly string[] | undefined,
  parts: DhtParts,
): Promise<DhtRunner | null> {
  const overlay = given.text('overlay')
  if (overlay === undefined) return null
  const listen = given.text('dht-listen')
  const others = bootstrapPeers(given.text('bootstrap') ?? '')
  if (!others) throw usage('--bootstrap: expected KEY@HOST:PORT, with commas between')
  const { files, signer, ...machine } = parts
  const runner = new DhtRunner(machine, {
    listen: listen !== undefined ? [listen] : (shared ?? ['0.0.0.0:4011']),
    overlay: { name: overlay, signer },
    bootstrap: others.flatMap(({ key, addresses }) =>
      addresses.map((address) => ({ address, publicKey: key })),
    ),
    state: { files, name: 'peer.dht' },
  })
  await runner.start()
  return runner
}

function wordOf<W extends string>(given: Parsed, name: string, words: readonly W[], fallback: W): W {
  const said = given.text(name) ?? fallback
  const word = words.find((w) => w === said)
  if (word === undefined) throw usage(`--${name} ${said}: expected ${words.join(', ')}`)
  return word
}

/** Keys given as 43 characters each. @throws WattleError `usage`. */
function keysOf(given: Parsed, name: string): string[] {
  const keys = given.list(name)
  for (const key of keys)
    if (unbase64url(key)?.length !== 32)
      throw new WattleError('usage', `--${name} ${key}: expected an Ed25519 key of 43 characters`, 2)
  return keys
}
