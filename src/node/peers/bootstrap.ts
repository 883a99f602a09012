// Bootstrap: peers whose keys are pinned and whose addresses are hints. All are tried at once; one or two
// that answered first are kept. We register our contact with them and ask them for keys we look for. Once
// the table of peers is filled by other layers they are needed less, and asked less ("handover").

import { type Bytes, base64url, equal, unbase64url } from '../../base/bytes.ts'
import type { WattleError } from '../../base/errors.ts'
import { LIMITS } from '../../base/limits.ts'
import type { Connection } from '../../net/api.ts'
import type { Host } from '../../net/host.ts'
import { Messages } from '../../net/messages.ts'
import { type Contact, readContact } from '../../wire/net/contact.ts'
import {
  contactOf,
  decodeRegistered,
  encodeContactMessage,
  encodeLookup,
  lookupKey,
  RENDEZVOUS,
  RENDEZVOUS_PROTOCOL,
} from '../../wire/net/rendezvous.ts'
import type { Loop } from '../loop.ts'
import { type Evidence, equivocates, type OnEvidence } from './evidence.ts'
import type { ListedPeer } from './list.ts'

export interface BootstrapOptions {
  host: Host
  loop: Loop
  /** Pinned peers now: our lists, merged. */
  peers: () => readonly ListedPeer[]
  /** Tried where none of `peers` answered. */
  fallback?: () => readonly ListedPeer[]
  /** Our contact to register; null: only ask. */
  contact: () => Bytes | null
  /** A contact that was asked for; its signature is good. */
  onContact: (contact: Contact) => void
  onState: (state: BootstrapState) => void
  /** Milliseconds for one round of tries. */
  timeoutMs?: number
  /** Enough is known from elsewhere: one bootstrap peer will do. */
  filled: () => boolean
  /** Milliseconds since 1970. */
  wall: () => number
  /** How they serve us, and what a contact shows of its signer. */
  onEvidence?: OnEvidence
  /** 0 to 1, not to be foreseen by those who are asked. */
  chance?: () => number
}

export interface BootstrapState {
  /** Keys of the bootstrap peers that are connected. */
  readonly connected: readonly string[]
  /** Where we are seen from outside: `host:port` each. */
  readonly seen: readonly string[]
  /** What went wrong with each that could not be reached, for a person. */
  readonly failures: Readonly<Record<string, string>>
}

const KEPT = 2
const TIMEOUT_MS = 10_000
/** A contact is registered anew at this share of its life. */
const RENEW = 0.5
const ROUND_FIRST_MS = 2_000
const ROUND_MOST_MS = 300_000
/** Whoever needs it sooner says so (`hurry`). */
const LOOK_AGAIN_MS = 60_000
const TIMER = 'bootstrap'

interface Up {
  readonly key: string
  readonly messages: Messages
  seen: string
  renewAt: number
  /** Our contact as it was registered last, and when it is read back; nothing where it was. */
  kept: Bytes | null
  readAt: number
}

export class Bootstrap {
  readonly #options: BootstrapOptions
  readonly #up: Map<string, Up>
  readonly #failures: Map<string, string>
  /** Keys we look for, with the time of the next question. */
  readonly #wanted: Map<string, { key: Bytes; askAt: number; last: Bytes | null }>
  #running: boolean
  #roundMs: number
  #tryAt: number
  /** Dials of the present round that have not ended. */
  #open: number

  constructor(options: BootstrapOptions) {
    this.#options = options
    this.#up = new Map()
    this.#failures = new Map()
    this.#wanted = new Map()
    this.#running = false
    this.#roundMs = ROUND_FIRST_MS
    this.#tryAt = 0
    this.#open = 0
  }

