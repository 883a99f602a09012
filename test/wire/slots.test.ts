import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import t from 'tap'
import { equal, text, utf8 } from '../../src/base/bytes.ts'
import { Chance } from '../../src/hw/sim/scheduler.ts'
import {
  chooseSlot,
  decodeSlots,
  encodeSlots,
  FIRST_RECORD,
  newest,
  nextRecord,
  SLOT_RECORD_BYTES,
  type SlotRecord,
  type SlotState,
} from '../../src/wire/card/slots.ts'

const STATES: readonly SlotState[] = ['good', 'none', 0, 1, 2, 3]

function all(): SlotRecord[] {
  const out: SlotRecord[] = []
  for (const first of ['a', 'b'] as const)
    for (const a of STATES)
      for (const b of STATES) out.push({ seq: out.length, first, a, b, index: out.length * 7 })
  return out
}

t.test('every record there is reads back; its bytes are as written down', async (t) => {
  for (const record of all()) {
    const bytes = encodeSlots(record)
    t.equal(bytes.length, SLOT_RECORD_BYTES)
    t.same(decodeSlots(bytes), record)
  }
  const bytes = encodeSlots({ seq: 12, first: 'b', a: 'good', b: 3, index: 5 })
  t.equal(
    text(bytes).trimEnd(),
    'WATTLE-SLOTS 1\nseq=00000012\nfirst=b\na=good\nb=3\nindex=0000000005\ncrc=390d726c',
  )
})

t.test('a shell reads it: busybox sh and its crc32', async (t) => {
  if (spawnSync('busybox', ['crc32', '/dev/null']).status !== 0) return t.pass('no busybox with crc32 here')
  const script = [
    'raw=$(dd bs=512 count=1 2>/dev/null)',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the shell's
    'body=${raw%crc=*}',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the shell's
    '[ "$(printf %s "$body" | busybox crc32)" = "${raw##*crc=}" ] && echo whole || echo torn',
  ].join('; ')
  const read = (bytes: Uint8Array): string =>
    spawnSync('busybox', ['sh', '-c', script], { input: bytes, encoding: 'utf8' }).stdout.trim()
  t.equal(read(encodeSlots({ seq: 1, first: 'a', a: 2, b: 'good', index: 0 })), 'whole')
  const torn = encodeSlots({ seq: 1, first: 'a', a: 2, b: 'good', index: 0 })
  torn[30] = 0x62
  t.equal(read(torn), 'torn')
  t.equal(read(new Uint8Array(512)), 'torn')
  return undefined
})

t.test('one bit changed, cut off, too long, garbage: no record', async (t) => {
  const bytes = encodeSlots({ seq: 12, first: 'b', a: 'good', b: 3, index: 5 })
  const used = text(bytes).trimEnd().length
  let taken = 0
  for (let i = 0; i < SLOT_RECORD_BYTES; i++)
    for (let bit = 0; bit < 8; bit++) {
      const bad = bytes.slice()
      bad[i]! ^= 1 << bit
      if (decodeSlots(bad)) taken++
    }
  t.equal(taken, 0, `${used} bytes of text and the padding`)
  for (let n = 0; n < SLOT_RECORD_BYTES; n += 13) t.equal(decodeSlots(bytes.subarray(0, n)), null)
  t.equal(decodeSlots(new Uint8Array(513)), null)
  const chance = new Chance(5)
  const noise = new Uint8Array(SLOT_RECORD_BYTES)
  for (let i = 0; i < 500; i++) {
    chance.fill(noise)
    t.equal(decodeSlots(noise), null)
  }
  const forged = utf8(text(bytes).replace('b=3', 'b=9'))
  t.equal(decodeSlots(forged), null)
  t.throws(() => encodeSlots({ ...FIRST_RECORD, seq: -1 }), RangeError)
  t.throws(() => encodeSlots({ ...FIRST_RECORD, index: 1e10 }), RangeError)
})

/** What a write of 512 bytes may leave: all, nothing, or a mixture of old and new. */
type Fate = 'kept' | 'lost' | 'torn-front' | 'torn-back' | 'garbage'
const FATES: readonly Fate[] = ['kept', 'lost', 'torn-front', 'torn-back', 'garbage']

