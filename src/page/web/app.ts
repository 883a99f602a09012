// My Home in the browser: takes the code out of the address bar and hands what its source says to the
// panels. The source is `wattle home` over the network (home.ts), or the phone itself (phone.ts).

import type { HomeMessage, HomeState, PageDevice, PageReading, QuarterRow, TracePoint } from '../protocol.ts'
import { ServerClock } from './kit/clock.ts'
import { toast } from './kit/dialog.ts'
import { button, byId, fill, h, redraw, say, show } from './kit/dom.ts'
import { type Icon, icon } from './kit/icons.ts'
import type { AskHome, LiveEvents } from './kit/live.ts'
import { takeCode } from './parts/claim/address.ts'
import { ClaimPanel } from './parts/claim/claim.ts'
import type { Desk } from './parts/desk/desk.ts'
import type { KeyPanel } from './parts/device/keys.ts'
import { NowPanel } from './parts/now/now.ts'
import type { Panels } from './parts/panels.ts'
import type { RequestPanel } from './parts/share/request.ts'
import { loadMore, words } from './words/words.ts'

const TABS = { now: 'pulse', history: 'bars', sharing: 'share', log: 'list', device: 'device' } as const
type Tab = keyof typeof TABS

/** What is known of one device beside its state. */
interface Past {
  points: readonly TracePoint[]
  /** The newest, and when it came by the server's clock. */
  reading: PageReading | null
  heard: number
  quarters: QuarterRow[]
}

export class App implements LiveEvents<HomeMessage> {
  /** Only where the page itself holds the owner's keys. */
  keys: KeyPanel | null
  /** Only where a home on a computer serves the page. */
  desk: ((clock: ServerClock) => Desk) | null
  #desk: Desk | null
  /** Only where a provider's request can be answered. */
  request: ((root: HTMLElement, ask: AskHome) => RequestPanel) | null
  #asked: RequestPanel | null
  readonly #ask: AskHome
  readonly #clock: ServerClock
  readonly #claim: ClaimPanel
  readonly #now: NowPanel
  readonly #panels: Panels | null
  readonly #past: Map<string, Past>
  #state: HomeState | null
  #chosen: string | null
  #adding: boolean

