// `wattle provider`: keys, card and requests of a service provider, following what it was granted, and what
// it can show of that.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { pages } from 'wattle:page'
import type { ExitCode } from '../base/errors.ts'
import { WattleError } from '../base/errors.ts'
import { LIMITS } from '../base/limits.ts'
import { decodePlaces } from '../channel/place.ts'
import { Exchange, Signer } from '../crypto/native.ts'
import type { Listener } from '../hw/hardware.ts'
import { Loop } from '../node/loop.ts'
import { SnapshotFile } from '../node/snapshot.ts'
import { signCard } from '../ownership/card.ts'
import { REQUEST_PATH, requestLine, signRequest } from '../page/request.ts'
import { PageServer } from '../page/server.ts'
import { ProviderAccess } from '../provider/access.ts'
import { ProviderFace } from '../provider/face.ts'
import { type OwnConsent, ownConsents } from '../provider/proof.ts'
import { Provider } from '../provider/provider.ts'
import { channelName, ProviderStore } from '../provider/store.ts'

import { CLASS_NAMES, type ClassId, classId } from '../wire/frame.ts'
import { emit, listenError, type Parsed, parse, say, untilStopped, usage, wait } from './cli.ts'
import { askControl, serveControl } from './control.ts'
import { type OpenMachine, openMachine, stateFolder } from './machine.ts'
import { DISCOVERY_OPTIONS, discoveryOf } from './net/discovery.ts'

/** Asked for unless told otherwise: 90 days. */
const REQUEST_MS = 90 * 86_400_000
const KINDS = ['', 'admitted', 'given', 'taken'] as const

const OPTIONS = {
  name: { type: 'string' },
  domain: { type: 'string' },
  state: { type: 'string' },
  listen: { type: 'string' },
  page: { type: 'string' },
  ancestor: { type: 'string', multiple: true },
  who: { type: 'string' },
  ...DISCOVERY_OPTIONS,
  verify: { type: 'string' },
  class: { type: 'string' },
  until: { type: 'string' },
  purpose: { type: 'string' },
  address: { type: 'string', multiple: true },
  link: { type: 'string' },
  redirect: { type: 'string' },
  'answer-state': { type: 'string' },
  retention: { type: 'string' },
  json: { type: 'boolean' },
} as const

export async function provider(args: string[]): Promise<ExitCode> {
  const given = parse(args, OPTIONS)
  const [verb, ...words] = given.words
  if (words.length > 0) throw usage(`provider ${verb} takes options only, not ${words[0]}`)
  if (verb === 'init') return init(given)
  if (verb === 'follow' || verb === 'serve') return follow(given)
  if (verb === 'request') return request(given)
  if (verb === 'grants') return grants(given)
  throw usage(
    verb === undefined
      ? 'provider: expected one of init, request, serve (or follow), grants'
      : `provider: no subcommand ${verb}`,
  )
}

async function openStore(given: Parsed, machine: OpenMachine): Promise<ProviderStore> {
  const fresh = {
    name: given.text('name') ?? 'provider',
    domain: given.text('domain') ?? '',
    random: machine.hardware.random,
  }
  return wait<ProviderStore>((done) => ProviderStore.open(machine.hardware.files, fresh, done))
}

async function init(given: Parsed): Promise<ExitCode> {
  const folder = stateFolder(given.text('state'), 'provider')
  if (existsSync(join(folder, 'provider.keys')))
    throw new WattleError('exists', `${folder} holds a provider already`)
  const machine = await openMachine(folder)
  const store = await openStore(given, machine)
  process.stdout.write(
    `${JSON.stringify({ name: store.keys.name, domain: store.keys.domain, state: folder })}\n`,
  )
  machine.release()
  return 0
}

async function openAccess(store: ProviderStore, machine: OpenMachine): Promise<ProviderAccess> {
  const { files, random } = machine.hardware
  const followed = store.channels.map((channel) => channel.device)
  return wait<ProviderAccess>((done) => ProviderAccess.open({ files, random, followed }, done))
}

