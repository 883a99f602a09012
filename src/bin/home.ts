// `wattle home`: serve, and the commands that act through a running home (or by themselves where none
// runs on the same state folder).

import { existsSync, readFileSync } from 'node:fs'
import { pages } from 'wattle:page'
import { base64url } from '../base/bytes.ts'
import { type ExitCode, WattleError } from '../base/errors.ts'
import { LIMITS } from '../base/limits.ts'
import { Face } from '../home/face.ts'
import { Home } from '../home/home.ts'
import type { Listener } from '../hw/hardware.ts'
import { Loop } from '../node/loop.ts'
import type { Ask, ResolutionClass } from '../page/protocol.ts'
import { PageServer } from '../page/server.ts'
import { CLASS_NAMES, classId } from '../wire/frame.ts'
import { emit, listenError, type Parsed, parse, untilStopped, usage, wait } from './cli.ts'
import { askControl, type ControlAnswer, type ControlRequest, serveControl } from './control.ts'
import { type OpenMachine, openMachine, stateFolder } from './machine.ts'

const OPTIONS = {
  listen: { type: 'string' },
  state: { type: 'string' },
  device: { type: 'string', multiple: true },
  card: { type: 'string', multiple: true },
  'provider-page': { type: 'string' },
  terminal: { type: 'boolean' },
  class: { type: 'string' },
  until: { type: 'string' },
  purpose: { type: 'string' },
  wait: { type: 'string' },
  json: { type: 'boolean' },
} as const

const VERBS = ['serve', 'claim', 'devices', 'delete', 'grant', 'revoke', 'grants'] as const

export async function home(args: string[]): Promise<ExitCode> {
  const given = parse(args, OPTIONS)
  const [verb, ...words] = given.words
  if (verb === 'serve') {
    if (words.length > 0) throw usage(`home serve takes options only, not ${words[0]}`)
    return serve(given)
  }
  const request = requestOf(verb, words, given)
  const folder = stateFolder(given.text('state'), 'home')
  const answer = (await askControl(folder, request)) ?? (await alone(folder, given, request))
  if (answer.result !== undefined) process.stdout.write(`${JSON.stringify(answer.result)}\n`)
  if (!answer.ok)
    throw new WattleError(answer.code ?? 'failed', answer.text ?? answer.code ?? 'it did not work')
  if (answer.result === undefined && answer.text !== undefined)
    process.stdout.write(`${JSON.stringify({ ok: true, id: answer.text })}\n`)
  return 0
}

function requestOf(verb: string | undefined, words: string[], given: Parsed): ControlRequest {
  const need = (n: number, what: string): void => {
    if (words.length !== n) throw usage(`home ${verb}: expected ${what}`)
  }
  switch (verb) {
    case 'claim': {
      need(1, 'CODE or URL')
      const [device] = given.list('device')
      const waitMs = Number(given.text('wait') ?? 60) * 1_000
      if (!(waitMs >= 0)) throw usage(`--wait ${given.text('wait')}: expected seconds, from 0 up`)
      return {
        do: 'claim',
        code: words[0]!,
        wait: waitMs,
        ...(device === undefined ? {} : { address: device }),
      }
    }
    case 'grant': {
      need(2, 'DEVICE PROVIDER')
      const cls = given.text('class') ?? 'raw'
      if (classId(cls) === null) throw usage(`--class ${cls}: expected raw, 15min or day`)
      const until = given.text('until')
      const at = until === undefined ? undefined : Date.parse(until)
      if (Number.isNaN(at)) throw usage(`--until ${until}: expected a date like 2027-03-31`)
      const card = cardOf(words[1]!)
      return {
        do: 'grant',
        device: words[0]!,
        provider: card ?? words[1]!,
        class: cls,
        purpose: given.text('purpose') ?? '',
        ...(at === undefined ? {} : { until: at }),
        ...(card === null ? {} : { card }),
      }
    }
    case 'revoke':
      need(2, 'DEVICE PROVIDER')
      return { do: 'revoke', device: words[0]!, provider: words[1]! }
    case 'delete':
      need(1, 'DEVICE')
      return { do: 'delete', device: words[0]! }
    case 'devices':
      need(0, 'nothing more')
      return { do: 'devices' }
    case 'grants':
      if (words.length > 1) throw usage(`home grants: expected one DEVICE or none, not ${words.join(' ')}`)
      return { do: 'grants', ...(words[0] === undefined ? {} : { device: words[0] }) }
    default:
      throw usage(
        verb === undefined ? `home: expected one of ${VERBS.join(', ')}` : `home: no subcommand ${verb}`,
      )
  }
}

/** A card given as its line, or as a file that holds it; null for a name. */
function cardOf(word: string): string | null {
  if (word.startsWith('wattle-provider:')) return word
  if (existsSync(word)) return readFileSync(word, 'utf8').trim()
  return null
}

interface Running {
  machine: OpenMachine
  home: Home
  face: Face
  page: PageServer
  stop: () => Promise<void>
}

