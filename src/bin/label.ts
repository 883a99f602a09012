// `wattle label`: a claim code, and the record that the device gets in its place.

import { writeFileSync } from 'node:fs'
import { renderUnicodeCompact } from 'uqr'
import type { ExitCode } from '../base/errors.ts'
import { linuxRandom } from '../hw/linux/clock.ts'
import { deviceName, freshCode, labelUrl, makeRecord, recordJson, showCode } from '../ownership/label.ts'
import { drawLabel, png, svg } from './card/label-png.ts'
import { parse, usage } from './cli.ts'

const OPTIONS = {
  record: { type: 'string' },
  svg: { type: 'string' },
  png: { type: 'string' },
  json: { type: 'boolean' },
} as const

export interface MadeLabel {
  code: string
  url: string
  name: string
  record: string
}

export function makeLabel(): MadeLabel {
  const code = freshCode(linuxRandom)
  const random = new Uint8Array(18)
  linuxRandom(random)
  const discriminator = random[16]! * 256 + random[17]!
  return {
    code: showCode(code),
    url: labelUrl(discriminator, code),
    name: deviceName(discriminator),
    record: recordJson(makeRecord(code, discriminator, random.slice(0, 16))),
  }
}

/** The label as pictures to print: QR, name and code. Closed to others: the code is in them. */
export function writeLabelFiles(
  made: MadeLabel,
  svgFile: string | undefined,
  pngFile: string | undefined,
): void {
  const picture = drawLabel(made.url, [made.name, made.code])
  if (svgFile !== undefined) writeFileSync(svgFile, svg(picture), { mode: 0o600 })
  if (pngFile !== undefined) writeFileSync(pngFile, png(picture), { mode: 0o600 })
}

export async function label(args: string[]): Promise<ExitCode> {
  const given = parse(args, OPTIONS)
  if (given.words.length > 0) throw usage(`label takes options only, not ${given.words[0]}`)
  const made = makeLabel()
  const record = given.text('record')
  if (record !== undefined) writeFileSync(record, made.record, { mode: 0o600 })
  writeLabelFiles(made, given.text('svg'), given.text('png'))
  if (given.flag('json'))
    process.stdout.write(`${JSON.stringify({ name: made.name, code: made.code, url: made.url })}\n`)
  else process.stdout.write(`${made.name}\n${made.code}\n${made.url}\n${renderUnicodeCompact(made.url)}\n`)
  return 0
}
