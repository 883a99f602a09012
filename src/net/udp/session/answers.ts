// The answering side of handshakes: who may begin one, at what price, and those that wait for their last
// message. Silent to whoever does not know our key; under load only to those who receive where they say
// they are (cookie.ts). Nothing of a session changes before its peer has proved its key here.

import type { Bytes } from '../../../base/bytes.ts'
import type { Counters } from '../../../base/counters.ts'
import { getU32, putU32 } from '../../../base/cursor.ts'
import { LIMITS } from '../../../base/limits.ts'
import { Exchange } from '../../../crypto/native.ts'
import { Secret } from '../../../crypto/secret.ts'
import type { Random } from '../../../hw/hardware.ts'
import { Admission } from '../../link/admission.ts'
import { Handshake } from '../../noise/handshake.ts'
import { CookieJar } from './cookie.ts'
import type { DatagramCounter } from './counters.ts'
import { Epoch } from './epoch.ts'
import { type DatagramIdentity, provenKey } from './identity.ts'
import {
  FINAL_BYTES,
  FINAL_HEAD,
  INIT_BYTES,
  INIT_HEAD,
  INIT_MAC1,
  INIT_NOISE,
  mac1Key,
  macFits,
  PATTERN,
  prologueFor,
  RESPONSE_BYTES,
  RESPONSE_HEAD,
  TYPE,
} from './layout.ts'
import { type Origin, sourceOf } from './path.ts'

const NONE: Bytes = new Uint8Array(0)

interface Waiting {
  readonly index: number
  readonly theirs: number
  readonly handshake: Handshake
  readonly until: number
  /** IK: keys are agreed on, but whoever sent the first message may only have repeated it. */
  readonly epoch: Epoch | null
  readonly key: Bytes | null
}

export interface AnswersOwner {
  readonly identity: DatagramIdentity
  readonly random: Random
  readonly counters: Counters<DatagramCounter>
  freeIndex(): number
  sendTo(datagram: Bytes, origin: Origin, now: number, ttl: number): void
  /** Whether the holder of this key may have a session. */
  allow(key: Bytes): boolean
  onProven(key: Bytes, remoteStatic: Bytes, epoch: Epoch, origin: Origin, now: number): void
}

export class Answers {
  readonly #owner: AnswersOwner
  readonly #mac1: Bytes
  readonly #prologue: Bytes
  readonly #jar: CookieJar
  readonly #admission: Admission
  readonly #waiting: Map<number, Waiting>
  /** Answers and cookies left in this second. */
  #second: number
  #free: number
  #cookies: number

  constructor(owner: AnswersOwner, now: number) {
    const own = owner.identity.publicKey
    this.#owner = owner
    this.#mac1 = mac1Key(own)
    this.#prologue = prologueFor(own)
    this.#jar = new CookieJar(owner.random, own, now)
    this.#admission = new Admission(now)
    this.#waiting = new Map()
    this.#second = now
    this.#free = LIMITS.udp.handshakesPerSecond
    this.#cookies = LIMITS.udp.cookiesPerSecond
  }

  has(index: number): boolean {
    return this.#waiting.has(index)
  }

