// One peer on the datagram plane: its keys of the last two handshakes, the paths to it, and which of
// them is used. Keys follow Noise, paths follow challenges and answers; that a peer changes its address
// changes nothing about its keys. Frames other than the path's own go to the plane's handlers.

import { type Bytes, equal } from '../../../base/bytes.ts'
import { Reader, Writer } from '../../../base/cursor.ts'
import { LIMITS } from '../../../base/limits.ts'
import { type Place, putPlace, takePlace } from '../address.ts'
import { FRAME, FRAME_HEAD, putFrame } from '../frames.ts'
import type { Epoch } from './epoch.ts'
import { DATA_HEAD } from './layout.ts'
import { type Origin, Path } from './path.ts'

const NONE: Bytes = new Uint8Array(0)
const TAG = 16
const TOKEN = 8
/** A challenge is repeated after this; a path that was good has failed after so many. */
const ASK_MS = 400
const ASKS = 3
/** Nothing came back for what was sent: the path is asked. */
const OWED_MS = 2_000
/** An equal path takes over when the one in use was silent for this long. */
const QUIET_MS = 2_000
/** A path that failed, or that never answered, is asked again after 1 s, 2 s, 4 s … this. */
const RETRY_MS = 60_000
/** The same while there is no other. */
const ALONE_MS = 2_000
/** A good path that is not in use is kept alive with every third keepalive. */
const SPARE_MS: number = 3 * LIMITS.udp.keepAliveMs
/** Nothing at all was heard on a path for this long. */
const DEAF_MS = 1_000
/** Without any good path for this long, the peer may have lost our keys: a new handshake. */
const LOST_MS = 15_000

/** A handshake of ours under way (attempt.ts). */
export interface Underway {
  tick(now: number): number
  spoiled(): void
  end(): void
}

export interface SessionOwner {
  random(into: Bytes): void
  /** Room for a datagram at its start; free for use until the next one is sealed. */
  outbox(relayed: boolean): Bytes
  sendTo(datagram: Bytes, origin: Origin, now: number, ttl: number): void
  /** Begins a handshake with all paths of the session. */
  begin(session: Session, now: number): void
  dispatch(session: Session, type: number, body: Bytes, path: Path | null, now: number): void
  onPath(session: Session, path: Path | null): void
  forget(epoch: Epoch): void
}

export class Session {
  /** The Ed25519 key that the other side proved, or has to prove. */
  readonly key: Bytes
  /** Its X25519 key for datagrams, once proved. */
  remoteStatic: Bytes | null
  /** Kept alive and brought back after it was lost. */
  keep: boolean
  /** Nobody whom this process knows; asked anew at each handshake. */
  stranger: boolean
  /** Carries pipes: kept alive as well, but others' pipes alone do not hold a place here. */
  busy: boolean
  current: Epoch | null
  previous: Epoch | null
  attempt: Underway | null
  /** Repeated until the other side has shown that it has the keys. */
  final: Bytes | null
  readonly paths: Path[]
  best: Path | null
  /** The address under which the other side sees us, as it said last, and where we heard it. */
  observed: Place | null
  /** The same of a TCP connection between us. */
  observedTcp: Place | null
  heard: number
  used: number
  /** Handshakes that were completed. */
  handshakes: number
  closed: boolean
  readonly #owner: SessionOwner
  #lostAt: number

  constructor(owner: SessionOwner, key: Bytes, now: number) {
    this.key = key
    this.remoteStatic = null
    this.keep = false
    this.stranger = false
    this.busy = false
    this.current = null
    this.previous = null
    this.attempt = null
    this.final = null
    this.paths = []
    this.best = null
    this.observed = null
    this.observedTcp = null
    this.heard = now
    this.used = now
    this.handshakes = 0
    this.closed = false
    this.#owner = owner
    this.#lostAt = now
  }

  /** Keys are agreed on and a path is good. */
  get up(): boolean {
    return this.current !== null && this.best !== null && !this.closed
  }

  /** Most bytes that `send` takes for one frame's head and body. */
  get room(): number {
    return LIMITS.udp.datagramBytes - DATA_HEAD - TAG - FRAME_HEAD
  }

  /** One frame on the path in use. False: the session is not up; nothing was sent. */
  send(type: number, head: Bytes, body: Bytes, now: number): boolean {
    if (!this.best || !this.current) return false
    this.used = now
    return this.sendOn(this.best, type, head, body, now)
  }

