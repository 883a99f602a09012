// One machine's announcements on one interface (RFC 6762): names are probed for before they are used,
// defended afterwards, announced twice, answered for, and taken back at the end. A plain machine:
// messages and time in, messages out through `send`; `next()` says when it wants to be called.

import { LIMITS } from '../../base/limits.ts'
import {
  type DnsMessage,
  type DnsRecord,
  emptyMessage,
  encodeDns,
  type Question,
  sameName,
  TYPE,
} from './dns.ts'
import {
  compareRecords,
  HOST_TTL,
  hostName,
  hostRecords,
  instanceName,
  nsec,
  type Service,
  sameRecord,
  serviceRecords,
} from './records.ts'

export interface ResponderOptions {
  /** First label of the machine's name: `wattle-ab12`. */
  host: string
  /** Literal, on this interface. */
  addresses: readonly string[]
  services: readonly Service[]
  /** A number from 0 to below 1, for delays that keep machines apart. */
  chance: () => number
  /** To the group, or to one asker. */
  send: (message: Uint8Array, to: { host: string; port: number } | null) => void
  /** Somebody else has that name; this is ours now. */
  onRenamed?: (host: string) => void
}

const PROBES = 3
const PROBE_MS = 250
const ANNOUNCEMENTS = 2
const ANNOUNCE_MS = 1_000
/** Lost against somebody who probed at the same time: wait, then probe again (section 8.2). */
const LOST_MS = 1_000
/** More conflicts than this in a row: slow down (section 8.1). */
const MANY_CONFLICTS = 15
const SLOW_MS = 5_000
const SHARED_DELAY = { least: 20, most: 120 } as const
/** A record is not multicast again sooner, except to defend it (section 6). */
const AGAIN_MS = 1_000
const MDNS_PORT = 5_353
const LEGACY_TTL = 10
const NEVER = Number.POSITIVE_INFINITY

interface Own {
  readonly record: DnsRecord
  readonly shared: boolean
  sent: number
}

export class Responder {
  readonly #options: ResponderOptions
  #host: string
  #services: Service[]
  #own: Own[]
  #phase: 'probing' | 'announcing' | 'ready' | 'stopped'
  /** Probes or announcements that went out. */
  #round: number
  #at: number
  #conflicts: number
  readonly #pending: Set<Own>
  #answerAt: number
  #legacy: number
  #legacySecond: number

  constructor(options: ResponderOptions, now: number) {
    this.#options = options
    this.#host = options.host
    this.#services = options.services.slice(0, LIMITS.mdns.services)
    this.#own = []
    this.#phase = 'probing'
    this.#round = 0
    this.#at = now + options.chance() * PROBE_MS
    this.#conflicts = 0
    this.#pending = new Set()
    this.#answerAt = NEVER
    this.#legacy = 0
    this.#legacySecond = 0
    this.#build()
  }