  /** A first message. */
  onInit(datagram: Bytes, origin: Origin, now: number): void {
    const { counters } = this.#owner
    const noise = INIT_NOISE[datagram[1]!]
    if (datagram.length !== INIT_BYTES || noise === undefined || !macFits(this.#mac1, datagram, INIT_MAC1)) {
      counters.add('badInits')
      return
    }
    if (!this.#admit(datagram, origin, now)) return
    counters.add('handshakesAnswered')
    const handshake = new Handshake({
      pattern: datagram[1] === PATTERN.ik ? 'IK' : 'XX',
      initiator: false,
      prologue: this.#prologue,
      static: this.#owner.identity.exchange,
      ephemeral: new Exchange(Secret.fresh(this.#owner.random)),
    })
    const payload = handshake.read(datagram.subarray(INIT_HEAD, INIT_HEAD + noise))
    if (!payload) counters.add('handshakeErrors')
    else if (datagram[1] === PATTERN.ik) this.#answerIk(handshake, payload, datagram, origin, now)
    else this.#answerXx(handshake, datagram, origin, now)
  }

  /** The third message of XX. */
  onFinal(datagram: Bytes, origin: Origin, now: number): void {
    const { counters } = this.#owner
    const waiting = datagram.length === FINAL_BYTES ? this.#waiting.get(getU32(datagram, 4)) : undefined
    if (!waiting || waiting.epoch) {
      counters.add('unknownIndex')
      return
    }
    this.#waiting.delete(waiting.index)
    const { handshake } = waiting
    const payload = handshake.read(datagram.subarray(FINAL_HEAD))
    const key = payload && provenKey(payload, handshake.remoteStatic)
    if (!key) counters.add('handshakeErrors')
    else if (!this.#owner.allow(key)) counters.add('refused')
    else {
      const epoch = this.#epoch(waiting.index, waiting.theirs, handshake, now)
      epoch.confirmed = true
      this.#owner.onProven(key, handshake.remoteStatic, epoch, origin, now)
    }
  }

  /** Data under an index that waits: the length of its plain text when it proves an IK handshake, else -1. */
  onData(index: number, datagram: Bytes, into: Bytes, origin: Origin, now: number): number {
    const waiting = this.#waiting.get(index)
    if (!waiting?.epoch || !waiting.key) return -1
    const n = waiting.epoch.open(datagram, into)
    if (n < 0) return -1
    this.#waiting.delete(index)
    this.#owner.onProven(waiting.key, waiting.handshake.remoteStatic, waiting.epoch, origin, now)
    return n
  }

  tick(now: number): void {
    for (const waiting of this.#waiting.values())
      if (now >= waiting.until) {
        this.#waiting.delete(waiting.index)
        waiting.epoch?.destroy()
      }
  }

  /** Few are answered at once. More, and a source must show that it receives; then it has its own ration. */
  #admit(datagram: Bytes, origin: Origin, now: number): boolean {
    const { counters } = this.#owner
    if (now - this.#second >= 1_000) {
      this.#second = now
      this.#free = LIMITS.udp.handshakesPerSecond
      this.#cookies = LIMITS.udp.cookiesPerSecond
    }
    if (this.#free > 0) {
      this.#free--
      return true
    }
    const source = sourceOf(origin)
    if (this.#jar.fits(datagram, source, now)) {
      const place = origin.carrier ? `${origin.carrier.text}:0` : `${origin.host}:${origin.port}`
      if (this.#admission.admit(place, now)) return true
      counters.add('rationed')
      return false
    }
    if (this.#cookies > 0) {
      this.#cookies--
      counters.add('cookies')
      this.#owner.sendTo(this.#jar.answer(datagram, source, now), origin, now, 0)
    } else counters.add('rationed')
    return false
  }

  #answerIk(handshake: Handshake, payload: Bytes, datagram: Bytes, origin: Origin, now: number): void {
    const { counters } = this.#owner
    const key = provenKey(payload, handshake.remoteStatic)
    if (!key) {
      counters.add('handshakeErrors')
      return
    }
    if (!this.#owner.allow(key)) {
      counters.add('refused')
      return
    }
    const noise = handshake.write(NONE)
    if (!noise) {
      counters.add('handshakeErrors')
      return
    }
    const index = this.#respond(datagram, noise, RESPONSE_BYTES[PATTERN.ik]!, origin, now)
    const theirs = getU32(datagram, 4)
    this.#keep({
      index,
      theirs,
      handshake,
      key,
      epoch: this.#epoch(index, theirs, handshake, now),
      until: now + LIMITS.udp.handshakeMs,
    })
  }

  #answerXx(handshake: Handshake, datagram: Bytes, origin: Origin, now: number): void {
    const noise = handshake.write(this.#owner.identity.payload)
    if (!noise) {
      this.#owner.counters.add('handshakeErrors')
      return
    }
    const index = this.#respond(datagram, noise, RESPONSE_BYTES[PATTERN.xx]!, origin, now)
    const until = now + LIMITS.udp.handshakeMs
    this.#keep({ index, theirs: getU32(datagram, 4), handshake, key: null, epoch: null, until })
  }

  #respond(init: Bytes, noise: Bytes, length: number, origin: Origin, now: number): number {
    const index = this.#owner.freeIndex()
    const out = new Uint8Array(length)
    out[0] = TYPE.response
    putU32(out, 4, index)
    out.set(init.subarray(4, 8), 8)
    out.set(noise, RESPONSE_HEAD)
    this.#owner.sendTo(out, origin, now, 0)
    return index
  }

  #keep(waiting: Waiting): void {
    if (this.#waiting.size >= LIMITS.udp.handshakesAtOnce) {
      const oldest = this.#waiting.values().next().value!
      oldest.epoch?.destroy()
      this.#waiting.delete(oldest.index)
      this.#owner.counters.add('handshakesEvicted')
    }
    this.#waiting.set(waiting.index, waiting)
  }

  #epoch(ours: number, theirs: number, handshake: Handshake, now: number): Epoch {
    return new Epoch({ ours, theirs, initiator: false, now, ciphers: handshake.split() })
  }
}
