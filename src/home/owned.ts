// One device of this owner: the link on which its frames come, the link on which the owner log is kept
// in step, and what is known of it now. The owner is also the device's witness: after each connect it
// shows the newest frame and log head it holds, so that an older card cannot pass for the newest.

import { type Bytes, equal, hex } from '../base/bytes.ts'
import { WattleError } from '../base/errors.ts'
import { LIMITS } from '../base/limits.ts'
import type { Follower } from '../channel/follower.ts'
import type { ReaderPlace } from '../channel/place.ts'
import type { Exchange } from '../crypto/native.ts'
import type { Host } from '../net/host.ts'
import { Link } from '../node/link.ts'
import type { Loop } from '../node/loop.ts'
import type { Coordinator } from '../node/peers/coordinator.ts'
import { ENTRY } from '../wire/access.ts'
import { encodeWitness } from '../wire/channel.ts'
import {
  CONSENT,
  CONSENT_PROTOCOL,
  decodeDelivered,
  decodeEntriesEnd,
  decodeEntryMessage,
  decodeEventRefused,
  decodeJws,
  decodePlace,
  encodeEvent,
  encodeGetEntries,
  encodeGetLog,
  type LogPlace,
} from '../wire/consent.ts'
import type { ClassId } from '../wire/frame.ts'
import type { OwnedEvents } from './events.ts'
import type { DeviceAccess } from './proof/access.ts'
import { ClassReading } from './reading.ts'
import type { HomeStore, OwnedDevice } from './store.ts'

export interface OwnedOptions {
  device: OwnedDevice
  store: HomeStore
  host: Host
  loop: Loop
  own: { sign: Bytes; exchange: Exchange }
  /** What is read: `raw`, and where home is a mailbox all of them. */
  classes: readonly ClassId[]
  place: (cls: ClassId) => ReaderPlace | null
  /** Each genuine frame, in order; a view, valid until the call returns. */
  onFrame: (frame: Bytes) => void
  events: OwnedEvents
  /** Our copy of the log and the device's are the same. */
  onSynced: () => void
  /** Knows where the device is now; without it only where it was last. */
  coordinator?: Coordinator
  /** Our copy of the device's log of keys. */
  access: DeviceAccess
  /** An entry of it is new to us. */
  onEntry: (grantId: Bytes) => void
  /** Another key answers where the device was. */
  onOtherKey: (address: string) => void
}

/** An event, and who waits for what comes of it. */
interface Pending {
  jws: string
  done: (error: WattleError | null) => void
}

const ANSWER_MS = 10_000

export class Owned {
  readonly device: OwnedDevice
  /** The device's key while it is followed by this one. */
  readonly key: Bytes
  /** `raw` first. */
  readonly readings: readonly ClassReading[]
  readonly #options: OwnedOptions
  readonly #log: Link
  #pending: Pending | null
  /** The device has taken an event of ours that our copy does not have yet. */
  #settling: boolean
  /** Changes that wait for the one that is under way. */
  readonly #turns: (() => void)[]
  #synced: boolean
  #taking: boolean
  /** Events that wait for the one before them to be durable. */
  readonly #inbox: Pending[]
  #inboxBytes: number
  #end: LogPlace | null
  /** Who waits for the end of the entries. */
  readonly #heard: (() => void)[]
  #askedAll: boolean