  /** The machine's name as it is now: `wattle-ab12.local`. */
  get hostName(): string {
    return hostName(this.#host)
  }

  /** Names are ours and announced. */
  get ready(): boolean {
    return this.#phase === 'ready'
  }

  next(): number {
    return Math.min(this.#at, this.#answerAt)
  }

  /** Other services or TXT: announced at once where the names stay, else probed for. */
  update(services: readonly Service[], now: number): void {
    const before = new Set(this.#services.map(instanceName))
    this.#services = services.slice(0, LIMITS.mdns.services)
    this.#build()
    if (this.#phase === 'stopped') return
    const known = this.#services.every((s) => before.has(instanceName(s)))
    if (!known || this.#phase === 'probing') return this.#probeFrom(now)
    this.#phase = 'announcing'
    this.#round = 0
    this.#at = now
  }

  tick(now: number): void {
    if (now >= this.#answerAt) this.#answer(now)
    if (now < this.#at) return
    if (this.#phase === 'probing') this.#probe(now)
    else if (this.#phase === 'announcing') this.#announce(now)
  }

  /** Goodbye: everything of ours is gone (section 10.1). */
  stop(): void {
    if (this.#phase === 'announcing' || this.#phase === 'ready')
      this.#multicast(this.#own.map(({ record }) => ({ ...record, ttl: 0 })))
    this.#phase = 'stopped'
    this.#at = NEVER
    this.#answerAt = NEVER
    this.#pending.clear()
  }

  /** @param from whom the datagram came from */
  onMessage(message: DnsMessage, from: { host: string; port: number }, now: number): void {
    if (this.#phase === 'stopped') return
    if (message.response) this.#onResponse(message, now)
    else if (this.#phase === 'probing') this.#onRivalProbe(message, now)
    else this.#onQuery(message, from, now)
  }

  // Our records

  #build(): void {
    const host = this.hostName
    const own: Own[] = []
    const add = (record: DnsRecord, shared: boolean): void => {
      if (!own.some((o) => sameRecord(o.record, record))) own.push({ record, shared, sent: -NEVER })
    }
    for (const r of hostRecords(host, this.#options.addresses)) add(r, false)
    for (const service of this.#services) {
      const records = serviceRecords(service, host)
      for (const r of records.own) add(r, false)
      for (const r of records.shared) add(r, true)
    }
    this.#own = own
    this.#pending.clear()
    this.#answerAt = NEVER
  }

  /** Names that nobody else may have: the host's and each instance's. */
  #names(): string[] {
    return [this.hostName, ...this.#services.map(instanceName)]
  }

  // Probing and announcing

  #probeFrom(at: number): void {
    this.#phase = 'probing'
    this.#round = 0
    this.#at = at
  }

  #probe(now: number): void {
    if (this.#round === PROBES) {
      this.#phase = 'announcing'
      this.#round = 0
      return this.#announce(now)
    }
    this.#round++
    this.#at = now + PROBE_MS
    const message = emptyMessage(false)
    // To everybody: another stack on this machine may have the port, and would get what is for us.
    message.questions = this.#names().map((name) => ({ name, type: TYPE.ANY, unicast: false }))
    message.authorities = this.#own.filter((o) => !o.shared).map((o) => ({ ...o.record, flush: false }))
    this.#send(message, null)
  }

  #announce(now: number): void {
    for (const own of this.#own) own.sent = now
    this.#multicast(this.#own.map((o) => o.record))
    this.#round++
    this.#conflicts = 0
    if (this.#round < ANNOUNCEMENTS) this.#at = now + ANNOUNCE_MS
    else {
      this.#phase = 'ready'
      this.#at = NEVER
    }
  }

  /** Two who probe for one name: the later records win (section 8.2). */
  #onRivalProbe(message: DnsMessage, now: number): void {
    for (const name of this.#names()) {
      const same = (r: DnsRecord): boolean => sameName(r.name) === sameName(name)
      const theirs = message.authorities.filter(same).sort(compareRecords)
      const ours = this.#own.filter((o) => !o.shared && same(o.record)).map((o) => o.record)
      if (theirs.length === 0) continue
      ours.sort(compareRecords)
      let order = 0
      for (let i = 0; order === 0 && i < Math.max(ours.length, theirs.length); i++) {
        const [a, b] = [ours[i], theirs[i]]
        order = a && b ? compareRecords(a, b) : a ? 1 : -1
      }
      if (order < 0) return this.#probeFrom(now + LOST_MS)
    }
  }

  /** Somebody speaks for a name of ours and says otherwise (section 9). */
  #onResponse(message: DnsMessage, now: number): void {
    for (const r of [...message.answers, ...message.additionals]) {
      if (r.ttl === 0 || r.type === TYPE.NSEC) continue
      const rivals = this.#own.filter((o) => !o.shared && sameName(o.record.name) === sameName(r.name))
      if (rivals.length === 0 || rivals.some((o) => sameRecord(o.record, r))) {
        if (r.ttl * 2 >= HOST_TTL) this.#dropPending(r)
        continue
      }
      // Another address of the same host on another interface is the host itself.
      if ((r.type === TYPE.A || r.type === TYPE.AAAA) && this.#phase !== 'probing') continue
      if (this.#phase !== 'probing') return this.#probeFrom(now)
      return this.#rename(r.name, now)
    }
  }

  /** A known answer that somebody else just gave need not be given again. */
  #dropPending(r: DnsRecord): void {
    for (const own of this.#pending) if (sameRecord(own.record, r)) this.#pending.delete(own)
  }

  #rename(name: string, now: number): void {
    const next = (label: string): string => {
      const match = /^(.*)-(\d+)$/.exec(label)
      return match && Number(match[2]) < 1_000 ? `${match[1]}-${Number(match[2]) + 1}` : `${label}-2`
    }
    if (sameName(name) === sameName(this.hostName)) this.#host = next(this.#host)
    else
      this.#services = this.#services.map((s) =>
        sameName(instanceName(s)) === sameName(name) ? { ...s, instance: next(s.instance) } : s,
      )
    this.#build()
    this.#conflicts++
    this.#probeFrom(now + (this.#conflicts > MANY_CONFLICTS ? SLOW_MS : PROBE_MS * this.#options.chance()))
    this.#options.onRenamed?.(this.hostName)
  }

  // Answering

  #onQuery(message: DnsMessage, from: { host: string; port: number }, now: number): void {
    const answers = new Set<Own>()
    const missing: DnsRecord[] = []
    let shared = false
    let defended = false
    for (const question of message.questions) {
      const found = this.#own.filter((o) => answersTo(o.record, question))
      for (const own of found) {
        if (message.answers.some((r) => sameRecord(r, own.record) && r.ttl * 2 >= own.record.ttl)) continue
        answers.add(own)
        shared ||= own.shared
      }
      // Who probes for our name is told at once.
      defended ||= message.authorities.length > 0 && found.some((o) => !o.shared)
      if (found.length === 0 && this.#names().some((name) => sameName(name) === sameName(question.name)))
        missing.push(this.#nsecOf(question.name))
    }
    if (answers.size === 0 && missing.length === 0) return
    if (from.port !== MDNS_PORT) return this.#answerLegacy(message, answers, from, now)
    if (missing.length > 0) this.#multicast(missing)
    if (answers.size === 0) return
    for (const own of answers) {
      const age = now - own.sent
      if (age >= AGAIN_MS || (defended && age >= PROBE_MS)) this.#pending.add(own)
    }
    if (this.#pending.size === 0) return
    const { least, most } = SHARED_DELAY
    // More known answers are on their way (section 7.2).
    const extra = message.truncated ? 400 : 0
    const wait = shared || extra > 0 ? extra + least + this.#options.chance() * (most - least) : 0
    this.#answerAt = Math.min(this.#answerAt, now + wait)
    if (wait === 0) this.#answer(now)
  }

  #answer(now: number): void {
    this.#answerAt = NEVER
    if (this.#pending.size === 0) return
    const answers = [...this.#pending]
    this.#pending.clear()
    const extra = this.#additional(answers)
    for (const own of [...answers, ...extra]) own.sent = now
    this.#multicast(
      answers.map((o) => o.record),
      extra.map((o) => o.record),
    )
  }

  /** What the asker would ask next: SRV and TXT of an instance, addresses of its host. */
  #additional(answers: readonly Own[]): Own[] {
    const out = new Set<Own>()
    const add = (name: string): void => {
      for (const own of this.#own)
        if (!own.shared && sameName(own.record.name) === sameName(name) && !answers.includes(own))
          out.add(own)
    }
    for (const { record } of answers) if (record.type === TYPE.PTR) add(record.target)
    for (const { record } of [...answers, ...out]) if (record.type === TYPE.SRV) add(record.target)
    return [...out]
  }

  /** A resolver that knows nothing of multicast (section 6.7): to it alone, short-lived. */
  #answerLegacy(
    query: DnsMessage,
    answers: ReadonlySet<Own>,
    to: { host: string; port: number },
    now: number,
  ): void {
    const second = Math.floor(now / 1_000)
    if (second !== this.#legacySecond) this.#legacy = 0
    this.#legacySecond = second
    if (answers.size === 0 || ++this.#legacy > LIMITS.mdns.legacyPerSecond) return
    const short = (own: Own): DnsRecord => ({
      ...own.record,
      flush: false,
      ttl: Math.min(LEGACY_TTL, own.record.ttl),
    })
    const message = emptyMessage(true)
    message.id = query.id
    message.questions = query.questions.slice(0, 1).map((q) => ({ ...q, unicast: false }))
    message.answers = [...answers].map(short)
    message.additionals = this.#additional([...answers]).map(short)
    this.#send(message, to)
  }

  #nsecOf(name: string): DnsRecord {
    const types = this.#own
      .filter((o) => sameName(o.record.name) === sameName(name))
      .map((o) => o.record.type)
    return nsec(name, types)
  }

  /** As many messages as the records need. */
  #multicast(answers: readonly DnsRecord[], additionals: readonly DnsRecord[] = []): void {
    const message = { ...emptyMessage(true), answers: [...answers], additionals: [...additionals] }
    if (this.#send(message, null)) return
    if (additionals.length > 0) return this.#multicast(answers)
    if (answers.length < 2) return
    const half = answers.length >> 1
    this.#multicast(answers.slice(0, half))
    this.#multicast(answers.slice(half))
  }

  #send(message: DnsMessage, to: { host: string; port: number } | null): boolean {
    const bytes = encodeDns(message)
    if (bytes) this.#options.send(bytes, to)
    return bytes !== null
  }
}

function answersTo(r: DnsRecord, q: Question): boolean {
  return (q.type === TYPE.ANY || q.type === r.type) && sameName(q.name) === sameName(r.name)
}
