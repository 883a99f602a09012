// My Home as people see it: its state for the page, each telegram as a reading, each event in words, and
// what a page or a command may ask for. One vocabulary (page/protocol.ts `Ask`) for the page, the
// control socket and the life script.

import { type Bytes, base64url, unbase64url } from '../base/bytes.ts'
import type { WattleError } from '../base/errors.ts'
import type { Hardware } from '../hw/hardware.ts'
import { isRelayed } from '../net/circuit/socket.ts'
import type { Loop } from '../node/loop.ts'
import { readCard } from '../ownership/card.ts'
import { parseCode } from '../ownership/label.ts'
import type { Decision } from '../ownership/log.ts'
import type {
  ClaimAsk,
  DeviceInfo,
  GrantAsk,
  HomeAsk,
  HomeMessage,
  HomeState,
  IntroduceAsk,
  PageDevice,
  PageGrant,
  PageReading,
  UnclaimedDevice,
  VerifyAsk,
} from '../page/protocol.ts'
import { domainDocumentNames } from '../page/request.ts'
import type { AskAnswer } from '../page/server.ts'
import { grantOf, grantView } from '../page/view/grants.ts'
import { PageReader } from '../page/view/reading.ts'
import { Trace } from '../page/view/trace.ts'
import { STATE } from '../wire/claim.ts'
import { classId } from '../wire/frame.ts'
import type { Home } from './home.ts'
import type { Owned } from './owned.ts'
import type { OwnedDevice } from './store.ts'

export interface FaceOptions {
  hardware: Hardware
  loop: Loop
  /** Addresses where devices may be that nobody has claimed yet. */
  candidates: readonly string[]
  name: string
  providerPage: string | null
  button: 'terminal' | 'device'
  /** To every open page. */
  broadcast: (message: HomeMessage) => void
  /** Pages open now: nobody looks, nothing is looked up. */
  pages: () => number
  /** Reads a domain's document for providers over TLS; null where there is none. Left out: nothing is checked. */
  lookUp?: (domain: string, done: (document: string | null) => void) => void
}

/** What is known of one device beside its log. */
interface Seen {
  reader: PageReader
  /** The newest, for a page that opens before the next one comes. */
  reading: PageReading | null
  trace: Trace
  last: number | null
  meter: string | null
  ended: PageGrant[]
  /** As the device said last, while it can be reached. */
  info: DeviceInfo | null
}

type Answered = (answer: AskAnswer) => void

const LOOK_MS = 1_500
const STATE_MS = 100
const EVENTS = 50
const DAY_MS = 86_400_000

export class Face {
  readonly #options: FaceOptions
  readonly #seen: Map<OwnedDevice, Seen>
  readonly #events: HomeMessage[]
  readonly #unclaimed: Map<string, UnclaimedDevice>
  /** Keys of providers whose domain named them, since our start. */
  readonly #verified: Set<string>
  #home: Home | null

  constructor(options: FaceOptions) {
    this.#options = options
    this.#seen = new Map()
    this.#events = []
    this.#unclaimed = new Map()
    this.#verified = new Set()
    this.#home = null
  }

  attach(home: Home): void {
    this.#home = home
    if (this.#options.candidates.length === 0 && !home.coordinator) return
    this.#look()
    this.#options.loop.every('look', LOOK_MS, () => {
      if (this.#options.pages() > 0) this.#look()
    })
  }

