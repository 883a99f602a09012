import { crc32 as zlibCrc } from 'node:zlib'
import t from 'tap'
import { concat, equal, utf8 } from '../../src/base/bytes.ts'
import { crc32 } from '../../src/base/crc32.ts'
import { BatchWriter, HEAD_BYTES, journalHead, scanJournal } from '../../src/base/journal.ts'
import { LIMITS } from '../../src/base/limits.ts'
import { Chance } from '../../src/hw/sim/scheduler.ts'

const SALT = 0xc0ffee11

function batch(number: number, records: [number, Uint8Array][], salt = SALT): Uint8Array {
  const writer = new BatchWriter()
  for (const [type, payload] of records) writer.add(type, payload)
  return writer.seal(salt, number).slice()
}

function read(file: Uint8Array): { records: [number, Uint8Array][]; scan: ReturnType<typeof scanJournal> } {
  const records: [number, Uint8Array][] = []
  const scan = scanJournal(file, (type, payload) => records.push([type, payload.slice()]))
  return { records, scan }
}

function sample(chance: Chance, batches: number): { parts: Uint8Array[]; records: [number, Uint8Array][] } {
  const parts = [journalHead(SALT, 7)]
  const records: [number, Uint8Array][] = []
  for (let i = 0; i < batches; i++) {
    const mine: [number, Uint8Array][] = []
    for (let k = 0; k <= chance.below(3); k++) {
      const payload = new Uint8Array(chance.below(60))
      chance.fill(payload)
      mine.push([chance.below(256), payload])
    }
    records.push(...mine)
    parts.push(batch(7 + i, mine))
  }
  return { parts, records }
}

t.test('CRC-32 is that of zlib', async (t) => {
  t.equal(crc32(utf8('123456789')), 0xcbf43926)
  const chance = new Chance(3)
  for (let i = 0; i < 50; i++) {
    const bytes = new Uint8Array(chance.below(300))
    chance.fill(bytes)
    const start = chance.u32()
    t.equal(crc32(bytes, 0, bytes.length, start), zlibCrc(bytes, start))
  }
})

t.test('what was written is read', async (t) => {
  const chance = new Chance(1)
  for (let i = 0; i < 30; i++) {
    const { parts, records } = sample(chance, i)
    const { records: got, scan } = read(concat(...parts))
    t.equal(scan.kind, 'whole')
    t.same([scan.salt, scan.next], [SALT, 7 + i])
    t.same(got, records)
  }
})

t.test('the bytes are those of docs/wire/journal.md', async (t) => {
  const file = concat(journalHead(1, 5), batch(5, [[9, utf8('ab')]], 1))
  const tail = new Uint8Array(8)
  t.equal(
    Buffer.from(file.subarray(0, file.length - 4)).toString('hex'),
    `574154544c454a01${'00000001'}${'00000005'}${zlibCrc(file.subarray(0, 16)).toString(16).padStart(8, '0')}` +
      `574a4221${'00000005'}${'00000006'}${'09000002'}6162`,
  )
  new DataView(tail.buffer).setUint32(0, zlibCrc(file.subarray(20, file.length - 4), 1))
  t.ok(equal(file.subarray(file.length - 4), tail.subarray(0, 4)))
})

t.test('cut anywhere: every whole batch is read, the rest is a torn tail', async (t) => {
  const { parts } = sample(new Chance(2), 6)
  const file = concat(...parts)
  let wrong = 0
  for (let n = HEAD_BYTES; n < file.length; n++) {
    let whole = 0
    let good = 0
    while (whole < parts.length && good + parts[whole]!.length <= n) good += parts[whole++]!.length
    const { scan } = read(file.subarray(0, n))
    if (scan.kind !== (good === n ? 'whole' : 'torn') || scan.good !== good || scan.next !== 6 + whole)
      wrong++
  }
  t.equal(wrong, 0)
  for (let n = 0; n < HEAD_BYTES; n++)
    t.equal(read(file.subarray(0, n)).scan.kind, 'damaged', 'a head is never torn')
})