function land(old: Uint8Array, wanted: Uint8Array, fate: Fate, at: number): Uint8Array {
  if (fate === 'lost') return old
  if (fate === 'kept') return wanted
  if (fate === 'garbage') return new Uint8Array(SLOT_RECORD_BYTES).fill(0xa5)
  const mixed = (fate === 'torn-front' ? wanted : old).slice()
  mixed.set((fate === 'torn-front' ? old : wanted).subarray(at), at)
  return mixed
}

t.test('all interleavings of kept, lost and torn writes on two copies', async (t) => {
  const DEPTH = 6
  let histories = 0
  let wrong = 0
  const changes: Partial<SlotRecord>[] = [
    { b: 3, first: 'b' },
    { b: 2 },
    { b: 1 },
    { b: 'good', index: 4 },
    { a: 3, first: 'a' },
    { a: 'good', index: 9 },
  ]
  const walk = (copies: Uint8Array[], written: SlotRecord[], depth: number, at: number): void => {
    const { record, write } = newest(copies.map((c) => decodeSlots(c)))
    // Never a mixture: always a record that somebody wrote, or the beginning.
    if (!written.some((r) => JSON.stringify(r) === JSON.stringify(record))) wrong++
    if (depth === DEPTH) {
      histories++
      return
    }
    const next = nextRecord(record, changes[depth]!)
    const bytes = encodeSlots(next)
    for (const fate of FATES) {
      const after = copies.slice()
      after[write] = land(copies[write]!, bytes, fate, at)
      const found = newest(after.map((c) => decodeSlots(c))).record
      // One write that goes wrong costs at most that change. Two torn writes of one copy may together
      // make whole what the first of them began: a record that was written, with the number of this one.
      const same = equal(encodeSlots(found), encodeSlots(fate === 'kept' ? next : record))
      const begun = [...written, next].some((r) => JSON.stringify(r) === JSON.stringify(found))
      if (!same && !(begun && found.seq === next.seq)) wrong++
      if ((fate === 'garbage' || fate === 'lost') && !same) wrong++
      walk(after, [...written, next], depth + 1, at)
    }
  }
  const blank = [new Uint8Array(SLOT_RECORD_BYTES), new Uint8Array(SLOT_RECORD_BYTES)]
  for (const at of process.env['WATTLE_FULL'] ? [1, 20, 30, 45, 80, 95, 200] : [45])
    walk(blank, [{ ...FIRST_RECORD }], 0, at)
  t.equal(wrong, 0, `${histories} histories`)
  t.ok(histories >= FATES.length ** DEPTH)
})

t.test('what stage 1 does: tries are counted before they are used, and end in the other slot', async (t) => {
  for (const record of all()) {
    const { slot, write } = chooseSlot(record)
    if (slot === null) {
      t.ok([record.a, record.b].every((s) => s === 'none' || s === 0))
      t.equal(write, null)
    } else {
      t.not(record[slot], 'none')
      t.not(record[slot], 0)
      if (record[slot] === 'good') t.equal(write, null)
      else t.same(write, { ...record, seq: record.seq + 1, [slot]: (record[slot] as number) - 1 })
    }
  }
  // A new system that never proves itself: three starts, then the old one for good.
  let record: SlotRecord = { seq: 1, first: 'b', a: 'good', b: 3, index: 0 }
  const started: (string | null)[] = []
  for (let i = 0; i < 6; i++) {
    const { slot, write } = chooseSlot(record)
    started.push(slot)
    if (write) record = write
  }
  t.same(started, ['b', 'b', 'b', 'a', 'a', 'a'])
  t.same(chooseSlot({ ...FIRST_RECORD }), { slot: 'a', write: null }, 'a fresh card')
})

t.test('the example in docs/wire/card.md is a record', async (t) => {
  const example = /```\n(WATTLE-SLOTS 1\n[^`]*)```/.exec(readFileSync('docs/wire/card.md', 'utf8'))![1]!
  const bytes = new Uint8Array(SLOT_RECORD_BYTES).fill(10)
  bytes.set(utf8(example))
  t.same(decodeSlots(bytes), { seq: 12, first: 'a', a: 'good', b: 3, index: 0 })
})
