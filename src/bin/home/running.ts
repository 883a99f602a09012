// One My Home process: state folder, engine, page, wired together; what `serve` keeps up and what a
// command without a running home starts for itself.

import { pages } from 'wattle:page'
import { WattleError } from '../../base/errors.ts'
import { LIMITS } from '../../base/limits.ts'
import { Face } from '../../home/face.ts'
import { Home } from '../../home/home.ts'
import { Desks } from '../../home/network/desks.ts'
import type { Gateway } from '../../home/network/gateway.ts'
import { Tunnels } from '../../home/network/tunnels.ts'
import { Loop } from '../../node/loop.ts'
import type { DeskAsk } from '../../page/desk/desk.ts'
import { type AskAnswer, type PageLink, PageServer } from '../../page/server.ts'
import { emit, type Parsed, wait } from '../cli.ts'
import { type OpenMachine, openMachine } from '../machine.ts'
import { discoveryOf } from '../net/discovery.ts'
import { cardOf } from './card.ts'
import { Days } from './desk/history/days.ts'
import { pageKeyOf } from './desk/key.ts'
import { Uploads } from './desk/uploads.ts'
import { Keeping } from './keep/keeping.ts'
import { lookUpDomain } from './reach/domain.ts'
import { devicePage, startGateway } from './reach/gateway.ts'

export interface Running {
  machine: OpenMachine
  home: Home
  face: Face
  page: PageServer
  keeping: Keeping
  /** What devices tell of themselves. */
  desks: Desks
  /** What the page brings. */
  uploads: Uploads
  /** Where the page is served, or null. */
  address: string | null
  /** Stops all of it, does this, and starts anew; null where this home does not go on. */
  restart: ((between: () => void) => void) | null
  tunnels: Tunnels
  /** Null while it does not listen. */
  gateway: Gateway | null
  /** As `--gateway` says, or beside the page's address; `host:port`, or null where it is off. */
  openGateway: (wish: string | undefined, page: string) => Promise<string | null>
  stop: () => Promise<void>
}

/** What the page asks of this computer (desk/desk.ts). */
export type OnDesk = (
  running: Running,
  ask: DeskAsk,
  answer: (answer: AskAnswer) => void,
  link: PageLink,
) => void

export async function startHome(folder: string, given: Parsed, onDesk: OnDesk): Promise<Running> {
  const machine = await openMachine(folder)
  const { hardware } = machine
  const loop = new Loop(hardware.clock, LIMITS.node.peerTimers)
  let started: Running | null = null
  // Opened last: a home that cannot start makes no files.
  let keeping: Keeping | null = null
  let days: Days | null = null
  const uploads = new Uploads(machine.folder)
  const providerPage = given.text('provider-page') ?? null
  const page = new PageServer(
    {
      assets: pages.home,
      key: pageKeyOf(machine.folder),
      ...(providerPage === null ? {} : { frames: [providerPage] }),
      elsewhere: (path) => devicePage(started, path),
    },
    {
      onPage: (tell) => {
        face.onPage(tell)
        days?.onPage(tell)
      },
      onAsk: (ask, answer, link) => {
        if (ask.do !== 'desk') face.ask(ask, answer)
        else if (started) onDesk(started, ask, answer, link)
        else answer({ ok: false, code: 'busy', text: 'My Home is still starting' })
      },
      onBytes: (link, bytes) => uploads.onBytes(link, bytes),
      onGone: (link) => uploads.onGone(link),
    },
  )
  const face = new Face({
    hardware,
    loop,
    candidates: given.list('device'),
    name: 'My Home',
    providerPage,
    button: given.flag('terminal') ? 'terminal' : 'device',
    broadcast: (message) => page.broadcast(message),
    pages: () => page.pages(),
    lookUp: lookUpDomain,
  })
  const running = await wait<Home>((done) =>
    Home.start(
      {
        hardware,
        loop,
        discovery: discoveryOf(given, () => undefined, 'on'),
        report: (event, detail) => emit('home', event, detail),
        ...mailboxOf(given),
        events: {
          onTelegram: (device, telegram, at) => {
            const reading = face.onTelegram(device, telegram, at.wall)
            keeping?.onReading(device, reading, face.meterOf(device))
            emit('home', 'telegram', {
              device: device.name,
              epoch: at.epoch,
              index: at.index,
              at: reading.at,
              late: Date.now() - at.wall,
              inW: reading.powerInW,
              outW: reading.powerOutW,
            })
          },
          onDigest: (device, telegram, at) => {
            const { powerInW, powerOutW } = face.onTelegram(device, telegram, hardware.clock.wall())
            emit('home', 'digest', { device: device.name, ...at, inW: powerInW, outW: powerOutW })
          },
          onGap: (device, from, to) => {
            face.say(
              device.name,
              'gap',
              `frames ${from.epoch}/${from.index} to ${to.epoch}/${to.index} are missing`,
            )
            emit('home', 'gap', { device: device.name, from, to })
          },
          onAccess: (device, access, why) => {
            face.changed()
            emit('home', 'access', { device: device.name, access, why })
          },
          onLog: (device, decision) => {
            face.onLog(device, decision)
            if (decision.kind === 'deleted') keeping?.forget(device)
            emit('home', 'log', { device: device.name, kind: decision.kind })
          },
          onReject: (device, what) => emit('home', 'reject', { device: device.name, what }),
        },
      },
      done,
    ),
  )
  const kept = await Keeping.open(folder, given, loop).catch(async (error: Error) => {
    await new Promise<void>((resolve) => running.close(resolve))
    machine.release()
    throw error
  })
  keeping = kept
  face.attach(running)
  for (const word of given.list('card')) {
    const line = cardOf(word)
    if (line === null)
      throw new WattleError(
        'bad-card',
        `--card ${word}: expected a line "wattle-provider:…" or a file that holds one`,
      )
    await wait((done) => running.store.addCard(line, done))
  }
  const tunnels = new Tunnels({
    sockets: hardware.sockets,
    loop,
    find: (key) => running.host.find(key),
    report: (event, detail) => emit('home', event, detail),
  })
  const stop = async (): Promise<void> => {
    page.close()
    days?.stop()
    started?.desks.stop()
    uploads.drop()
    started?.gateway?.close()
    tunnels.close()
    await new Promise<void>((resolve) => running.close(resolve))
    await kept.close()
    machine.release()
  }
  const openGateway = async (wish: string | undefined, beside: string): Promise<string | null> => {
    const parts = { home: running, tunnels, sockets: hardware.sockets, loop }
    const opened = await startGateway(parts, wish, beside)
    started!.gateway = opened?.gateway ?? null
    return opened?.address ?? null
  }
  const desks = new Desks({ home: running, loop, onInfo: (device, info) => face.onInfo(device, info) })
  const parts = {
    machine,
    home: running,
    face,
    page,
    keeping: kept,
    desks,
    uploads,
    address: null,
    restart: null,
  }
  started = { ...parts, tunnels, gateway: null, openGateway, stop }
  days = new Days(started, loop)
  return started
}

/** `--mailbox ADDR`, and where readers find it: `--mailbox-address`, or the same. */
function mailboxOf(given: Parsed): { mailbox?: { address: string } } {
  const listen = given.text('mailbox')
  return listen === undefined ? {} : { mailbox: { address: given.text('mailbox-address') ?? listen } }
}