  /** @param panels what stands beside "now"; null where another page has it. */
  constructor(ask: AskHome, panels: typeof Panels | null) {
    this.keys = null
    this.desk = null
    this.#desk = null
    this.request = null
    this.#asked = null
    this.#ask = ask
    this.#clock = new ServerClock()
    this.#claim = new ClaimPanel(byId('claim'), ask, this.#clock)
    this.#now = new NowPanel(byId('now'), this.#clock)
    this.#panels =
      panels &&
      new panels(ask, this.#clock, () => {
        this.#adding = true
        this.#draw()
      })
    this.#past = new Map()
    this.#state = null
    this.#chosen = null
    this.#adding = false
    this.#claim.onBack = () => {
      this.#adding = false
      this.#draw()
    }
    this.#claim.onClaimed = () => {
      this.#adding = false
      toast(words.claim.done)
    }
  }

  /** Draws the frame and begins to tick. `code`: from the address, where there was one. */
  start(code: string | null): void {
    document.documentElement.lang = words.tag
    const prefill = (code: string | null): void => {
      if (code !== null) this.#claim.prefill(code)
    }
    prefill(code)
    addEventListener('hashchange', () => prefill(takeCode()))
    if (this.keys) {
      this.#panels?.keys(this.keys)
      this.#claim.keys(this.keys)
    }
    this.#desk = this.desk?.(this.#clock) ?? null
    if (this.#desk) this.#panels?.more(this.#desk.cards)
    if (location.pathname === '/new-policy' && this.request) void this.#openRequest(this.request)
    const tabs = (Object.keys(TABS) as Tab[]).filter((tab) => tab !== 'history' || this.#desk)
    byId('tabs').setAttribute('aria-label', words.app.sections)
    fill(
      byId('tabs'),
      tabs.map((tab) =>
        button({ 'data-tab': tab }, [icon(TABS[tab] as Icon), h('span', {}, words.app.tabs[tab])], () =>
          this.#openTab(tab),
        ),
      ),
    )
    const asked = location.search.slice(1)
    this.#openTab(tabs.includes(asked as Tab) ? (asked as Tab) : 'now')
    say(byId('link'), words.app.connecting)
    setInterval(() => {
      this.#now.tick()
      this.#claim.tick()
    }, 1_000)
  }

  async #openRequest(make: NonNullable<App['request']>): Promise<void> {
    await loadMore()
    this.#asked = make(byId('request'), this.#ask)
    this.#asked.onDone = () => {
      this.#asked = null
      this.#draw()
    }
    this.#draw()
  }

  onMessage(message: HomeMessage): void {
    switch (message.t) {
      case 'state':
        this.#state = message.state
        this.#clock.set(message.state.clock)
        this.#draw()
        break
      case 'history':
        this.#pastOf(message.device).points = message.points
        if (message.device === this.#chosen) this.#now.history(message.points)
        break
      case 'quarters':
        this.#onQuarters(message.device, message.rows, message.more)
        break
      case 'reading':
        this.#onReading(message.device, message.reading)
        this.#panels?.reading(message.device, message.reading)
        this.#brief()
        break
      case 'event':
        this.#panels?.event(message)
        break
      case 'progress':
        this.#desk?.progress(message)
        break
      default:
    }
  }

  onLink(connected: boolean): void {
    const pill = byId('link')
    pill.className = connected ? 'pill on' : 'pill off'
    say(pill, connected ? words.app.live : words.app.lost)
    document.body.classList.toggle('lost', !connected)
  }

  #onReading(device: string, reading: PageReading): void {
    const past = this.#pastOf(device)
    past.reading = reading
    past.heard = this.#clock.now()
    if (device === this.#chosen) this.#now.reading(reading, past.heard)
  }

  #onQuarters(device: string, rows: readonly QuarterRow[], more: boolean): void {
    const past = this.#pastOf(device)
    past.quarters = more ? [...past.quarters, ...rows] : [...rows]
    if (device === this.#chosen) this.#now.quarters(past.quarters)
  }

  #pastOf(device: string): Past {
    let past = this.#past.get(device)
    if (past === undefined) {
      past = { points: [], reading: null, heard: 0, quarters: [] }
      this.#past.set(device, past)
    }
    return past
  }

  #draw(): void {
    const state = this.#state
    if (state === null) return
    say(byId('home-name'), state.name)
    document.title = state.name
    const shown = this.#pick(state)
    const claiming = shown === null || this.#adding
    const asked = this.#asked
    show(byId('request'), asked !== null)
    asked?.show(state)
    show(byId('claim'), claiming && (asked === null || shown === null))
    show(byId('board'), !claiming && asked === null)
    show(byId('tabs'), !claiming && asked === null)
    this.#claim.show(state)
    this.#now.device(shown)
    if (shown === null) return
    // Side by side there is room for all of it: the other page has it.
    if (!this.#panels && matchMedia('(min-width: 900px)').matches) return location.replace('/?now')
    this.#panels?.show(state, shown)
    this.#desk?.show(state, shown)
    this.#chooser(state)
    this.#brief()
  }

  /** The device that the board shows: the one that was chosen while it is there, else the first. */
  #pick(from: HomeState): PageDevice | null {
    const found = from.devices.find((d) => d.id === this.#chosen) ?? from.devices[0] ?? null
    if (found?.id === this.#chosen || found === null) {
      this.#chosen = found?.id ?? null
      return found
    }
    this.#choose(found)
    return found
  }

  #choose(device: PageDevice | null): void {
    this.#chosen = device?.id ?? null
    this.#now.device(device)
    if (device === null) return
    const { points, reading, heard, quarters } = this.#pastOf(device.id)
    this.#now.history(points)
    // It may have come before we knew of its device.
    if (reading) this.#now.reading(reading, heard)
    this.#now.quarters(quarters)
  }

  #chooser(from: HomeState): void {
    const list = from.devices
    redraw(byId('chooser'), [list.map((d) => [d.id, d.name]), this.#chosen], () => {
      if (list.length < 2) return []
      const select = h(
        'select',
        { id: 'which-device', 'data-key': 'which' },
        ...list.map((d) => h('option', { value: d.id }, d.name)),
      )
      select.value = this.#chosen ?? ''
      select.addEventListener('change', () => {
        this.#choose(list.find((d) => d.id === select.value) ?? null)
        this.#draw()
      })
      return [h('label', { for: 'which-device' }, words.app.chooseDevice), select]
    })
  }

  #brief(): void {
    const text = this.#now.brief()
    show(byId('mini'), text !== null)
    say(byId('mini'), text ?? '')
  }

  #openTab(tab: Tab): void {
    if (!this.#panels && tab !== 'now') return location.replace(`/?${tab}`)
    document.body.dataset['tab'] = tab
    for (const item of byId('tabs').querySelectorAll('button')) {
      if (item.dataset['tab'] === tab) item.setAttribute('aria-current', 'page')
      else item.removeAttribute('aria-current')
    }
    scrollTo(0, 0)
    this.#desk?.opened(tab)
    this.#now.tick()
  }
}
