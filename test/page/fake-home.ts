// A home without cryptography behind the real page server: one device with a button and a code, one
// provider with a page of its own. Plays what the page's protocol promises, so that a browser can live
// the whole story against it; time and telegrams are moved by the test.
import type { Test } from 'tap'
import type { BuiltPages } from '../../scripts/bundle.ts'
import type { Listener } from '../../src/hw/hardware.ts'
import { LinuxHttp } from '../../src/hw/linux/http.ts'
import type { DeskAsk, DeskOwners, DeskPolicy, HistoryView } from '../../src/page/desk/desk.ts'
import type {
  GrantAsk,
  HomeAsk,
  HomeState,
  PageGrant,
  PageReading,
  ProviderChannel,
  ProviderState,
  QuarterRow,
  TracePoint,
} from '../../src/page/protocol.ts'
import { type AskAnswer, PageServer } from '../../src/page/server.ts'
import { Trace } from '../../src/page/view/trace.ts'
import { LAN_NAME } from './browser.ts'
import { buildPages } from './build.ts'

export const CODE = 'K7QDM2XA9RTE'
const DEVICE = 'wattle-ab12'
const ADDRESS = '192.168.1.23:4001'
const PROVIDER = { id: 'p-4f2a', name: 'EnergieLab', domain: 'energielab.example' }

const http = new LinuxHttp()

type Answered = (answer: AskAnswer) => void

export class FakeHome {
  readonly home: PageServer
  readonly provider: PageServer
  readonly asked: HomeAsk[] = []
  /** What was asked of the computer beyond that, and what it says. */
  readonly desked: DeskAsk[] = []
  desk: (ask: DeskAsk) => unknown = plainDesk
  homeUrl = ''
  providerUrl = ''
  button: HomeState['button'] = 'terminal'
  clockAt: () => number = Date.now
  quarters: readonly QuarterRow[] = []
  /** What the domain of any card says to a question. */
  verified = false
  reachable: boolean
  /** Found by home by itself. */
  listed: boolean
  /** Waits for the press instead of refusing. */
  patient: boolean
  owner: 'nobody' | 'us' | 'other' = 'nobody'
  #opensUntil = 0
  #grants: PageGrant[] = []
  #events: { at: number; who: string; event: string; text: string }[] = []
  #trace = new Trace()
  #seenTrace = new Trace()
  #channel: ProviderChannel | null = null
  #last: number | null = null
  #index = 8_110
  #listeners: Listener[] = []

