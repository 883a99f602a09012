// This phone's copy of the owner log, kept in step with the device over the session: what other owners
// wrote comes in, what the owner wants here is signed and goes out, one event at a time. The device
// orders the log; an event that came too late is made anew on the new head, once.

import { type Bytes, base64url } from '../../../base/bytes.ts'
import { sha256 } from '../../../crypto/native.ts'
import { type EventBody, signEvent } from '../../../ownership/event.ts'
import { type Decision, OwnerLog } from '../../../ownership/log.ts'
import {
  CONSENT,
  decodeEventRefused,
  decodeJws,
  decodePlace,
  encodeEvent,
  encodeGetLog,
} from '../../../wire/consent.ts'
import type { OwnerSet } from '../../../wire/owner-set.ts'
import type { Outcome } from '../kit/live.ts'
import type { Box, KeptDevice } from './box.ts'

export interface LogEvents {
  send(message: Bytes): boolean
  /** An event entered the log. `at`: as its author believed. */
  onEvent(decision: Decision, at: number): void
  /** Our copy and the device's are the same. */
  onSynced(): void
  now(): number
}

interface Wish {
  readonly body: EventBody
  jws: string
  again: boolean
  readonly done: (outcome: Outcome) => void
}

const ANSWER_MS = 10_000

export class OwnLog {
  readonly log: OwnerLog
  readonly #box: Box
  readonly #kept: KeptDevice
  readonly #events: LogEvents
  #wish: Wish | null
  #synced: boolean
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(
    box: Box,
    kept: KeptDevice,
    device: { key: Bytes; owners: OwnerSet; certificate: Bytes },
    events: LogEvents,
  ) {
    this.#box = box
    this.#kept = kept
    this.#events = events
    this.#wish = null
    this.#synced = false
    this.#timer = undefined
    this.log = new OwnerLog(device.key, device.owners, sha256(device.certificate), { copy: true })
    const whole = kept.events.every((jws) => this.#enter(jws))
    // Kept by an earlier version, or damaged: the device has it.
    if (!whole) kept.events.length = this.log.seq
  }

  get synced(): boolean {
    return this.#synced
  }

  /** The session is open. */
  onOpen(): void {
    this.#synced = false
    this.#events.send(encodeGetLog(this.log.seq))
  }

  onGone(): void {
    this.#synced = false
    this.#settle({ ok: false, code: 'device-offline' })
  }

  /** Signs and submits; done when the device has it durably and our copy has it too. */
  submit(body: EventBody): Promise<Outcome> {
    if (!this.#synced) return Promise.resolve({ ok: false, code: 'device-offline' })
    if (this.#wish) return Promise.resolve({ ok: false, code: 'busy' })
    return new Promise((done) => {
      this.#wish = { body, jws: '', again: false, done }
      this.#ask(this.#wish)
    })
  }

  onMessage(message: Bytes): void {
    switch (message[0]) {
      case CONSENT.log: {
        const jws = decodeJws(message)
        if (jws && this.#take(jws)) this.#box.save()
        return
      }
      case CONSENT.logEnd: {
        const end = decodePlace(message)
        if (!end || end.seq !== this.log.seq) return
        if (this.#wish?.again) return this.#ask(this.#wish)
        this.#synced = true
        return this.#events.onSynced()
      }
      case CONSENT.done: {
        const wish = this.#wish
        if (!wish || !this.#take(wish.jws)) return this.#settle({ ok: false, code: 'log-mismatch' })
        return this.#settle(this.#box.save() ? { ok: true } : { ok: true, code: 'not-kept' })
      }
      case CONSENT.refused:
        return this.#onRefused(decodeEventRefused(message)?.reason ?? 'unknown')
      default:
    }
  }

  #onRefused(reason: string): void {
    const wish = this.#wish
    if (!wish) return
    if (reason !== 'stale' || wish.again) return this.#settle({ ok: false, code: reason, text: reason })
    wish.again = true
    this.#events.send(encodeGetLog(this.log.seq))
  }

  #ask(wish: Wish): void {
    const { log } = this
    const event = {
      device: log.device,
      seq: log.seq + 1,
      prev: log.head,
      at: this.#events.now(),
      body: wish.body,
    }
    wish.jws = signEvent(event, [{ kid: base64url(this.#box.signer.publicKey), signer: this.#box.signer }])
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#settle({ ok: false, code: 'no-answer' }), ANSWER_MS)
    if (!this.#events.send(encodeEvent(wish.jws))) this.#settle({ ok: false, code: 'device-offline' })
  }

  /** True where it is in our copy now. */
  #take(jws: string): boolean {
    if (this.#kept.events.includes(jws)) return true
    if (!this.#enter(jws)) return false
    this.#kept.events.push(jws)
    return true
  }

  #enter(jws: string): boolean {
    const checked = this.log.check(jws)
    if (checked.refusal !== null) return false
    const decision = this.log.commit(checked)
    this.#events.onEvent(decision, checked.event.at)
    return true
  }

  #settle(outcome: Outcome): void {
    clearTimeout(this.#timer)
    const wish = this.#wish
    this.#wish = null
    wish?.done(outcome)
  }
}
