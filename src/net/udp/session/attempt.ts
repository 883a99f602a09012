// A handshake of ours under way: one first message, repeated on every path to the peer with growing
// pauses, the better paths a little earlier. IK where the peer's key for datagrams is known; if that
// brings no answer (it may have restarted with another key) XX follows. Sans-I/O.

import type { Bytes } from '../../../base/bytes.ts'
import { putU32 } from '../../../base/cursor.ts'
import { LIMITS } from '../../../base/limits.ts'
import { Exchange } from '../../../crypto/native.ts'
import { Secret } from '../../../crypto/secret.ts'
import type { Random } from '../../../hw/hardware.ts'
import { Handshake } from '../../noise/handshake.ts'
import { Cookie } from './cookie.ts'
import type { DatagramIdentity } from './identity.ts'
import {
  INIT_BYTES,
  INIT_HEAD,
  INIT_MAC1,
  INIT_MAC2,
  mac1Key,
  macOf,
  PATTERN,
  prologueFor,
  TYPE,
} from './layout.ts'
import type { Origin } from './path.ts'
import type { Session } from './session.ts'

const NONE: Bytes = new Uint8Array(0)
/** Paths begin so far apart, the best first. */
const STEP_MS = 150
const FIRST_MS = 250
/** How long IK is tried. */
const IK_MS = 2_000

export interface AttemptOwner {
  readonly identity: DatagramIdentity
  readonly random: Random
  /** A free index that leads to this attempt. */
  claim(attempt: Attempt): number
  release(index: number): void
  sendTo(datagram: Bytes, origin: Origin, now: number, ttl: number): void
  /** Nobody answered. */
  onFailed(session: Session, now: number): void
}

export class Attempt {
  readonly session: Session
  readonly cookie: Cookie
  pattern: 1 | 2
  handshake: Handshake
  index: number
  readonly began: number
  readonly #owner: AttemptOwner
  readonly #datagram: Bytes

  constructor(owner: AttemptOwner, session: Session, now: number) {
    this.session = session
    this.cookie = new Cookie()
    this.began = now
    this.#owner = owner
    this.#datagram = new Uint8Array(INIT_BYTES)
    this.pattern = session.remoteStatic ? PATTERN.ik : PATTERN.xx
    this.index = -1
    this.handshake = this.#renew()
    const paths = [...session.paths].sort((a, b) => a.rank - b.rank)
    for (let i = 0; i < paths.length; i++) {
      paths[i]!.inits = 0
      paths[i]!.initAt = now + i * STEP_MS
    }
  }

  /** First messages where they are due; when the next is. */
  tick(now: number): number {
    if (now - this.began >= LIMITS.udp.handshakeMs) {
      this.end()
      this.#owner.onFailed(this.session, now)
      return now + 1_000
    }
    if (this.pattern === PATTERN.ik && now - this.began >= IK_MS) {
      this.pattern = PATTERN.xx
      this.handshake = this.#renew()
    }
    let next = this.began + LIMITS.udp.handshakeMs
    for (const path of this.session.paths) {
      if (now >= path.initAt) {
        path.initAt = now + FIRST_MS * 2 ** Math.min(path.inits++, 4)
        this.cookie.sign(this.#datagram, now)
        this.#owner.sendTo(this.#datagram, path, now, 0)
      }
      next = Math.min(next, path.initAt)
    }
    return next
  }

  /** A cookie came: the message goes out again, with it. */
  onCookie(datagram: Bytes, origin: Origin, now: number): boolean {
    const mac1 = this.#datagram.subarray(INIT_MAC1, INIT_MAC2)
    if (!this.cookie.take(datagram, this.session.key, mac1, now)) return false
    for (const path of this.session.paths) if (path.is(origin)) path.initAt = now
    return true
  }

  /** The answer did not verify: the Noise object is spent, the attempt is not. */
  spoiled(): void {
    this.handshake = this.#renew()
  }

  end(): void {
    this.#owner.release(this.index)
    if (this.session.attempt === this) this.session.attempt = null
  }

  #renew(): Handshake {
    const { identity, random } = this.#owner
    const { session } = this
    if (this.index >= 0) this.#owner.release(this.index)
    this.index = this.#owner.claim(this)
    const ik = this.pattern === PATTERN.ik
    const handshake = new Handshake({
      pattern: ik ? 'IK' : 'XX',
      initiator: true,
      prologue: prologueFor(session.key),
      static: identity.exchange,
      ephemeral: new Exchange(Secret.fresh(random)),
      ...(ik ? { remoteStatic: session.remoteStatic! } : {}),
    })
    const out = this.#datagram.fill(0)
    out[0] = TYPE.init
    out[1] = this.pattern
    putU32(out, 4, this.index)
    // An unusable key of the peer leaves zeros: nobody answers, and XX is tried.
    const noise = handshake.write(ik ? identity.payload : NONE)
    if (noise) out.set(noise, INIT_HEAD)
    out.set(macOf(mac1Key(session.key), out, INIT_MAC1), INIT_MAC1)
    return handshake
  }
}
