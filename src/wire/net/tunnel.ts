// Messages of `/wattle/tunnel/1.0.0` (docs/wire/tunnel.md): one stream carries one TCP connection to a port
// of a device. Two messages, then the bytes as they are.

import { type Bytes, text, utf8 } from '../../base/bytes.ts'

export const TUNNEL_PROTOCOL = '/wattle/tunnel/1.0.0'

export const TUNNEL = { open: 1, opened: 2, refused: 3 } as const

/** Bytes of a target or of a word, and of the longest message with its type. */
const TEXT_BYTES = 32
export const TUNNEL_MESSAGE_BYTES: number = 1 + TEXT_BYTES

/** Why a device does not open a tunnel. */
export const TUNNEL_WORDS = ['owners-only', 'not-carried', 'nobody-listens', 'busy', 'malformed'] as const
export type TunnelWord = (typeof TUNNEL_WORDS)[number]

/** Owner → device. `target` is the name of a service (`page`, `raw`) or a port in digits. */
export function encodeOpen(target: string): Bytes {
  return tagged(TUNNEL.open, target)
}

/** The target, or null where it is none. */
export function decodeOpen(message: Bytes): string | null {
  const target = message[0] === TUNNEL.open ? text(message.subarray(1)) : ''
  return isTarget(target) ? target : null
}

/** A name of small letters, digits and `-`, or a port from 1 to 65535. */
export function isTarget(target: string): boolean {
  if (/^\d+$/.test(target)) return /^[1-9]\d{0,4}$/.test(target) && Number(target) <= 65_535
  return target.length <= TEXT_BYTES && /^[a-z][a-z0-9-]*$/.test(target)
}

/** Device → owner: from here on both sides send the connection's bytes. */
export function encodeOpened(): Bytes {
  return Uint8Array.of(TUNNEL.opened)
}

export function encodeTunnelRefused(word: TunnelWord): Bytes {
  return tagged(TUNNEL.refused, word)
}

/** Null: opened. A word: refused; one that is not known is given as `refused`. Undefined: neither. */
export function decodeTunnelAnswer(message: Bytes): string | null | undefined {
  if (message[0] === TUNNEL.opened && message.length === 1) return null
  if (message[0] !== TUNNEL.refused) return undefined
  const word = text(message.subarray(1))
  return TUNNEL_WORDS.some((known) => known === word) ? word : 'refused'
}

function tagged(type: number, word: string): Bytes {
  const body = utf8(word)
  const out = new Uint8Array(1 + body.length)
  out[0] = type
  out.set(body, 1)
  return out
}
