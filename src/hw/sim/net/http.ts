// HTTP and WebSocket of one machine, as whole requests and messages rather than bytes on a
// connection: what the page's server side can see of them, with the same caps as hw/linux/http.ts.
// `SimBrowser` is the other side, for tests.

import type { Bytes } from '../../../base/bytes.ts'
import { LIMITS } from '../../../base/limits.ts'
import type {
  Failure,
  Http,
  HttpAnswer,
  HttpHandlers,
  HttpRequest,
  Listener,
  WebSocketLink,
} from '../../hardware.ts'
import type { Life } from '../scheduler.ts'
import {
  claimPort,
  failure,
  formatAddress,
  type Holder,
  type Host,
  type Link,
  type Network,
  parseAddress,
} from './network.ts'

const EMPTY: Bytes = new Uint8Array(0)

interface HttpHolder extends Holder {
  handlers?: HttpHandlers
  open?: Set<unknown>
}

/** What a test asks for; `host` and `origin` headers are filled in as a browser would. */
export interface BrowserRequest {
  method?: string
  url: string
  headers?: Record<string, string>
  body?: Bytes
}

/** The page's end of a WebSocket. */
export interface PageSocket {
  onMessage: (message: string | Bytes) => void
  onClose: () => void
  send(message: string | Bytes): void
  /** Stops taking messages, as a phone that fell asleep does. */
  pause(): void
  resume(): void
  close(): void
}

export class SimHttp implements Http {
  readonly #network: Network
  readonly #host: Host
  readonly #life: Life

  constructor(network: Network, host: Host, life: Life) {
    this.#network = network
    this.#host = host
    this.#life = life
  }

