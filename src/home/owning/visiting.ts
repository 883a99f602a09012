// My Home at a device that does not know it as an owner yet, or that it does not know (docs/owners.md):
// joining a device whose owners have let us in, starting a recovery with the paper key, finishing it
// when the delay is over. One conversation each. What a device says of itself is believed as far as its
// signatures go: its certificate, and every event of its log from the certificate on.

import { type Bytes, base64url, equal } from '../../base/bytes.ts'
import { WattleError } from '../../base/errors.ts'
import { LIMITS } from '../../base/limits.ts'
import { type Signer, sha256 } from '../../crypto/native.ts'
import type { Connection } from '../../net/api.ts'
import type { Host } from '../../net/host.ts'
import { Messages } from '../../net/messages.ts'
import type { Loop } from '../../node/loop.ts'
import { readCertificate } from '../../ownership/claim-keys.ts'
import { type EventBody, signEvent } from '../../ownership/event.ts'
import { OwnerLog } from '../../ownership/log.ts'
import { readPolicy } from '../../ownership/policy/policy.ts'
import {
  CONSENT,
  CONSENT_PROTOCOL,
  decodeEventRefused,
  decodeJws,
  decodeOrigin,
  decodePlace,
  encodeEvent,
  encodeGetLog,
  encodeGetOrigin,
  type LogPlace,
  type Origin,
} from '../../wire/consent.ts'
import { encodeOwnerSet, type OwnerSet } from '../../wire/owner-set.ts'

/** What a device has proven of itself. */
export interface Joined {
  /** Its keys of the claim, and the one that it has proven now. */
  key: Bytes
  box: Bytes
  now: Bytes
  origin: Origin
  name: string
  events: string[]
}

export interface VisitOptions {
  host: Host
  loop: Loop
  signer: Signer
  wall: () => number
}

export type VisitDone = (error: WattleError | null, joined: Joined | null) => void

/** `key`: the device that is expected, null where only the address is known. */
export interface Visit {
  address: string
  key: Bytes | null
}

const ANSWER_MS = 20_000
let visits = 0

/** Becomes one of the owners who keep a copy: fetches and verifies origin and log. */
export function join(o: VisitOptions, visit: Visit, done: VisitDone): void {
  new Conversation(o, visit, null, done).start()
}

/** The paper key's word: `set` is to follow when the delay is over. Joined is null: we are no owner yet. */
export function startRecovery(
  o: VisitOptions,
  visit: Visit,
  { paper, set }: { paper: Signer; set: OwnerSet },
  done: VisitDone,
): void {
  const act = { body: { type: 'RECOVERY_STARTED' as const, set }, signer: paper, joins: false }
  new Conversation(o, visit, act, done).start()
}

/** The delay is over: we become the owner, and join. */
export function finishRecovery(o: VisitOptions, visit: Visit, done: VisitDone): void {
  const act = { body: { type: 'RECOVERY_FINISHED' as const }, signer: o.signer, joins: true }
  new Conversation(o, visit, act, done).start()
}

interface Act {
  body: EventBody
  signer: Signer
  /** After the event we are an owner. */
  joins: boolean
}

class Conversation {
  readonly #options: VisitOptions
  readonly #visit: Visit
  readonly #act: Act | null
  readonly #done: VisitDone
  readonly #timer: string
  #messages: Messages | null
  #connection: Connection | null
  #origin: Origin | null
  readonly #events: string[]
  #bytes: number
  #over: boolean

  constructor(options: VisitOptions, visit: Visit, act: Act | null, done: VisitDone) {
    this.#options = options
    this.#visit = visit
    this.#act = act
    this.#done = done
    this.#timer = `visit ${++visits}`
    this.#messages = null
    this.#connection = null
    this.#origin = null
    this.#events = []
    this.#bytes = 0
    this.#over = false
  }

