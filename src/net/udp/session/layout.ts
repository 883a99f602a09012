// The outer layouts of our datagrams: handshake in three kinds, cookie, data; and the two codes at the
// end of a handshake's first message. docs/wire/datagrams.md is normative. Pure functions over bytes.

import { type Bytes, concat, utf8 } from '../../../base/bytes.ts'
import { equalSecret, hmac, sha256 } from '../../../crypto/native.ts'

/** First byte; 0 to 3 are STUN's, 0x64 ("d") is the DHT's. */
export const TYPE = { init: 5, response: 6, cookie: 7, data: 8, final: 9 } as const
export const PATTERN = { ik: 1, xx: 2 } as const

const KEY = 32
const TAG = 16
const MAC = 16
/** What each side says about itself in a handshake: Ed25519 key and signature. */
export const PAYLOAD_BYTES = 96

/** Type, pattern, two zero bytes, sender's index. */
export const INIT_HEAD = 8
/** The longer of the two first messages; the shorter is filled with zeros. */
const INIT_BODY: number = KEY + KEY + TAG + PAYLOAD_BYTES + TAG
export const INIT_MAC1: number = INIT_HEAD + INIT_BODY
export const INIT_MAC2: number = INIT_MAC1 + MAC
export const INIT_BYTES: number = INIT_MAC2 + MAC
/** Noise bytes of the first message, by pattern. */
export const INIT_NOISE: Readonly<Record<number, number>> = { 1: INIT_BODY, 2: KEY }

/** Type, three zero bytes, sender's index, receiver's index. */
export const RESPONSE_HEAD = 12
export const RESPONSE_BYTES: Readonly<Record<number, number>> = {
  1: RESPONSE_HEAD + KEY + TAG,
  2: RESPONSE_HEAD + KEY + KEY + TAG + PAYLOAD_BYTES + TAG,
}

/** Type, three zero bytes, receiver's index. */
export const FINAL_HEAD = 8
export const FINAL_BYTES: number = FINAL_HEAD + KEY + TAG + PAYLOAD_BYTES + TAG

/** Type, three zero bytes, receiver's index, nonce (12), sealed cookie (32). */
export const COOKIE_HEAD = 8
export const COOKIE_NONCE = 12
export const COOKIE_BYTES: number = COOKIE_HEAD + COOKIE_NONCE + MAC + TAG

/** Type, three zero bytes, receiver's index, u64 counter. */
export const DATA_HEAD = 16
export const DATA_LEAST: number = DATA_HEAD + TAG

const LABEL_MAC1 = utf8('wattle/mac1/1\0')
const LABEL_COOKIE = utf8('wattle/cookie/1\0')
const LABEL_PROLOGUE = utf8('wattle/datagrams/1\0')

/** What both sides hash before the first message. @param responder its Ed25519 key. */
export function prologueFor(responder: Bytes): Bytes {
  return concat(LABEL_PROLOGUE, responder)
}

/** The key of the first code: who does not know whom it calls gets no answer. */
export function mac1Key(responder: Bytes): Bytes {
  return sha256(LABEL_MAC1, responder)
}

/** The key that seals cookies of `responder`. */
export function cookieKey(responder: Bytes): Bytes {
  return sha256(LABEL_COOKIE, responder)
}

/** 16 bytes over the first `end` bytes. */
export function macOf(key: Bytes, datagram: Bytes, end: number): Bytes {
  return hmac(key, datagram.subarray(0, end)).subarray(0, MAC)
}

export function macFits(key: Bytes, datagram: Bytes, at: number): boolean {
  return equalSecret(macOf(key, datagram, at), datagram.subarray(at, at + MAC))
}
