// The page's server side: hands out the built page, checks who asks, keeps the open pages and tells
// them all the same thing. Used by home, provider and device over any `Http` of hw/hardware.ts. Knows
// nothing of devices or keys: what a page asks goes, checked, to `onAsk`. Nothing that a page sends may
// throw here; a page that does not read is cut off.

import { type Bytes, equal, utf8 } from '../base/bytes.ts'
import { Counters } from '../base/counters.ts'
import { LIMITS } from '../base/limits.ts'
import { sha256 } from '../crypto/native.ts'
import type {
  Failure,
  Http,
  HttpAnswer,
  HttpHandlers,
  HttpRequest,
  Listener,
  WebSocketLink,
} from '../hw/hardware.ts'
import { type AskResult, readAsk } from './ask.ts'
import { AssetStore, type PageAssets, words } from './assets.ts'
import { Gate, originOf } from './gate.ts'
import type { Answer, Ask, DeviceMessage, HomeMessage, ProviderMessage } from './protocol.ts'

export type PageMessage = HomeMessage | ProviderMessage | DeviceMessage

/** What a question comes back as; the id is put in here. */
export type AskAnswer = Omit<Answer, 't' | 'id'>

/** One open page, for who speaks bytes with it. */
export interface PageLink {
  /** Sends a binary message, or cuts the page off that does not read. */
  send(bytes: Bytes): void
  /** Bytes that were sent and have not left yet. */
  queued(): number
  close(): void
}

export interface PageEvents {
  /** A page has opened: tell it the state, the history and what else it needs. */
  onPage(tell: (message: PageMessage) => void, link: PageLink): void
  /** A binary message, valid until the call returns; false where it is none that is known. Left out where none is taken. */
  onBytes?(link: PageLink, bytes: Bytes): boolean
  onGone?(link: PageLink): void
  /** A page asks; answer once, at any time later. Left out where a page has nothing to ask. */
  onAsk?(ask: Ask, answer: (answer: AskAnswer) => void, link: PageLink): void
}

export interface PageOptions {
  readonly assets: PageAssets
  /** The path whose file is given for `/` just now; `/` itself where this is left out. */
  readonly front?: () => string
  /** Names without port under which the page is known beside loopback and the bound addresses. */
  readonly hosts?: readonly string[]
  /** Addresses of pages that this page may show in a frame. */
  readonly frames?: readonly string[]
  /** Addresses of pages that may show this page in a frame. */
  readonly ancestors?: readonly string[]
  /** Only who knows it gets more than the files: `/live?key=…`. Printable characters. */
  readonly key?: string
  /** Where a path lives that is not this page's (`/p2p/DEVICE/…`), or null. */
  readonly elsewhere?: (path: string) => string | null
}

export type PageCounter = 'host' | 'origin' | 'key' | 'full' | 'shape' | 'busy' | 'slow' | 'cut'

interface Page {
  readonly link: WebSocketLink
  readonly face: PageLink
  /** Questions without an answer yet. */
  open: number
  wrong: number
  gone: boolean
}

export class PageServer implements HttpHandlers {
  readonly counters: Counters<PageCounter>
  readonly #events: PageEvents
  readonly #assets: AssetStore
  readonly #gate: Gate
  readonly #pages: Page[]
  /** Hash of the key, where there is one. */
  readonly #key: Bytes | null
  readonly #elsewhere: (path: string) => string | null
  #frames: readonly string[]
  #ancestors: readonly string[]

  constructor(options: PageOptions, events: PageEvents) {
    this.counters = new Counters<PageCounter>([
      'host',
      'origin',
      'key',
      'full',
      'shape',
      'busy',
      'slow',
      'cut',
    ])
    this.#events = events
    this.#assets = new AssetStore(options.assets, options.front)
    this.#gate = new Gate(options.hosts ?? [])
    this.#pages = []
    this.#key = options.key === undefined ? null : sha256(utf8(options.key))
    this.#elsewhere = options.elsewhere ?? (() => null)
    this.#frames = origins(options.frames ?? [])
    this.#ancestors = origins(options.ancestors ?? [])
  }

  /** Serves at `address`; may be called for several. */
  listen(http: Http, address: string, done: (error: Failure, listener: Listener | null) => void): void {
    http.serve(address, this, (error, listener) => {
      if (listener !== null) this.#gate.bound(listener.address)
      done(error, listener)
    })
  }

  /** Replaces what `frames` and `ancestors` said; takes effect for pages that load after it. */
  allow(frames: readonly string[], ancestors: readonly string[]): void {
    this.#frames = origins(frames)
    this.#ancestors = origins(ancestors)
  }

  /** Every origin under which a browser may show this page; another page names them as `ancestors`. */
  origins(): string[] {
    return this.#gate.origins()
  }

  /** Pages open now. */
  pages(): number {
    return this.#pages.length
  }

