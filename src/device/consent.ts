// The device's side of `/wattle/consent/1.0.0`: owners ask for the log and append to it. A stream is
// believed for the key that its connection proved; everybody else is turned away before anything is read.

import type { Bytes } from '../base/bytes.ts'
import type { Stream } from '../net/api.ts'
import { Messages } from '../net/messages.ts'
import {
  CONSENT,
  decodeGetLog,
  decodeJws,
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
}

/** Owners' streams at once; further ones are turned away. */
const STREAMS = 16

interface Session {
  messages: Messages
  /** Next event to send of a log that was asked for; -1 when none is. */
  next: number
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
        onDrain: () => this.#sendLog(session),
        onEnd: () => stream.end(),
        onClose: () => {
          this.#sessions.splice(this.#sessions.indexOf(session), 1)
        },
      }),
      next: -1,
    }
    this.#sessions.push(session)
  }

  #onMessage(session: Session, message: Bytes): void {
    if (message[0] === CONSENT.getLog) {
      session.next = decodeGetLog(message) ?? 0
      this.#sendLog(session)
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
