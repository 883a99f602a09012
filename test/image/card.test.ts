// Stage 1's own shell against the rules of docs/wire/card.md: what card.sh reads, chooses and writes on
// a card that is a plain file is what wire/card/slots.ts says, for every record, for every tear of a write,
// and for damaged copies. The label record, and the entry of the data partition, likewise.

import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import t from 'tap'
import {
  chooseSlot,
  decodeSlots,
  encodeSlots,
  newest,
  nextRecord,
  SLOT_RECORD_AT,
  SLOT_RECORD_BYTES,
  type SlotRecord,
  type SlotState,
} from '../../src/wire/card/slots.ts'

const FULL = process.env['WATTLE_FULL'] !== undefined
const busybox = spawnSync('busybox', ['crc32'], { input: '' }).status === 0
const skip = busybox ? false : 'needs busybox with crc32 (Debian: busybox-static), whose shell the card has'
const folder = mkdtempSync(join(tmpdir(), 'wattle-card-'))
t.teardown(() => rmSync(folder, { recursive: true }))
const CARD = join(folder, 'card')
/** What stage 1 has beside card.sh. */
const HEAD = `say() { :; }; fault() { :; }; CARD=${CARD}; . firmware-image/stage1/card.sh\n`
const [ONE, TWO] = SLOT_RECORD_AT
const STATES: readonly SlotState[] = ['good', 'none', 0, 1, 2, 3]

/** Runs lines of shell in one busybox; `SHOW` prints what was read as one line. */
function shell(script: string): string[] {
  const show = 'show() { echo "$S_seq $S_first $S_a $S_b $S_index [$SLOT]"; }\n'
  return execFileSync('busybox', ['sh', '-c', `${HEAD}${show}${script}`], { encoding: 'utf8' })
    .split('\n')
    .slice(0, -1)
}

const shown = (r: SlotRecord, slot: string): string =>
  `${String(r.seq).padStart(8, '0')} ${r.first} ${r.a} ${r.b} ${String(r.index).padStart(10, '0')} [${slot}]`

function cardWith(one: Uint8Array, two: Uint8Array): Uint8Array {
  const card = new Uint8Array(TWO + 4_096)
  card.set(one, ONE)
  card.set(two, TWO)
  return card
}

const copiesOf = (card: Uint8Array): (SlotRecord | null)[] =>
  SLOT_RECORD_AT.map((at) => decodeSlots(card.slice(at, at + SLOT_RECORD_BYTES)))

/** Stage 1 on this card: what it read and chose, and the card afterwards. */
function stage1(card: Uint8Array): { said: string; after: Uint8Array } {
  writeFileSync(CARD, card)
  const [said] = shell('slots_read; slots_choose; show')
  return { said: said!, after: Uint8Array.from(readFileSync(CARD)) }
}

/** The same by the rules. */
function rules(card: Uint8Array): { said: string; record: SlotRecord } {
  const { record } = newest(copiesOf(card))
  const { slot, write } = chooseSlot(record)
  return { said: shown(write ?? record, slot ?? ''), record: write ?? record }
}

t.test('every pair of states: the shell chooses and writes what the rules say', { skip }, (t) => {
  let cases = 0
  for (const a of STATES)
    for (const b of STATES)
      for (const first of ['a', 'b'] as const) {
        if (!FULL && (cases++ & 1) === 1) continue
        const record: SlotRecord = { seq: 41, first, a, b, index: 7 }
        const card = cardWith(encodeSlots({ ...record, seq: 40, a: 'good' }), encodeSlots(record))
        const { said, after } = stage1(card)
        const expected = rules(card)
        if (said !== expected.said) t.fail(`${first} ${a} ${b}: ${said}, expected ${expected.said}`)
        if (JSON.stringify(newest(copiesOf(after)).record) !== JSON.stringify(expected.record))
          t.fail(`${first} ${a} ${b}: the card holds another record`)
        // The copy that counted is as it was.
        t.strictSame(after.slice(TWO, TWO + 512), card.slice(TWO, TWO + 512))
      }
  t.end()
})

t.test('a card that was just written starts A and is not written to', { skip }, (t) => {
  const blank = cardWith(new Uint8Array(512), new Uint8Array(512))
  const { said, after } = stage1(blank)
  t.equal(said, '00000000 a good none 0000000000 [a]')
  t.strictSame(after, blank)
  t.end()
})

t.test('what the shell writes is what the runtime reads, byte for byte', { skip }, (t) => {
  const before: SlotRecord = { seq: 8, first: 'b', a: 'good', b: 3, index: 4_294_967_295 }
  const card = cardWith(encodeSlots(before), new Uint8Array(512))
  const { after } = stage1(card)
  t.strictSame(after.slice(TWO, TWO + 512), encodeSlots(nextRecord(before, { b: 2 })))
  t.end()
})

