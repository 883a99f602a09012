import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { equal, utf8 } from '../../../../src/base/bytes.ts'
import { changeSlots, readSlots } from '../../../../src/device/update/slots.ts'
import type { Card, OpenFile } from '../../../../src/hw/hardware.ts'
import { LinuxBoard } from '../../../../src/hw/linux/board/board.ts'
import { openCard, readPartitions } from '../../../../src/hw/linux/board/card.ts'
import { DoorHttp } from '../../../../src/hw/linux/board/door.ts'
import { LinuxHttp } from '../../../../src/hw/linux/http.ts'
import { FIRST_RECORD, SLOT_RECORD_AT, type SlotRecord } from '../../../../src/wire/card/slots.ts'

const MIB = 1_048_576

/** A card image: a table with a boot partition at 1 MiB and two systems of 64 kB from 2 MiB on. */
function image(
  folder: string,
  slots: [number, number][] = [
    [2 * MIB, 65_536],
    [3 * MIB, 65_536],
  ],
): string {
  const bytes = new Uint8Array(4 * MIB)
  const view = new DataView(bytes.buffer)
  const entries: [number, number][] = [[MIB, MIB], ...slots]
  entries.forEach(([at, size], n) => {
    view.setUint32(446 + 16 * n + 8, at / 512, true)
    view.setUint32(446 + 16 * n + 12, size / 512, true)
  })
  bytes[510] = 0x55
  bytes[511] = 0xaa
  const path = join(folder, 'card.img')
  writeFileSync(path, bytes)
  return path
}

function folderOf(t: { teardown: (run: () => void) => void }): string {
  const folder = mkdtempSync(join(tmpdir(), 'wattle-card-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

const wait = <T>(call: (done: (error: Error | null, value: T) => void) => void): Promise<T> =>
  new Promise((resolve, reject) => call((error, value) => (error ? reject(error) : resolve(value))))
const openSlot = (card: Card, slot: 'a' | 'b'): Promise<OpenFile> =>
  wait<OpenFile>((done) => card.openSlot(slot, (error, file) => done(error, file!)))
const done = (call: (done: (error: Error | null) => void) => void): Promise<void> =>
  new Promise((resolve, reject) => call((error) => (error ? reject(error) : resolve())))

t.test('slot records go to the two places in turn, and nowhere else', async (t) => {
  const path = image(folderOf(t))
  const before = readFileSync(path)
  const card = openCard(path)
  const first = await wait<{ record: SlotRecord } | null>((d) => readSlots(card, d))
  t.same(first!.record, FIRST_RECORD, 'a fresh card has none')
  for (let i = 1; i <= 4; i++) {
    const record = await wait<SlotRecord | null>((d) => changeSlots(card, () => ({ index: i }), d))
    t.equal(record!.seq, i)
  }
  const after = readFileSync(path)
  const changed: number[] = []
  for (let at = 0; at < after.length; at += 512)
    if (!equal(before.subarray(at, at + 512), after.subarray(at, at + 512))) changed.push(at)
  t.same(changed, SLOT_RECORD_AT)
  after.fill(0xff, SLOT_RECORD_AT[1], SLOT_RECORD_AT[1] + 200)
  writeFileSync(path, after)
  const left = await wait<{ record: SlotRecord } | null>((d) => readSlots(card, d))
  t.equal(left!.record.index, 3, 'one of the two is torn: the other one counts')
})

t.test('a slot is written inside its partition, and not a byte beyond', async (t) => {
  const path = image(folderOf(t))
  const card = openCard(path)
  const file = await openSlot(card, 'b')
  t.equal(file.size(), 65_536)
  await done((d) => file.write(65_536 - 6, utf8('wattle'), d))
  await t.rejects(
    done((d) => file.write(65_536 - 5, utf8('wattle'), d)),
    { code: 'ENOSPC' },
  )
  await t.rejects(
    done((d) => file.write(-1, utf8('wattle'), d)),
    { code: 'ENOSPC' },
  )
  await done((d) => file.sync(d))
  file.close()
  const bytes = readFileSync(path)
  t.equal(bytes.subarray(3 * MIB + 65_530, 3 * MIB + 65_536).toString(), 'wattle')
  t.equal(bytes.length, 4 * MIB)
  t.ok(bytes.subarray(3 * MIB + 65_536).every((b) => b === 0))
  const again = await openSlot(card, 'b')
  const into = new Uint8Array(10)
  t.equal(await wait<number>((d) => again.read(65_530, into, d)), 6, 'reads end with the partition')
  again.close()
})

t.test('what is no card of ours is not touched', async (t) => {
  const folder = folderOf(t)
  t.throws(() => openCard(join(folder, 'none')), { code: 'card-missing', message: /ENOENT/ })
  const empty = join(folder, 'empty')
  writeFileSync(empty, '')
  t.throws(() => openCard(empty), { code: 'card-missing' })
  t.throws(
    () =>
      openCard(
        image(folder, [
          [2 * MIB, 0],
          [3 * MIB, 65_536],
        ]),
      ),
    { code: 'card-missing' },
  )
  t.throws(
    () =>
      openCard(
        image(folder, [
          [131_072, 65_536],
          [3 * MIB, 65_536],
        ]),
      ),
    {
      code: 'card-missing',
      message: /no card of ours/,
    },
  )
  t.equal(readPartitions(new Uint8Array(512)), null)
  t.equal(readPartitions(new Uint8Array(100)), null)
})

t.test('facts, notes, watchdog', async (t) => {
  const folder = folderOf(t)
  const run = join(folder, 'run')
  const restarts: string[] = []
  const trouble: string[] = []
  const watchdog = join(folder, 'watchdog')
  writeFileSync(watchdog, '')
  const options = {
    kind: 'pizero',
    run,
    card: null,
    watchdog,
    boot: null,
    radio: null,
    clockFile: null,
    door: new DoorHttp(new LinuxHttp()),
    onRestart: (reason: string) => restarts.push(reason),
    onTrouble: (what: string) => trouble.push(what),
  }
  const board = new LinuxBoard(options)
  t.equal(board.fact('slot'), null)
  mkdirSync(run)
  writeFileSync(join(run, 'slot'), 'b\n')
  t.equal(board.fact('slot'), 'b')
  board.note('health', '1\n')
  board.note('health', '22\n')
  t.equal(readFileSync(join(run, 'health'), 'utf8'), '22\n')
  board.feed()
  board.feed()
  board.close()
  t.equal(readFileSync(watchdog, 'utf8'), '..', 'never a V')
  board.restart('update')
  t.same(restarts, ['update'])
  t.equal(readFileSync(join(run, 'reboot'), 'utf8'), 'update\n')
  t.same(trouble, [])
  const blind = new LinuxBoard({ ...options, watchdog: join(folder, 'no', 'watchdog') })
  blind.feed()
  blind.feed()
  t.same(trouble, ['watchdog'], 'told once')
})
