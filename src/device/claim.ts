// The second story of the device, top to bottom: button → window → SPAKE2+ with the label's code →
// identity is made → owner set → policy → consent (grant) → revoke → key rotation → delete.
// Each act is durable before anybody hears of it, and keys change before the next frame is sealed.
// Cleverness lives in ownership/ (who may what) and channel/ (which key opens what).

import { type Bytes, base64url } from '../base/bytes.ts'
import { LIMITS } from '../base/limits.ts'
import type { ReaderKeys } from '../channel/grant.ts'
import { Exchange, Signer, sha256 } from '../crypto/native.ts'
import { Secret } from '../crypto/secret.ts'
import type { Failure, Random } from '../hw/hardware.ts'
import type { Loop } from '../node/loop.ts'
import { ClaimDevice, type ClaimRequest, type ClaimStep } from '../ownership/claim-device.ts'
import { makeCertificate } from '../ownership/claim-keys.ts'
import type { ReaderEntry } from '../ownership/event.ts'
import type { ClaimRecord } from '../ownership/label.ts'
import type { Decision, Refusal } from '../ownership/log.ts'
import { takesAway } from '../ownership/owners/needs.ts'
import type { Policy, Standing } from '../ownership/policy/policy.ts'
import { ENDING, type Ending } from '../wire/channel.ts'
import { type ClassId, REASON, type Reason } from '../wire/frame.ts'
import { ownerIn } from '../wire/owner-set.ts'
import type { Gesture } from './button.ts'
import type { Lights } from './lights.ts'
import { type Act, Acts } from './owning/acts.ts'
import { entitledTo, readersOf, standingOf } from './owning/entitled.ts'
import { Expiry } from './owning/expiry.ts'
import { type Held, Owning } from './owning/owners.ts'
import type { Identity } from './owning/records.ts'
import type { Access, Leaver } from './publish/access.ts'
import type { Channels } from './publish/channels.ts'
import type { Entitled } from './publish/subscribers.ts'
import type { DeviceState } from './state.ts'

export interface ClaimOptions {
  loop: Loop
  random: Random
  /** What the label's code was made into; never the code. */
  record: ClaimRecord
  state: DeviceState
  lights: Lights
  /** Sends one message of the claim on a link, or ends the link. */
  send: (link: number, message: Bytes) => void
  close: (link: number) => void
  /** Everybody who has the claim open hears how things are. */
  openLinks: () => number[]
  /** The device has an owner now: channels, identity on the network. */
  onOwned: (done: (error: Failure) => void) => void
  /** The device has none any more. */
  onDisowned: () => void
  /** It goes by another key: all that hangs on the old one begins anew. */
  onKey: (done: (error: Failure) => void) => void
  /** Others may own it now, or another policy holds; null: the owners changed. */
  onRules: (before: Policy | null) => void
  /** An event that the device signed itself. */
  onOwnEvent: (jws: string) => void
  wall: () => number
  report: (event: string, detail?: Record<string, unknown>) => void
}

/** How an owner's event ended; null: durable and carried out. */
export type EventDone = (refusal: Refusal | Held | 'storage' | 'busy' | null) => void

export class Claim {
  readonly #options: ClaimOptions
  #pairing: ClaimDevice
  #channels: Channels | null
  #access: Access | null
  /** Changes of owners and readers, one after the other: owners' events and expiry. */
  readonly #acts: Acts
  readonly #owning: Owning
  readonly #expiry: Expiry

