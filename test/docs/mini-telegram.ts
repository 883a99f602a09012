// Packed telegrams, read as docs/wire/telegrams.md and docs/wire.md "Telegram payload" have them; the
// dictionary is taken from the page itself. Nothing of src/ is used.

import { readFileSync } from 'node:fs'

type Binary = Uint8Array

function dictionary(): Binary {
  const page = readFileSync('docs/wire/telegrams.md', 'latin1')
  const block = /## 6\. Dictionary 1[\s\S]*?```\n([\s\S]*?)```/.exec(page)![1]!
  return Buffer.from(block.replaceAll('\n', '\r\n'), 'latin1')
}

function crc16(data: Binary): number {
  let crc = 0
  for (const byte of data) {
    crc ^= byte
    for (let i = 0; i < 8; i++) crc = crc & 1 ? (crc >> 1) ^ 0xa001 : crc >> 1
  }
  return crc
}

function crc32(data: Binary): number {
  let crc = 0xffffffff
  for (const byte of data) {
    crc ^= byte
    for (let i = 0; i < 8; i++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1
  }
  return ~crc >>> 0
}

const hexDigits = (n: number, width: number): number[] => [
  ...Buffer.from(n.toString(16).toUpperCase().padStart(width, '0')),
]

/** Sections 2 to 4; null for anything that is not the format. */
export function unpack(packed: Binary, reference: Binary | null): Binary | null {
  const [form] = packed
  if (form === 0) return packed.subarray(1)
  if (form === 2 && (!reference || Buffer.from(packed).readUInt32BE(1) !== crc32(reference))) return null
  const ref = form === 1 ? dictionary() : reference!
  const nibbles = [...packed.subarray(form === 1 ? 1 : 5)].flatMap((b) => [b >> 4, b & 15])
  let at = 0
  const number = (n: number): number => {
    let value = 0
    for (let i = 0; i < n; i++) value = value * 16 + nibbles[at++]!
    return value
  }
  const out: number[] = []
  for (let p = 0; at < nibbles.length; ) {
    const op = number(1)
    let n = 0
    if (op === 0) return Uint8Array.from(out)
    if (op === 1) {
      out.push(33)
      return Uint8Array.from([...out, ...hexDigits(crc16(Uint8Array.from(out)), 4)])
    }
    if (op === 5) {
      p = number(3)
      continue
    }
    if (op === 7) {
      n = number(1) + 1
      for (let i = 0; i < n; i++) out.push(number(2))
    } else if (op >= 8) {
      n = op < 15 ? op - 7 : number(1) + 8
      for (let i = 0; i < n; i++) out.push(...hexDigits(number(1), 1))
    } else {
      if (op === 2) n = number(1) + 1
      else if (op === 3) n = number(2) + 17
      else n = ref.indexOf(op === 4 ? 10 : 40, p) + 1 - p
      if (n <= 0 || p + n > ref.length) return null
      out.push(...ref.subarray(p, p + n))
    }
    p += n
  }
  return null
}

/** The table of "Telegram payload": two telegrams are held. */
export class MiniTelegrams {
  reference: Binary | null = null
  last: Binary | null = null

  state(bytes: Binary): void {
    if (bytes.length === 0) return
    this.reference = unpack(bytes, null)
    this.last = this.reference
  }

  take(payload: Binary): Binary | null {
    const kind = payload[0]!
    if (kind === 3) this.reference = this.last
    this.last = kind > 1 && !this.reference ? null : unpack(payload.subarray(7), this.reference)
    if (kind === 1 && this.last) this.reference = this.last
    return this.last
  }
}