  /** One frame on a path of choice, good or not: for challenges, answers and openers. */
  sendOn(path: Path, type: number, head: Bytes, body: Bytes, now: number, ttl = 0): boolean {
    const epoch = this.current
    if (!epoch || this.closed || epoch.dead(now)) return false
    const most = type === FRAME.forward ? LIMITS.udp.relayedBytes : LIMITS.udp.datagramBytes
    const out = this.#owner.outbox(path.carrier?.relayed === true)
    const end = putFrame(out, DATA_HEAD, type, head, body)
    if (end + TAG > most) throw new RangeError(`a frame of ${end} bytes does not fit`)
    const n = epoch.seal(out, end - DATA_HEAD)
    path.sent = now
    if (path.owed === 0) path.owed = now
    this.#owner.sendTo(out.subarray(0, n), path, now, ttl)
    return true
  }

  /** A way that may lead there; the known one where there is one already. */
  addPath(origin: Origin): Path | null {
    const known = this.paths.find((path) => path.is(origin))
    if (known) return known
    if (this.paths.length >= LIMITS.udp.paths) {
      let worst = -1
      for (let i = 0; i < this.paths.length; i++) {
        const path = this.paths[i]!
        if (path === this.best || (path.good && path.rank > this.best!.rank)) continue
        if (worst < 0 || value(path) < value(this.paths[worst]!)) worst = i
      }
      if (worst < 0) return null
      this.paths.splice(worst, 1)
    }
    const path = new Path(origin)
    this.paths.push(path)
    return path
  }

  /** The path is gone for good: its circuit was hung up, its socket closed. */
  dropPath(path: Path, now: number): void {
    const i = this.paths.indexOf(path)
    if (i >= 0) this.paths.splice(i, 1)
    path.good = false
    this.#choose(now)
  }

  /** New keys, proved on the path `origin`. */
  adopt(epoch: Epoch, origin: Origin, now: number): void {
    if (this.previous) this.#owner.forget(this.previous)
    this.previous = this.current
    this.current = epoch
    this.attempt = null
    this.handshakes++
    this.heard = now
    const path = this.addPath(origin)
    if (path) {
      path.good = true
      path.asks = 0
      path.heard = now
      path.newest = now
      path.owed = 0
    }
    this.#choose(now)
    if (path) this.ask(path, now)
  }

  /** Is this path still, or yet, of use? The answer makes it good. */
  ask(path: Path, now: number, ttl = 0): void {
    if (!path.token) {
      path.token = new Uint8Array(TOKEN)
      this.#owner.random(path.token)
    }
    path.asks++
    path.askedAt = now
    if (this.final) this.#owner.sendTo(this.final, path, now, ttl)
    this.sendOn(path, FRAME.challenge, path.token, NONE, now, ttl)
  }

  /** Asks the path in use now instead of after a while: something was not acknowledged. */
  doubt(now: number): void {
    if (this.best && this.best.asks === 0 && now - this.best.askedAt >= ASK_MS) this.ask(this.best, now)
  }

  /** An authentic datagram: what it says, and what it shows about the path it came on. */
  onPlain(epoch: Epoch, plain: Bytes, origin: Origin, now: number): void {
    this.heard = now
    if (!epoch.confirmed) {
      epoch.confirmed = true
      if (epoch === this.current) this.final = null
    }
    const path = this.#onOrigin(epoch, origin, now)
    let at = 0
    while (at + FRAME_HEAD <= plain.length && !this.closed) {
      const length = (plain[at + 1]! << 8) | plain[at + 2]!
      const from = at + FRAME_HEAD
      if (length > plain.length - from) return
      this.#onFrame(plain[at]!, plain.subarray(from, from + length), path, now)
      at = from + length
    }
  }

  close(now: number, reason = 0): void {
    if (this.closed) return
    this.send(FRAME.close, Uint8Array.of(reason), NONE, now)
    this.closed = true
  }

