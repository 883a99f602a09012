// The device's side of `/wattle/consent/1.0.0`: owners ask for the log and append to it. A stream is
// believed for the key that its connection proved. Visitors, who are no owners, learn where the log
// stands and may bring an event, which speaks for itself: so the paper key gets in, and an owner whom an
// older card has forgotten.

import type { Bytes } from '../base/bytes.ts'
import { LIMITS } from '../base/limits.ts'
import type { Connection, Stream } from '../net/api.ts'
import { Messages } from '../net/messages.ts'
import type { Succession } from '../ownership/owners/device-key.ts'
import {
  CONSENT,
  type Delivered,
  decodeGetEntries,
  decodeGetLog,
  decodeJws,
  encodeDelivered,
  encodeEntriesEnd,
  encodeEntryMessage,
  encodeEventRefused,
  encodeLog,
  encodeNextKey,
  encodeOrigin,
  encodePlace,
} from '../wire/consent.ts'
import type { EventDone } from './claim.ts'
import type { DeviceState } from './state.ts'

export interface ConsentOptions {
  state: DeviceState
  isOwner: (sign: Bytes) => boolean
  onEvent: (jws: string, done: EventDone) => void
  /** What went out to whom since our start. */
  delivered: () => Delivered[]
  /** A visitor brought an event that nobody who may has signed. */
  onForged: (connection: Connection) => void
  /** The key that the device would go by next. */
  offer: (done: (succession: Succession | null) => void) => void
}

/** Owners' streams at once; further ones are turned away. */
const STREAMS = 16

interface Session {
  messages: Messages
  key: Bytes
  /** Was an owner when we last looked. */
  owner: boolean
  /** Next event to send of a log that was asked for; -1 when none is. */
  next: number
  /** Number of the next entry of the log of keys that it gets; -1 before it asked. */
  entry: number
  /** It asked, and was not told yet that this is all. */
  asked: boolean
  /** It was refused, and is heard no more. */
  over: boolean
}

export class ConsentServer {
  readonly #options: ConsentOptions
  readonly #sessions: Session[]

  constructor(options: ConsentOptions) {
    this.#options = options
    this.#sessions = []
  }

  onStream(stream: Stream): void {
    const key = stream.connection.remoteKey
    const owner = this.#options.isOwner(key)
    const alike = this.#sessions.filter((s) => s.owner === owner)
    // The oldest visitor makes room: who has something to say says it at once.
    if (!owner && alike.length >= LIMITS.ownership.visitors) alike[0]!.messages.stream.reset()
    else if (alike.length >= STREAMS) {
      stream.reset()
      return
    }
    stream.connection.keep = owner
    const session: Session = {
      messages: new Messages(stream, 'u32', {
        onMessage: (message) => this.#onMessage(session, message),
        onDrain: () => {
          this.#sendLog(session)
          this.#sendEntries(session)
        },
        onEnd: () => stream.end(),
        onClose: () => {
          const at = this.#sessions.indexOf(session)
          if (at >= 0) this.#sessions.splice(at, 1)
        },
      }),
      key,
      owner,
      next: -1,
      entry: -1,
      asked: false,
      over: false,
    }
    this.#sessions.push(session)
  }

  /** An event that nobody sent: every owner hears of it. */
  tell(jws: string): void {
    this.#tellOthers(null, jws)
  }

  /** Others may own it now: who was an owner is shown out when its answer is on its way. */
  ownersChanged(): void {
    for (const session of [...this.#sessions]) {
      const owner = this.#options.isOwner(session.key)
      if (session.owner && !owner) session.messages.stream.end()
      session.owner = owner
      session.messages.stream.connection.keep = owner
    }
  }

  /** What the device signs from now on is told under its new key alone. */
  keyChanged(): void {
    for (const session of this.#sessions) session.entry = -1
  }

  #onMessage(session: Session, message: Bytes): void {
    const { state, onEvent } = this.#options
    if (session.over) return session.messages.stream.reset()
    if (message[0] === CONSENT.getLog) {
      const from = decodeGetLog(message)
      if (session.owner) {
        session.next = from ?? 0
        this.#sendLog(session)
      } else session.messages.send(encodePlace(CONSENT.logEnd, this.#place()))
      return
    }
    if (message[0] === CONSENT.getOrigin && message.length === 1 && session.owner && state.identity) {
      const { certificate, owners, policy } = state.identity
      session.messages.send(encodeOrigin({ certificate, owners, policy }))
      return
    }
    if (message[0] === CONSENT.getNextKey && message.length === 1 && session.owner) {
      this.#options.offer((succession) => {
        if (succession) session.messages.send(encodeNextKey({ ...succession, ...this.#place() }))
        else session.messages.send(encodeEventRefused('storage', this.#place()))
      })
      return
    }
    if (message[0] === CONSENT.getEntries) {
      session.entry = decodeGetEntries(message) ?? 0
      session.asked = true
      this.#sendEntries(session)
      return
    }
    const jws = message[0] === CONSENT.event ? decodeJws(message) : null
    if (jws === null) {
      session.messages.stream.reset()
      return
    }
    onEvent(jws, (refusal) => {
      // A log that was just erased has no place to tell: the head of the event itself is enough.
      const place = this.#place()
      if (refusal) session.messages.send(encodeEventRefused(refusal, place))
      else session.messages.send(encodePlace(CONSENT.done, place))
      if (!refusal) this.#tellOthers(session, jws)
      if (!refusal || session.owner) return
      if (refusal === 'malformed') this.#options.onForged(session.messages.stream.connection)
      // Each event costs signatures: a visitor who brings one in vain, an old one say, has to come again.
      session.over = true
      session.messages.stream.end()
    })
  }

  #place(): { seq: number; head: Bytes } {
    const log = this.#options.state.log
    return { seq: log?.seq ?? 0, head: log?.head ?? new Uint8Array(32) }
  }

  #tellOthers(author: Session | null, jws: string): void {
    for (const session of this.#sessions) {
      if (session === author || session.next >= 0 || !session.owner) continue
      session.messages.send(encodeLog(jws))
      session.messages.send(encodePlace(CONSENT.logEnd, this.#place()))
    }
  }

  /** New entries are durable: to everybody who has asked for them. */
  onEntries(): void {
    for (const session of this.#sessions) this.#sendEntries(session)
  }

  /** As much of the log of keys as the stream takes now. */
  #sendEntries(session: Session): void {
    const { access } = this.#options.state
    if (session.entry < 0) return
    const { stream } = session.messages
    for (const { number, bytes } of access.saved(session.entry)) {
      if (stream.writable() < bytes.length + 16) return
      session.messages.send(encodeEntryMessage(number, bytes))
      session.entry = number + 1
    }
    if (!session.asked) return
    session.asked = false
    session.messages.send(encodeDelivered(this.#options.delivered()))
    session.messages.send(encodeEntriesEnd(access.next - 1, access.head))
  }

  /** As much of the log as the stream takes now. */
  #sendLog(session: Session): void {
    const { events } = this.#options.state
    while (session.next >= 0 && session.owner) {
      const jws = events[session.next]
      if (jws === undefined) {
        session.next = -1
        session.messages.send(encodePlace(CONSENT.logEnd, this.#place()))
        return
      }
      if (session.messages.stream.writable() < jws.length + 8) return
      session.messages.send(encodeLog(jws))
      session.next++
    }
  }
}
