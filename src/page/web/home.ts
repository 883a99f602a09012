// My Home in the browser: takes the code out of the address bar, keeps one live connection, and hands
// what comes to the panels. It holds no key; home signs what is asked here.

import type { HomeMessage, HomeState, PageDevice, TracePoint } from '../protocol.ts'
import { ServerClock } from './kit/clock.ts'
import { toast } from './kit/dialog.ts'
import { button, byId, fill, h, redraw, say, show } from './kit/dom.ts'
import { type Icon, icon } from './kit/icons.ts'
import { type AskHome, Live } from './kit/live.ts'
import { ClaimPanel } from './parts/claim.ts'
import { codeOf } from './parts/code.ts'
import { DevicePanel } from './parts/device.ts'
import { LogPanel } from './parts/log.ts'
import { NowPanel } from './parts/now.ts'
import { SharingPanel } from './parts/sharing.ts'
import { words } from './words/words.ts'

const TABS = { now: 'pulse', sharing: 'share', log: 'list', device: 'device' } as const
type Tab = keyof typeof TABS

const clock = new ServerClock()
const ask: AskHome = (question) => live.ask(question)
const claim = new ClaimPanel(byId('claim'), ask, clock)
const now = new NowPanel(byId('now'), clock)
const sharing = new SharingPanel(byId('sharing'), ask, clock)
const log = new LogPanel(byId('log'))
const device = new DevicePanel(byId('device'), ask, () => {
  adding = true
  draw()
})
const live = new Live<HomeMessage>({ onMessage, onLink })

const histories = new Map<string, readonly TracePoint[]>()
let state: HomeState | null = null
let chosen: string | null = null
let adding = false

claim.onBack = () => {
  adding = false
  draw()
}
claim.onClaimed = () => {
  adding = false
  toast(words.claim.done)
}

function onMessage(message: HomeMessage): void {
  switch (message.t) {
    case 'state':
      state = message.state
      clock.set(state.clock)
      draw()
      break
    case 'history':
      histories.set(message.device, message.points)
      if (message.device === chosen) now.history(message.points)
      break
    case 'reading':
      if (message.device === chosen) now.reading(message.reading)
      brief()
      break
    case 'event':
      log.add(message)
      break
    default:
  }
}

function onLink(connected: boolean): void {
  const pill = byId('link')
  pill.className = connected ? 'pill on' : 'pill off'
  say(pill, connected ? words.app.live : words.app.lost)
  document.body.classList.toggle('lost', !connected)
}

function draw(): void {
  if (state === null) return
  say(byId('home-name'), state.name)
  document.title = state.name
  const shown = pick(state)
  const claiming = shown === null || adding
  show(byId('claim'), claiming)
  show(byId('board'), !claiming)
  show(byId('tabs'), !claiming)
  claim.show(state)
  now.device(shown)
  if (shown === null) return
  sharing.show(state, shown)
  device.show(shown)
  chooser(state)
  brief()
}

/** The device that the board shows: the one that was chosen while it is there, else the first. */
function pick(from: HomeState): PageDevice | null {
  const found = from.devices.find((d) => d.id === chosen) ?? from.devices[0] ?? null
  if (found?.id === chosen || found === null) {
    chosen = found?.id ?? null
    return found
  }
  chosen = found.id
  now.device(found)
  now.history(histories.get(found.id) ?? [])
  return found
}

function chooser(from: HomeState): void {
  const list = from.devices
  redraw(byId('chooser'), [list.map((d) => [d.id, d.name]), chosen], () => {
    if (list.length < 2) return []
    const select = h(
      'select',
      { id: 'which-device', 'data-key': 'which' },
      ...list.map((d) => h('option', { value: d.id }, d.name)),
    )
    select.value = chosen ?? ''
    select.addEventListener('change', () => {
      const next = list.find((d) => d.id === select.value)
      chosen = next?.id ?? null
      now.device(next ?? null)
      now.history(histories.get(select.value) ?? [])
      draw()
    })
    return [h('label', { for: 'which-device' }, words.app.chooseDevice), select]
  })
}

function brief(): void {
  const text = now.brief()
  show(byId('mini'), text !== null)
  say(byId('mini'), text ?? '')
}

function openTab(tab: Tab): void {
  document.body.dataset['tab'] = tab
  for (const item of byId('tabs').querySelectorAll('button')) {
    if (item.dataset['tab'] === tab) item.setAttribute('aria-current', 'page')
    else item.removeAttribute('aria-current')
  }
  scrollTo(0, 0)
  now.tick()
}

function takeCode(): void {
  const code = codeOf(location.hash)
  if (location.hash !== '') history.replaceState(null, '', location.pathname + location.search)
  if (code !== null) claim.prefill(code)
}

takeCode()
addEventListener('hashchange', takeCode)
document.documentElement.lang = words.tag
fill(
  byId('tabs'),
  (Object.keys(TABS) as Tab[]).map((tab) =>
    button({ 'data-tab': tab }, [icon(TABS[tab] as Icon), h('span', {}, words.app.tabs[tab])], () =>
      openTab(tab),
    ),
  ),
)
openTab('now')
say(byId('link'), words.app.connecting)
live.connect()
setInterval(() => {
  now.tick()
  claim.tick()
}, 1_000)