  get state(): BootstrapState {
    const seen = new Set([...this.#up.values()].map((up) => up.seen).filter((s) => s !== ''))
    return {
      connected: [...this.#up.keys()],
      seen: [...seen],
      failures: Object.fromEntries(this.#failures),
    }
  }

  start(): void {
    if (this.#running) return
    this.#running = true
    this.#tick(this.#options.loop.now())
  }

  stop(): void {
    this.#running = false
    this.#options.loop.cancel(TIMER)
    for (const up of this.#up.values()) up.messages.stream.end()
    this.#up.clear()
  }

  /** Asks for a key now and every so often until `found`. */
  want(key: Bytes): void {
    const name = base64url(key)
    if (this.#wanted.has(name) || this.#wanted.size >= LIMITS.peers.known) return
    this.#wanted.set(name, { key: key.slice(), askAt: 0, last: null })
    this.#soon()
  }

  /** `peers` or `fallback` say something else than before: tried at once. */
  peersChanged(): void {
    this.#tryAt = 0
    this.#roundMs = ROUND_FIRST_MS
    this.#soon()
  }

  /** Asks for a wanted key now. */
  hurry(key: Bytes): void {
    const wanted = this.#wanted.get(base64url(key))
    if (!wanted || this.#up.size === 0) return
    wanted.askAt = 0
    this.#soon()
  }

  unwant(key: Bytes): void {
    this.#wanted.delete(base64url(key))
  }

  /** Our contact has changed: registered anew at once. */
  refresh(): void {
    for (const up of this.#up.values()) up.renewAt = 0
    this.#soon()
  }

  #soon(): void {
    if (this.#running) this.#options.loop.after(TIMER, 0, (now) => this.#tick(now))
  }

  #tick(now: number): void {
    const { loop, filled } = this.#options
    const enough = filled() ? 1 : KEPT
    if (this.#up.size < enough && this.#open === 0 && now >= this.#tryAt) this.#round(now)
    for (const up of this.#up.values()) this.#tend(up, now)
    let at = this.#up.size < enough ? this.#tryAt : Number.POSITIVE_INFINITY
    for (const up of this.#up.values()) at = Math.min(at, up.renewAt, up.readAt)
    if (this.#up.size > 0) for (const { askAt } of this.#wanted.values()) at = Math.min(at, askAt)
    loop.at(TIMER, Math.min(at, now + ROUND_MOST_MS), (later) => this.#tick(later))
  }

  /** Everybody at once; the first to answer are kept. */
  #round(now: number): void {
    const { peers, fallback } = this.#options
    this.#tryAt = now + this.#roundMs
    this.#roundMs = Math.min(ROUND_MOST_MS, this.#roundMs * 2)
    const listed = peers().slice(0, LIMITS.peers.bootstrap)
    const rest = this.#failures.size >= listed.length ? (fallback?.() ?? []) : []
    for (const peer of [...listed, ...rest.slice(0, LIMITS.peers.bootstrap)])
      if (!this.#up.has(base64url(peer.key))) this.#try(peer, 0)
  }

  #try(peer: ListedPeer, at: number): void {
    const { host, loop, timeoutMs = TIMEOUT_MS } = this.#options
    const name = base64url(peer.key)
    const address = peer.addresses[at]
    if (address === undefined) {
      if (at > 0) this.#options.onEvidence?.(peer.key, 'timed-out')
      return
    }
    this.#open++
    let over = false
    const deadline = `bootstrap ${name.slice(0, 12)}`
    const finish = (error: WattleError | null, connection: Connection | null): void => {
      if (over) {
        connection?.close()
        return
      }
      over = true
      loop.cancel(deadline)
      this.#open--
      if (connection && this.#running) this.#begin(name, connection)
      else {
        this.#failures.set(name, `${address}: ${error?.message ?? 'stopped'}`)
        if (this.#running) this.#try(peer, at + 1)
        this.#tell()
      }
    }
    loop.after(deadline, timeoutMs, () => finish(null, null))
    host.dial(address, peer.key, finish)
  }

  #begin(name: string, connection: Connection): void {
    const enough = this.#options.filled() ? 1 : KEPT
    if (this.#up.size >= enough || this.#up.has(name)) return connection.close()
    connection.open(RENDEZVOUS_PROTOCOL, (error, stream) => {
      if (!stream || !this.#running) {
        this.#failures.set(name, error?.message ?? 'stopped')
        stream?.reset()
        return
      }
      connection.keep = true
      const up: Up = {
        key: name,
        seen: '',
        renewAt: 0,
        kept: null,
        readAt: Number.POSITIVE_INFINITY,
        messages: new Messages(stream, 'u32', {
          onMessage: (message) => this.#onMessage(up, message),
          onDrain: () => {},
          onEnd: () => stream.end(),
          onClose: () => {
            if (this.#up.get(name) !== up) return
            this.#up.delete(name)
            this.#roundMs = ROUND_FIRST_MS
            this.#tryAt = 0
            this.#tell()
            this.#soon()
          },
        }),
      }
      this.#up.set(name, up)
      this.#failures.delete(name)
      this.#roundMs = ROUND_FIRST_MS
      for (const wanted of this.#wanted.values()) wanted.askAt = 0
      this.#tell()
      this.#soon()
    })
  }

  #tend(up: Up, now: number): void {
    if (now >= up.renewAt) {
      const contact = this.#options.contact()
      up.renewAt = now + LIMITS.peers.contactMs * RENEW
      if (contact) up.messages.send(encodeContactMessage(RENDEZVOUS.register, contact))
      up.kept = contact
      up.readAt = Number.POSITIVE_INFINITY
    }
    if (now >= up.readAt && up.kept) {
      up.readAt = Number.POSITIVE_INFINITY
      up.messages.send(encodeLookup(readContact(up.kept)!.key))
    }
    for (const wanted of this.#wanted.values())
      if (now >= wanted.askAt) {
        wanted.askAt = now + LOOK_AGAIN_MS
        for (const each of this.#up.values()) each.messages.send(encodeLookup(wanted.key))
      }
  }

  #onMessage(up: Up, message: Bytes): void {
    const { loop, onContact, wall } = this.#options
    switch (message[0]) {
      case RENDEZVOUS.registered: {
        const answer = decodeRegistered(message)
        if (!answer) return up.messages.stream.reset()
        up.renewAt = loop.now() + answer.seconds * 1_000 * RENEW
        // At some moment before it is registered anew: it was promised that it is there all the while.
        if (up.kept)
          up.readAt = loop.now() + (up.renewAt - loop.now()) * (0.1 + 0.8 * (this.#options.chance?.() ?? 0.5))
        this.#soon()
        up.seen = answer.seen
        return this.#tell()
      }
      case RENDEZVOUS.found: {
        const bytes = contactOf(message)
        const contact = bytes && readContact(bytes)
        if (!contact) {
          this.#evidence(up, 'bad-signature')
          return up.messages.stream.reset()
        }
        if (this.#isOwn(up, contact.key)) return this.#readBack(up, bytes)
        this.#compare(contact, bytes)
        if (contact.expires > wall() && this.#wanted.has(base64url(contact.key))) onContact(contact)
        return
      }
      case RENDEZVOUS.none: {
        const key = lookupKey(message)
        if (!key) return up.messages.stream.reset()
        if (this.#isOwn(up, key)) this.#readBack(up, null)
        return
      }
      case RENDEZVOUS.refused:
        return
      default:
        up.messages.stream.reset()
    }
  }

  #isOwn(up: Up, key: Bytes): boolean {
    return up.kept !== null && equal(readContact(up.kept)!.key, key)
  }

  /** It said that it would keep our contact: does it? */
  #readBack(up: Up, found: Bytes | null): void {
    const kept = up.kept
    up.kept = null
    if (kept) this.#evidence(up, found && equal(found, kept) ? 'kept-promise' : 'broke-promise')
  }

  /** Of one key and number there is one contact. */
  #compare(contact: Contact, bytes: Bytes): void {
    const wanted = this.#wanted.get(base64url(contact.key))
    if (!wanted) return
    if (wanted.last && equivocates(wanted.last, bytes)) this.#options.onEvidence?.(contact.key, 'equivocated')
    wanted.last = bytes.slice()
  }

  #evidence(up: Up, what: Evidence): void {
    const key = unbase64url(up.key)
    if (key) this.#options.onEvidence?.(key, what)
  }

  #tell(): void {
    this.#options.onState(this.state)
  }
}
