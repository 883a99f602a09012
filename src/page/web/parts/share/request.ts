// A provider asks to read: its request, checked, in words; the owner narrows it, chooses the device, and
// grants or refuses. Only then is there a way on to the provider's own place, and only by a press of the
// owner. A request that does not hold what it promises is not shown at all.

import { type HomeState, RESOLUTION_CLASSES, type ResolutionClass } from '../../../protocol.ts'
import {
  type AskFault,
  answerAddress,
  type ProviderRequest,
  readRequest,
  redirectInDomain,
} from '../../../request.ts'
import { button, type Child, fill, h, redraw, say, show } from '../../kit/dom.ts'
import { dayText } from '../../kit/format.ts'
import { icon } from '../../kit/icons.ts'
import type { AskHome, Outcome } from '../../kit/live.ts'
import { more, refusal, words } from '../../words/words.ts'
import { UNTILS, type Until } from './untils.ts'
import { keepWaiting } from './waiting.ts'

/** Finest first. */
const FINENESS: readonly ResolutionClass[] = RESOLUTION_CLASSES

export class RequestPanel {
  readonly #root: HTMLElement
  readonly #ask: AskHome
  readonly #request: ProviderRequest | null
  readonly #fault: AskFault | null
  readonly #problem: HTMLElement = h('p', { class: 'problem', role: 'alert' })
  #verified: boolean
  #checking: 'not-yet' | 'asked'
  #state: HomeState | null
  #done: boolean
  /** Leads back to the board; set by the page. */
  onDone: () => void = () => {}

