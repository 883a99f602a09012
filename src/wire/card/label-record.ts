// The label record of a card, docs/wire/card.md "Label record": what `wattle flash` leaves for a device
// whose code was made before the card was written. Text, because stage 1 reads it with a shell.

import { type Bytes, text, utf8 } from '../../base/bytes.ts'
import { crc32 } from '../../base/crc32.ts'

const LABEL_RECORD_BYTES = 4_096
/** Where the two copies are on the card, in bytes. */
export const LABEL_RECORD_AT: readonly [number, number] = [524_288, 655_360]

const FORM = /^WATTLE-LABEL 1\n(\{[^\n]*\})\ncrc=([0-9a-f]{8})\n\n*$/

/**
 * One copy.
 * @param json the record of ownership/label.ts, in one line.
 * @throws RangeError where it does not fit.
 */
export function encodeLabelRecord(json: string): Bytes {
  const body = `WATTLE-LABEL 1\n${json}\n`
  const whole = utf8(`${body}crc=${crc32(utf8(body)).toString(16).padStart(8, '0')}\n`)
  if (json.includes('\n') || whole.length > LABEL_RECORD_BYTES)
    throw new RangeError('no label record in one line')
  const out = new Uint8Array(LABEL_RECORD_BYTES).fill(10)
  out.set(whole)
  return out
}

/** The line of JSON, or null where there is no whole record. */
export function decodeLabelRecord(bytes: Bytes): string | null {
  if (bytes.length !== LABEL_RECORD_BYTES) return null
  const content = text(bytes)
  const parts = FORM.exec(content)
  if (!parts) return null
  const body = utf8(content.slice(0, content.lastIndexOf('crc=')))
  return crc32(body) === Number.parseInt(parts[2]!, 16) ? parts[1]! : null
}