t.test('one flipped bit: damage, or a torn tail in the last batch; never a wrong record', async (t) => {
  const { parts, records } = sample(new Chance(4), 5)
  const file = concat(...parts)
  const last = file.length - parts.at(-1)!.length
  let wrong = 0
  for (let bit = 0; bit < file.length * 8; bit++) {
    const bad = file.slice()
    bad[bit >> 3]! ^= 1 << (bit & 7)
    const got = read(bad)
    const expected = bit >> 3 < last ? 'damaged' : 'torn'
    const prefix = got.records.every(([type, p], i) => type === records[i]![0] && equal(p, records[i]![1]))
    if (got.scan.kind !== expected || !prefix) wrong++
  }
  t.equal(wrong, 0)
})

t.test('zeros, garbage and an older file’s bytes behind the end are a torn tail', async (t) => {
  const { parts } = sample(new Chance(5), 3)
  const file = concat(...parts)
  const garbage = new Uint8Array(5_000)
  new Chance(6).fill(garbage)
  const older = concat(batch(10, [[1, utf8('old')]], SALT ^ 1), batch(11, [[1, utf8('old')]], SALT ^ 1))
  for (const tail of [new Uint8Array(1), new Uint8Array(4_096), garbage, older]) {
    const { scan } = read(concat(file, tail))
    t.same([scan.kind, scan.good], ['torn', file.length])
  }
})

t.test('a batch smuggled into a payload is not taken for one', async (t) => {
  // Somebody who does not know the salt gets bytes of his choice into the last, torn batch.
  const forged = batch(9, [[1, utf8('forged')]], 0)
  const torn = batch(7, [[1, concat(new Uint8Array(600), forged)]])
  torn[20]! ^= 1
  t.equal(read(concat(journalHead(SALT, 7), torn)).scan.kind, 'torn')
})

t.test('batches out of turn, or more tail than one batch, are damage', async (t) => {
  const head = journalHead(SALT, 7)
  const one = batch(7, [[1, utf8('a')]])
  t.equal(read(concat(head, one, batch(9, [[1, utf8('b')]]))).scan.kind, 'damaged')
  t.equal(read(concat(head, one, one)).scan.kind, 'damaged')
  t.equal(read(concat(head, one, new Uint8Array(LIMITS.journal.batchBytes + 1))).scan.kind, 'damaged')
})

t.test('a batch keeps to its caps', async (t) => {
  const writer = new BatchWriter()
  t.throws(() => writer.add(1, new Uint8Array(LIMITS.journal.recordBytes + 1)), RangeError)
  const largest = new Uint8Array(LIMITS.journal.recordBytes)
  let n = 0
  while (writer.fits(largest.length)) {
    writer.add(n++, largest)
  }
  t.throws(() => writer.add(1, largest), RangeError)
  const sealed = writer.seal(SALT, 7)
  t.ok(sealed.length <= LIMITS.journal.batchBytes)
  t.equal(read(concat(journalHead(SALT, 7), sealed)).records.length, n)
  t.ok(n >= 3)
})

t.test('random files are damage or torn, and read quickly', async (t) => {
  const chance = new Chance(8)
  for (let i = 0; i < 200; i++) {
    const bytes = new Uint8Array(chance.below(2_000))
    chance.fill(bytes)
    if (i % 2 === 0 && bytes.length > HEAD_BYTES) bytes.set(journalHead(SALT, 1))
    const { scan, records } = read(bytes)
    t.equal(records.length, 0)
    t.ok(scan.good <= bytes.length)
  }
  const magic = concat(journalHead(SALT, 1), new Uint8Array(200_000))
  for (let i = HEAD_BYTES; i + 12 < magic.length; i += 12)
    magic.set([0x57, 0x4a, 0x42, 0x21, 0, 0, 0, 1, 0, 0, 0, 40], i)
  t.equal(read(magic).scan.kind, 'torn')
})
