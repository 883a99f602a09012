// `make vectors`: writes docs/vectors/*.json, the published test vectors of docs/wire.md, from scripts/vectors/.
// Deterministic: the same source gives the same files; `--check` only compares, and fails where one
// differs. What a case has to give was decided by whoever wrote it, and confirmed by our own reader.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cardCases, logCases } from './vectors/log.ts'
import { channelMessages, keyCases } from './vectors/messages.ts'
import { ownerCases } from './vectors/owners.ts'
import { readingCases, rotationCases } from './vectors/reading.ts'
import { summaryCases, telegramCases } from './vectors/telegrams.ts'

const DIR = 'docs/vectors'

/** File name and what it holds. */
export function allVectors(): Record<string, { about: string; cases: readonly unknown[] }> {
  return {
    'keys.json': { about: 'Every derivation of "Keys" by itself, and boxes.', cases: keyCases() },
    'messages.json': {
      about: 'Messages of the channel protocol; null where the bytes are none.',
      cases: channelMessages(),
    },
    'owner-log.json': {
      about:
        'Owner logs from the certificate on: what the device says to each event, and where its log stands then.',
      cases: [...logCases(), ...ownerCases()],
    },
    'cards.json': { about: "Providers' cards; null where the text is none.", cases: cardCases() },
    'telegrams.json': {
      about: 'Payloads of raw in their order, and the telegrams (latin-1) that they hold.',
      cases: telegramCases(),
    },
    'summaries.json': { about: 'Payloads of 15min and day.', cases: summaryCases() },
    'reading.json': {
      about: 'Frames, GRANT, ENDED and KEY_ROTATION in the order in which one reader gets them.',
      cases: readingCases(),
    },
    'rotation.json': {
      about: 'KEY_ROTATION for 1 to 32 readers, as each of them reads it; laid out as reading.json.',
      cases: rotationCases(),
    },
  }
}

/** Names of the files that are not what the source makes; writes them unless `check`. */
export function vectors(check: boolean): string[] {
  const stale: string[] = []
  for (const [name, content] of Object.entries(allVectors())) {
    const file = join(DIR, name)
    const text = `${JSON.stringify(content, null, 1)}\n`
    if (existsSync(file) && readFileSync(file, 'utf8') === text) continue
    stale.push(name)
    mkdirSync(DIR, { recursive: true })
    if (!check) writeFileSync(file, text)
  }
  return stale
}

if (process.argv[1]?.endsWith('vectors.ts')) {
  const check = process.argv.includes('--check')
  const stale = vectors(check)
  console.log(
    stale.length === 0
      ? 'vectors: as they are'
      : `vectors ${check ? 'differ' : 'written'}: ${stale.join(' ')}`,
  )
  if (check && stale.length > 0) process.exitCode = 1
}
