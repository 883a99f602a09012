// Time from the network: SNTP (RFC 4330, the client of RFC 5905). A plain machine: it says what to send,
// takes what comes, and tells how wrong the clock is. An answer counts only from where we asked, with the
// random number that we put into the question, so that nobody off the path can set our clock.

import type { Bytes } from '../../base/bytes.ts'
import { getU32, putU32 } from '../../base/cursor.ts'
import type { Random } from '../../hw/hardware.ts'

const MESSAGE = 48
/** Seconds from 1900 to 1970. */
const EPOCH_1900 = 2_208_988_800
/** A slower answer says too little, ms. */
const LONGEST_TRIP_MS = 2_000
const MODE_SERVER = 4
const MODE_CLIENT = 3

export interface Sample {
  /** What it is now, ms since 1970. */
  utcMs: number
  /** How far that may be off, ms. */
  errorMs: number
}

export class SntpQuery {
  readonly #cookie: Bytes
  #sentAt = 0
  #done = false

  constructor(random: Random) {
    this.#cookie = new Uint8Array(8)
    random(this.#cookie)
  }

  /** The datagram for port 123. The transmit time is a random number: it tells nobody our clock. */
  request(now: number): Bytes {
    const out = new Uint8Array(MESSAGE)
    // No warning, version 4, client.
    out[0] = (4 << 3) | MODE_CLIENT
    out.set(this.#cookie, 40)
    this.#sentAt = now
    return out
  }

  /** Takes one datagram; null where it is no answer to ours, or of no use. */
  onAnswer(message: Bytes, now: number): Sample | null {
    if (this.#done || message.length < MESSAGE) return null
    const leap = message[0]! >> 6
    const version = (message[0]! >> 3) & 7
    const stratum = message[1]!
    for (let i = 0; i < 8; i++) if (message[24 + i] !== this.#cookie[i]) return null
    if ((message[0]! & 7) !== MODE_SERVER || version < 3 || version > 4) return null
    // Leap 3: not in step itself. Stratum 0: "kiss of death", go away.
    if (leap === 3 || stratum === 0 || stratum > 15) return null
    const trip = now - this.#sentAt
    const received = timeAt(message, 32)
    const sent = timeAt(message, 40)
    if (sent === 0 || received === 0 || trip < 0 || trip > LONGEST_TRIP_MS || sent < received) return null
    this.#done = true
    const delay = Math.max(0, trip - (sent - received))
    // Root delay and dispersion are 16.16 seconds.
    const root = (getU32(message, 4) / 2 + getU32(message, 8)) / 65.536
    return { utcMs: sent + delay / 2, errorMs: delay / 2 + root }
  }
}

/** A timestamp of 32.32 seconds since 1900, or since 2036 where its first bit is not set; ms since 1970. */
function timeAt(message: Bytes, at: number): number {
  const seconds = getU32(message, at)
  const fraction = getU32(message, at + 4)
  if (seconds === 0 && fraction === 0) return 0
  const era = seconds >= 0x8000_0000 ? 0 : 0x1_0000_0000
  return (seconds + era - EPOCH_1900) * 1_000 + (fraction / 0x1_0000_0000) * 1_000
}

/** For servers and tests: a time as it is written. */
export function putTime(message: Bytes, at: number, utcMs: number): void {
  const seconds = utcMs / 1_000 + EPOCH_1900
  putU32(message, at, Math.floor(seconds) % 0x1_0000_0000)
  putU32(message, at + 4, Math.floor((seconds % 1) * 0x1_0000_0000))
}
