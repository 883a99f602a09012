// The device itself: where it is, how it is connected, which meter it reads and how well, what its two
// lights say (live, and each pattern explained), what its button does, the telegram as the meter sent
// its values, and giving it up.

import { METER, type MeterLed, STATUS, type StatusLed } from '../../../../base/lights/leds.ts'
import type { DeviceInfo, HomeState, PageDevice, PageReading } from '../../../protocol.ts'
import { Blink } from '../../kit/blink.ts'
import { openSheet, toast } from '../../kit/dialog.ts'
import { button, fill, h, redraw, say, show } from '../../kit/dom.ts'
import { count } from '../../kit/format.ts'
import type { AskHome } from '../../kit/live.ts'
import { chooseLanguage, LANGUAGES, more, refusal, words } from '../../words/words.ts'
import { helped } from './help.ts'
import { rawPort } from './raw-port.ts'

const SHOWN_LEDS: readonly StatusLed[] = [
  'paired',
  'unpaired',
  'window-open',
  'claiming',
  'refused',
  'identify',
  'offline',
  'updating',
  'fault-2',
]
const SHOWN_METER: readonly MeterLed[] = ['telegram', 'silent', 'bad']

type Row = readonly [string, string]

export class DevicePanel {
  readonly #ask: AskHome
  readonly #facts: HTMLElement = h('div', { class: 'card' })
  readonly #live: HTMLElement = h('div', { class: 'card lights' })
  readonly #status: Blink
  readonly #meter: Blink
  readonly #statusSays: HTMLElement = h('span', {})
  readonly #meterSays: HTMLElement = h('span', {})
  readonly #keys: HTMLElement = h('div', {})
  readonly #port: HTMLElement = h('div', { class: 'card keys' })
  readonly #raw: HTMLElement = h('pre', { class: 'raw', tabindex: '0' })
  readonly #rawBox: HTMLDetailsElement
  #shown: string | null