async function start(folder: string, given: Parsed): Promise<Running> {
  const machine = await openMachine(folder)
  const { hardware } = machine
  const loop = new Loop(hardware.clock, LIMITS.node.peerTimers)
  const providerPage = given.text('provider-page') ?? null
  const page = new PageServer(
    { assets: pages.home, ...(providerPage === null ? {} : { frames: [providerPage] }) },
    { onPage: (tell) => face.onPage(tell), onAsk: (ask, answer) => face.ask(ask, answer) },
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
  })
  const running = await wait<Home>((done) =>
    Home.start(
      {
        hardware,
        loop,
        report: (event, detail) => emit('home', event, detail),
        events: {
          onTelegram: (device, telegram, at) => {
            const reading = face.onTelegram(device, telegram, at.wall)
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
            emit('home', 'log', { device: device.name, kind: decision.kind })
          },
          onReject: (device, what) => emit('home', 'reject', { device: device.name, what }),
        },
      },
      done,
    ),
  )
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
  const stop = async (): Promise<void> => {
    page.close()
    await new Promise<void>((resolve) => running.close(resolve))
    machine.release()
  }
  return { machine, home: running, face, page, stop }
}

async function serve(given: Parsed): Promise<ExitCode> {
  const folder = stateFolder(given.text('state'), 'home')
  const running = await start(folder, given)
  const listen = given.text('listen') ?? '127.0.0.1:8481'
  // The page asks nobody who they are: whoever reaches it acts as the owner.
  if (!/^(127\.\d+\.\d+\.\d+|\[::1\]|localhost)$/.test(listen.replace(/:\d*$/, ''))) {
    await running.stop()
    throw usage(
      `--listen ${listen}: the page has no log-in, so it is served on this computer only; expected 127.0.0.1:PORT or [::1]:PORT`,
    )
  }
  const listener = await wait<Listener>((done) =>
    running.page.listen(running.machine.hardware.http, listen, done),
  ).catch(async (error: Error) => {
    await running.stop()
    throw listenError('home serve --listen', listen, error)
  })
  const control = serveControl(folder, (request, answer) => carryOut(running, request, answer))
  const stopped = untilStopped({ stdin: process.env['WATTLE_CHILD'] === '1' })
  emit('home', 'ready', { page: `http://${listener.address}/`, owner: base64url(running.home.key) })
  await stopped
  emit('home', 'status', {
    net: running.home.host.counters.report(),
    page: running.page.counters.report(),
  })
  control.close()
  listener.close()
  await running.stop()
  return 0
}

/** Without a running home: start one for this command, wait for the device, act, stop. */
async function alone(
  folder: string,
  given: Parsed,
  request: ControlRequest,
): Promise<Omit<ControlAnswer, 'id'>> {
  const running = await start(folder, given)
  const name = typeof request['device'] === 'string' ? request['device'] : null
  const owned = name === null ? null : running.home.find(name)
  for (let i = 0; i < 100 && owned && !owned.ready; i++)
    await new Promise((resolve) => setTimeout(resolve, 100))
  const answer = await new Promise<Omit<ControlAnswer, 'id'>>((resolve) =>
    carryOut(running, request, resolve),
  )
  await running.stop()
  return answer
}

function carryOut(
  { home: running, face }: Running,
  request: ControlRequest,
  answer: (answer: Omit<ControlAnswer, 'id'>) => void,
): void {
  const text = (name: string): string => (typeof request[name] === 'string' ? (request[name] as string) : '')
  switch (request.do) {
    case 'claim': {
      const ask = {
        id: 1,
        do: 'claim' as const,
        code: text('code'),
        ...(text('address') === '' ? {} : { address: text('address') }),
      }
      return face.claim(ask, Number(request['wait'] ?? 0), answer)
    }
    case 'grant': {
      const ask = (provider: string): Ask => ({
        id: 1,
        do: 'grant',
        device: text('device'),
        provider,
        class: text('class') as ResolutionClass,
        purpose: text('purpose'),
        ...(typeof request['until'] === 'number' ? { until: request['until'] } : {}),
      })
      if (text('card') === '') return face.ask(ask(text('provider')), answer)
      return running.store.addCard(text('card'), (error, card) => {
        if (!card) answer({ ok: false, code: 'bad-card', text: error?.message ?? 'no card' })
        else face.ask(ask(base64url(card.sign)), answer)
      })
    }
    case 'revoke': {
      const log = running.find(text('device'))?.device.log
      const word = text('provider')
      const reader = log?.readers.find(
        (r) => r.name === word || base64url(r.grantId) === word || base64url(r.sign) === word,
      )
      if (log && !reader)
        return answer({
          ok: false,
          code: 'unknown-grant',
          text: `${word} has no consent for ${text('device')}`,
        })
      return face.ask(
        { id: 1, do: 'revoke', device: text('device'), grant: reader ? base64url(reader.grantId) : 'none' },
        answer,
      )
    }
    case 'delete':
      return face.ask({ id: 1, do: 'delete', device: text('device') }, answer)
    case 'devices':
      return answer({
        ok: true,
        result: face.state().devices.map(({ grants, ...device }) => ({ ...device, grants: grants.length })),
      })
    case 'grants': {
      const only = text('device')
      const readers = running.owned
        .filter((o) => only === '' || o.device.name === only)
        .flatMap((o) => o.device.log.readers.map((r) => ({ device: o.device.name, ...r })))
      return answer({
        ok: true,
        result: readers.map((r) => ({
          device: r.device,
          id: base64url(r.grantId),
          provider: r.name,
          class: CLASS_NAMES[r.class],
          since: r.since,
          until: r.until,
          purpose: r.purpose,
        })),
      })
    }
    default:
      return answer({ ok: false, code: 'bad-shape', text: `no command ${request.do}` })
  }
}
