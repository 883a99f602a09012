// The slow, obvious twin of the framer: has the whole stream as one string, looks at every "!" at the
// start of a line and every header before it, computes the CRC bit by bit. Judges the framer in the
// property test. It knows nothing of chunks, rings or silence.
import { latin } from './corpus.ts'

export interface Found {
  text: string
  verified: boolean
  offset: number
}

const CAP = 4096
const LINE_CAP = 2112
const TAIL = 16

export function slowCrc(text: string): number {
  let crc = 0
  for (const ch of text) {
    crc ^= ch.charCodeAt(0)
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >> 1) ^ 0xa001 : crc >> 1
  }
  return crc
}

const OBJECT = /^\d{1,3}-\d{1,3}:\d{1,3}[.:]\d{1,3}[.:]\d{1,3}(?:[*.]\d*)?(?:\([ -'*-~]*\))+$/
const GROUPS = /^(?:\([ -'*-~]*\))+$/

/** A telegram without CRC: strict form, an energy register, nothing that only newer versions have. */
function formFits(text: string): boolean {
  const body = text.endsWith('\r\n!') ? text.slice(0, -1) : text
  if (!body.endsWith('\r\n')) return false
  const [header, ...lines] = body.slice(0, -2).split('\r\n')
  if (!/^\/[A-Za-z]{3}[ -~]+$/.test(header!)) return false
  if (lines.some((l) => l !== '' && !OBJECT.test(l) && !GROUPS.test(l))) return false
  if (lines.some((l) => /^(?:1-3:0\.2\.8|0-0:96\.1\.4|0-0:1\.0\.0)/.test(l))) return false
  return lines.some((l) => /^.-0:1\.8\./.test(l) || /^1-0:1\.8\./.test(l))
}

function unparity(text: string): string | null {
  let out = ''
  for (const ch of text) {
    const c = ch.charCodeAt(0)
    let ones = 0
    for (let bit = 0; bit < 8; bit++) ones += (c >> bit) & 1
    if (ones % 2 === 1) return null
    out += String.fromCharCode(c & 0x7f)
  }
  return out
}

/** Starts of header lines in the line `[from..lf)`. */
function headsIn(s: string, from: number, lf: number): number[] {
  const out: number[] = []
  for (let i = Math.max(from, lf - LINE_CAP); i < lf; i++) {
    const plain = /^\/[A-Za-z]{3}./s.test(s.slice(i, Math.min(lf, i + 5)))
    const high = [...s.slice(i, Math.min(lf, i + 5))]
      .map((c) => String.fromCharCode(c.charCodeAt(0) & 0x7f))
      .join('')
    const parity = s[i] === '\xaf' && /^\/[A-Za-z]{3}./s.test(high)
    if (!plain && !parity) continue
    const rest = [...s.slice(i, lf)].map((c) => c.charCodeAt(0) & 0x7f)
    if (i === from || !rest.some((c) => c === 40 || c === 41)) out.push(i)
  }
  return out
}

/** All telegrams of a stream, in order. `silence`: the line is silent at its end. */
export function twin(bytes: Uint8Array, silence = true): Found[] {
  const s = latin(bytes)
  const found: Found[] = []
  let heads: number[] = []
  let crcSeen = false
  let bangSeen = false
  let line = 0
  const judge = (from: number, to: number, bang: number, nul: boolean): Found | null => {
    if (to - from > CAP) return null
    let text = s.slice(from, to)
    if (text[0] === '\xaf') {
      const plain = unparity(text)
      if (plain === null) return null
      text = plain
    }
    const digits = bang < 0 ? '' : text.slice(bang - from + 1)
    if (/[0-9a-f]/i.test(digits)) {
      if (!/^[0-9a-f\0]+$/i.test(digits)) return null
      const body = text.slice(0, bang - from + 1)
      const claimed = Number.parseInt(digits.replaceAll('\0', ''), 16)
      const fits = slowCrc(body) === claimed || (nul && slowCrc(body.replaceAll('\0', '')) === claimed)
      return fits ? { text, verified: true, offset: from } : null
    }
    return !crcSeen && formFits(text) ? { text, verified: false, offset: from } : null
  }
  const endless = (to: number): void => {
    if (heads.length === 0 || bangSeen || crcSeen) return
    const one = judge(heads.at(-1)!, to, -1, false)
    if (one === null) return
    found.push(one)
    heads = []
  }
  const drop = (at: number): void => {
    heads = heads.filter((h) => at - h <= CAP + TAIL)
  }
  let i = 0
  while (i < s.length) {
    const c = s[i]!
    if (c === '\n') {
      drop(i)
      if (i - line > LINE_CAP) heads = []
      for (const head of headsIn(s, line, i)) {
        if (head === line) endless(head)
        heads.push(head)
        if (heads.length > 8) heads.shift()
      }
      line = i + 1
    } else if (c === '!' && heads.length > 0 && /^\0*$/.test(s.slice(line, i))) {
      drop(i)
      if (heads.length > 0) {
        let to = i + 1
        let digits = 0
        while (to < s.length && digits < 4) {
          const d = String.fromCharCode(s.charCodeAt(to) & 0x7f)
          if (s[to] === '\0' && to - i < TAIL) to++
          else if (/[0-9a-f]/i.test(d)) {
            to++
            digits++
          } else break
        }
        if (to === s.length && digits < 4 && !silence) break
        const after = s.charCodeAt(to) & 0x7f
        const whole = digits === 4 || after === 13 || after === 10 || to === s.length
        let one: Found | null = null
        const nul = s.slice(heads[0]!, to).includes('\0')
        for (let k = heads.length - 1; whole && k >= 0 && one === null; k--)
          one = judge(heads[k]!, to, i, nul && s.slice(heads[k]!, to).includes('\0'))
        if (one !== null) {
          found.push(one)
          crcSeen ||= one.verified
          bangSeen = true
          line = to
        } else line = i + 1
        if (one === null && to === s.length) break
        heads = []
        i = to
        continue
      }
    }
    i++
  }
  if (silence && i >= s.length && line === s.length) endless(s.length)
  return found
}
