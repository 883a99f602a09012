// The label as a picture to print: QR, name and code. PNG (one bit a dot) and SVG; letters come from a
// small table, since neither fonts nor image libraries are at hand where a card is written.

import { deflateSync } from 'node:zlib'
import { encode } from 'uqr'
import { type Bytes, concat, utf8 } from '../../base/bytes.ts'
import { crc32 } from '../../base/crc32.ts'
import { Writer } from '../../base/cursor.ts'

/** Five by seven dots a sign, rows from the top, five bits each. */
const GLYPHS: Readonly<Record<string, readonly number[]>> = {
  '0': [14, 17, 19, 21, 25, 17, 14],
  '1': [4, 12, 4, 4, 4, 4, 14],
  '2': [14, 17, 1, 2, 4, 8, 31],
  '3': [31, 2, 4, 2, 1, 17, 14],
  '4': [2, 6, 10, 18, 31, 2, 2],
  '5': [31, 16, 30, 1, 1, 17, 14],
  '6': [6, 8, 16, 30, 17, 17, 14],
  '7': [31, 1, 2, 4, 8, 8, 8],
  '8': [14, 17, 17, 14, 17, 17, 14],
  '9': [14, 17, 17, 15, 1, 2, 12],
  A: [14, 17, 17, 31, 17, 17, 17],
  B: [30, 17, 17, 30, 17, 17, 30],
  C: [14, 17, 16, 16, 16, 17, 14],
  D: [28, 18, 17, 17, 17, 18, 28],
  E: [31, 16, 16, 30, 16, 16, 31],
  F: [31, 16, 16, 30, 16, 16, 16],
  G: [14, 17, 16, 23, 17, 17, 15],
  H: [17, 17, 17, 31, 17, 17, 17],
  I: [14, 4, 4, 4, 4, 4, 14],
  J: [7, 2, 2, 2, 2, 18, 12],
  K: [17, 18, 20, 24, 20, 18, 17],
  L: [16, 16, 16, 16, 16, 16, 31],
  M: [17, 27, 21, 21, 17, 17, 17],
  N: [17, 17, 25, 21, 19, 17, 17],
  O: [14, 17, 17, 17, 17, 17, 14],
  P: [30, 17, 17, 30, 16, 16, 16],
  Q: [14, 17, 17, 17, 21, 18, 13],
  R: [30, 17, 17, 30, 20, 18, 17],
  S: [15, 16, 16, 14, 1, 1, 30],
  T: [31, 4, 4, 4, 4, 4, 4],
  U: [17, 17, 17, 17, 17, 17, 14],
  V: [17, 17, 17, 17, 17, 10, 4],
  W: [17, 17, 17, 21, 21, 21, 10],
  X: [17, 17, 10, 4, 10, 17, 17],
  Y: [17, 17, 17, 10, 4, 4, 4],
  Z: [31, 1, 2, 4, 8, 16, 31],
  '-': [0, 0, 0, 31, 0, 0, 0],
  ' ': [0, 0, 0, 0, 0, 0, 0],
}
const ROWS = 7
const ADVANCE = 6
/** Dots of a QR module, and of a dot of a letter. */
const MODULE = 8
const DOT = 4
/** Quiet zone of a QR, modules (ISO 18004). */
const QUIET = 4
/** Dots between lines of text. */
const GAP = 20
/** 300 dots an inch, in dots a metre. */
const DENSITY = 11_811

/** Black and white dots. */
export interface Picture {
  width: number
  height: number
  /** True where it is black. */
  black: (x: number, y: number) => boolean
}

/** QR above, below it the lines of text, in capitals. */
export function drawLabel(url: string, lines: readonly string[]): Picture {
  const qr = encode(url, { ecc: 'M', border: QUIET })
  const side = qr.size * MODULE
  const texts = lines.map((line) => line.toUpperCase())
  const widest = Math.max(...texts.map((line) => line.length * ADVANCE * DOT), 0)
  const width = Math.max(side, widest + 2 * QUIET * MODULE)
  const lineHeight = ROWS * DOT + GAP
  return {
    width,
    height: side + texts.length * lineHeight + GAP,
    black: (x, y) => {
      if (y < side) {
        const column = Math.floor((x - Math.floor((width - side) / 2)) / MODULE)
        return qr.data[Math.floor(y / MODULE)]?.[column] === true
      }
      const line = texts[Math.floor((y - side) / lineHeight)]
      const row = Math.floor(((y - side) % lineHeight) / DOT)
      if (line === undefined || row >= ROWS) return false
      const at = Math.floor((x - Math.floor((width - line.length * ADVANCE * DOT) / 2)) / DOT)
      const bits = GLYPHS[line[Math.floor(at / ADVANCE)] ?? ' ']?.[row] ?? 0
      const column = at % ADVANCE
      return at >= 0 && column < 5 && (bits & (16 >> column)) !== 0
    },
  }
}

/** PNG (ISO 15948): one channel of one bit, no filter. */
export function png({ width, height, black }: Picture): Bytes {
  const stride = 1 + Math.ceil(width / 8)
  const rows = new Uint8Array(stride * height)
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) if (!black(x, y)) rows[y * stride + 1 + (x >> 3)]! |= 0x80 >> (x & 7)
  const head = new Writer(new Uint8Array(13)).u32(width).u32(height).u8(1).u8(0).u8(0).u8(0).u8(0)
  const density = new Writer(new Uint8Array(9)).u32(DENSITY).u32(DENSITY).u8(1)
  return concat(
    Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10),
    chunk('IHDR', head.bytes),
    chunk('pHYs', density.bytes),
    chunk('IDAT', new Uint8Array(deflateSync(rows, { level: 9 }))),
    chunk('IEND', new Uint8Array(0)),
  )
}

function chunk(type: string, data: Bytes): Bytes {
  const out = new Writer(new Uint8Array(12 + data.length)).u32(data.length).put(utf8(type)).put(data)
  return out.u32(crc32(out.bytes, 4, 8 + data.length)).bytes
}

/** The same picture for those who scale it: one path of the black dots' rows. */
export function svg({ width, height, black }: Picture): string {
  let path = ''
  for (let y = 0; y < height; y += DOT)
    for (let x = 0; x < width; x++) {
      if (!black(x, y)) continue
      const from = x
      while (x < width && black(x, y)) x++
      path += `M${from} ${y}h${x - from}v${DOT}h${from - x}z`
    }
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" shape-rendering="crispEdges"><path fill="#fff" d="M0 0h${width}v${height}H0z"/><path d="${path}"/></svg>\n`
}
