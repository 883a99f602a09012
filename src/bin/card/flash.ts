// `wattle flash`: an image and a label onto a card, or into a file. It writes only to what looks like a
// card that nobody uses, asks before it does, and compares what the card holds afterwards.

import { readFileSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import { createInterface } from 'node:readline/promises'
import { renderUnicodeCompact } from 'uqr'
import { EXIT, type ExitCode, WattleError } from '../../base/errors.ts'
import { parseRecord } from '../../ownership/label.ts'
import { encodeLabelRecord } from '../../wire/card/label-record.ts'
import { type Parsed, parse, say, usage } from '../cli.ts'
import { type MadeLabel, makeLabel, writeLabelFiles } from '../label.ts'
import { type Disk, listDisks, refuseDisk, size, THIS_COMPUTER } from './disks.ts'
import { openImage } from './source.ts'
import { writeCard } from './write.ts'

const OPTIONS = {
  list: { type: 'boolean' },
  record: { type: 'string' },
  'without-label': { type: 'boolean' },
  svg: { type: 'string' },
  png: { type: 'string' },
  yes: { type: 'boolean' },
  json: { type: 'boolean' },
} as const

interface Label {
  /** One copy of the card's record; null: the device makes a code itself. */
  record: Uint8Array | null
  /** Only where it was made now: nobody else has the code. */
  made: MadeLabel | null
}

export async function flash(args: string[]): Promise<ExitCode> {
  const given = parse(args, OPTIONS)
  const [image, target, ...more] = given.words
  if (given.flag('list')) return list(given.flag('json'))
  if (image === undefined || target === undefined || more.length > 0)
    throw usage(
      'flash: expected IMAGE and DISK (/dev/…), or a file to make; flash --list shows the disks that may be a card',
    )
  const source = openImage(image)
  const disk = diskOf(target)
  if (disk) {
    const refusal = refuseDisk(disk, 0)
    if (refusal !== null) throw new WattleError('disk-refused', `${refusal}. Nothing was written.`)
  } else if (resolve(target).startsWith('/dev/'))
    throw new WattleError(
      'disk-refused',
      `${target} is no disk as a whole; flash --list shows what may be a card`,
    )
  if (disk && !given.flag('yes')) await ask(image, disk)
  const label = labelOf(given)
  if (label.made) writeLabelFiles(label.made, given.text('svg'), given.text('png'))
  const written = await writeCard({
    source,
    target,
    disk: disk !== null,
    label: label.record,
    checkSize: (need) => {
      const refusal = disk && refuseDisk(disk, need)
      if (refusal) throw new WattleError('disk-refused', `${refusal}. Nothing was written.`)
    },
    onProgress: teller(),
  })
  say(`\r${target}: ${size(written.bytes)} written and compared; the card can be taken out`)
  tell(given.flag('json'), label.made, written)
  return EXIT.done
}

/** The whole disk behind a path, or null where it is none. */
function diskOf(target: string): Disk | null {
  const path = THIS_COMPUTER.link(resolve(target))
  return listDisks(THIS_COMPUTER).find((disk) => path === `/dev/${disk.name}`) ?? null
}

function list(json: boolean): ExitCode {
  for (const disk of listDisks(THIS_COMPUTER)) {
    const refusal = refuseDisk(disk, 0)
    const { name, bytes, model } = disk
    if (json) process.stdout.write(`${JSON.stringify({ path: `/dev/${name}`, bytes, model, refusal })}\n`)
    else if (refusal === null) process.stdout.write(`/dev/${name}  ${size(bytes)}  ${model}\n`)
    else say(`not: ${refusal}`)
  }
  return EXIT.done
}

function labelOf(given: Parsed): Label {
  const file = given.text('record')
  const wanted = given.text('svg') ?? given.text('png')
  if (given.flag('without-label') || file !== undefined) {
    if (wanted !== undefined)
      throw usage('--svg and --png draw a label that is made now: leave --record and --without-label out')
    if (file === undefined) return { record: null, made: null }
    const record = parseRecord(readFileSync(file, 'utf8'))
    if (!record)
      throw new WattleError('no-label', `${file} is no label record; wattle label --record ${file} makes one`)
    return { record: encodeLabelRecord(readFileSync(file, 'utf8').trim()), made: null }
  }
  const made = makeLabel()
  return { record: encodeLabelRecord(made.record), made }
}

async function ask(image: string, disk: Disk): Promise<void> {
  if (!process.stdin.isTTY) throw usage('flash asks before it writes to a disk; with --yes it does not')
  const lines = createInterface({ input: process.stdin, output: process.stderr })
  const what = `${disk.model === '' ? 'a disk' : disk.model}, ${size(disk.bytes)}`
  const answer = await lines.question(
    `Everything on /dev/${disk.name} (${what}) will be gone. Write ${basename(image)} to it? Type yes: `,
  )
  lines.close()
  if (answer.trim().toLowerCase() !== 'yes') throw new WattleError('not-wanted', 'nothing was written')
}

/** Words about progress: one line that changes on a terminal, every tenth elsewhere. */
function teller(): (what: string, part: number) => void {
  let last = ''
  return (what, part) => {
    const percent = process.stderr.isTTY ? Math.floor(100 * part) : 10 * Math.floor(10 * part)
    const now = `${what} ${percent} %`
    if (now === last) return
    last = now
    process.stderr.write(process.stderr.isTTY ? `\r${now}   ` : `${now}\n`)
  }
}

function tell(json: boolean, made: MadeLabel | null, written: { bytes: number; sha256: string }): void {
  const label = made && { name: made.name, code: made.code, url: made.url }
  if (json) process.stdout.write(`${JSON.stringify({ ...written, label })}\n`)
  else if (label)
    process.stdout.write(`${label.name}\n${label.code}\n${label.url}\n${renderUnicodeCompact(label.url)}\n`)
}
