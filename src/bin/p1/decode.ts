// `wattle p1 decode`: any bytes in, one JSON line for each accepted telegram out, in the shape
// `p1-expected/1` with `reading`, `offset` and `bytes` (docs/reading.md). With --stats the last line on
// stderr is JSON: accepted, rejected by reason, bytes, bytesSkipped, seconds.

import { createReadStream } from 'node:fs'
import { EXIT, type ExitCode, WattleError } from '../../base/errors.ts'
import { crc16 } from '../../p1/frame/crc.ts'
import { type Frame, type FramerEvents, REASONS } from '../../p1/frame/frame.ts'
import { readingJson } from '../../p1/json/reading.ts'
import { type Json, type JsonObject, telegramJson } from '../../p1/json/telegram.ts'
import { Reading } from '../../p1/reading.ts'
import { Telegram } from '../../p1/telegram.ts'
import { parse, usage } from '../cli.ts'
import { DECRYPT_OPTIONS, framerFor } from './decrypt.ts'

/** Longer than the framer waits for a telegram that only silence ends, ms. */
const SILENCE_MS = 3_000
const BANG = 33

export async function decode(args: string[]): Promise<ExitCode> {
  const options = parse(args, { ...DECRYPT_OPTIONS, stats: { type: 'boolean' } })
  if (options.words.length > 1) throw usage('p1 decode takes one file')
  const file = options.words[0] ?? '-'
  const live = file === '-'
  const lines = new Lines()
  const framer = framerFor(options.text, lines)
  const started = performance.now()
  const now = (): number => (live ? performance.now() - started : 0)
  const ticks = live ? setInterval(() => framer.tick(now()), 1_000) : null
  let bytes = 0
  try {
    const input = live ? process.stdin : createReadStream(file, { highWaterMark: 65_536 })
    for await (const chunk of input as AsyncIterable<Buffer>) {
      lines.arrives(chunk, bytes)
      bytes += chunk.length
      framer.push(chunk, now())
      if (!lines.flush()) await new Promise((resolve) => process.stdout.once('drain', resolve))
    }
  } catch (error) {
    throw new WattleError('unreadable', `${file} cannot be read: ${(error as Error).message}`)
  } finally {
    if (ticks) clearInterval(ticks)
  }
  framer.tick(now() + SILENCE_MS)
  lines.flush()
  if (options.flag('stats')) {
    const rejected: JsonObject = {}
    for (const reason of REASONS) {
      const n = framer.counters.get(reason)
      if (n > 0) rejected[reason] = n
    }
    const seconds = Math.round(performance.now() - started) / 1000
    const seen = { binary: framer.counters.get('binary'), sealed: framer.counters.get('sealed') }
    const stats = {
      accepted: lines.accepted,
      rejected,
      bytes,
      bytesSkipped: bytes - lines.used,
      seconds,
      ...seen,
    }
    process.stderr.write(`${JSON.stringify(stats)}\n`)
  }
  return EXIT.done
}

/** Turns telegrams into lines of JSON, and keeps account of the bytes that they took. */
class Lines implements FramerEvents {
  accepted = 0
  /** Bytes of accepted telegrams, their CR LF included. */
  used = 0
  readonly #telegram = new Telegram()
  readonly #reading = new Reading()
  #out = ''
  /** Place in the stream where a telegram's CR LF may be, or -1. */
  #tail = -1
  #tails: number[] = []

  onTelegram(frame: Frame): void {
    this.accepted++
    this.#telegram.readFrame(frame)
    this.#reading.read(this.#telegram, Number.NaN)
    this.#reading.verified = frame.verified
    this.#reading.encrypted = frame.encrypted
    this.#reading.authenticated = frame.authenticated
    this.#reading.duplicate = frame.duplicate
    const bytes = frame.bytes().length
    this.used += frame.lineBytes
    if (!frame.encrypted) this.#tails.push(frame.offset + bytes)
    const { header, meterTime, objects, other } = telegramJson(this.#telegram)
    const { terminated, crc } = closing(frame)
    const line: JsonObject = {
      schema: 'p1-expected/1',
      offset: frame.offset,
      bytes,
      header: header!,
      terminated,
      crc,
      meterTime: meterTime!,
      objects: objects!,
      other: other!,
      reading: readingJson(this.#reading, this.#telegram),
    }
    this.#out += `${JSON.stringify(line)}\n`
  }

  /** A chunk is about to be framed: was a telegram before it followed by the rest of its CR LF? */
  arrives(chunk: Uint8Array, at: number): void {
    this.#settle()
    this.#chunk = chunk
    this.#at = at
    if (this.#tail >= 0) this.#takeTail(this.#tail)
  }

  #chunk: Uint8Array = new Uint8Array(0)
  #at = 0

  #settle(): void {
    for (const tail of this.#tails) this.#takeTail(tail)
    this.#tails = []
  }

  #takeTail(from: number): void {
    this.#tail = -1
    for (let place = from - this.#at; ; place++) {
      if (place >= this.#chunk.length) {
        this.#tail = this.#at + place
        return
      }
      const c = this.#chunk[place]
      if (c !== 13 && c !== 10) return
      this.used++
      if (c === 10) return
    }
  }

  /** Writes what there is. False where the reader should be waited for. */
  flush(): boolean {
    this.#settle()
    if (this.#out === '') return true
    const more = process.stdout.write(this.#out)
    this.#out = ''
    return more
  }
}

/** `terminated` and `crc` as the corpus has them. */
function closing(frame: Frame): { terminated: boolean; crc: Json } {
  const { mem, textFrom, textTo } = frame
  let bang = textTo - 1
  while (bang > textFrom && textTo - bang <= 5 && mem[bang] !== BANG) bang--
  if (mem[bang] !== BANG)
    return { terminated: false, crc: { claimed: null, digits: 0, computed: null, valid: null } }
  const digits = String.fromCharCode(...mem.subarray(bang + 1, textTo))
  return {
    terminated: true,
    crc: {
      claimed: digits === '' ? null : digits.toUpperCase().padStart(4, '0'),
      digits: digits.length,
      computed: crc16(mem, textFrom, bang + 1)
        .toString(16)
        .toUpperCase()
        .padStart(4, '0'),
      valid: digits === '' ? null : frame.verified,
    },
  }
}
