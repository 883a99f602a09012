// The telegrams of test/p1/telegrams with what they should give (ORIGIN.md there).
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import type { Bytes } from '../../src/base/bytes.ts'
import type { Frame, FramerEvents, Reason } from '../../src/p1/frame/frame.ts'
import { Framer } from '../../src/p1/frame/framer.ts'

const DIR = 'test/p1/telegrams'

export interface Expected {
  variant: string
  header: { raw: string }
  crc: { claimed: string | null; digits: number; computed: string; valid: boolean | null }
  meterTime: { raw: string; utc: string | null } | null
  objects: { id: string; groups: Record<string, string>[] }[]
  other: string[]
}

export interface Sample {
  name: string
  /** As published. */
  bytes: Bytes
  /** With the right CRC where the published one is wrong. */
  good: Bytes
  expected: Expected
}

function load(path: string): Bytes {
  return new Uint8Array(readFileSync(path))
}

export const corpus: Sample[] = readdirSync(DIR)
  .filter((f) => f.endsWith('.p1'))
  .sort()
  .map((f) => {
    const name = f.slice(0, -3)
    const bytes = load(`${DIR}/${f}`)
    const repaired = `${DIR}/recrc/${f}`
    return {
      name,
      bytes,
      good: existsSync(repaired) ? load(repaired) : bytes,
      expected: JSON.parse(readFileSync(`${DIR}/${name}.expected.json`, 'utf8')) as Expected,
    }
  })

export function sample(name: string): Sample {
  const found = corpus.find((s) => s.name === name)
  if (found === undefined) throw new Error(`no sample ${name}`)
  return found
}

export function latin(bytes: Bytes): string {
  return Buffer.from(bytes).toString('latin1')
}

export function bytesOf(text: string): Bytes {
  return new Uint8Array(Buffer.from(text, 'latin1'))
}

/** Telegram up to its last CRC digit, "!" or line: what the framer hands on. */
export function body(bytes: Bytes): string {
  const text = latin(bytes)
  const whole = /^[\s\S]*?\r\n!(?:[0-9A-Fa-f]{1,4})?/.exec(text)
  return whole === null ? text : whole[0]
}

export interface Seen {
  telegrams: {
    text: string
    verified: boolean
    parity: boolean
    nuls: boolean
    duplicate: boolean
    offset: number
    now: number
  }[]
  rejects: Reason[]
  binary: number
}

/** A framer that notes what it says. */
export function watched(): { framer: Framer; seen: Seen } {
  const seen: Seen = { telegrams: [], rejects: [], binary: 0 }
  const events: FramerEvents = {
    onTelegram(frame: Frame, now: number): void {
      const { verified, parity, nuls, duplicate, offset } = frame
      seen.telegrams.push({ text: latin(frame.bytes()), verified, parity, nuls, duplicate, offset, now })
    },
    onReject: (reason) => seen.rejects.push(reason),
    onBinary: () => {
      seen.binary++
    },
  }
  return { framer: new Framer(events), seen }
}

/** Feeds `bytes` in chunks, then lets the line be silent. */
export function feed(bytes: Bytes, chunk: number | (() => number) = 64): Seen {
  const { framer, seen } = watched()
  for (let at = 0; at < bytes.length; ) {
    const n = Math.min(typeof chunk === 'number' ? chunk : chunk(), bytes.length - at)
    const room = framer.room()
    const m = Math.min(n, room.length)
    room.set(bytes.subarray(at, at + m))
    framer.onBytes(m, 0)
    at += m
  }
  framer.tick(10_000)
  return seen
}
