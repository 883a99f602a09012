// The device's side of `/wattle/consent/1.0.0`: owners ask for the log and append to it. A stream is
// believed for the key that its connection proved; everybody else is turned away before anything is read.

import type { Bytes } from '../base/bytes.ts'
import type { Stream } from '../net/api.ts'
import { Messages } from '../net/messages.ts'
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
}

/** Owners' streams at once; further ones are turned away. */
const STREAMS = 16

interface Session {
  messages: Messages
  /** Next event to send of a log that was asked for; -1 when none is. */
  next: number
  /** Number of the next entry of the log of keys that it gets; -1 before it asked. */
  entry: number
  /** It asked, and was not told yet that this is all. */
  asked: boolean
}

export class ConsentServer {
  readonly #options: ConsentOptions
  readonly #sessions: Session[]

  constructor(options: ConsentOptions) {
    this.#options = options
    this.#sessions = []
  }

  onStream(stream: Stream): void {
    if (!this.#options.isOwner(stream.connection.remoteKey) || this.#sessions.length >= STREAMS) {
      stream.reset()
      return
    }
    stream.connection.keep = true
    const session: Session = {
      messages: new Messages(stream, 'u32', {
        onMessage: (message) => this.#onMessage(session, message),
        onDrain: () => {
          this.#sendLog(session)
          this.#sendEntries(session)
        },
        onEnd: () => stream.end(),
        onClose: () => {
          this.#sessions.splice(this.#sessions.indexOf(session), 1)
        },
      }),
      next: -1,
      entry: -1,
      asked: false,
    }
    this.#sessions.push(session)
  }

  #onMessage(session: Session, message: Bytes): void {
    if (message[0] === CONSENT.getLog) {
      session.next = decodeGetLog(message) ?? 0
      this.#sendLog(session)
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
    this.#options.onEvent(jws, (refusal) => {
      // A log that was just erased has no place to tell: the head of the event itself is enough.
      const place = this.#place()
      if (refusal) session.messages.send(encodeEventRefused(refusal, place))
      else session.messages.send(encodePlace(CONSENT.done, place))
      if (!refusal) this.#tellOthers(session, jws)
    })
  }

  #place(): { seq: number; head: Bytes } {
    const log = this.#options.state.log
    return { seq: log?.seq ?? 0, head: log?.head ?? new Uint8Array(32) }
  }

  #tellOthers(author: Session, jws: string): void {
    for (const session of this.#sessions) {
      if (session === author || session.next >= 0) continue
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
    while (session.next >= 0) {
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
