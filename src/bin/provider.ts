// `wattle provider`: keys and card of a service provider, and following what it was granted.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { pages } from 'wattle:page'
import type { ExitCode } from '../base/errors.ts'
import { WattleError } from '../base/errors.ts'
import { LIMITS } from '../base/limits.ts'
import { decodePlaces } from '../channel/place.ts'
import type { Listener } from '../hw/hardware.ts'
import { Loop } from '../node/loop.ts'
import { SnapshotFile } from '../node/snapshot.ts'
import { PageServer } from '../page/server.ts'
import { ProviderFace } from '../provider/face.ts'
import { channelName, Provider } from '../provider/provider.ts'
import { ProviderStore } from '../provider/store.ts'
import { emit, listenError, type Parsed, parse, untilStopped, usage, wait } from './cli.ts'
import { type OpenMachine, openMachine, stateFolder } from './machine.ts'

const OPTIONS = {
  name: { type: 'string' },
  domain: { type: 'string' },
  state: { type: 'string' },
  listen: { type: 'string' },
  page: { type: 'string' },
  ancestor: { type: 'string', multiple: true },
  who: { type: 'string' },
  verify: { type: 'string' },
} as const

export async function provider(args: string[]): Promise<ExitCode> {
  const given = parse(args, OPTIONS)
  const [verb, ...words] = given.words
  if (words.length > 0) throw usage(`provider ${verb} takes options only, not ${words[0]}`)
  if (verb === 'init') return init(given)
  if (verb === 'follow') return follow(given)
  throw usage(verb === undefined ? 'provider: expected init or follow' : `provider: no subcommand ${verb}`)
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
    places: (content && decodePlaces(content)) ?? [],
    placesFile,
    verify,
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
      onSealed: (channel, at) => {
        face.onSealed(channel, at)
        emit(who, 'sealed', {
          channel: channelName(channel),
          ...at,
          text: `frame ${at.index} of epoch ${at.epoch} received, cannot open`,
        })
      },
      onGap: (channel, from, to) => emit(who, 'gap', { channel: channelName(channel), from, to }),
      onAccess: (channel, access, why) => {
        face.onAccess(channel, access, why)
        emit(who, 'access', { channel: channelName(channel), access, why })
      },
      onForget: (channel) => face.onForget(channel),
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
  pageListener.close()
  await new Promise<void>((resolve) => running.close(resolve))
  machine.release()
  return 0
}
