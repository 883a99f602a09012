// What every Card and BootFiles must do (hw/hardware.ts), on both sets of hardware.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { text } from '../../src/base/bytes.ts'
import type { BootFiles, Card, Failure, OpenFile } from '../../src/hw/hardware.ts'
import { FatFolder } from '../../src/hw/linux/board/boot.ts'
import { openCard } from '../../src/hw/linux/board/card.ts'
import { World } from '../../src/hw/sim/world.ts'

interface Rig {
  card: Card
  boot: BootFiles
  slotBytes: number
  /** Lets time pass until it holds. */
  until: (predicate: () => boolean) => Promise<boolean>
}

const SLOT_BYTES = 65_536

function simRig(): Rig {
  const world = new World({ seed: 5 })
  const { board } = world.machine('card', { board: { kind: 'pizero', slotBytes: SLOT_BYTES } }).hardware
  return {
    card: board!.card!,
    boot: board!.boot!,
    slotBytes: SLOT_BYTES,
    until: async (predicate) => world.runUntil(predicate, 60_000),
  }
}

function linuxRig(t: Test): Rig {
  const folder = mkdtempSync(join(tmpdir(), 'wattle-contract-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const image = new Uint8Array(2 * 1_048_576)
  const view = new DataView(image.buffer)
  ;[
    [0, 2_048, 8],
    [1, 2_056, SLOT_BYTES / 512],
    [2, 3_000, SLOT_BYTES / 512],
  ].forEach(([n, at, size]) => {
    view.setUint32(446 + 16 * n! + 8, at!, true)
    view.setUint32(446 + 16 * n! + 12, size!, true)
  })
  view.setUint16(510, 0xaa55, true)
  writeFileSync(join(folder, 'card.img'), image)
  mkdirSync(join(folder, 'fat'))
  writeFileSync(join(folder, 'fat', 'config.txt'), '')
  return {
    card: openCard(join(folder, 'card.img')),
    boot: new FatFolder(join(folder, 'fat')),
    slotBytes: SLOT_BYTES,
    until: async (predicate) => {
      for (let i = 0; i < 4_000 && !predicate(); i++) await new Promise((r) => setTimeout(r, 2))
      return predicate()
    },
  }
}

function contract(name: string, suite: (t: Test, rig: Rig) => Promise<void>): void {
  t.test(`${name} on hw/sim`, (t) => suite(t, simRig()))
  t.test(`${name} on hw/linux`, (t) => suite(t, linuxRig(t)))
}

/** Waits for a call that ends through a callback, which must not come from inside the call. */
async function wait<T>(
  t: Test,
  rig: Rig,
  call: (done: (error: Failure, value: T) => void) => void,
): Promise<[Failure, T]> {
  const got: [Failure, T][] = []
  call((error, value) => got.push([error, value]))
  t.equal(got.length, 0, 'nothing inside the call')
  t.ok(await rig.until(() => got.length > 0))
  return got[0]!
}

/** The same for calls that end with a failure or nothing. */
const done = (t: Test, rig: Rig, call: (done: (error: Failure) => void) => void): Promise<[Failure, null]> =>
  wait<null>(t, rig, (ended) => call((error) => ended(error, null)))

contract('card: two copies of the slot record, each by itself', async (t, rig) => {
  const { card } = rig
  const records = [new Uint8Array(512).fill(1), new Uint8Array(512).fill(2)] as const
  for (const copy of [0, 1] as const) {
    const bytes = records[copy].slice()
    const writing = done(t, rig, (d) => card.writeRecord(copy, bytes, d))
    bytes.fill(9)
    t.equal((await writing)[0], null)
  }
  for (const copy of [0, 1] as const) {
    const [error, bytes] = await wait<Uint8Array | null>(t, rig, (d) => card.readRecord(copy, d))
    t.equal(error, null)
    t.same(bytes, records[copy], 'as it was when it was handed over')
  }
})

contract('card: a slot is a file of fixed size, and the two are apart', async (t, rig) => {
  const { card, slotBytes } = rig
  for (const [slot, fill] of [
    ['a', 3],
    ['b', 4],
  ] as const) {
    const [, file] = await wait<OpenFile | null>(t, rig, (d) => card.openSlot(slot, d))
    t.equal(file!.size(), slotBytes)
    const piece = new Uint8Array(1_000).fill(fill)
    t.equal((await done(t, rig, (d) => file!.write(slotBytes - 1_000, piece, d)))[0], null)
    t.equal((await done(t, rig, (d) => file!.sync(d)))[0], null)
    file!.close()
  }
  for (const [slot, fill] of [
    ['a', 3],
    ['b', 4],
  ] as const) {
    const [, file] = await wait<OpenFile | null>(t, rig, (d) => card.openSlot(slot, d))
    const into = new Uint8Array(2_000)
    const [error, n] = await wait<number>(t, rig, (d) => file!.read(slotBytes - 1_000, into, d))
    t.equal(error, null)
    t.equal(n, 1_000, 'a read ends where the slot ends')
    t.ok(into.subarray(0, 1_000).every((b) => b === fill))
    file!.close()
  }
})

contract('boot files: written, read, replaced, removed', async (t, rig) => {
  const { boot } = rig
  t.ok(boot.ready())
  t.equal(boot.read('wattle.txt'), null)
  t.equal((await done(t, rig, (d) => boot.write('wattle.txt', 'one\r\n', d)))[0], null)
  t.equal((await done(t, rig, (d) => boot.write('wattle.txt', 'two\r\n', d)))[0], null)
  t.equal(text(boot.read('wattle.txt')!), 'two\r\n')
  t.equal((await done(t, rig, (d) => boot.write('wattle.txt', null, d)))[0], null)
  t.equal(boot.read('wattle.txt'), null)
  t.equal((await done(t, rig, (d) => boot.write('wattle.txt', null, d)))[0], null, 'removed twice')
})