  constructor(root: HTMLElement, ask: AskHome, add: () => void) {
    this.#ask = ask
    this.#shown = null
    const statusDot = h('span', { class: 'led', 'aria-hidden': 'true' })
    const meterDot = h('span', { class: 'led meter', 'aria-hidden': 'true' })
    this.#status = new Blink(statusDot)
    this.#meter = new Blink(meterDot)
    fill(this.#live, [
      h('h2', {}, words.device.now),
      h('ul', {}, h('li', {}, statusDot, this.#statusSays), h('li', {}, meterDot, this.#meterSays)),
    ])
    this.#raw.setAttribute('aria-label', words.device.raw)
    this.#rawBox = h('details', { class: 'card' }, h('summary', {}, words.device.raw), this.#raw)
    fill(root, [
      h('h2', { class: 'title' }, words.device.title),
      this.#facts,
      this.#live,
      legend(),
      this.#keys,
      this.#port,
      this.#rawBox,
      language(),
      button({ class: 'plain' }, [words.device.add], add),
    ])
    show(this.#live, false)
  }

  /** Keys, where they are in this browser, or what a home on a computer has. */
  more(cards: HTMLElement): void {
    fill(this.#keys, [cards])
  }

  /** The newest values, for who looks at them as they come. */
  reading(device: string, reading: PageReading): void {
    if (device === this.#shown && this.#rawBox.open) say(this.#raw, JSON.stringify(reading, null, 1))
  }

  show(state: HomeState, device: PageDevice): void {
    this.#shown = device.id
    const { lights } = device
    show(this.#live, lights !== undefined)
    if (lights) this.#lights(lights.status, lights.meter)
    const port = device.info?.raw
    show(this.#port, port !== undefined)
    if (port) redraw(this.#port, [port, device.id], () => rawPort(port, device, this.#ask))
    const rows = rowsOf(state, device)
    redraw(this.#facts, [rows, device.id], () => [
      h(
        'dl',
        { class: 'facts' },
        ...rows.flatMap(([name, value]) => [h('dt', {}, name), h('dd', {}, value)]),
      ),
      button({ class: 'link danger', 'data-key': 'remove' }, [words.device.remove], () =>
        this.#remove(device),
      ),
    ])
  }

  #lights(status: StatusLed | null, meter: MeterLed | null): void {
    this.#status.show(status)
    this.#meter.show(meter === null ? 'telegram' : meter, METER)
    say(this.#statusSays, `STATUS ${status === null ? words.device.dark : words.leds[status]}`)
    const says = meter === 'silent' || meter === 'bad' ? words.meterLeds[meter] : words.meterLeds.telegram
    say(this.#meterSays, `METER ${says}`)
  }

  #remove(device: PageDevice): void {
    openSheet({
      title: words.device.removeTitle(device.name),
      body: [h('p', {}, words.device.removeNote)],
      yes: words.device.removeYes,
      danger: true,
      run: async () => {
        const outcome = await this.#ask({ do: 'delete', device: device.id })
        if (!outcome.ok) return refusal(outcome)
        toast(words.device.removed(device.name))
        return null
      },
    })
  }
}

function rowsOf(state: HomeState, device: PageDevice): Row[] {
  const rows: Row[] = [
    [words.device.name, device.name],
    [words.device.address, device.address],
    [words.device.link, words.device.links[device.link]],
    [words.device.meter, device.meter ?? words.device.unknown],
  ]
  if (device.way) rows.push([words.device.way, words.device.ways[device.way.kind](device.way.remote)])
  if (device.info) rows.push(...infoRows(device.info))
  if (state.phone && !state.phone.durable) rows.push([words.device.storage, words.answers['not-kept']])
  return rows
}

function infoRows(info: DeviceInfo): Row[] {
  const rows: Row[] = []
  if (info.line)
    rows.push([
      words.device.line,
      info.line.up ? words.device.lineUp(info.line.path, info.line.text) : info.line.text,
    ])
  rows.push([words.device.telegrams, words.device.telegramsAre(count(info.good), count(info.bad))])
  rows.push([words.device.readers, count(info.reading)])
  const keys = info.owners.map((key) => key.slice(0, 8)).join(', ')
  rows.push([words.device.owners, `${words.device.ownersAre(info.owners.length)} (${keys})`])
  rows.push([words.device.reach, info.addresses.join(', ')])
  rows.push([words.device.version, `${info.version} · ${info.board}`])
  rows.push([words.device.running, words.span(info.uptime)])
  if (info.written !== null)
    rows.push([words.device.card, words.device.cardIs(count(Math.round(info.written / 1e6)))])
  return rows
}

/** What every pattern means, blinking as the device does; they begin when the list is opened. */
function legend(): HTMLElement {
  const starts: (() => void)[] = []
  const row = (say: string, start: (dot: Element) => void, kind: string): HTMLElement => {
    const dot = h('span', { class: kind, 'aria-hidden': 'true' })
    starts.push(() => start(dot))
    return h('li', {}, dot, h('span', {}, say))
  }
  const status = SHOWN_LEDS.map((name) =>
    row(words.leds[name], (dot) => new Blink(dot, 'again').show(name, STATUS), 'led'),
  )
  const meter = SHOWN_METER.map((name) =>
    row(words.meterLeds[name as 'telegram'], (dot) => new Blink(dot, 'again').show(name, METER), 'led meter'),
  )
  const element = h(
    'details',
    { class: 'card lights' },
    h('summary', {}, words.device.lights),
    h('p', { class: 'quiet' }, words.device.lightsNote),
    h('h3', {}, 'STATUS'),
    h('ul', {}, ...status),
    h('h3', {}, 'METER'),
    h('ul', {}, ...meter),
    h('h3', {}, words.device.button),
    helped(h('ul', { class: 'safety' }), () => more.help.buttonDoes),
  )
  element.addEventListener('toggle', () => {
    for (const start of starts.splice(0)) start()
  })
  return element
}

function language(): HTMLElement {
  const select = h(
    'select',
    { id: 'language' },
    ...Object.entries(LANGUAGES).map(([tag, name]) => h('option', { value: tag, lang: tag }, name)),
  )
  select.value = words.tag
  select.addEventListener('change', () => chooseLanguage(select.value))
  return h('div', { class: 'card row' }, h('label', { for: 'language' }, words.device.language), select)
}