/** A line for an owner: what we would like to read, until when and what for. */
async function request(given: Parsed): Promise<ExitCode> {
  const cls = classId(given.text('class') ?? 'raw')
  if (cls === null) throw usage(`--class ${given.text('class')}: expected raw, 15min or day`)
  const ends = given.text('until')
  const until = ends === undefined ? Date.now() + REQUEST_MS : Date.parse(ends)
  if (Number.isNaN(until)) throw usage(`--until ${ends}: expected a date like 2027-03-31`)
  const machine = await openMachine(stateFolder(given.text('state'), 'provider'))
  const store = await openStore(given, machine)
  const signer = new Signer(store.keys.seed)
  const { name, domain } = store.keys
  const box = new Exchange(store.keys.boxSeed).publicKey
  const addresses = given.list('address')
  const line = signCard({ name, domain, sign: signer.publicKey, box, addresses }, signer)
  const wanted = { line, class: cls, until: Math.floor(until), purpose: given.text('purpose') ?? '' }
  process.stdout.write(`${requestText(given.text('link'), wanted, signer, given)}\n`)
  machine.release()
  return 0
}

/** A line, or a link that opens a My Home, on a computer or on the device (docs/wire/page.md "Request link"). */
function requestText(
  home: string | undefined,
  wanted: { line: string; class: ClassId; until: number; purpose: string },
  signer: Signer,
  given: Parsed,
): string {
  const days = given.text('retention')
  const retentionDays = days === undefined ? null : Number(days)
  if (retentionDays !== null && !(Number.isInteger(retentionDays) && retentionDays > 0))
    throw usage(`--retention ${days}: expected days, for example 30`)
  const { line: cardLine, until, purpose } = wanted
  const redirect = given.text('redirect') ?? null
  const state = given.text('answer-state') ?? ''
  const wish = {
    cardLine,
    class: CLASS_NAMES[wanted.class],
    purpose,
    retentionDays,
    until,
    state,
    redirect,
    at: Date.now(),
  }
  try {
    const query = signRequest(wish, signer)
    return home === undefined ? requestLine(query) : `${new URL(REQUEST_PATH, home).href}?${query}`
  } catch {
    throw usage(
      `--link ${home ?? ''} --redirect ${redirect ?? ''}: expected addresses, the redirect an https one`,
    )
  }
}

/** Asks the provider that runs on this folder, or reads the folder itself. */
async function grants(given: Parsed): Promise<ExitCode> {
  const folder = stateFolder(given.text('state'), 'provider')
  const answer = await askControl(folder, { do: 'grants' })
  const list = answer ? (answer.result as OwnConsent[]) : await grantsAlone(folder, given)
  if (given.flag('json')) process.stdout.write(`${JSON.stringify(list)}\n`)
  else say(list.length === 0 ? 'nobody has let this provider read anything' : list.map(words).join('\n'))
  return 0
}

async function grantsAlone(folder: string, given: Parsed): Promise<OwnConsent[]> {
  const machine = await openMachine(folder)
  const store = await openStore(given, machine)
  const access = await openAccess(store, machine)
  const list = ownConsents(store.channels, access)
  access.close()
  machine.release()
  return list
}

function words(c: OwnConsent): string {
  const at = (spot: { epoch: number; index: number; at: number }): string =>
    `${spot.epoch}/${spot.index} (${new Date(spot.at).toISOString().replace(/\.\d+Z$/, 'Z')})`
  const read = c.read.map((r) => `\n  frames ${at(r.from)} to ${r.to ? at(r.to) : 'now'}`).join('')
  return `${c.name}: ${c.class}, ${c.state}${c.why ? ` (${c.why})` : ''}${read}`
}

