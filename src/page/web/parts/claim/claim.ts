// From the label to the claim: the code (from the address that the label's QR carries, or typed), the
// button, the countdown. A claim that came too early is asked again by the page in the moment the
// window opens, or every few seconds where the device's window cannot be seen from here (a device with
// its window closed counts no attempt); a wrong code is not asked again by itself.

import type { HomeState, UnclaimedDevice } from '../../../protocol.ts'
import type { ServerClock } from '../../kit/clock.ts'
import { button, fill, h, redraw, say, show } from '../../kit/dom.ts'
import type { AskHome, Outcome } from '../../kit/live.ts'
import { refusal, words } from '../../words/words.ts'
import type { KeyPanel } from '../device/keys.ts'
import { groups, plainCode, WHOLE_CODE } from './code.ts'
import { DeviceDrawing } from './drawing.ts'

const WINDOW_MS = 60_000
/** A claim of a device that is not in the list is asked again this often, and this many times. */
const AGAIN_MS = 2_000
const MOST_AGAIN = 60
/** A claim without an answer for so long waits for the button. */
const WAITS_MS = 700

export class ClaimPanel {
  readonly #ask: AskHome
  readonly #clock: ServerClock
  readonly #drawing: DeviceDrawing = new DeviceDrawing()
  readonly #code: HTMLInputElement
  readonly #address: HTMLInputElement
  readonly #choice: HTMLElement = h('div', { class: 'choices' })
  readonly #place: HTMLElement
  readonly #title: HTMLElement = h('h2', { class: 'title' }, words.claim.title)
  readonly #step: HTMLElement = h('p', { class: 'step', role: 'status' })
  readonly #stepWhy: HTMLElement = h('p', { class: 'quiet' })
  readonly #name: HTMLElement = h('p', { class: 'quiet small' })
  readonly #light: HTMLElement = h('p', { class: 'quiet light' })
  readonly #problem: HTMLElement = h('p', { class: 'problem', role: 'alert' })
  readonly #note: HTMLElement = h('p', { class: 'note', role: 'status' }, words.claim.waiting)
  readonly #go: HTMLButtonElement = h('button', { type: 'submit', class: 'main big' }, words.claim.button)
  readonly #back: HTMLButtonElement
  /** For whoever stands before a device whose key is not here; empty where the page holds no keys. */
  readonly #stranger: HTMLElement = h('div', {})
  readonly #all: HTMLElement
  #state: HomeState | null = null
  #chosen: string | null = null
  /** When the window of the chosen device closes, by the server's clock; null: closed. */
  #closesAt: number | null = null
  /** A claim waits for the window to open. */
  #pending: boolean
  /** How often and when a waiting claim was asked again unseen. */
  #again: number
  #askedAt: number
  #asking: boolean