  constructor(pages: BuiltPages, hosts: readonly string[] = []) {
    this.reachable = true
    this.listed = true
    this.patient = false
    this.home = new PageServer(
      { assets: pages['home']!, hosts },
      {
        onPage: (tell) => {
          tell({ t: 'state', state: this.state() })
          if (this.owner === 'us') {
            tell({ t: 'history', device: DEVICE, points: this.#trace.points() })
            tell({ t: 'quarters', device: DEVICE, rows: this.quarters, more: false })
          }
          for (const event of this.#events) tell({ t: 'event', ...event })
        },
        onAsk: (ask, answer) => {
          if (ask.do === 'desk') {
            this.desked.push(ask)
            return answer({ ok: true, result: this.desk(ask) })
          }
          this.asked.push(ask)
          setTimeout(() => this.#onAsk(ask, answer), 30)
        },
      },
    )
    this.provider = new PageServer(
      { assets: pages['provider']! },
      {
        onPage: (tell) => {
          tell({ t: 'state', state: this.providerState() })
          const points: TracePoint[] = this.#seenTrace.points()
          tell({ t: 'history', device: DEVICE, class: 'raw', points })
        },
      },
    )
  }

  /** @param port of home's page, as after a restart; 0 takes any. */
  async start(port = 0): Promise<void> {
    const serve = (page: PageServer, at = 0): Promise<string> =>
      new Promise((resolve, reject) => {
        page.listen(http, `127.0.0.1:${at}`, (error, listener) => {
          if (listener === null) return reject(error)
          this.#listeners.push(listener)
          resolve(`http://${listener.address}/`)
        })
      })
    this.homeUrl = await serve(this.home, port)
    this.providerUrl = await serve(this.provider)
    this.home.allow([this.providerUrl], [])
    this.provider.allow([], this.home.origins())
  }

  stop(): void {
    this.home.close()
    this.provider.close()
    for (const listener of this.#listeners) listener.close()
  }

  state(): HomeState {
    const now = this.clockAt()
    const ours = this.owner === 'us'
    const open = this.#opensUntil > now
    return {
      name: 'My Home',
      clock: now,
      providerPage: this.providerUrl,
      button: this.button,
      devices: ours
        ? [
            {
              id: DEVICE,
              name: 'wattle-ab12',
              address: ADDRESS,
              link: 'online',
              access: 'open',
              lastTelegram: this.#last,
              meter: 'Landis+Gyr E360',
              grants: this.#grants,
            },
          ]
        : [],
      unclaimed:
        ours || !this.reachable || !this.listed
          ? []
          : [
              {
                name: 'wattle-ab12',
                address: ADDRESS,
                window: open ? this.#opensUntil - now : null,
                led: open ? 'window-open' : 'unpaired',
              },
            ],
      providers: [PROVIDER],
    }
  }

  providerState(): ProviderState {
    const { name, domain } = PROVIDER
    return { name, domain, clock: Date.now(), channels: this.#channel === null ? [] : [this.#channel] }
  }

  /** The provider finds that frames are missing. */
  gap(from: string, to: string): void {
    if (this.#channel === null) return
    const { gaps } = this.#channel
    this.#channel = { ...this.#channel, gaps: [{ from, to, at: Date.now() }, ...gaps] }
    this.tell()
  }

  tell(): void {
    this.home.broadcast({ t: 'state', state: this.state() })
    this.provider.broadcast({ t: 'state', state: this.providerState() })
  }

  say(who: string, event: string, text: string): void {
    const line = { at: Date.now(), who, event, text }
    this.#events.push(line)
    this.home.broadcast({ t: 'event', ...line })
  }

  press(windowMs = 60_000): void {
    this.#opensUntil = Date.now() + windowMs
    this.say(DEVICE, 'button', 'The button was pressed. The claim window is open for 60 seconds.')
    this.tell()
  }

  closeWindow(): void {
    this.#opensUntil = 0
    this.tell()
  }

  /** Claims without a page, as if it had been done before. */
  own(points: readonly TracePoint[]): void {
    this.owner = 'us'
    for (const [at, watts] of points) this.#trace.add(at, watts)
    this.tell()
    this.home.broadcast({ t: 'history', device: DEVICE, points: this.#trace.points() })
  }

  /** A telegram of now; `watts` as the house would use them where it is left out. */
  now(watts: number = houseWatts(Date.now())): void {
    this.telegram(readingOf(Date.now(), watts))
  }

  telegram(reading: PageReading): void {
    const net = reading.powerInW - reading.powerOutW
    this.#last = Date.now()
    this.#index++
    this.#trace.add(reading.at, net)
    if (this.owner === 'us') this.home.broadcast({ t: 'reading', device: DEVICE, reading })
    if (this.#channel === null) return
    const place = { device: DEVICE, class: 'raw', epoch: 7, index: this.#index } as const
    if (this.#channel.state === 'open') {
      this.#seenTrace.add(reading.at, net)
      this.#channel = { ...this.#channel, opened: this.#channel.opened + 1, last: Date.now() }
      this.provider.broadcast({ t: 'reading', ...place, reading })
    } else {
      this.#channel = { ...this.#channel, sealed: this.#channel.sealed + 1 }
      this.provider.broadcast({ t: 'sealed', ...place })
    }
  }

  #onAsk(ask: HomeAsk, answer: Answered): void {
    if (ask.do === 'claim' && this.patient && this.#opensUntil <= Date.now()) {
      setTimeout(() => this.#onAsk(ask, answer), 50)
      return
    }
    if (ask.do === 'claim') answer(this.#claim(ask.code))
    else if (ask.do === 'grant') answer(this.#grant(ask))
    else if (ask.do === 'revoke') answer(this.#revoke(ask.grant))
    else if (ask.do === 'introduce') answer({ ok: true, text: PROVIDER.id })
    else if (ask.do === 'verify') answer(this.verified ? { ok: true } : { ok: false, code: 'unverified' })
    else answer(this.#delete())
    this.tell()
  }

  #delete(): AskAnswer {
    this.owner = 'nobody'
    this.#grants = []
    this.say('My Home', 'deleted', `${DEVICE} is no longer ours.`)
    return { ok: true }
  }

  #claim(code: string): AskAnswer {
    if (!this.reachable) return { ok: false, code: 'unreachable' }
    if (this.owner === 'other') return { ok: false, code: 'already-claimed' }
    if (this.#opensUntil <= Date.now()) return { ok: false, code: 'window-closed' }
    if (code !== CODE) return { ok: false, code: 'wrong-code' }
    this.owner = 'us'
    this.say('My Home', 'claimed', `${DEVICE} is ours. Its keys were made just now.`)
    return { ok: true }
  }

  #grant(ask: GrantAsk): AskAnswer {
    const now = Date.now()
    this.#grants = [
      ...this.#grants,
      {
        id: `g${this.#grants.length + 1}`,
        provider: PROVIDER.name,
        providerId: ask.provider,
        class: ask.class,
        since: now,
        until: ask.until ?? null,
        purpose: ask.purpose,
        state: 'active',
      },
    ]
    this.#channel = {
      device: DEVICE,
      name: DEVICE,
      class: ask.class,
      state: 'open',
      since: now,
      until: ask.until ?? null,
      opened: 0,
      sealed: 0,
      last: null,
      text: '',
      purpose: ask.purpose,
      gaps: [],
    }
    this.say('My Home', 'granted', `${PROVIDER.name} may read every telegram from now on.`)
    return { ok: true, text: `g${this.#grants.length}` }
  }

  #revoke(id: string): AskAnswer {
    if (!this.#grants.some((g) => g.id === id && g.state !== 'ended'))
      return { ok: false, code: 'unknown-grant' }
    this.#grants = this.#grants.map((g) => (g.id === id ? { ...g, state: 'ended' } : g))
    if (this.#channel !== null) this.#channel = { ...this.#channel, state: 'closed' }
    this.say(
      DEVICE,
      'rotated',
      'New keys for everybody who may still read. Every later telegram is closed to EnergieLab.',
    )
    return { ok: true }
  }
}

/** One owner, nothing kept, the rules as they came. */
export function plainDesk(ask: DeskAsk): unknown {
  const own = { name: 'this home', key: 'A'.repeat(43), own: true }
  const owners: DeskOwners = { threshold: 1, recovery: false, owners: [own], waiting: false }
  const policy: DeskPolicy = { members: [['grants.days', '90']], differs: [] }
  const history: HistoryView = { known: null, rows: [] }
  return { owners, policy, history, proof: [] }[ask.verb as 'owners'] ?? null
}

/** A started home that stops with the test. */
export async function newHome(t: Test, port = 0): Promise<FakeHome> {
  const home = new FakeHome(await buildPages(), [LAN_NAME])
  t.teardown(() => home.stop())
  await home.start(port)
  return home
}

/** A plausible reading: three phases, two tariffs, gas read at the last whole hour. */
export function readingOf(at: number, net: number): PageReading {
  const third = Math.round(net / 3)
  const phase = (watts: number, voltage: number): PageReading['phases'][number] => ({
    powerInW: Math.max(0, watts),
    powerOutW: Math.max(0, -watts),
    voltage,
    current: Math.round(Math.abs(watts) / voltage),
  })
  return {
    at,
    powerInW: Math.max(0, net),
    powerOutW: Math.max(0, -net),
    tariff: 2,
    energyIn: [4_812_345, 5_120_876],
    energyOut: [1_204_567, 2_987_123],
    phases: [phase(net - 2 * third, 231), phase(third, 229), phase(third, 233)],
    gas: { at: at - (at % 3_600_000), m3: '2345.678' },
  }
}

/** Ten minutes of a house: base load and fridge, sun with clouds, one kettle. */
export function houseWatts(at: number): number {
  const s = Math.floor(at / 1000)
  const noise = ((s * 7919) % 31) - 15
  const fridge = s % 420 < 150 ? 92 : 0
  const sun = 520 * Math.max(0, Math.sin(s / 97)) * (0.75 + 0.25 * Math.sin(s / 11))
  const kettle = s % 600 > 180 && s % 600 < 300 ? 1_850 : 0
  return Math.round(310 + fridge + kettle - sun + noise)
}

export function houseHistory(until: number, seconds = 600): TracePoint[] {
  const points: TracePoint[] = []
  for (let i = seconds; i > 0; i--) points.push([until - i * 1000, houseWatts(until - i * 1000)])
  return points
}
