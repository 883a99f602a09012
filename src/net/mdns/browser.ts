// Who else is on this interface (RFC 6762 section 5.2, RFC 6763 section 4): asks for one service type,
// ever more seldom, keeps what it hears for as long as it was promised, and says who came, changed and
// went. A plain machine. What is found is hearsay until a handshake proves it.

import { LIMITS } from '../../base/limits.ts'
import {
  type DnsMessage,
  type DnsRecord,
  decodeTxt,
  emptyMessage,
  encodeDns,
  type Question,
  sameName,
  TYPE,
} from './dns.ts'
import { addressText, LOCAL, record } from './records.ts'

/** One instance of the service, as announced. */
export interface Found {
  /** Full name: `wattle-ab12._sovereign._tcp.local`. */
  readonly name: string
  readonly host: string
  readonly port: number
  readonly addresses: readonly string[]
  readonly txt: readonly string[]
}

export interface BrowserOptions {
  /** `_sovereign._tcp`. */
  type: string
  chance: () => number
  send: (message: Uint8Array) => void
  /** New, or with other content than before. */
  onFound: (found: Found) => void
  /** Said goodbye, or was not heard of for as long as it had promised. */
  onLost: (name: string) => void
}

interface Instance {
  readonly name: string
  host: string
  port: number
  txt: string[]
  /** Ends of what was promised, ms; 0 is unknown. */
  ptrEnds: number
  srvEnds: number
  txtEnds: number
  readonly addresses: Map<string, number>
  /** What was told last; empty: nothing yet. */
  told: string
  askAt: number
}

const FIRST_MS = { least: 20, most: 120 } as const
const SECOND = 1_000
const LONGEST_MS = 3_600_000
/** A goodbye takes effect a second later, in case it was a mistake (section 10.1). */
const GOODBYE_MS = 1_000
/** A record is asked for again when so much of its life is over. */
const REFRESH = 0.8
/** Without SRV and TXT a second after the PTR, we ask. */
const RESOLVE_MS = 500

export class Browser {
  readonly #options: BrowserOptions
  readonly #type: string
  readonly #instances: Map<string, Instance>
  #askAt: number
  #interval: number

  constructor(options: BrowserOptions, now: number) {
    this.#options = options
    this.#type = `${options.type}.${LOCAL}`
    this.#instances = new Map()
    this.#askAt = now + FIRST_MS.least + options.chance() * (FIRST_MS.most - FIRST_MS.least)
    this.#interval = SECOND
  }

  get size(): number {
    return this.#instances.size
  }