  /** Handshakes, paths, keepalive; when it wants to be called next. */
  tick(now: number): number {
    if (this.closed) return Number.POSITIVE_INFINITY
    let next = now + 1_000
    if (this.previous?.dead(now)) {
      this.#owner.forget(this.previous)
      this.previous = null
    }
    if (this.current?.dead(now)) {
      this.#owner.forget(this.current)
      this.current = null
      for (const path of this.paths) path.good = false
      this.#choose(now)
    }
    const wanted = this.keep || this.busy || now - this.used < LIMITS.udp.keepAliveMs
    if (this.attempt) next = Math.min(next, this.attempt.tick(now))
    else if (wanted && this.current?.old(now)) this.#owner.begin(this, now)
    else if (wanted && this.keep && !this.best && now - this.#lostAt >= LOST_MS) {
      this.#lostAt = now
      this.#owner.begin(this, now)
    }
    if (this.current) for (const path of this.paths) next = Math.min(next, this.#tend(path, now, wanted))
    return next
  }

  /** Whether nobody needs it and nothing came for long. */
  idle(now: number): boolean {
    return !this.keep && !this.busy && now - Math.max(this.heard, this.used) >= LIMITS.udp.idleMs
  }

  // ── Paths ───────────────────────────────────────────────────────────────────────────────────

  #onOrigin(epoch: Epoch, origin: Origin, now: number): Path | null {
    const path = this.addPath(origin)
    if (!path) return null
    path.heard = now
    path.owed = 0
    if (epoch.newest && epoch === this.current) path.newest = now
    if (!path.good && now - path.askedAt >= ASK_MS / 2) this.ask(path, now)
    else if (path.good) this.#choose(now)
    return path
  }

  #onFrame(type: number, body: Bytes, path: Path | null, now: number): void {
    if (type === FRAME.challenge) {
      if (!path || body.length !== TOKEN) return
      const out = new Writer(new Uint8Array(TOKEN + 19)).put(body)
      const seen = path.carrier ? path.carrier.seen : path
      putPlace(out, seen?.host ?? '', seen?.port ?? 0)
      this.sendOn(path, FRAME.answer, out.done(), NONE, now)
    } else if (type === FRAME.answer) this.#onAnswer(body, path, now)
    else if (type === FRAME.close) this.closed = true
    else this.#owner.dispatch(this, type, body, path, now)
  }

  #onAnswer(body: Bytes, came: Path | null, now: number): void {
    const r = new Reader(body)
    const token = r.take(TOKEN)
    const path = this.paths.find((each) => each.token !== null && equal(each.token, token))
    if (!r.ok || !path) return
    path.rtt = now - path.askedAt
    path.token = null
    path.asks = 0
    path.good = true
    path.owed = 0
    if (came && !came.carrier) this.observed = takePlace(r) ?? this.observed
    else if (came?.carrier?.seen) this.observedTcp = takePlace(r) ?? this.observedTcp
    this.#choose(now)
  }

  /** The best good path: by rank; among equals the one in use, unless the peer has left it. */
  #choose(now: number): void {
    let best: Path | null = this.best?.good ? this.best : null
    for (const path of this.paths) {
      if (!path.good || path === best) continue
      if (!best || path.rank < best.rank) best = path
      else if (path.rank === best.rank && path.newest > best.newest) {
        // One side leads, or both would run after each other.
        if (!this.current?.initiator || now - best.heard >= QUIET_MS) best = path
      }
    }
    if (best === this.best) return
    this.best = best
    if (!best) this.#lostAt = now
    this.#owner.onPath(this, best)
  }

  #tend(path: Path, now: number, wanted: boolean): number {
    if (path.good) {
      if (path.asks >= ASKS && now - path.askedAt >= ASK_MS && this.#failed(path, now)) {
        path.good = false
        this.#choose(now)
        return now + ASK_MS
      }
      const due = this.#dueGood(path, wanted)
      if (now < due) return due
      this.ask(path, now)
      return now + ASK_MS
    }
    // Of no use as long as a better one works.
    if (!wanted || (this.best && this.best.rank <= path.rank)) return Number.POSITIVE_INFINITY
    const longest = this.best ? RETRY_MS : ALONE_MS
    const due = path.askedAt + Math.min(longest, 500 * 2 ** Math.min(path.asks, 10))
    if (now < due) return due
    this.ask(path, now)
    return now + ASK_MS
  }

  /** Without a better choice, a path on which something is heard is only a bad one. */
  #failed(path: Path, now: number): boolean {
    if (now - path.heard >= DEAF_MS) return true
    return path.asks >= 2 * ASKS && this.paths.some((other) => other.good && other !== path)
  }

  #dueGood(path: Path, wanted: boolean): number {
    if (path.asks > 0) return path.askedAt + ASK_MS * 2 ** Math.min(3, Math.max(0, path.asks - ASKS))
    if (path === this.best && path.owed > 0) return path.owed + OWED_MS
    if (!wanted || (!this.keep && !this.busy)) return Number.POSITIVE_INFINITY
    return path === this.best
      ? Math.max(path.sent, path.askedAt) + LIMITS.udp.keepAliveMs
      : Math.max(path.heard, path.askedAt) + SPARE_MS
  }
}

/** What a path is worth keeping for: good ones, then those heard last. */
function value(path: Path): number {
  return (path.good ? 1e15 : 0) + Math.max(path.heard, path.askedAt, -1e12)
}
