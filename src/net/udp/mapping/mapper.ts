// Keeps one UDP port of ours mapped at one router: PCP, else NAT-PMP, else UPnP, whichever answers first;
// renewed at half of its life, taken back at the end. Sans-I/O: datagrams and HTTP exchanges go out
// through functions, answers and the time come in. Only the router itself is listened to, and what it
// says is believed of its own address and port alone: a wrong one costs a challenge that nobody answers.

import type { Bytes } from '../../../base/bytes.ts'
import { LIMITS } from '../../../base/limits.ts'
import type { Random } from '../../../hw/hardware.ts'
import { type Place, scopeOf } from '../address.ts'
import { type HttpReply, httpRequest } from './http.ts'
import {
  answersTo,
  decodeGateway,
  type GatewayAnswer,
  NONCE_BYTES,
  natPmpAddressRequest,
  natPmpRequest,
  PCP_PORT,
  type PcpAsk,
  pcpRequest,
} from './pcp.ts'
import {
  type Control,
  call,
  type Location,
  readAnswer,
  readDescription,
  readSearchAnswer,
  SSDP_GROUP,
  SSDP_PORT,
  searches,
  UPNP_ERROR,
} from './upnp.ts'

/** What we ask for; a router that restarts forgets its mappings, so not for long. */
const LIFETIME_S = 1_200
/** Answers of other lengths count as these: a life of nothing would make us ask without end. */
const LIFE_S = { least: 120, most: 86_400 } as const
/** Questions of one kind go out at these times, ms; then the next kind has its turn. */
const SCHEDULE: readonly number[] = [0, 250, 750, 1_750]
const PATIENCE_MS = 2_500
/** Nobody answered: everything anew after this. */
const AGAIN_MS = 600_000
/** Other ports tried where ours is taken. */
const PORTS = 4
const NEVER = Number.POSITIVE_INFINITY

export type Method = 'pcp' | 'nat-pmp' | 'upnp'
const METHODS: readonly Method[] = ['pcp', 'nat-pmp', 'upnp']

export interface Mapped {
  readonly how: Method
  readonly place: Place
}

export interface MapperOptions {
  random: Random
  /** The router, and our address on its side. */
  gateway: string
  client: string
  /** Our UDP port. */
  port: number
  send: (datagram: Bytes, host: string, port: number) => void
  /** One exchange with the router by TCP; its answer is wanted by `onReply` under the same number. */
  ask: (exchange: number, port: number, request: Bytes) => void
  /** A mapping is there, changed, or is gone. */
  onChange: (mapped: Mapped | null) => void
}

type UpnpStep = 'search' | 'describe' | 'address' | 'map'

export class Mapper {
  readonly #options: MapperOptions
  readonly #nonce: Bytes
  #method: number
  /** Of the present method: when it began, questions that went out, when the next thing is due. */
  #began: number
  #sent: number
  #at: number
  #mapped: Mapped | null
  #endsAt: number
  #why: string
  /** NAT-PMP and UPnP: the router's address, as it said. */
  #host: string
  /** NAT-PMP: the mapping, where it came before the address. */
  #early: { port: number; lifetime: number } | null
  #step: UpnpStep
  #control: Control | null
  #location: Location | null
  #exchange: number
  #wish: number
  #tries: number
  #permanent: boolean
  #stopped: boolean

