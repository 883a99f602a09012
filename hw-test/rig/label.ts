// The label record in the gap before the first partition (docs/image.md "What is on the card"): what
// `wattle flash` writes, here for a rig's card.

import { closeSync, openSync, writeSync } from 'node:fs'
import { crc32 } from 'node:zlib'

const PLACES = [524_288, 655_360]
const BYTES = 4_096

/** @param record what `wattle label --record` wrote. */
export function writeLabel(card: string, record: string): void {
  const body = `WATTLE-LABEL 1\n${JSON.stringify(JSON.parse(record))}\n`
  const text = `${body}crc=${crc32(body).toString(16).padStart(8, '0')}\n`
  if (text.length > BYTES)
    throw new Error(`a label record of ${text.length} bytes; there is room for ${BYTES}`)
  const file = openSync(card, 'r+')
  for (const place of PLACES) writeSync(file, text.padEnd(BYTES, '\n'), place)
  closeSync(file)
}
