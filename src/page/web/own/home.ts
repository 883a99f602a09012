// My Home in the phone: the page that a device serves holds the owner's key itself, and plays for the
// panels the part that `wattle home` plays over the network: it tells them state, readings and events,
// and carries out what they ask. Everything that leaves it is sealed or signed.

import { type Bytes, base64url, text, unbase64url, utf8 } from '../../../base/bytes.ts'
import { sha256, Verifier } from '../../../crypto/native.ts'
import { type Card, readCard } from '../../../ownership/card.ts'
import type { Decision } from '../../../ownership/log.ts'
import { classId } from '../../../wire/frame.ts'
import { decodeOwnerSet } from '../../../wire/owner-set.ts'
import { PAGE_STREAM, type PageStreamId } from '../../../wire/page.ts'
import type {
  DeviceInfo,
  DeviceLook,
  DeviceWish,
  GrantAsk,
  HomeMessage,
  HomeState,
  PageGrant,
  PageReading,
} from '../../protocol.ts'
import { grantOf, keyOf } from '../../view/grants.ts'
import { Trace } from '../../view/trace.ts'
import type { LiveEvents, Outcome, Question } from '../kit/live.ts'
import { type Box, random } from './box.ts'
import { OwnChannels } from './channels.ts'
import type { Claimed, Claiming, ClaimRun } from './claiming.ts'
import { followKeys, keptOf, takeKey } from './keys.ts'
import { Line } from './line.ts'
import type { OwnLog } from './owner-log.ts'
import { cardsOf, deviceView, stateView } from './state.ts'

/** A device that is ours, and the two machines that speak with it. */
interface Own {
  /** Null in a page that has no room for it. */
  readonly log: OwnLog | null
  /** Where the log stands as far as we know. */
  place(): { seq: number; head: Bytes }
  readonly channels: OwnChannels
}

/** What one of the two pages has and the other has not. */
export interface OwnParts {
  readonly claiming: ((run: ClaimRun) => Claiming) | null
  readonly logs: typeof OwnLog | null
}

const NOT_HERE: Promise<Outcome> = Promise.resolve({ ok: false, code: 'not-here' })
const STATE_MS = 60
const EVENTS = 50
const DEFAULT_GRANT_MS = 90 * 86_400_000

export class OwnHome {
  readonly box: Box
  readonly #parts: OwnParts
  readonly #line: Line
  /** Only in the page of a device that nobody owns. */
  readonly #claiming: Claiming | null
  readonly #events: LiveEvents<HomeMessage>
  #own: Own | null
  #look: DeviceLook | null
  #info: DeviceInfo | null
  #session: 'open' | 'gone' | 'refused'
  #trace: Trace
  #last: number | null
  #ended: PageGrant[]
  #told: HomeMessage[]
  #timer: ReturnType<typeof setTimeout> | undefined
  /** Device's clock minus ours, ms. */
  #skew: number