  constructor(options: MapperOptions, now: number) {
    this.#options = options
    this.#nonce = new Uint8Array(NONCE_BYTES)
    options.random(this.#nonce)
    this.#method = 0
    this.#began = now
    this.#sent = 0
    this.#at = now
    this.#mapped = null
    this.#endsAt = NEVER
    this.#why = 'the router has not been asked yet'
    this.#host = ''
    this.#early = null
    this.#step = 'search'
    this.#control = null
    this.#location = null
    this.#exchange = 0
    this.#wish = options.port
    this.#tries = 0
    this.#permanent = false
    this.#stopped = false
  }

  get mapped(): Mapped | null {
    return this.#mapped
  }

  /** Why there is no mapping, for people; empty where there is one. */
  get why(): string {
    return this.#mapped ? '' : this.#why
  }

  tick(now: number): number {
    if (this.#stopped) return NEVER
    if (this.#mapped && now >= this.#endsAt) this.#lose(this.#why || 'the mapping was not renewed')
    if (now >= this.#at) this.#act(now)
    return Math.min(this.#at, this.#mapped ? this.#endsAt : NEVER)
  }

  /** A datagram of the socket that `send` uses. */
  onDatagram(bytes: Bytes, host: string, port: number, now: number): void {
    // What was not asked for now, however late or early, is no answer.
    if (this.#stopped || this.#sent === 0 || host !== this.#options.gateway) return
    const method = METHODS[this.#method]
    if (method === 'upnp') {
      const location = this.#step === 'search' ? readSearchAnswer(bytes, host) : null
      if (location) this.#describe(location, now)
      return
    }
    const answer = port === PCP_PORT ? decodeGateway(bytes) : null
    if (answer) this.#onAnswer(answer, method!, now)
  }

  /** @param reply null where the exchange failed, took too long or brought too much */
  onReply(exchange: number, reply: HttpReply | null, now: number): void {
    if (this.#stopped || exchange !== this.#exchange || METHODS[this.#method] !== 'upnp') return
    if (this.#step === 'describe') this.#onDescription(reply, now)
    else if (this.#step === 'address') this.#onAddress(reply, now)
    else if (this.#step === 'map') this.#onMapped(reply, now)
  }

  /** Takes the mapping back, as far as that can be done by leaving; nothing is sent afterwards. */
  release(): void {
    if (this.#stopped) return
    this.#stopped = true
    const mapped = this.#mapped
    this.#mapped = null
    if (!mapped) return
    if (mapped.how !== 'upnp') this.#request(mapped.how, 0)
    else if (this.#control) this.#call('DeletePortMapping', this.#entry(mapped.place.port))
  }

  // ── PCP and NAT-PMP ─────────────────────────────────────────────────────────────────────────

  #act(now: number): void {
    const method = METHODS[this.#method]!
    if (method === 'upnp' && this.#step !== 'search') return this.#next('the router did not finish', now)
    if (now - this.#began >= PATIENCE_MS) return this.#next('the router does not answer', now)
    if (method === 'upnp') this.#search()
    else this.#request(method, LIFETIME_S)
    this.#sent++
    this.#at = this.#began + (SCHEDULE[this.#sent] ?? PATIENCE_MS)
  }

  #request(method: 'pcp' | 'nat-pmp', lifetime: number): void {
    const { gateway, send } = this.#options
    const ask = this.#ask(lifetime)
    if (method === 'nat-pmp' && lifetime > 0) send(natPmpAddressRequest(), gateway, PCP_PORT)
    send(method === 'pcp' ? pcpRequest(ask) : natPmpRequest(ask), gateway, PCP_PORT)
  }

  #ask(lifetime: number): PcpAsk {
    const { client, port } = this.#options
    // RFC 6886 section 3.4: to remove a mapping its outer port is 0. PCP does not look at it.
    const externalPort = lifetime === 0 ? 0 : (this.#mapped?.place.port ?? port)
    return { client, nonce: this.#nonce, internalPort: port, externalPort, lifetime }
  }

  #onAnswer(answer: GatewayAnswer, method: Method, now: number): void {
    if (answer.kind === 'version') {
      if (method === 'pcp') this.#next('the router speaks another version', now)
    } else if (answer.kind === 'refused') {
      if (answer.protocol === method) this.#next(`the router refused (${method} ${answer.result})`, now)
    } else if (answer.kind === 'pcp') {
      if (method === 'pcp' && answersTo(answer, this.#ask(LIFETIME_S)))
        this.#hold('pcp', { host: answer.host, port: answer.externalPort }, answer.lifetime, now)
    } else if (method === 'nat-pmp') {
      if (answer.kind === 'address') this.#host = answer.host
      else if (answer.internalPort === this.#options.port)
        this.#early = { port: answer.externalPort, lifetime: answer.lifetime }
      if (this.#early && this.#host !== '')
        this.#hold('nat-pmp', { host: this.#host, port: this.#early.port }, this.#early.lifetime, now)
    }
  }

  // ── UPnP ────────────────────────────────────────────────────────────────────────────────────

  #search(): void {
    const { gateway, send } = this.#options
    for (const question of searches(SSDP_GROUP)) send(question, SSDP_GROUP, SSDP_PORT)
    for (const question of searches(gateway)) send(question, gateway, SSDP_PORT)
  }

  #describe(location: Location, now: number): void {
    this.#location = location
    this.#goto('describe', now)
    const { gateway } = this.#options
    this.#exchangeWith(
      location.port,
      httpRequest({ method: 'GET', host: `${gateway}:${location.port}`, path: location.path }),
    )
  }

  #onDescription(reply: HttpReply | null, now: number): void {
    const { gateway } = this.#options
    this.#control = reply?.status === 200 ? readDescription(reply.body, gateway, this.#location!) : null
    if (!this.#control) return this.#next('the router has no such service', now)
    this.#goto('address', now)
    this.#call('GetExternalIPAddress', [])
  }

  #onAddress(reply: HttpReply | null, now: number): void {
    const answer = reply && readAnswer(reply.body, 'GetExternalIPAddress')
    this.#host = answer?.values.get('NewExternalIPAddress') ?? ''
    if (scopeOf(this.#host) === 0) return this.#next('the router does not say its address', now)
    this.#map(now)
  }

  #map(now: number): void {
    this.#goto('map', now)
    const { client, port } = this.#options
    this.#call('AddPortMapping', [
      ...this.#entry(this.#wish),
      ['NewInternalPort', String(port)],
      ['NewInternalClient', client],
      ['NewEnabled', '1'],
      ['NewPortMappingDescription', 'wattle'],
      ['NewLeaseDuration', this.#permanent ? '0' : String(LIFETIME_S)],
    ])
  }

  #onMapped(reply: HttpReply | null, now: number): void {
    const answer = reply && readAnswer(reply.body, 'AddPortMapping')
    if (answer?.error === 0) {
      const life = this.#permanent ? LIFE_S.most : LIFETIME_S
      this.#hold('upnp', { host: this.#host, port: this.#wish }, life, now)
    } else if (answer?.error === UPNP_ERROR.permanentOnly && !this.#permanent) {
      this.#permanent = true
      this.#map(now)
    } else if (answer?.error === UPNP_ERROR.conflict && ++this.#tries < PORTS) {
      this.#wish = this.#anyPort()
      this.#map(now)
    } else this.#next(`the router refused (upnp ${answer?.error ?? reply?.status ?? 'no answer'})`, now)
  }

  #entry(port: number): [string, string][] {
    return [
      ['NewRemoteHost', ''],
      ['NewExternalPort', String(port)],
      ['NewProtocol', 'UDP'],
    ]
  }

  #call(action: string, values: readonly (readonly [string, string])[]): void {
    const { service, port, path } = this.#control!
    const headers = [
      ['Content-Type', 'text/xml; charset="utf-8"'],
      ['SOAPAction', `"${service}#${action}"`],
    ] as const
    const host = `${this.#options.gateway}:${port}`
    const body = call(service, action, values)
    this.#exchangeWith(port, httpRequest({ method: 'POST', host, path, headers, body }))
  }

  #exchangeWith(port: number, request: Bytes): void {
    this.#exchange++
    this.#options.ask(this.#exchange, port, request)
  }

  #goto(step: UpnpStep, now: number): void {
    this.#step = step
    this.#at = now + LIMITS.mapping.exchangeMs
  }

  // ── What became of it ───────────────────────────────────────────────────────────────────────

  #hold(how: Method, place: Place, lifetime: number, now: number): void {
    if (scopeOf(place.host) < 3) {
      this.#lose(`the router is itself behind another one (${place.host})`)
      this.#sleep(now)
      return
    }
    const life = Math.min(LIFE_S.most, Math.max(LIFE_S.least, lifetime)) * 1_000
    const before = this.#mapped
    this.#mapped = { how, place }
    this.#endsAt = now + life
    // The same way again, from its first question.
    this.#restart(METHODS.indexOf(how), now + Math.min(life, LIFETIME_S * 1_000) / 2)
    if (before?.place.host !== place.host || before.place.port !== place.port)
      this.#options.onChange(this.#mapped)
  }

  /** This way did not work: the next one, or a long pause. What there is stays until its time is over. */
  #next(why: string, now: number): void {
    this.#why = why
    if (this.#method + 1 < METHODS.length) this.#restart(this.#method + 1, now)
    else this.#sleep(now)
  }

  #sleep(now: number): void {
    this.#tries = 0
    this.#permanent = false
    this.#restart(0, now + AGAIN_MS)
  }

  #restart(method: number, at: number): void {
    this.#method = method
    this.#step = 'search'
    this.#early = null
    this.#sent = 0
    this.#began = at
    this.#at = at
  }

  #lose(why: string): void {
    const before = this.#mapped
    this.#why = why
    this.#mapped = null
    if (before) this.#options.onChange(null)
  }

  #anyPort(): number {
    const two = new Uint8Array(2)
    this.#options.random(two)
    return 1_024 + (((two[0]! << 8) | two[1]!) % 64_512)
  }
}