async function follow(given: Parsed): Promise<ExitCode> {
  const who = given.text('who') ?? 'provider'
  const verify = given.text('verify') ?? 'batch'
  if (verify !== 'every' && verify !== 'batch') throw usage(`--verify ${verify}: expected every or batch`)
  const machine = await openMachine(stateFolder(given.text('state'), 'provider'))
  const { hardware } = machine
  const store = await openStore(given, machine)
  const loop = new Loop(hardware.clock, LIMITS.node.peerTimers)
  const placesFile = new SnapshotFile(hardware.files, 'provider.places', 'plac', 1)
  const content = await new Promise<Uint8Array | null>((resolve, reject) => {
    placesFile.read((error, bytes) => (error ? reject(error) : resolve(bytes)))
  })
  const access = await openAccess(store, machine)
  const face = new ProviderFace({
    hardware,
    loop,
    name: store.keys.name,
    domain: store.keys.domain,
    broadcast: (message) => page.broadcast(message),
  })
  const page = new PageServer(
    { assets: pages.provider, ancestors: given.list('ancestor') },
    { onPage: (tell) => face.onPage(tell) },
  )
  const running = new Provider({
    hardware,
    loop,
    store,
    access,
    places: (content && decodePlaces(content)) ?? [],
    placesFile,
    verify,
    discovery: discoveryOf(given, () => undefined, 'off'),
    events: {
      onTelegram: (channel, telegram, at) => {
        const reading = face.onTelegram(channel, telegram, at)
        emit(who, 'reading', {
          channel: channelName(channel),
          epoch: at.epoch,
          index: at.index,
          ...(reading ? { inW: reading.powerInW, outW: reading.powerOutW, at: reading.at } : {}),
        })
      },
      onDigest: (channel, _, at) => emit(who, 'digest', { channel: channelName(channel), ...at }),
      onSealed: (channel, at) => {
        face.onSealed(channel, at)
        emit(who, 'sealed', {
          channel: channelName(channel),
          ...at,
          text: `frame ${at.index} of epoch ${at.epoch} received, cannot open`,
        })
      },
      onGap: (channel, from, to) => {
        face.onGap(channel, from, to)
        emit(who, 'gap', { channel: channelName(channel), from, to })
      },
      onAccess: (channel, access, why) => {
        face.onAccess(channel, access, why)
        emit(who, 'access', { channel: channelName(channel), access, why })
      },
      onForget: (channel) => face.onForget(channel),
      onEntry: (channel, entry) =>
        emit(who, 'entry', {
          channel: channelName(channel),
          kind: KINDS[entry.kind],
          epoch: entry.epoch,
          index: entry.index,
          at: entry.at,
          why: entry.why,
        }),
      onInvite: (channel) => {
        face.onInvite(channel)
        emit(who, 'invited', {
          channel: channelName(channel),
          until: channel.until,
          purpose: channel.purpose,
        })
      },
    },
  })
  const listen = given.text('listen') ?? '0.0.0.0:4002'
  const listener = await wait<Listener>((done) => running.listen(listen, done)).catch((error: Error) => {
    throw listenError('provider follow --listen', listen, error)
  })
  const pageAddress = given.text('page') ?? '127.0.0.1:8482'
  const pageListener = await wait<Listener>((done) => page.listen(hardware.http, pageAddress, done)).catch(
    (error: Error) => {
      throw listenError('provider follow --page', pageAddress, error)
    },
  )
  // What was granted before this start is shown too.
  for (const channel of store.channels) face.onInvite(channel)
  const control = serveControl(machine.folder, (request, answer) => {
    if (request.do === 'grants') answer({ ok: true, result: ownConsents(store.channels, access) })
    else answer({ ok: false, code: 'bad-shape', text: `no command ${request.do}` })
  })
  const stopped = untilStopped({ stdin: process.env['WATTLE_CHILD'] === '1' })
  emit(who, 'ready', {
    name: store.keys.name,
    address: listener.address,
    page: `http://${pageListener.address}/`,
    card: running.card([listener.address]),
  })
  await stopped
  emit(who, 'status', { net: running.host.counters.report(), page: page.counters.report() })
  page.close()
  control.close()
  pageListener.close()
  await new Promise<void>((resolve) => running.close(resolve))
  machine.release()
  return 0
}