  constructor(options: OwnedOptions) {
    const { device, host, loop } = options
    this.device = device
    this.key = device.log.device
    this.#options = options
    this.#pending = null
    this.#settling = false
    this.#turns = []
    this.#synced = false
    this.#taking = false
    this.#inbox = []
    this.#inboxBytes = 0
    this.#end = null
    this.#heard = []
    this.#askedAll = false
    const common = {
      host,
      loop,
      key: this.key,
      addresses: () => options.coordinator?.addressesOf(this.key, device.addresses) ?? device.addresses,
      onDial: (address: string, error: WattleError | null) => {
        if (error?.code === 'wrong-key') options.onOtherKey(address)
        if (error) options.coordinator?.didNotWork(address, error.message)
        else options.coordinator?.worked(this.key, address)
      },
    }
    this.readings = options.classes.map(
      (cls) =>
        new ClassReading({
          device,
          class: cls,
          own: options.own,
          place: options.place(cls),
          events: options.events,
          link: common,
          witness: () => this.#witness(),
          onFrame: options.onFrame,
        }),
    )
    this.#log = new Link({
      ...common,
      protocol: CONSENT_PROTOCOL,
      opening: () => [encodeGetLog(device.log.seq), encodeGetEntries(options.access.book.newest + 1)],
      onMessage: (message) => this.#onLogMessage(message),
      onState: (up) => {
        this.#synced = false
        if (!up) for (const heard of this.#heard.splice(0)) heard()
        if (!up)
          this.#answer(
            new WattleError('device-offline', 'the device cannot be reached now; ask again when it is back'),
          )
      },
    })
  }

  /** Of `raw`. */
  get follower(): Follower {
    return this.readings[0]!.follower
  }

  get online(): boolean {
    return this.readings[0]!.link.up
  }

  /** Log and frames are up and in step: the device can be asked for something. */
  get ready(): boolean {
    return this.#synced && this.online
  }

  /** The device was just seen: no waiting. */
  hurry(): void {
    this.#log.hurry()
    for (const { link } of this.readings) link.hurry()
  }

  start(): void {
    this.#log.start()
    for (const { link } of this.readings) link.start()
  }

  stop(): void {
    this.#log.stop()
    for (const { link } of this.readings) link.stop()
  }

  /** The places to save, one for each class that is read. */
  places(): ReaderPlace[] {
    return this.readings.map((reading) => reading.place()).filter((place) => place !== null)
  }

  /** Runs when no change of this device is under way; at once where too many wait already. */
  whenFree(run: () => void): void {
    const busy = this.#pending !== null || this.#settling
    if (!busy || this.#turns.length >= LIMITS.ownership.eventsWaiting) run()
    else this.#turns.push(run)
  }

  #nextTurn(): void {
    if (!this.#pending && !this.#settling) this.#turns.shift()?.()
  }

  /** Asks the device to take an event; done when it has, durably, and our copy has it too. */
  submit(jws: string, done: (error: WattleError | null) => void): void {
    if (!this.#log.up || !this.#synced)
      return done(
        new WattleError('device-offline', 'the device cannot be reached now; ask again when it is back'),
      )
    if (this.#pending || this.#settling)
      return done(new WattleError('busy', 'another change of this device is under way'))
    this.#pending = { jws, done }
    this.#log.send(encodeEvent(jws))
    this.#options.loop.after(this.#answerTimer(), ANSWER_MS, () =>
      this.#answer(new WattleError('no-answer', 'the device did not answer within 10 s')),
    )
  }

  #witness(): Bytes {
    const { log } = this.device
    return encodeWitness({
      logSeq: log.seq,
      logHead: log.head,
      frames: this.readings.map((reading) => reading.newest).filter((frame) => frame !== null),
    })
  }

  #onLogMessage(message: Bytes): void {
    switch (message[0]) {
      case CONSENT.log: {
        const jws = decodeJws(message)
        if (jws)
          this.#take(jws, (error) => {
            if (error) this.#options.events.onReject(this.device, error.code)
          })
        return
      }
      case CONSENT.logEnd: {
        const end = decodePlace(message)
        // Looked at when the events before it are durable: the message is gone by then.
        this.#end = end && { seq: end.seq, head: end.head.slice() }
        this.#takeNext()
        return
      }
      case CONSENT.done: {
        const pending = this.#pending
        if (!pending) return
        // It is done, even if the device shows us out now because it was our last act as an owner.
        this.#pending = null
        this.#settling = true
        this.#options.loop.cancel(this.#answerTimer())
        this.#take(pending.jws, (error) => {
          this.#settling = false
          pending.done(error)
          this.#nextTurn()
        })
        return
      }
      case CONSENT.refused: {
        const refused = decodeEventRefused(message)
        this.#answer(
          new WattleError(
            `refused-${refused?.reason ?? 'unknown'}`,
            `the device refused: ${refused?.reason ?? 'unknown'}`,
          ),
        )
        return
      }
      case CONSENT.entry:
        return this.#onEntry(message)
      case CONSENT.delivered: {
        const delivered = decodeDelivered(message)
        if (delivered) this.#options.access.delivered = delivered
        return
      }
      case CONSENT.entriesEnd: {
        const end = decodeEntriesEnd(message)
        if (end) this.#onEntriesEnd(end)
        return
      }
      default:
        this.#options.events.onReject(this.device, 'message')
    }
  }

  #onEntry(message: Bytes): void {
    const { access, events, onEntry } = this.#options
    const told = decodeEntryMessage(message)
    if (!told) return events.onReject(this.device, 'message')
    const failed = (error: Error): void => events.onReject(this.device, `entries: ${error.message}`)
    const added = access.add(told.number, told.entry, failed)
    if (added === 'bad') return events.onReject(this.device, 'entry')
    if (added === 'known') return
    if (added === 'branch') events.onReject(this.device, 'entries-branch')
    const text = access.book.entries.at(-1)!.text
    if (text.kind === ENTRY.admitted) onEntry(text.grantId)
  }

  /** All came that the device has. Where it has fewer than we, or others, it was rolled back: it sends all it has. */
  #onEntriesEnd(end: { number: number; head: Bytes }): void {
    const { book } = this.#options.access
    for (const heard of this.#heard.splice(0)) heard()
    if (end.number === book.newest && equal(end.head, book.head)) this.#askedAll = false
    if (end.number >= book.newest || this.#askedAll) return
    this.#askedAll = true
    this.#options.events.onReject(this.device, 'entries-behind')
    this.#log.send(encodeGetEntries(1))
  }

  /** Asks for the newest entries and what went out; `done` at once where the device is away. */
  refresh(done: () => void): void {
    if (!this.#log.up) return done()
    this.#heard.push(done)
    this.#log.send(encodeGetEntries(this.#options.access.book.newest + 1))
  }

  /** An event of the device's log, behind those that came before it. */
  #take(jws: string, done: (error: WattleError | null) => void): void {
    if (this.#inboxBytes + jws.length > LIMITS.ownership.logBytes)
      return done(new WattleError('flooded', 'the device sends events faster than they can be kept'))
    this.#inboxBytes += jws.length
    this.#inbox.push({ jws, done })
    this.#takeNext()
  }

  /** Events one after the other, each durable before the next is looked at; then the end. */
  #takeNext(): void {
    if (this.#taking) return
    const next = this.#inbox.shift()
    if (next) {
      this.#taking = true
      this.#inboxBytes -= next.jws.length
      this.#keep(next.jws, (error) => {
        this.#taking = false
        next.done(error)
        this.#takeNext()
      })
      return
    }
    const end = this.#end
    this.#end = null
    if (end) this.#onLogEnd(end.seq, end.head)
  }

  /** The device's log ends here: in step, or it has lost events that it gets again. */
  #onLogEnd(seq: number, head: Bytes): void {
    const { log, events } = this.device
    if (seq === log.seq && equal(head, log.head)) {
      const caughtUp = !this.#synced
      this.#synced = true
      // What the device could not confirm before, it can now.
      if (caughtUp) this.readings[0]!.link.send(this.#witness())
      this.#options.onSynced()
      return
    }
    if (seq < log.seq) {
      const jws = events[seq]
      if (jws !== undefined && !this.#pending) {
        // Refused once, it would be refused for ever: the next connect asks again.
        const done = (error: WattleError | null): void => {
          if (error) this.#options.events.onReject(this.device, error.code)
          else this.#log.send(encodeGetLog(log.seq))
        }
        this.#pending = { jws, done }
        this.#log.send(encodeEvent(jws))
      }
      return
    }
    this.#options.events.onReject(this.device, `log ${hex(head.subarray(0, 4))}`)
  }

  #keep(jws: string, done: (error: WattleError | null) => void): void {
    const { store, events } = this.#options
    if (this.device.events.includes(jws)) return done(null)
    store.addEvent(this.device, jws, (error, decision) => {
      if (decision) events.onLog(this.device, decision)
      done(
        error &&
          (error instanceof WattleError
            ? error
            : new WattleError('storage', `cannot be written: ${error.message}`)),
      )
    })
  }

  #answer(error: WattleError | null): void {
    const pending = this.#pending
    this.#pending = null
    this.#options.loop.cancel(this.#answerTimer())
    pending?.done(error)
    this.#nextTurn()
  }

  #answerTimer(): string {
    return `answer ${hex(this.device.key.subarray(0, 6))}`
  }
}