  /** Everything a page needs that opens now. */
  onPage(tell: (message: HomeMessage) => void): void {
    tell({ t: 'state', state: this.state() })
    for (const [device, { trace, reading }] of this.#seen) {
      tell({ t: 'history', device: device.name, points: trace.points() })
      if (reading) tell({ t: 'reading', device: device.name, reading })
    }
    for (const event of this.#events) tell(event)
  }

  onTelegram(device: OwnedDevice, telegram: Bytes, wall: number): PageReading {
    const seen = this.#of(device)
    const reading = seen.reader.read(telegram, wall)
    seen.meter ??= seen.reader.meter
    const first = seen.last === null
    seen.last = Math.floor(this.#options.hardware.clock.wall())
    seen.reading = reading
    seen.trace.add(reading.at, reading.powerInW - reading.powerOutW)
    this.#options.broadcast({ t: 'reading', device: device.name, reading })
    if (first) this.changed()
    return reading
  }

  /** What the meter calls itself. */
  meterOf(device: OwnedDevice): string | null {
    return this.#of(device).meter
  }

  /** What the device tells of itself; null while it does not. */
  onInfo(device: OwnedDevice, info: DeviceInfo | null): void {
    this.#of(device).info = info
    this.changed()
  }

  onLog(device: OwnedDevice, decision: Decision): void {
    if (decision.kind === 'revoked') {
      const ended = this.#of(device).ended
      const endedAt = Math.floor(this.#options.hardware.clock.wall())
      ended.push({ ...grantOf(decision.reader), state: 'ended', endedAt })
      if (ended.length > EVENTS) ended.shift()
    }
    this.say(device.name, decision.kind, words(decision), aboutOf(decision))
  }

  /** One line of the event log, for every page. */
  say(who: string, event: string, text: string, about = ''): void {
    const at = this.#options.hardware.clock.wall()
    const message: HomeMessage = { t: 'event', at, who, event, text, about }
    this.#events.push(message)
    if (this.#events.length > EVENTS) this.#events.shift()
    this.#options.broadcast(message)
    this.changed()
  }

  /** The state has changed; pages are told soon, once for many changes. */
  changed(): void {
    const { loop, broadcast } = this.#options
    if (loop.left('page state') >= 0) return
    loop.after('page state', STATE_MS, () => broadcast({ t: 'state', state: this.state() }))
  }

  state(): HomeState {
    const { name, providerPage, button, hardware } = this.#options
    const home = this.#home
    return {
      name,
      clock: Math.floor(hardware.clock.wall()),
      providerPage,
      button,
      devices: home?.owned.map((owned) => this.#device(owned)) ?? [],
      unclaimed: [...this.#unclaimed.values()],
      providers:
        home?.store.cards.map(({ card }) => ({
          id: base64url(card.sign),
          name: card.name,
          domain: card.domain,
          verified: this.#verified.has(base64url(card.sign)),
        })) ?? [],
    }
  }

  /** Carries out what a page or a command asked for. */
  ask(ask: HomeAsk, answer: Answered): void {
    const home = this.#home
    if (!home) return answer({ ok: false, code: 'busy', text: 'My Home is still starting' })
    if (ask.do === 'introduce' || ask.do === 'verify') return this.#onCard(home, ask, answer)
    // Refused at once without a press: the page says so and asks again when the window opens.
    if (ask.do === 'claim') return this.#claim(home, ask, 0, answer)
    const owned = home.find(ask.device)
    if (!owned) return answer({ ok: false, code: 'unknown-device', text: `no device ${ask.device} here` })
    if (ask.do === 'grant') return this.#grant(home, owned, ask, answer)
    if (ask.do === 'delete') return home.delete(owned, (error) => answer(answerOf(error)))
    const grantId = unbase64url(ask.grant)
    if (!grantId || !owned.device.log.reader(grantId))
      return answer({
        ok: false,
        code: 'unknown-grant',
        text: 'this consent has ended already, or never was',
      })
    home.revoke(owned, grantId, (error) => answer(answerOf(error)))
  }

  /** As the page's claim; `waitMs` is how long to wait for the press. */
  claim(ask: ClaimAsk, waitMs: number, answer: Answered): void {
    if (this.#home) this.#claim(this.#home, ask, waitMs, answer)
    else answer({ ok: false, code: 'busy', text: 'My Home is still starting' })
  }

  #claim(home: Home, ask: ClaimAsk, waitMs: number, answer: Answered): void {
    const label = parseCode(ask.code)
    const around = label ? home.unclaimedAt(label.discriminator) : []
    const address = ask.address ?? around[0] ?? this.#options.candidates[0]
    if (address === undefined)
      return answer({
        ok: false,
        code: 'no-device',
        text: 'the device is not seen on this network; is it switched on, and on the same network? Or say where it is: --device HOST:PORT',
      })
    home.claim({ code: ask.code, address, waitMs }, (error, device) => {
      if (device) this.say(device.name, 'claimed', `${device.name} is yours now`)
      this.#unclaimed.delete(address)
      answer(answerOf(error))
    })
  }

  /** A provider's card that came with its request. */
  #onCard(home: Home, ask: IntroduceAsk | VerifyAsk, answer: Answered): void {
    const card = readCard(ask.card)
    if (!card) return answer({ ok: false, code: 'bad-card', text: 'this is no card of a provider' })
    if (ask.do === 'introduce')
      return home.store.addCard(ask.card, (error) => {
        this.changed()
        if (error) answer({ ok: false, code: 'storage', text: error.message })
        else answer({ ok: true, text: base64url(card.sign) })
      })
    const unverified = { ok: false, code: 'unverified', text: `${card.domain} does not name this key` }
    const { lookUp } = this.#options
    if (!lookUp) return answer(unverified)
    lookUp(card.domain, (document) => {
      if (document === null || !domainDocumentNames(document, card)) return answer(unverified)
      this.#verified.add(base64url(card.sign))
      this.changed()
      answer({ ok: true })
    })
  }

  #grant(home: Home, owned: Owned, ask: GrantAsk, answer: Answered): void {
    const card = home.store.card(ask.provider)
    const cls = classId(ask.class)
    if (!card || cls === null)
      return answer({
        ok: false,
        code: 'unknown-provider',
        text: `no provider ${ask.provider} is known here`,
      })
    const { days } = owned.device.log.policy.grants
    const until = ask.until ?? Math.floor(this.#options.hardware.clock.wall()) + days * DAY_MS
    home.grant(owned, card, { class: cls, until, purpose: ask.purpose }, (error, grantId) => {
      answer(grantId ? { ok: true, text: base64url(grantId) } : answerOf(error))
    })
  }

  #device(owned: Owned): PageDevice {
    const { device, follower } = owned
    const seen = this.#of(device)
    const now = this.#options.hardware.clock.wall()
    const { info } = seen
    const reads = new Map(info?.reads.map((r) => [r.grant, r]))
    const active = device.log.readers.map((r) => grantView(r, reads, now))
    const remote = this.#home?.host.find(device.log.device)?.remote
    return {
      id: device.name,
      name: device.name,
      address: device.addresses[0] ?? '',
      link: owned.online ? 'online' : 'connecting',
      access: follower.reader.open ? 'open' : follower.access === 'ended' ? 'closed' : 'waiting',
      lastTelegram: seen.last,
      meter: seen.meter,
      grants: [...active, ...seen.ended],
      log: device.log.seq,
      ...(info ? { info } : {}),
      ...(info?.lights ? { lights: info.lights } : {}),
      ...(remote === undefined ? {} : { way: wayOf(remote) }),
    }
  }

  #of(device: OwnedDevice): Seen {
    let seen = this.#seen.get(device)
    if (!seen) {
      seen = {
        reader: new PageReader(),
        reading: null,
        trace: new Trace(),
        last: null,
        meter: null,
        ended: [],
        info: null,
      }
      this.#seen.set(device, seen)
    }
    return seen
  }

  /** Is there a device at the places we were told of, and does it wait for its owner? */
  #look(): void {
    const home = this.#home
    if (!home) return
    const around = home.coordinator?.neighbours.filter((n) => !n.claimed) ?? []
    const addresses = new Set([
      ...this.#options.candidates,
      ...around.flatMap((n) => n.addresses.slice(0, 1)),
    ])
    for (const address of this.#unclaimed.keys())
      if (!addresses.has(address) && this.#unclaimed.delete(address)) this.changed()
    for (const address of addresses) {
      if (home.owned.some((o) => o.device.addresses.includes(address))) {
        if (this.#unclaimed.delete(address)) this.changed()
        continue
      }
      home.look(address, (_error, found) => {
        const free = found && found.state !== STATE.claimed
        if (free)
          this.#unclaimed.set(address, {
            name: found.name,
            address,
            window: found.leftMs > 0 ? found.leftMs : null,
            led: found.leftMs > 0 ? 'window-open' : 'unpaired',
          })
        else this.#unclaimed.delete(address)
        this.changed()
      })
    }
  }
}

/** A connection's other end, in words of the page. */
function wayOf(remote: string): NonNullable<PageDevice['way']> {
  return isRelayed(remote)
    ? { kind: 'relayed', remote: remote.slice(remote.indexOf(':') + 1) }
    : { kind: 'direct', remote }
}

const FINENESS: readonly string[] = ['every telegram', 'quarter-hour values', 'day values']

function words(decision: Decision): string {
  switch (decision.kind) {
    case 'added':
      return 'the device is in the owner log'
    case 'authorized':
      return `${decision.reader.name} may read ${FINENESS[decision.reader.class]} from now on`
    case 'revoked':
      return `${decision.reader.name} may read no longer; the next telegram is closed to it`
    case 'key':
      return 'the device goes by a new key'
    case 'paused':
      return `${names(decision.readers)} cannot read for the time being`
    case 'resumed':
      return `${names(decision.readers)} may read again, from the next telegram on`
    case 'deleted':
      return 'the device was given up: its keys are destroyed'
    case 'noted':
      return 'a consent that had ended already was revoked'
    case 'owners':
      return `the owners changed: ${decision.after.m} of ${decision.after.owners.length} must agree now`
    case 'policy':
      return 'another policy holds from now on'
    case 'recovery':
      return 'somebody with the paper key asks for this device: cancel it within 72 hours if it was not you'
    case 'recovery-cancelled':
      return 'the recovery with the paper key was cancelled'
  }
}

function aboutOf(decision: Decision): string {
  if ('reader' in decision) return decision.reader.name
  return decision.kind === 'paused' || decision.kind === 'resumed' ? names(decision.readers) : ''
}

function names(readers: readonly { name: string }[]): string {
  return readers.map((r) => r.name).join(', ') || 'nobody'
}

function answerOf(error: WattleError | null): AskAnswer {
  return error ? { ok: false, code: error.code, text: error.message } : { ok: true }
}