  /** Tells every open page; made into a string once. */
  broadcast(message: PageMessage): void {
    if (this.#pages.length === 0) return
    const text = JSON.stringify(message)
    for (let i = this.#pages.length - 1; i >= 0; i--) this.#send(this.#pages[i]!, text)
  }

  /** Closes every page and takes no more notice of them. */
  close(): void {
    for (const page of [...this.#pages]) this.#drop(page)
  }

  onRequest(request: HttpRequest, answer: (answer: HttpAnswer) => void): void {
    answer(this.#serve(request))
  }

  admit(request: HttpRequest): number {
    if (this.#checked(request, 'needed') === null) return 403
    if (pathOf(request.url) !== '/live') return 404
    if (request.method !== 'GET') return 405
    if (!this.#unlocks(request.url)) return 401
    if (this.#pages.length < LIMITS.page.pages) return 101
    this.counters.add('full')
    return 503
  }

  onSocket(link: WebSocketLink): void {
    if (this.#pages.length >= LIMITS.page.pages) {
      this.counters.add('full')
      link.close()
      return
    }
    const face: PageLink = {
      send: (bytes) => this.#send(page, bytes),
      queued: () => link.queued(),
      close: () => this.#drop(page),
    }
    const page: Page = { link, face, open: 0, wrong: 0, gone: false }
    link.onMessage = (message) => this.#onMessage(page, message)
    link.onClose = () => this.#forget(page)
    this.#pages.push(page)
    this.#events.onPage((message) => this.#send(page, JSON.stringify(message)), face)
  }

  #serve(request: HttpRequest): HttpAnswer {
    const host = this.#checked(request, 'if-present')
    if (host === null)
      return words(403, 'This page does not go by the name that was asked, or another site asked for it.')
    // Asked by a page whose WebSocket was refused: a browser does not say why.
    if (pathOf(request.url) === '/open') return words(200, this.#unlocks(request.url) ? 'yes' : 'no')
    if (pathOf(request.url) === '/live')
      return words(426, 'This address speaks WebSocket.', { upgrade: 'websocket' })
    const location = this.#elsewhere(request.url)
    if (location !== null) return words(307, `It is at ${location}`, { location })
    return this.#assets.answer(request, host, { frames: this.#frames, ancestors: this.#ancestors })
  }

  /** Compared as hashes: how much of a wrong key is right takes no time that tells. */
  #unlocks(url: string): boolean {
    if (this.#key === null) return true
    const given = /[?&]key=([\w-]{1,100})(?:&|$)/.exec(url)?.[1] ?? ''
    if (equal(sha256(utf8(given)), this.#key)) return true
    this.counters.add('key')
    return false
  }

  /** The host that was asked, or null where Host or Origin is not ours. */
  #checked(request: HttpRequest, origin: 'needed' | 'if-present'): string | null {
    const host = this.#gate.host(request.headers)
    if (host !== null && this.#gate.origin(request.headers, host, origin)) return host
    this.counters.add(host === null ? 'host' : 'origin')
    return null
  }

  #onMessage(page: Page, message: string | Uint8Array): void {
    if (page.gone) return
    if (typeof message !== 'string' && this.#events.onBytes) {
      if (!this.#events.onBytes(page.face, message)) this.#wrong(page)
      return
    }
    const { ask, id, wrong } = readMessage(message)
    if (ask === null) this.#refuse(page, id, wrong)
    else if (this.#events.onAsk === undefined) this.#answer(page, id, NOT_HERE)
    else if (page.open >= LIMITS.page.asksOpen) {
      this.counters.add('busy')
      this.#answer(page, id, BUSY)
    } else this.#ask(page, ask, this.#events.onAsk)
  }

  #ask(page: Page, ask: Ask, onAsk: NonNullable<PageEvents['onAsk']>): void {
    let answered = false
    page.open++
    onAsk(
      ask,
      (answer) => {
        if (answered) return
        answered = true
        page.open--
        this.#answer(page, ask.id, answer)
      },
      page.face,
    )
  }

  #refuse(page: Page, id: number, text: string): void {
    this.#answer(page, id, { ok: false, code: 'bad-shape', text })
    this.#wrong(page)
  }

  #wrong(page: Page): void {
    this.counters.add('shape')
    if (++page.wrong < LIMITS.page.wrongShapes) return
    this.counters.add('cut')
    this.#drop(page)
  }

  #answer(page: Page, id: number, answer: AskAnswer): void {
    this.#send(page, JSON.stringify({ t: 'answer', id, ...answer }))
  }

  #send(page: Page, message: string | Bytes): void {
    if (page.gone) return
    if (page.link.queued() + message.length > LIMITS.http.socketSendBytes) {
      this.counters.add('slow')
      this.#drop(page)
    } else page.link.send(message)
  }

  #drop(page: Page): void {
    this.#forget(page)
    page.link.close()
  }

  #forget(page: Page): void {
    page.gone = true
    const at = this.#pages.indexOf(page)
    if (at < 0) return
    this.#pages[at] = this.#pages[this.#pages.length - 1]!
    this.#pages.pop()
    this.#events.onGone?.(page.face)
  }
}

const NOT_HERE: AskAnswer = { ok: false, code: 'not-here', text: 'there is nothing to ask of this page' }
const BUSY: AskAnswer = { ok: false, code: 'busy', text: 'earlier questions have no answer yet' }

function readMessage(message: string | Uint8Array): AskResult {
  if (typeof message !== 'string') return { ask: null, id: 0, wrong: 'expected text, not bytes' }
  if (message.length <= LIMITS.page.askBytes) return readAsk(message)
  return { ask: null, id: 0, wrong: `expected at most ${LIMITS.page.askBytes} characters` }
}

function pathOf(url: string): string {
  const query = url.indexOf('?')
  return query < 0 ? url : url.slice(0, query)
}

/** Only what may stand in a header; the rest is left out. */
function origins(urls: readonly string[]): string[] {
  return urls.map(originOf).filter((origin) => origin !== null)
}