  /** Everything known and whole. */
  found(): Found[] {
    return [...this.#instances.values()].filter((i) => i.told !== '').map(view)
  }

  next(): number {
    let next = this.#askAt
    for (const i of this.#instances.values()) next = Math.min(next, i.askAt, i.ptrEnds, i.srvEnds || next)
    return next
  }

  /** The network changed: everything is asked for anew. */
  restart(now: number): void {
    this.#askAt = now
    this.#interval = SECOND
  }

  tick(now: number): void {
    const questions: Question[] = []
    if (now >= this.#askAt) {
      questions.push({ name: this.#type, type: TYPE.PTR, unicast: false })
      this.#askAt = now + this.#interval
      this.#interval = Math.min(LONGEST_MS, this.#interval * 2)
    }
    for (const instance of [...this.#instances.values()]) {
      for (const [address, ends] of instance.addresses) if (ends <= now) instance.addresses.delete(address)
      if (now >= instance.ptrEnds || (instance.srvEnds > 0 && now >= instance.srvEnds)) this.#drop(instance)
      else if (now >= instance.askAt) this.#refresh(instance, questions, now)
    }
    if (questions.length === 0) return
    const message = emptyMessage(false)
    message.questions = questions.slice(0, LIMITS.mdns.recordsPerMessage / 2)
    if (questions[0]!.type === TYPE.PTR) message.answers = this.#knownAnswers(now)
    const bytes = encodeDns(message) ?? encodeDns({ ...message, answers: [] })
    if (bytes) this.#options.send(bytes)
  }

  onMessage(message: DnsMessage, now: number): void {
    if (!message.response) return this.#onQuery(message, now)
    const records = [...message.answers, ...message.additionals]
    // Addresses last: by then we know whose hosts matter.
    for (const r of records) if (r.type === TYPE.PTR) this.#onPtr(r, now)
    for (const r of records) if (r.type === TYPE.SRV || r.type === TYPE.TXT) this.#onDetail(r, now)
    for (const r of records) if (r.type === TYPE.A || r.type === TYPE.AAAA) this.#onAddress(r, now)
    for (const instance of this.#instances.values()) this.#tell(instance)
  }

  /** Somebody else asks the same, with nothing known: we need not (section 7.3). */
  #onQuery(message: DnsMessage, now: number): void {
    if (message.answers.length > 0 || this.#interval >= LONGEST_MS) return
    const same = message.questions.some(
      (q) => q.type === TYPE.PTR && sameName(q.name) === sameName(this.#type),
    )
    if (same && this.#askAt - now < this.#interval / 2) this.#askAt = now + this.#interval
  }

  #onPtr(r: DnsRecord, now: number): void {
    if (sameName(r.name) !== sameName(this.#type)) return
    const key = sameName(r.target)
    let instance = this.#instances.get(key)
    if (r.ttl === 0) {
      if (instance) instance.ptrEnds = Math.min(instance.ptrEnds, now + GOODBYE_MS)
      return
    }
    if (!instance) {
      if (this.#instances.size >= LIMITS.mdns.instances) return
      instance = {
        name: r.target,
        host: '',
        port: 0,
        txt: [],
        ptrEnds: 0,
        srvEnds: 0,
        txtEnds: 0,
        addresses: new Map(),
        told: '',
        askAt: now + RESOLVE_MS,
      }
      this.#instances.set(key, instance)
    }
    instance.ptrEnds = endOf(r, now)
  }

  #onDetail(r: DnsRecord, now: number): void {
    const instance = this.#instances.get(sameName(r.name))
    if (!instance) return
    const ends = r.ttl === 0 ? now + GOODBYE_MS : endOf(r, now)
    if (r.type === TYPE.SRV) {
      if (r.ttl > 0 && sameName(instance.host) !== sameName(r.target)) instance.addresses.clear()
      if (r.ttl > 0) instance.host = r.target
      if (r.ttl > 0) instance.port = r.port
      instance.srvEnds = ends
    } else if (r.ttl > 0 && r.data.length <= LIMITS.mdns.txtBytes) {
      instance.txt = decodeTxt(r.data) ?? []
      instance.txtEnds = ends
    }
    if (r.ttl > 0) instance.askAt = now + REFRESH * Math.min(ends - now, (instance.srvEnds || ends) - now)
  }

  #onAddress(r: DnsRecord, now: number): void {
    for (const instance of this.#instances.values()) {
      if (instance.host === '' || sameName(instance.host) !== sameName(r.name)) continue
      const address = addressText(r.data)
      if (r.ttl === 0) instance.addresses.delete(address)
      else if (instance.addresses.has(address) || instance.addresses.size < LIMITS.mdns.addressesOfOne)
        instance.addresses.set(address, endOf(r, now))
    }
  }

  #refresh(instance: Instance, questions: Question[], now: number): void {
    questions.push({ name: instance.name, type: TYPE.ANY, unicast: false })
    const left = (instance.srvEnds || instance.ptrEnds) - now
    instance.askAt = now + Math.max(SECOND, left / 4)
    // The name of the service itself is about to be forgotten.
    if (instance.ptrEnds - now < (1 - REFRESH) * LIMITS.mdns.ttlSeconds * SECOND)
      questions.push({ name: this.#type, type: TYPE.PTR, unicast: false })
  }

  /** What we know for at least half of its life: nobody needs to answer with it (section 7.1). */
  #knownAnswers(now: number): DnsRecord[] {
    const out: DnsRecord[] = []
    for (const i of this.#instances.values()) {
      const left = Math.floor((i.ptrEnds - now) / SECOND)
      if (i.told !== '' && left * 2 > LIMITS.mdns.ttlSeconds)
        out.push(record(this.#type, TYPE.PTR, left, { target: i.name }))
    }
    return out.slice(0, 24)
  }

  #tell(instance: Instance): void {
    if (instance.srvEnds === 0 || instance.txtEnds === 0 || instance.addresses.size === 0) return
    const { host, port, txt } = instance
    const told = JSON.stringify([host, port, txt, [...instance.addresses.keys()].sort()])
    if (told === instance.told) return
    instance.told = told
    this.#options.onFound(view(instance))
  }

  #drop(instance: Instance): void {
    this.#instances.delete(sameName(instance.name))
    if (instance.told !== '') this.#options.onLost(instance.name)
  }
}

function view({ name, host, port, addresses, txt }: Instance): Found {
  return { name, host, port, addresses: [...addresses.keys()], txt }
}

function endOf(r: DnsRecord, now: number): number {
  return now + Math.min(r.ttl, LIMITS.mdns.ttlSeconds) * SECOND
}