t.test('torn writes: every mixture of old and new leaves one of the two records', { skip }, (t) => {
  // Power goes while the copy that does not count is written: some of its bytes are new, the rest is old
  // or nothing. Whatever the mixture, both parsers agree, and see the record before or the one after.
  const old: SlotRecord = { seq: 11, first: 'a', a: 'good', b: 'none', index: 3 }
  const now: SlotRecord = nextRecord(old, { first: 'b', b: 3 })
  const next = nextRecord(now, { b: 2 })
  const stale = encodeSlots(old)
  const fresh = encodeSlots(next)
  const random = seeded(7)
  const torn: Uint8Array[] = []
  const step = FULL ? 1 : 16
  for (let cut = 0; cut <= 160; cut += step)
    for (const rest of [stale, new Uint8Array(512), new Uint8Array(512).fill(255)]) {
      const head = Uint8Array.from(rest)
      head.set(fresh.subarray(0, cut))
      const tail = Uint8Array.from(fresh)
      tail.set(rest.subarray(0, cut))
      torn.push(head, tail)
    }
  for (let i = 0; i < (FULL ? 500 : 20); i++) {
    const mixed = Uint8Array.from(stale)
    for (let at = 0; at < 512; at++) if (random() < 0.5) mixed[at] = fresh[at]!
    torn.push(mixed)
  }
  const cards = torn.map((copy) => cardWith(copy, encodeSlots(now)))
  const lines = cards.map((card, i) => {
    writeFileSync(`${CARD}.${i}`, card)
    return `CARD=${CARD}.${i}; SLOT=; slots_read; show`
  })
  const said = shell(lines.join('\n'))
  t.equal(said.length, torn.length)
  const wrong = said.filter((line, i) => {
    const { record } = newest(copiesOf(cards[i]!))
    return line !== shown(record, '') || (record.seq !== now.seq && record.seq !== next.seq)
  })
  t.strictSame(wrong, [], `${torn.length} tears`)
  t.end()
})

t.test('both copies lost or written by a stranger: as a new card', { skip }, (t) => {
  const sound = (body: string): Uint8Array => {
    const out = new Uint8Array(512).fill(10)
    out.set(new TextEncoder().encode(`${body}crc=${crc32(body).toString(16).padStart(8, '0')}\n`))
    return out
  }
  const body = 'WATTLE-SLOTS 1\nseq=00000012\nfirst=a\na=good\nb=3\nindex=0000000000\n'
  t.ok(decodeSlots(sound(body)))
  for (const [what, bad] of [
    ['another version', body.replace('SLOTS 1', 'SLOTS 2')],
    ['a command in a value', body.replace('a=good', 'a=$(reboot)')],
    ['another slot', body.replace('first=a', 'first=c')],
    ['four tries', body.replace('b=3', 'b=4')],
    ['a line too many', `${body}x=1\n`],
    ['lines exchanged', body.replace('a=good\nb=3', 'b=3\na=good')],
    ['a line missing', body.replace('first=a\n', '')],
    ['a short number', body.replace('00000012', '12')],
  ] as const) {
    const copy = sound(bad)
    t.equal(decodeSlots(copy), null, `${what}: the runtime takes it for nothing`)
    t.equal(
      stage1(cardWith(copy, copy)).said,
      '00000000 a good none 0000000000 [a]',
      `${what}: so does stage 1`,
    )
  }
  t.end()
})

t.test('the entry of the data partition: type and length change, nothing else', { skip }, (t) => {
  const mbr = new Uint8Array(512).map((_, i) => i & 255)
  mbr.set([0xda], 446 + 48 + 4)
  mbr.set([0x00, 0x80, 0x05, 0x00], 446 + 48 + 8)
  writeFileSync(CARD, mbr)
  const said = shell(
    `SCRATCH=${folder}/mbr; data_made && echo made || echo not; num_at $((ENTRY + 8)); entry_write 83 62333952; data_made && echo made`,
  )
  t.strictSame(said, ['not', '360448', 'made'])
  const after = Uint8Array.from(readFileSync(CARD))
  const expected = Uint8Array.from(mbr)
  expected[446 + 52] = 0x83
  new DataView(expected.buffer).setUint32(446 + 60, 62_333_952, true)
  t.strictSame(after, expected)
  t.end()
})

/** Small and good enough for tests: mulberry32. */
function seeded(seed: number): () => number {
  let a = seed
  return () => {
    a = (a + 0x6d2b79f5) | 0
    let x = Math.imul(a ^ (a >>> 15), 1 | a)
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x
    return ((x ^ (x >>> 14)) >>> 0) / 4_294_967_296
  }
}
