// Cookies (as WireGuard's, section 5.4.7 of its paper): under load, who begins a handshake must first
// show that it receives at the address it sends from. The answering side keeps no state for it but one
// secret, replaced every two minutes; the asking side keeps the newest cookie for the same time.

import type { Bytes } from '../../../base/bytes.ts'
import { equalSecret, hmac, open, seal } from '../../../crypto/native.ts'
import type { Random } from '../../../hw/hardware.ts'
import {
  COOKIE_BYTES,
  COOKIE_HEAD,
  COOKIE_NONCE,
  cookieKey,
  INIT_MAC1,
  INIT_MAC2,
  macOf,
  TYPE,
} from './layout.ts'

const LIFE_MS = 120_000
const MAC = 16

/** The answering side. */
export class CookieJar {
  readonly #random: Random
  readonly #key: Bytes
  readonly #secret: Bytes
  readonly #old: Bytes
  #made: number

  /** @param own our Ed25519 key. */
  constructor(random: Random, own: Bytes, now: number) {
    this.#random = random
    this.#key = cookieKey(own)
    this.#secret = new Uint8Array(32)
    this.#old = new Uint8Array(32)
    random(this.#secret)
    random(this.#old)
    this.#made = now
  }

  /** Whether the second code of a first message was made with a cookie of ours for `source`. */
  fits(datagram: Bytes, source: Bytes, now: number): boolean {
    this.#renew(now)
    const said = datagram.subarray(INIT_MAC2, INIT_MAC2 + MAC)
    return (
      equalSecret(macOf(this.#cookie(this.#secret, source), datagram, INIT_MAC2), said) ||
      equalSecret(macOf(this.#cookie(this.#old, source), datagram, INIT_MAC2), said)
    )
  }

  /** The datagram that hands out a cookie in answer to `datagram`, a first message from `source`. */
  answer(datagram: Bytes, source: Bytes, now: number): Bytes {
    this.#renew(now)
    const out = new Uint8Array(COOKIE_BYTES)
    out[0] = TYPE.cookie
    out.set(datagram.subarray(4, 8), 4)
    const nonce = out.subarray(COOKIE_HEAD, COOKIE_HEAD + COOKIE_NONCE)
    this.#random(nonce)
    const bound = datagram.subarray(INIT_MAC1, INIT_MAC2)
    out.set(seal(this.#key, nonce, bound, this.#cookie(this.#secret, source)), COOKIE_HEAD + COOKIE_NONCE)
    return out
  }

  #cookie(secret: Bytes, source: Bytes): Bytes {
    return hmac(secret, source).subarray(0, MAC)
  }

  #renew(now: number): void {
    if (now - this.#made < LIFE_MS) return
    this.#old.set(this.#secret)
    this.#random(this.#secret)
    this.#made = now
  }
}

/** The asking side: the newest cookie of one peer. */
export class Cookie {
  #cookie: Bytes | null
  #came: number

  constructor() {
    this.#cookie = null
    this.#came = 0
  }

  /** Takes the cookie out of its datagram. @param mac1 of the message it answers. False: not authentic. */
  take(datagram: Bytes, responder: Bytes, mac1: Bytes, now: number): boolean {
    const nonce = datagram.subarray(COOKIE_HEAD, COOKIE_HEAD + COOKIE_NONCE)
    const cookie = open(cookieKey(responder), nonce, mac1, datagram.subarray(COOKIE_HEAD + COOKIE_NONCE))
    if (!cookie) return false
    this.#cookie = cookie
    this.#came = now
    return true
  }

  /** Writes the second code; zeros where there is no cookie. */
  sign(datagram: Bytes, now: number): void {
    const usable = this.#cookie !== null && now - this.#came < LIFE_MS
    if (usable) datagram.set(macOf(this.#cookie!, datagram, INIT_MAC2), INIT_MAC2)
    else datagram.fill(0, INIT_MAC2)
  }
}