  constructor(root: HTMLElement, ask: AskHome, clock: ServerClock) {
    this.#ask = ask
    this.#clock = clock
    this.#pending = false
    this.#again = 0
    this.#askedAt = 0
    this.#asking = false
    this.#code = h('input', {
      id: 'code',
      class: 'code',
      type: 'text',
      maxlength: '40',
      autocomplete: 'off',
      autocapitalize: 'characters',
      spellcheck: 'false',
      placeholder: 'XXXX-XXXX-XXXX',
      'aria-describedby': 'code-help',
    })
    this.#address = h('input', {
      id: 'address',
      type: 'text',
      maxlength: '100',
      autocomplete: 'off',
      autocapitalize: 'none',
    })
    this.#place = h(
      'div',
      {},
      h('label', { class: 'field', for: 'address' }, words.claim.addressLabel),
      this.#address,
      h('p', { class: 'quiet' }, words.claim.addressHelp),
    )
    this.#back = button({ class: 'plain' }, [words.claim.back], () => this.onBack())
    const form = h(
      'form',
      { class: 'card' },
      h('label', { class: 'field', for: 'code' }, words.claim.codeLabel),
      this.#code,
      h('p', { id: 'code-help', class: 'quiet' }, words.claim.codeHelp),
      this.#choice,
      this.#place,
      this.#problem,
      this.#note,
      this.#go,
      this.#back,
    )
    form.addEventListener('submit', (event) => {
      event.preventDefault()
      this.#submit()
    })
    this.#code.addEventListener('input', () => this.#typed())
    const device = h(
      'div',
      { class: 'card device' },
      this.#drawing.element as Element,
      this.#name,
      this.#step,
      this.#stepWhy,
      this.#light,
    )
    this.#all = h('div', {}, this.#title, h('p', { class: 'quiet intro' }, words.claim.intro), device, form)
    fill(root, [this.#all, this.#stranger])
    show(this.#stranger, false)
    show(this.#problem, false)
    show(this.#note, false)
    this.#drawing.ask('press')
  }

  /** Where "Back" leads; set by the page where there is something to go back to. */
  onBack: () => void = () => {}
  /** Called once when a claim has succeeded. */
  onClaimed: () => void = () => {}

  /** The owner's keys are in this browser. */
  keys(panel: KeyPanel): void {
    fill(this.#stranger, [panel.stranger()])
  }

  /** A code from the label's QR. */
  prefill(code: string): void {
    this.#code.value = groups(code)
    this.#typed()
  }

  show(state: HomeState): void {
    this.#state = state
    const list = state.unclaimed
    show(this.#all, state.phone?.stranger !== true)
    show(this.#stranger, state.phone?.stranger === true)
    if (!list.some((d) => d.address === this.#chosen)) this.#chosen = list[0]?.address ?? null
    const device = list.find((d) => d.address === this.#chosen) ?? null
    const wasOpen = this.#closesAt !== null
    this.#closesAt = device?.window == null ? null : state.clock + device.window
    this.#drawing.status.show(device?.led ?? null)
    const light = device?.led == null ? '' : words.claim.lightIs(words.leds[device.led] ?? device.led)
    say(this.#light, light)
    say(this.#name, device === null ? '' : words.claim.found(device.name, device.address))
    show(this.#back, state.devices.length > 0)
    show(this.#place, list.length === 0)
    redraw(this.#choice, [list.map((d) => [d.name, d.address]), this.#chosen], () => this.#choices(list))
    this.tick()
    if (this.#closesAt !== null && !wasOpen && this.#pending) void this.#claim()
  }

  /** Once a second. */
  tick(): void {
    const state = this.#state
    if (state === null) return
    this.#retry()
    const left = this.#closesAt === null ? 0 : this.#closesAt - this.#clock.now()
    const open = left > 0
    this.#drawing.left(open ? Math.min(1, left / WINDOW_MS) : 0)
    const waits = this.#asking && !open && performance.now() - this.#askedAt > WAITS_MS
    show(this.#note, waits && this.#problem.hidden)
    this.#drawing.ask(open ? 'nothing' : 'press')
    if (open) {
      say(this.#step, words.claim.open)
      say(this.#stepWhy, words.claim.openFor(Math.ceil(left / 1000)))
    } else {
      say(this.#step, words.claim.press[state.button])
      say(this.#stepWhy, words.claim.pressWhy[state.button])
    }
  }

  /** Asks again for a device whose window the page cannot see. */
  #retry(): void {
    if (!this.#pending || this.#chosen !== null || this.#again >= MOST_AGAIN) return
    if (performance.now() - this.#askedAt < AGAIN_MS) return
    this.#again++
    void this.#claim()
  }

  #choices(list: readonly UnclaimedDevice[]): HTMLElement[] {
    if (list.length === 0) return [h('p', { class: 'quiet' }, words.claim.notFound)]
    if (list.length === 1) return []
    const rows = list.map((device, i) => {
      const radio = h('input', { type: 'radio', name: 'which', id: `which-${i}`, 'data-key': device.address })
      radio.checked = device.address === this.#chosen
      radio.addEventListener('change', () => {
        this.#chosen = device.address
        if (this.#state !== null) this.show(this.#state)
      })
      return h(
        'label',
        { class: 'choice', for: `which-${i}` },
        radio,
        words.claim.found(device.name, device.address),
      )
    })
    return [h('fieldset', {}, h('legend', {}, words.claim.which), ...rows)]
  }

  #typed(): void {
    this.#pending = false
    this.#again = 0
    this.#tell(null)
    const atEnd = this.#code.selectionStart === this.#code.value.length
    if (atEnd) this.#code.value = groups(this.#code.value)
  }

  #submit(): void {
    if (plainCode(this.#code.value).length < WHOLE_CODE) {
      this.#tell(words.claim.codeShort)
      this.#code.focus()
    } else void this.#claim()
  }

  async #claim(): Promise<void> {
    if (this.#asking) return
    this.#asking = true
    this.#askedAt = performance.now()
    if (!this.#pending) this.#tell(null)
    this.#pending = false
    say(this.#go, words.claim.claiming)
    this.#go.disabled = true
    const typed = this.#address.value.trim()
    const address = this.#chosen ?? (typed === '' ? null : typed)
    const code = plainCode(this.#code.value)
    const outcome = await this.#ask({ do: 'claim', code, ...(address === null ? {} : { address }) })
    this.#asking = false
    show(this.#note, false)
    this.#go.disabled = false
    say(this.#go, words.claim.button)
    if (outcome.ok) {
      this.#code.value = ''
      this.onClaimed()
    } else this.#refused(outcome)
  }

  #refused(outcome: Outcome): void {
    this.#tell(refusal(outcome))
    this.#pending = outcome.code === 'window-closed'
    if (outcome.code !== 'wrong-code' && outcome.code !== 'bad-code') return
    this.#code.focus()
    this.#code.select()
  }

  #tell(problem: string | null): void {
    say(this.#problem, problem ?? '')
    show(this.#problem, problem !== null)
    this.#code.setAttribute('aria-invalid', String(problem !== null))
  }
}