  serve(
    address: string,
    handlers: HttpHandlers,
    done: (error: Failure, listener: Listener | null) => void,
  ): void {
    const claim = claimPort(this.#host, this.#host.tcp, address, this.#life)
    const { scheduler } = this.#network
    if ('error' in claim) {
      scheduler.after(0, this.#life, done, claim.error, null)
      return
    }
    Object.assign(claim.holder, { handlers, open: new Set() })
    const close = (): void => {
      if (this.#host.tcp.get(claim.port) === claim.holder) this.#host.tcp.delete(claim.port)
    }
    scheduler.after(0, this.#life, done, null, { address: claim.shown, close })
  }
}

interface Server {
  holder: HttpHolder
  handlers: HttpHandlers
  open: Set<unknown>
  host: Host
  request: HttpRequest
}

/** A browser on `host` that lives as long as the world. */
export class SimBrowser {
  readonly #network: Network
  readonly #host: Host

  constructor(network: Network, host: Host) {
    this.#network = network
    this.#host = host
  }

  request(
    address: string,
    ask: BrowserRequest,
    done: (error: Failure, answer: HttpAnswer | null) => void,
  ): void {
    const { scheduler, life, latencyMs } = this.#network
    const back = (error: Failure, answer: HttpAnswer | null): void =>
      scheduler.after(latencyMs, life, done, error, answer)
    this.#reach(address, ask, back, (server) => {
      const refusal = tooMuch(server)
      if (refusal) return back(null, refusal)
      server.open.add(ask)
      server.handlers.onRequest(server.request, (answer) => {
        if (!server.open.delete(ask)) return
        back(null, { status: answer.status, headers: answer.headers, body: answer.body.slice() })
      })
    })
  }

  /** Opens a WebSocket; a refusal comes as a failure whose code is `HTTP_` and the status. */
  socket(
    address: string,
    ask: BrowserRequest,
    done: (error: Failure, socket: PageSocket | null) => void,
  ): void {
    const { scheduler, life, latencyMs } = this.#network
    const back = (error: Failure, socket: PageSocket | null): void =>
      scheduler.after(latencyMs, life, done, error, socket)
    this.#reach(address, ask, back, (server) => {
      const status = tooMuch(server)?.status ?? server.handlers.admit(server.request)
      if (status !== 101) return back(failure(`HTTP_${status}`, address), null)
      const pair = new SocketPair(this.#network, this.#host, server)
      back(null, pair.page)
      server.handlers.onSocket(pair.link)
    })
  }

  #reach(
    address: string,
    ask: BrowserRequest,
    back: (error: Failure, value: null) => void,
    arrived: (server: Server) => void,
  ): void {
    const network = this.#network
    const at = parseAddress(address)
    const host = at && network.find(this.#host, at.host)
    if (!at || !host) {
      back(failure('ENOTFOUND', address), null)
      return
    }
    const remote = formatAddress(this.#host.ip4, this.#host.freePort(this.#host.tcp))
    const body = ask.body?.slice() ?? EMPTY
    const request: HttpRequest = {
      method: ask.method ?? 'GET',
      url: ask.url,
      headers: { host: address, ...ask.headers },
      body,
      remote,
    }
    network.scheduler.after(
      network.latencyMs,
      network.life,
      () => {
        const holder = host.tcp.get(at.port) as HttpHolder | undefined
        if (!host.life?.alive || !network.reachable(this.#host, host))
          back(failure('ETIMEDOUT', address), null)
        else if (host.refuse || !holder?.life.alive || !holder.handlers || !holder.open)
          back(failure('ECONNREFUSED', address), null)
        else arrived({ holder, handlers: holder.handlers, open: holder.open, host, request })
      },
      null,
      null,
    )
  }
}

function tooMuch(server: Server): HttpAnswer | null {
  if (server.request.body.length > LIMITS.http.bodyBytes) return { status: 413, headers: {}, body: EMPTY }
  if (server.open.size >= LIMITS.http.connections) return { status: 503, headers: {}, body: EMPTY }
  return null
}

class SocketPair implements Link {
  readonly a: Host
  readonly b: Host
  readonly page: PageSocket
  readonly link: WebSocketLink
  readonly #network: Network
  readonly #server: Server
  /** Bytes on their way to the page or waiting for it. */
  #queued = 0
  #waiting: (string | Bytes)[] = []
  #paused = false
  #open = true

  constructor(network: Network, page: Host, server: Server) {
    this.#network = network
    this.#server = server
    this.a = page
    this.b = server.host
    this.page = {
      onMessage: () => {},
      onClose: () => {},
      send: (message) => this.#toServer(message),
      pause: () => {
        this.#paused = true
      },
      resume: () => {
        this.#paused = false
        this.#drain()
      },
      close: () => this.reset(),
    }
    this.link = {
      request: server.request,
      onMessage: () => {},
      onClose: () => {},
      send: (message) => this.#toPage(message),
      queued: () => this.#queued,
      close: () => this.reset(),
    }
    server.open.add(this)
    network.links.add(this)
  }

  /** Both sides close, each later. */
  reset(): void {
    if (!this.#open) return
    this.#open = false
    this.#queued = 0
    this.#waiting = []
    this.#server.open.delete(this)
    const { scheduler, life, latencyMs, links } = this.#network
    links.delete(this)
    scheduler.after(latencyMs, life, () => this.page.onClose(), null, null)
    scheduler.after(latencyMs, this.#server.holder.life, () => this.link.onClose(), null, null)
  }

  retry(): void {
    if (!this.#server.holder.life.alive && this.b.life?.alive) this.reset()
    else this.#drain()
  }

  killed(life: Life): void {
    if (this.#server.holder.life === life) this.reset()
  }

  #toServer(message: string | Bytes): void {
    if (!this.#open) return
    if (message.length > LIMITS.http.socketMessageBytes) {
      this.reset()
      return
    }
    const copy = typeof message === 'string' ? message : message.slice()
    const { scheduler, latencyMs } = this.#network
    scheduler.after(
      latencyMs,
      this.#server.holder.life,
      () => {
        if (this.#open && this.#network.reachable(this.a, this.b)) this.link.onMessage(copy)
      },
      null,
      null,
    )
  }

  #toPage(message: string | Bytes): void {
    if (!this.#open) return
    this.#queued += message.length
    // A page that does not read is cut off, as hw/linux does.
    if (this.#queued > LIMITS.http.socketSendBytes) {
      this.reset()
      return
    }
    this.#waiting.push(typeof message === 'string' ? message : message.slice())
    this.#network.scheduler.after(this.#network.latencyMs, this.#network.life, drain, this, null)
  }

  #drain(): void {
    while (this.#open && !this.#paused && this.#network.reachable(this.a, this.b)) {
      const message = this.#waiting.shift()
      if (message === undefined) return
      this.#queued -= message.length
      this.page.onMessage(message)
    }
  }

  static drain(pair: SocketPair): void {
    pair.#drain()
  }
}

const drain: (pair: SocketPair) => void = SocketPair.drain