  start(): void {
    const { host, loop } = this.#options
    const { address, key } = this.#visit
    loop.after(this.#timer, ANSWER_MS, () => this.#fail('no-answer', `${address} did not answer in time`))
    // A device that we are to join may go by another key than when we were invited: its log shows that.
    host.dial(address, this.#act ? key : null, (error, connection) => {
      if (!connection)
        return this.#fail('unreachable', `no answer at ${address}: ${error?.message ?? 'unknown'}`)
      this.#connection = connection
      connection.open(CONSENT_PROTOCOL, (failure, stream) => {
        if (!stream)
          return this.#fail(
            'no-device',
            `${address} is no device that somebody owns (${failure?.code ?? 'unknown'})`,
          )
        this.#messages = new Messages(stream, 'u32', {
          onMessage: (message) => this.#onMessage(message),
          onDrain: () => {},
          onEnd: () => stream.end(),
          onClose: () => this.#fail('refused', 'the device ended the conversation: this home is no owner'),
        })
        this.#messages.send(this.#act ? encodeGetLog(0) : encodeGetOrigin())
      })
    })
  }

  #onMessage(message: Bytes): void {
    switch (message[0]) {
      case CONSENT.logEnd: {
        const place = decodePlace(message)
        if (!place) return this.#fail('malformed', 'the device sent no place of its log')
        if (this.#origin) return this.#verify({ seq: place.seq, head: place.head.slice() })
        return this.#bring(place)
      }
      case CONSENT.done:
        if (!this.#act?.joins) return this.#finish(null, null)
        this.#messages?.send(encodeGetOrigin())
        return
      case CONSENT.refused: {
        const reason = decodeEventRefused(message)?.reason ?? 'unknown'
        return this.#fail(`refused-${reason}`, WORDS[reason] ?? `the device refused: ${reason}`)
      }
      case CONSENT.origin:
        this.#origin = decodeOrigin(message)
        if (!this.#origin) return this.#fail('malformed', 'the device did not say how it came to be')
        this.#messages?.send(encodeGetLog(0))
        return
      case CONSENT.log: {
        const jws = decodeJws(message)
        // As an owner already we get the log when we asked for its end alone.
        if (!jws || !this.#origin) return
        this.#bytes += jws.length
        if (this.#bytes > LIMITS.ownership.logBytes + LIMITS.ownership.eventBytes)
          return this.#fail('flooded', 'the device sends more events than a log has')
        this.#events.push(jws)
        return
      }
      default:
        return this.#fail('malformed', 'the device sent something else')
    }
  }

  /** Our event, behind what the device has. */
  #bring(place: LogPlace): void {
    const device = this.#connection?.remoteKey
    const act = this.#act
    if (!act || !device) return this.#fail('malformed', 'the device sent something else')
    const at = Math.floor(this.#options.wall())
    const event = { device, seq: place.seq + 1, prev: place.head.slice(), at, body: act.body }
    const { signer } = act
    this.#messages?.send(encodeEvent(signEvent(event, [{ kid: base64url(signer.publicKey), signer }])))
  }

  /** The whole chain: certificate, owners of the claim, every event; and we are an owner at its end. */
  #verify(end: LogPlace): void {
    const origin = this.#origin!
    const certificate = readCertificate(origin.certificate)
    const key = this.#connection!.remoteKey
    const policy = readPolicy(origin.policy)
    const sound = certificate && equal(certificate.ownersHash, sha256(encodeOwnerSet(origin.owners)))
    if (!sound || !policy) return this.#fail('bad-origin', 'the certificate of that device does not fit it')
    const log = new OwnerLog(certificate.device, origin.owners, sha256(origin.certificate), {
      copy: true,
      policy,
    })
    for (const jws of this.#events) {
      const checked = log.check(jws)
      if (checked.refusal !== null)
        return this.#fail('bad-log', `the log of that device does not hold together: ${checked.refusal}`)
      log.commit(checked)
    }
    if (log.seq !== end.seq || !equal(log.head, end.head))
      return this.#fail('bad-log', 'the log of that device does not end where it says')
    if (!equal(log.device, key))
      return this.#fail('bad-log', 'what answers there is not the device that its log is about')
    const { key: wanted } = this.#visit
    if (wanted && !log.keys.some((known) => equal(known, wanted)))
      return this.#fail('other-device', 'what answers there is another device than that of the invitation')
    if (!log.isOwner(this.#options.signer.publicKey))
      return this.#fail('not-owner', 'its log does not name this home as an owner')
    const { box } = certificate
    this.#finish(null, {
      key: certificate.device,
      box,
      now: key,
      origin,
      name: log.name,
      events: this.#events,
    })
  }

  #fail(code: string, text: string): void {
    this.#finish(new WattleError(code, text), null)
  }

  #finish(error: WattleError | null, joined: Joined | null): void {
    if (this.#over) return
    this.#over = true
    this.#options.loop.cancel(this.#timer)
    // Ours alone: the links that follow make their own.
    this.#connection?.close()
    this.#done(error, joined)
  }
}

const WORDS: Readonly<Record<string, string>> = {
  malformed: 'this paper key, or this home, has no say at that device',
  'recovery-pending': 'a recovery of that device is under way already',
  'no-recovery': 'no recovery of that device is under way; it may have been cancelled',
  'too-early': 'the delay of 72 hours is not over yet, counted while the device is on',
}