  constructor(root: HTMLElement, ask: AskHome) {
    this.#root = root
    this.#ask = ask
    this.#verified = false
    this.#checking = 'not-yet'
    this.#state = null
    this.#done = false
    const { request, fault } = readRequest(location.search.slice(1), Date.now())
    this.#request = request
    this.#fault = fault
    if (request) keepWaiting(location.search.slice(1), true)
    show(this.#problem, false)
  }

  show(state: HomeState): void {
    const request = this.#request
    if (this.#done) return
    this.#state = state
    if (request && this.#checking === 'not-yet') void this.#verify(request)
    const devices = state.devices.map((d) => [d.id, d.name])
    redraw(this.#root, [devices, this.#verified, this.#fault], () =>
      request ? this.#form(request, state) : faulty(this.#fault ?? 'shape'),
    )
  }

  async #verify(request: ProviderRequest): Promise<void> {
    this.#checking = 'asked'
    const outcome = await this.#ask({ do: 'verify', card: request.cardLine })
    // The connection was lost meanwhile: asked again with the next state.
    if (outcome.code === 'no-answer') this.#checking = 'not-yet'
    this.#verified = outcome.ok
    if (this.#state) this.show(this.#state)
  }

  #form(request: ProviderRequest, state: HomeState): Child[] {
    const { card } = request
    const finest = FINENESS.indexOf(request.class)
    const radios = FINENESS.slice(finest).map((fine) => {
      const radio = h('input', { type: 'radio', name: 'ask-class', value: fine, id: `ask-${fine}` })
      radio.checked = fine === request.class
      return radio
    })
    const until = untilSelect(request, state.clock)
    const device = h(
      'select',
      { id: 'ask-device' },
      ...state.devices.map((d) => h('option', { value: d.id }, d.name)),
    )
    const grant = button({ class: 'main big' }, [more.ask.grant], () => {
      const fine = (radios.find((radio) => radio.checked)?.value ?? 'day') as ResolutionClass
      void this.#grant(request, { device: device.value, class: fine, until: Number(until.value) }, grant)
    })
    const later = button({ class: 'plain' }, [words.share.later], () => {
      this.#done = true
      history.replaceState(null, '', '/')
      this.onDone()
    })
    const refuse = button({ class: 'plain' }, [more.ask.refuse], () => this.#finish(request, null))
    const facts: [string, Child][] = [
      [more.ask.who, h('span', {}, card.name, ' · ', card.domain)],
      [more.ask.purpose, request.purpose || words.share.noPurpose],
      [more.ask.wants, words.share.classes[request.class]],
      [more.ask.until, dayText(request.until)],
    ]
    if (request.retentionDays !== null) facts.push([more.ask.keeps, more.ask.keepsFor(request.retentionDays)])
    return [
      h('h2', { class: 'title' }, more.ask.title(card.name)),
      h(
        'div',
        { class: 'card' },
        h(
          'p',
          { class: this.#verified ? 'state on' : 'state warn' },
          icon(this.#verified ? 'check' : 'warn'),
          this.#verified ? more.ask.verifiedWhy(card.domain) : more.ask.unverifiedWhy(card.domain),
        ),
        h(
          'dl',
          { class: 'facts' },
          ...facts.flatMap(([name, value]) => [h('dt', {}, name), h('dd', {}, value)]),
        ),
      ),
      state.devices.length === 0
        ? h('p', { class: 'card note' }, more.ask.noDevice)
        : h(
            'div',
            { class: 'card' },
            h('p', { class: 'quiet' }, more.ask.narrow),
            h('fieldset', {}, h('legend', {}, words.share.askFine), ...radios.map(choice)),
            h('label', { class: 'field', for: 'ask-until' }, words.share.askUntil),
            until,
            h('label', { class: 'field', for: 'ask-device' }, more.ask.device),
            device,
            h('p', { class: 'note' }, words.share.askNote(card.name)),
            this.#problem,
            h('div', { class: 'actions' }, grant, refuse, later),
          ),
    ]
  }

  async #grant(
    request: ProviderRequest,
    wish: { device: string; class: ResolutionClass; until: number },
    press: HTMLButtonElement,
  ): Promise<void> {
    press.disabled = true
    const introduced = await this.#ask({ do: 'introduce', card: request.cardLine })
    const outcome: Outcome =
      introduced.ok && introduced.text
        ? await this.#ask({ do: 'grant', provider: introduced.text, purpose: request.purpose, ...wish })
        : introduced
    press.disabled = false
    if (outcome.ok) return this.#finish(request, outcome.text ?? '')
    say(this.#problem, refusal(outcome))
    show(this.#problem, true)
  }

  /** @param policy the grant's id, or null where it was refused. */
  #finish(request: ProviderRequest, policy: string | null): void {
    this.#done = true
    keepWaiting(location.search.slice(1), false)
    history.replaceState(null, '', '/')
    const { name } = request.card
    const address = answerAddress(request, policy === null ? 'access_denied' : { policy })
    const host = address === null ? '' : new URL(address).host
    const trusted = this.#verified && redirectInDomain(request)
    fill(this.#root, [
      h('h2', { class: 'title' }, policy === null ? more.ask.refused(name) : more.ask.granted(name)),
      h(
        'div',
        { class: 'card' },
        h(
          'p',
          { class: trusted || address === null ? '' : 'state warn' },
          address === null
            ? more.ask.noBack
            : trusted
              ? more.ask.backTo(host)
              : more.ask.backUnverified(host),
        ),
        h(
          'div',
          { class: 'actions' },
          address !== null &&
            button({ class: trusted ? 'main' : 'plain' }, [`${more.ask.goBack} (${host})`], () =>
              location.assign(address),
            ),
          button({ class: 'plain' }, [words.claim.back], () => this.onDone()),
        ),
      ),
    ])
  }
}

function faulty(fault: AskFault): Child[] {
  return [
    h('h2', { class: 'title' }, more.ask.bad),
    h('p', { class: 'card problem', role: 'alert' }, more.ask.badWhy[fault]),
  ]
}

function choice(radio: HTMLInputElement): HTMLElement {
  const fine = radio.value as ResolutionClass
  return h(
    'label',
    { class: 'choice', for: radio.id },
    radio,
    h('span', {}, h('strong', {}, words.share.classes[fine]), ' ', words.share.classesWhy[fine]),
  )
}

/** What was asked for, and everything shorter. */
function untilSelect(request: ProviderRequest, now: number): HTMLSelectElement {
  const shorter = (Object.keys(UNTILS) as Until[]).filter((key) => now + UNTILS[key] < request.until)
  const select = h(
    'select',
    { id: 'ask-until' },
    ...shorter.map((key) =>
      h('option', { value: String(Math.round(now) + UNTILS[key]) }, words.share.untils[key]),
    ),
    h('option', { value: String(request.until) }, dayText(request.until)),
  )
  select.value = String(request.until)
  return select
}