  constructor(box: Box, events: LiveEvents<HomeMessage>, parts: OwnParts) {
    this.box = box
    this.#parts = parts
    this.#events = events
    this.#own = null
    this.#look = null
    this.#info = null
    this.#session = 'gone'
    this.#trace = new Trace()
    this.#last = null
    this.#ended = []
    this.#told = []
    this.#timer = undefined
    this.#skew = 0
    this.#line = new Line({
      onLook: (look) => {
        this.#look = look
        this.#skew = look.clock - Date.now()
        if (this.#misplaced(look)) return location.replace('/')
        if (look.keys && this.box.kept.device && followKeys(this.box.kept.device, look.keys)) this.#newKey()
        this.#changed()
      },
      onLink: (up) => {
        if (!up) this.#claiming?.onLost()
        events.onLink(up)
        this.#changed()
      },
      onSession: (state) => this.#onSession(state),
      onStream: (id, message) => this.#onStream(id, message),
      onClaim: (message) => this.#claiming?.onMessage(message),
    })
    this.#claiming =
      parts.claiming?.({
        box,
        send: (message) => this.#line.sendClaim(message),
        onClaimed: (claimed) => this.#onClaimed(claimed),
      }) ?? null
    this.#takeUp()
  }

  connect(): void {
    this.#line.connect()
  }

  /** Never rejects. */
  ask(question: Question): Promise<Outcome> {
    switch (question.do) {
      case 'claim':
        return this.#claiming?.claim(question.code) ?? NOT_HERE
      case 'grant':
        return this.#grant(question)
      case 'revoke':
        return this.#revoke(question.grant)
      case 'delete':
        return this.#delete()
      case 'introduce': {
        const card = this.introduce(question.card)
        return Promise.resolve(card ? { ok: true, text: keyOf(card) } : { ok: false, code: 'bad-card' })
      }
      case 'verify':
        // A page in a phone asks nobody but its device, and that cannot look up a domain.
        return Promise.resolve({ ok: false, code: 'unverified' })
      case 'desk':
        if (question.verb !== 'raw-port') return NOT_HERE
        this.#wish({ do: 'raw', on: question.with['on'] === true })
        return Promise.resolve({ ok: true })
      default:
        return NOT_HERE
    }
  }

  /** Makes the device blink. */
  identify(): void {
    this.#wish({ do: 'identify' })
  }

  #wish(wish: DeviceWish): void {
    this.#line.send(PAGE_STREAM.page, utf8(JSON.stringify(wish)))
  }

  /** A provider that asks: it is one of those that can be let in from now on. */
  introduce(line: string): Card | null {
    const card = readCard(line)
    const kept = this.box.kept.device
    if (!card || !kept) return null
    if (!kept.cards.includes(line.trim())) {
      kept.cards = [...kept.cards.filter((old) => keyOf(readCard(old)) !== keyOf(card)), line.trim()].slice(
        -32,
      )
      this.box.save()
    }
    this.#changed()
    return card
  }

  /** The device has another page for us: it was claimed elsewhere, or given up. */
  #misplaced(look: DeviceLook): boolean {
    if (!this.#claiming) return !look.claimed
    return look.claimed && !this.#own && !this.#claiming.busy
  }

  // Whose device it is

  #takeUp(): void {
    const kept = this.box.kept.device
    const [certificate, key, box] = [kept?.certificate, kept?.key, kept?.box].map((t) => unbase64url(t ?? ''))
    const verifier = key ? Verifier.of(key) : null
    const owners = kept && decodeOwnerSet(unbase64url(kept.owners) ?? new Uint8Array(0))
    if (!kept || !certificate || !key || box?.length !== 32 || !verifier || !owners) {
      this.#own = null
      this.#line.own(null)
      return
    }
    const log =
      this.#parts.logs &&
      new this.#parts.logs(
        this.box,
        kept,
        { key: certificate.slice(1, 33), owners, certificate },
        {
          send: (message) => this.#line.send(PAGE_STREAM.consent, message),
          onEvent: (decision, at) => this.#onEvent(decision, at),
          onSynced: () => this.#onSynced(),
          now: () => this.#now(),
        },
      )
    const channels = new OwnChannels(
      this.box,
      kept,
      { key, verifier, box },
      {
        send: (stream, message) => this.#line.send(stream, message),
        onReading: (reading) => this.#onReading(reading),
        onQuarters: (rows) => this.#events.onMessage({ t: 'quarters', device: kept.name, rows, more: true }),
        onAccess: () => this.#changed(),
        onGap: () => {},
      },
    )
    const root = { seq: 0, head: sha256(certificate) }
    this.#own = { log, channels, place: () => log?.log ?? root }
    this.#line.own({ device: verifier, owner: this.box.signer })
    this.#events.onMessage({ t: 'quarters', device: kept.name, rows: channels.rows, more: false })
    this.#changed()
  }

  /** The device goes by another key: what was opened under the old one begins anew. */
  #newKey(): void {
    OwnChannels.forget()
    this.box.save()
    this.#takeUp()
  }

  #onClaimed({ certificate, bytes, owners }: Claimed): void {
    OwnChannels.forget()
    this.box.kept.device = keptOf(this.#look?.name ?? 'wattle', { certificate, bytes, owners })
    this.box.kept.pending = null
    this.box.save()
    this.#say('claimed', '', this.#now())
    this.#takeUp()
  }

  // The session

  #onSession(state: 'open' | 'gone' | 'refused'): void {
    this.#session = state
    const own = this.#own
    if (state === 'open' && own) {
      own.log?.onOpen()
      own.channels.onOpen(own.place())
    } else if (own) {
      own.log?.onGone()
      own.channels.onGone()
    }
    this.#changed()
  }

  #onStream(id: PageStreamId, message: Bytes): void {
    const own = this.#own
    if (!own) return
    if (id === PAGE_STREAM.page) {
      this.#info = JSON.parse(text(message)) as DeviceInfo
      this.#changed()
    } else if (id !== PAGE_STREAM.consent) own.channels.onMessage(id, message)
    else if (message.length > 0) own.log?.onMessage(message)
    else own.log?.onGone()
  }

  /** The first event of the log is ours to write. What the device could not confirm before, it can now. */
  #onSynced(): void {
    const own = this.#own
    if (!own?.log) return
    own.channels.witness(own.place())
    const { added, deleted } = own.log.log
    const name = this.box.kept.device?.name ?? 'wattle'
    if (!added && !deleted) void own.log.submit({ type: 'DEVICE_ADDED', name })
    this.#changed()
  }

  #onEvent(decision: Decision, at: number): void {
    switch (decision.kind) {
      case 'authorized':
        return this.#say('authorized', decision.reader.name, at)
      case 'revoked':
        this.#ended.push({ ...grantOf(decision.reader), state: 'ended', endedAt: at })
        return this.#say('revoked', decision.reader.name, at)
      case 'deleted':
        return this.#say('deleted', '', at)
      case 'key':
        if (this.#own && takeKey(this.box.kept.device!, decision)) queueMicrotask(() => this.#newKey())
        return
      default:
    }
  }

  #onReading(reading: PageReading): void {
    const device = this.box.kept.device?.name ?? ''
    const first = this.#last === null
    this.#last = this.#now()
    this.#trace.add(reading.at, reading.powerInW - reading.powerOutW)
    this.#events.onMessage({ t: 'reading', device, reading })
    if (first) this.#changed()
  }

  // What the owner wants

  async #grant(ask: Omit<GrantAsk, 'id'>): Promise<Outcome> {
    const own = this.#own
    const card = this.#cards().find((c) => keyOf(c) === ask.provider)
    const cls = classId(ask.class)
    if (!own?.log) return { ok: false, code: 'unknown-device' }
    if (!card || cls === null) return { ok: false, code: 'unknown-provider' }
    const grantId = new Uint8Array(16)
    random(grantId)
    const { name, domain, sign, box } = card
    const since = this.#now()
    const until = ask.until ?? since + DEFAULT_GRANT_MS
    const reader = { grantId, name, domain, sign, box, since, until, class: cls, purpose: ask.purpose }
    const outcome = await own.log.submit({ type: 'AUTHORIZED', reader })
    this.#changed()
    if (!outcome.ok) return outcome
    const grant = base64url(grantId)
    // A page cannot reach the provider: the device tells it.
    if (card.addresses.length > 0)
      this.#wish({ do: 'invite', grant, to: card.addresses, here: location.hostname })
    return { ...outcome, text: grant }
  }

  async #revoke(grant: string): Promise<Outcome> {
    const grantId = unbase64url(grant)
    const log = this.#own?.log
    if (!log || !grantId || !log.log.reader(grantId)) return { ok: false, code: 'unknown-grant' }
    const outcome = await log.submit({ type: 'AUTHORIZATION_REVOKED', grantId })
    this.#changed()
    return outcome
  }

  async #delete(): Promise<Outcome> {
    const own = this.#own
    if (!own?.log) return { ok: false, code: 'unknown-device' }
    const outcome = await own.log.submit({ type: 'DEVICE_DELETED' })
    if (outcome.ok) this.#forget()
    return outcome
  }

  /** The device is not ours any more; the owner's key stays for another. */
  #forget(): void {
    OwnChannels.forget()
    this.box.kept.device = null
    this.box.save()
    this.#own = null
    this.#info = null
    this.#last = null
    this.#trace = new Trace()
    this.#ended = []
    this.#line.own(null)
    this.#changed()
  }

  // What the panels are told

  #cards(): Card[] {
    return cardsOf(this.box.kept.device?.cards ?? [])
  }

  /** The device's clock, where it has told us. */
  #now(): number {
    return Math.floor(Date.now() + this.#skew)
  }

  #say(event: string, about: string, at: number): void {
    const device = this.box.kept.device?.name ?? ''
    const message: HomeMessage = { t: 'event', at, who: device, event, text: event, about }
    this.#told.push(message)
    if (this.#told.length > EVENTS) this.#told.shift()
    this.#events.onMessage(message)
  }

  #changed(): void {
    if (this.#timer !== undefined) return
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      const state = this.#state()
      if (state) this.#events.onMessage({ t: 'state', state })
    }, STATE_MS)
  }

  #state(): HomeState | null {
    const look = this.#look
    const own = this.#own
    if (!look) return null
    const device = own
      ? deviceView({
          look,
          name: this.box.kept.device!.name,
          readers: own.log?.log.readers ?? [],
          ended: this.#ended,
          channels: own.channels,
          session: this.#session,
          up: this.#line.up,
          last: this.#last,
          info: this.#info,
          now: this.#now(),
        })
      : null
    const { durable } = this.box
    const stranger = look.claimed && (!own || this.#session === 'refused')
    return stateView({ look, device, cards: this.#cards(), now: this.#now(), phone: { stranger, durable } })
  }
}