  constructor(options: ClaimOptions) {
    const { record, state, random, lights } = options
    const identity = state.identity
    this.#options = options
    this.#pairing = new ClaimDevice(
      record,
      identity && { certificate: identity.certificate, owners: state.log?.set ?? identity.owners },
      random,
    )
    this.#channels = null
    this.#access = null
    this.#acts = new Acts()
    this.#owning = new Owning(options)
    this.#expiry = new Expiry({
      state,
      owning: this.#owning,
      acts: this.#acts,
      takeOut: (late, done) => this.#rotateWithout(late, ENDING.expired, REASON.expired, done),
      failed: (what, error) => this.#failed(what, error),
    })
    lights.set({ claimed: identity !== null })
  }

  /** Milliseconds that the window stays open, 0 while it is closed. */
  get windowLeft(): number {
    return this.#pairing.windowLeft(this.#options.loop.now())
  }

  // 1. Button

  onGesture(gesture: Gesture, now: number): void {
    const { lights, report, state } = this.#options
    report('button', { gesture })
    if (gesture === 'reset-armed' || gesture === 'reset-cancelled')
      lights.set({ resetArmed: gesture === 'reset-armed' })
    else if (gesture === 'reset-confirmed') this.#erase([...(state.log?.readers ?? [])], 'reset')
    else if (gesture === 'second' && state.identity) this.#onSecond(now)
    else if (gesture !== 'short') return
    else if (state.identity) lights.identify()
    else this.#openWindow(now)
  }

  /** Held for 3 to 8 s: the owners may be changed, or a recovery is ended. */
  #onSecond(now: number): void {
    const { wall, onOwnEvent } = this.#options
    const event = this.#owning.onSecond(now, wall())
    if (event !== null)
      this.onEvent(event, (refusal) => {
        if (refusal === null) onOwnEvent(event)
      })
  }

  #openWindow(now: number): void {
    const { lights, random, report } = this.#options
    const nonce = new Uint8Array(16)
    random(nonce)
    if (!this.#pairing.openWindow(now, nonce)) return
    lights.set({ windowOpen: true })
    report('window', { open: true, ms: this.#pairing.windowLeft(now) })
    this.#greetAll(now)
    this.#schedule()
  }

  // 2. The four messages, each on the link it came from

  onLink(link: number): void {
    const { send, loop } = this.#options
    send(link, this.#pairing.hello(link, loop.now()))
  }

  onLinkMessage(link: number, message: Bytes): void {
    this.#take(this.#pairing.onMessage(link, message, this.#options.loop.now()))
  }

  onLinkClosed(link: number): void {
    this.#take(this.#pairing.onClosed(link))
  }

  #take(steps: ClaimStep[]): void {
    for (const step of steps) {
      if (step.do === 'send') this.#options.send(step.link, step.message)
      else if (step.do === 'close') this.#options.close(step.link)
      else if (step.do === 'commit') this.#makeIdentity(step.request)
      else this.#show(step.what)
    }
    this.#schedule()
  }

  // 3. Identity and owner set, in one durable write

  #makeIdentity(request: ClaimRequest): void {
    const { random, record, state, lights } = this.#options
    const seed = Secret.fresh(random)
    const boxSeed = Secret.fresh(random)
    const incarnation = state.incarnation + 1
    const certificate = makeCertificate(new Signer(seed), {
      box: new Exchange(boxSeed).publicKey,
      incarnation,
      discriminator: record.discriminator,
      ownersHash: sha256(request.ownersBytes),
      transcript: request.transcript,
    })
    const identity: Identity = {
      seed,
      boxSeed,
      owners: request.owners,
      incarnation,
      certificate,
      policy: request.policy,
    }
    state.claim(identity, (error) => {
      if (error) {
        lights.refused()
        this.#take(this.#pairing.failed())
        return
      }
      this.#owned(identity)
    })
  }

  #owned(identity: Identity): void {
    const { lights, onOwned, report, state, loop } = this.#options
    onOwned((error) => {
      if (error) return report('failed', { what: 'channels', text: error.message })
      // The press of the claim counts for what is left of its window.
      this.#owning.pressed(loop.now(), this.#pairing.windowLeft(loop.now()))
      // In this order: "claimed" follows "claiming" without a glimpse of what comes after it.
      lights.claimed()
      lights.set({ claimed: true, windowOpen: false, claiming: false })
      report('claimed', { device: base64url(state.signer!.publicKey), owners: identity.owners.owners.length })
      this.#take(this.#pairing.committed({ certificate: identity.certificate, owners: identity.owners }))
    })
  }

  // 4. Who may read: owners always, others by the owner log and the policy it was claimed with

  /** The channels are open (after the claim, or after a start). */
  attach(channels: Channels, access: Access): void {
    this.#channels = channels
    this.#access = access
  }

  /** By the key that a connection proved; null for strangers. */
  entitled(sign: Bytes, cls: ClassId): Entitled | null {
    return entitledTo(this.#options.state, sign, cls)
  }

  /** What somebody is to this device, by the key that its connection proved. */
  standingOf(sign: Bytes): Standing {
    return standingOf(this.#options.state, sign)
  }

  /** Everybody who gets a box in a new epoch of this class. */
  readers(cls: ClassId, witnessed: boolean): ReaderKeys[] {
    // A consent that was over when we heard of it: its owner's event was lost with an old card, and is back.
    return readersOf(this.#options.state, cls, witnessed).filter((r) => !this.#owning.isOver(r.until))
  }

  // 5. Consent: an owner's event, checked, made durable, carried out, then acknowledged

  onEvent(jws: string, done: EventDone): void {
    if (this.#acts.waiting >= LIMITS.ownership.eventsWaiting) return done('busy')
    this.#acts.push((over) => this.#takeEvent(jws, done, over))
  }

  #takeEvent(jws: string, done: EventDone, over: Parameters<Act>[0]): void {
    const { state, loop } = this.#options
    const { log } = state
    const checked = log?.check(jws) ?? { refusal: 'deleted' as const }
    if (!log || checked.refusal !== null) {
      done(checked.refusal ?? 'deleted')
      return over()
    }
    const held = this.#owning.held(checked, loop.now())
    if (held) {
      done(held)
      return over()
    }
    state.event(jws, (error) => {
      const answer = (failure: Failure): void => {
        done(failure ? 'storage' : null)
        over()
      }
      if (error) {
        // Whether the card has it, nobody knows: whoever was to go may stay in after the next start. Until
        // then nothing is sealed that he could open.
        if (takesAway(checked.event.body.type)) this.#channels?.sealOff(error)
        this.#failed('event', error)
        return answer(error)
      }
      const decision = state.commit(checked)
      this.#owning.onDecision(decision, checked.event.at)
      this.#carryOut(decision, answer)
    })
  }

  #carryOut(decision: Decision, done: (error: Failure) => void): void {
    const { report, onRules } = this.#options
    switch (decision.kind) {
      case 'added':
        report('added')
        return done(null)
      case 'authorized':
        report('authorized', { reader: decision.reader.name, grant: base64url(decision.reader.grantId) })
        if (!this.#access || this.#owning.isOver(decision.reader.until)) return done(null)
        return this.#access.letIn(decision.reader, done)
      case 'resumed':
        report('resumed', { readers: decision.readers.length })
        return this.#access ? this.#access.resume(decision.readers, done) : done(null)
      case 'revoked':
        return this.#rotateWithout([decision.reader], ENDING.revoked, REASON.revoked, done)
      case 'paused':
        return this.#rotateWithout(decision.readers, ENDING.paused, REASON.paused, done)
      case 'deleted':
        return this.#erase(decision.readers, 'deleted', done)
      case 'owners':
        return this.#changeOwners(decision, done)
      case 'policy':
        report('policy')
        onRules(decision.before)
        return done(null)
      case 'recovery':
      case 'recovery-cancelled':
        report('recovery', { what: decision.kind === 'recovery' ? 'started' : 'cancelled' })
        return done(null)
      case 'key':
        report('key', { device: base64url(decision.after) })
        return this.#options.onKey(done)
      case 'noted':
        return done(null)
    }
  }

  /** Who left, and with another household its readers too, has no key from the next frame on; who came has one. */
  #changeOwners(
    { before, after, readers }: Decision & { kind: 'owners' },
    done: (error: Failure) => void,
  ): void {
    const { onRules, state } = this.#options
    const gone = before.owners.filter((o) => !ownerIn(after, o.sign)).map((o) => o.sign)
    this.#pairing.ownersChanged(after)
    if (!this.#access || !state.log) return done(null)
    const event = state.log.head
    const leavers = readers.map((reader) => ({ reader, ending: ENDING.revoked, event }))
    this.#access.changeOwners(leavers, gone, gone.length > 0 ? REASON.revoked : REASON.added, (error) => {
      if (error) this.#failed('rotation', error)
      done(error)
      onRules(null)
    })
  }

  /** A telegram's time, NaN where it has none. Readers whose time is over are out before it is sealed. */
  onMeterTime(utcMs: number): void {
    this.#expiry.onTelegram(utcMs, this.#options.loop.now(), this.#channels)
  }

  // 6. Key rotation: the next frame is closed to whoever is gone

  #rotateWithout(
    readers: readonly ReaderEntry[],
    ending: Ending,
    reason: Reason,
    done: (error: Failure) => void,
  ): void {
    const { report, state } = this.#options
    if (!this.#access || readers.length === 0) return done(null)
    // By the owner's newest event, unless the time itself was over.
    const event = ending === ENDING.expired || !state.log ? new Uint8Array(32) : state.log.head
    const leavers: Leaver[] = readers.map((reader) => ({ reader, ending, event }))
    this.#access.take(leavers, reason, (error) => {
      if (error) {
        this.#failed('rotation', error)
        return done(error)
      }
      for (const reader of readers) {
        report(ending === ENDING.paused ? 'paused' : 'revoked', {
          reader: reader.name,
          grant: base64url(reader.grantId),
          epoch: this.#channels?.next(reader.class).epoch,
        })
      }
      done(null)
    })
  }

  #failed(what: string, error: NonNullable<Failure>): void {
    this.#options.report('failed', { what, text: error.message })
  }

  // 7. Delete: by the last event of the log, or by hand

  #erase(readers: readonly ReaderEntry[], why: string, done: (error: Failure) => void = () => {}): void {
    // Not one frame more under keys that anybody has.
    this.#channels?.hold()
    const access = this.#access
    const erase = (): void => this.#eraseState(why, done)
    if (access) access.takeAll(readers, erase)
    else erase()
  }

  #eraseState(why: string, done: (error: Failure) => void): void {
    const { state, lights, onDisowned, report } = this.#options
    // The acknowledgement goes out first; the keys of the network are gone right after it.
    done(null)
    state.erase((error) => {
      if (error) return report('failed', { what: 'erase', text: error.message })
      this.#channels = null
      this.#access = null
      this.#pairing = new ClaimDevice(this.#options.record, null, this.#options.random)
      lights.set({ claimed: false, resetArmed: false })
      report(why)
      onDisowned()
    })
  }

  // LEDs and time

  #show(what: 'handshake' | 'refused' | 'silent' | 'window-closed'): void {
    const { lights, report, loop } = this.#options
    report('pairing', { what })
    if (what === 'handshake') lights.set({ claiming: true })
    else lights.set({ claiming: false, windowOpen: this.#pairing.windowLeft(loop.now()) > 0 })
    if (what === 'refused') lights.refused()
    if (what === 'window-closed') this.#greetAll(loop.now())
  }

  #greetAll(now: number): void {
    const { openLinks, send } = this.#options
    for (const link of openLinks()) send(link, this.#pairing.hello(link, now))
  }

  #schedule(): void {
    const { loop } = this.#options
    const at = this.#pairing.nextTick()
    if (at === Number.POSITIVE_INFINITY) loop.cancel('claim')
    else loop.at('claim', at, (now) => this.#take(this.#pairing.tick(now)))
  }
}
