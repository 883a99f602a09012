// The journal on files that lose their power at every point: no acknowledged record is lost, none is
// half-read, and what was not acknowledged is there whole or not at all.

import t from 'tap'
import { putU32 } from '../../src/base/cursor.ts'
import { WattleError } from '../../src/base/errors.ts'
import { HEAD_BYTES } from '../../src/base/journal.ts'
import { LIMITS } from '../../src/base/limits.ts'
import type { Failure } from '../../src/hw/hardware.ts'
import type { SimDisk } from '../../src/hw/sim/files.ts'
import { Chance } from '../../src/hw/sim/scheduler.ts'
import { type Machine, World } from '../../src/hw/sim/world.ts'
import { Journal } from '../../src/node/journal.ts'

/** Record `n`: its number and a run of bytes that follow from it. */
function payload(n: number): Uint8Array {
  const chance = new Chance(n)
  const out = new Uint8Array(4 + chance.below(1_500))
  chance.fill(out)
  putU32(out, 0, n)
  return out
}

/** The number of a record, or -1 where a byte of it is wrong. */
function numberOf(record: Uint8Array): number {
  const n = new DataView(record.buffer, record.byteOffset).getUint32(0)
  const expected = payload(n)
  return record.length === expected.length && record.every((b, i) => b === expected[i]) ? n : -1
}

interface Opened {
  journal: Journal | null
  failure: Failure
  records: number[]
}

function open(world: World, machine: Machine): Opened | null {
  const opened: Opened = { journal: null, failure: null, records: [] }
  let done = false
  const { files, random } = machine.hardware
  Journal.open(
    { files, random, name: 'journal' },
    (_type, bytes) => opened.records.push(numberOf(bytes)),
    (failure, journal) => {
      opened.failure = failure
      opened.journal = journal
      done = true
    },
  )
  world.runUntil(() => done || !machine.on, 10_000)
  return done ? opened : null
}

/** One seeded life: opens, appends in bursts, rewrites now and then, until it is over or the power goes. */
class Life {
  readonly world: World
  readonly machine: Machine
  /** Highest record acknowledged, lowest kept by the last acknowledged rewrite, highest asked for. */
  acked = 0
  asked = 0
  floor = 1
  floorAsked = 1
  failure: Failure = null

  constructor(seed: number, disk?: SimDisk) {
    this.world = new World({ seed })
    this.machine = this.world.machine('device', disk ? { disk } : {})
  }

  run(chance: Chance, steps: number): void {
    const journal = open(this.world, this.machine)?.journal
    if (!journal) return
    for (let i = 0; i < steps && this.machine.on; i++) {
      if (chance.hit(0.15)) this.rewrite(journal)
      const burst = 1 + chance.below(4)
      for (let k = 0; k < burst; k++) this.append(journal)
      if (chance.hit(0.6)) this.world.runFor(chance.below(14))
    }
    this.world.runUntil(() => !this.machine.on || this.acked === this.asked, 10_000)
  }

  append(journal: Journal): void {
    const n = ++this.asked
    journal.append(1, payload(n), (error) => {
      if (error) this.failure = error
      else this.acked = Math.max(this.acked, n)
    })
  }

  /** Keeps the last three records. */
  rewrite(journal: Journal): void {
    const from = Math.max(1, this.asked - 2)
    const records = []
    for (let n = from; n <= this.asked; n++) records.push({ type: 1, payload: payload(n) })
    const upTo = this.asked
    journal.rewrite(records, (error) => {
      if (error) return
      this.floor = from
      this.acked = Math.max(this.acked, upTo)
    })
    this.floorAsked = from
  }

  /** What is wrong with what a new life reads, or an empty string. */
  verdict(records: number[]): string {
    if (records.includes(-1)) return 'a half-read record'
    for (let i = 1; i < records.length; i++) if (records[i] !== records[i - 1]! + 1) return 'a gap'
    const last = records.at(-1) ?? 0
    if (last < this.acked) return `record ${this.acked} was acknowledged, ${last} is the last`
    if (last > this.asked) return 'a record that nobody wrote'
    const first = records[0] ?? 1
    if (first > this.floorAsked && records.length > 0) return `begins at ${first}`
    if (records.length > 0 && first < this.floor) return `begins at ${first}, rewritten from ${this.floor}`
    return ''
  }
}

/** Cuts the life of `seed` at point `cut` (0: not at all), boots again, and reads. */
function cutAt(
  seed: number,
  cut: number,
  how: 'power' | 'kill',
  steps: number,
): { points: number; wrong: string; torn: number } {
  const life = new Life(seed)
  if (how === 'power') life.machine.disk.cutAfter(cut)
  else life.machine.disk.killAfter(cut)
  life.run(new Chance(seed), steps)
  const { points } = life.machine.disk
  life.machine.boot()
  const again = open(life.world, life.machine)
  if (!again?.journal) return { points, wrong: `does not open: ${again?.failure?.message}`, torn: 0 }
  let wrong = life.verdict(again.records)
  // And it goes on: one more record, then a plain restart.
  let acked = false
  again.journal.append(1, payload(life.asked + 1), () => {
    acked = true
  })
  life.world.runUntil(() => acked, 1_000)
  life.machine.cutPower()
  life.machine.boot()
  const third = open(life.world, life.machine)
  if (third?.records.at(-1) !== life.asked + 1) wrong ||= 'does not go on after the cut'
  return { points, wrong, torn: again.journal.torn }
}

for (const how of ['power', 'kill'] as const)
  t.test(`every ${how} cut: nothing acknowledged is lost, nothing is half-read`, async (t) => {
    const seeds = process.env['WATTLE_FULL'] ? 400 : 25
    let cuts = 0
    let torn = 0
    const wrong: string[] = []
    for (let seed = 1; seed <= seeds; seed++) {
      const { points, wrong: uncut } = cutAt(seed, 0, how, 30)
      if (uncut) wrong.push(`seed ${seed} uncut: ${uncut}`)
      for (let cut = 1; cut <= points; cut++) {
        const result = cutAt(seed, cut, how, 30)
        cuts++
        if (result.torn > 0) torn++
        if (result.wrong) wrong.push(`seed ${seed} cut ${cut}: ${result.wrong}`)
      }
    }
    t.same(wrong.slice(0, 5), [])
    t.ok(cuts > 25 * seeds, `${cuts} cuts`)
    if (how === 'power') t.ok(torn > cuts / 20, `${torn} torn tails were met`)
  })

t.test('a journal that is cut again while it recovers still loses nothing', async (t) => {
  const wrong: string[] = []
  for (let seed = 1; seed <= 40; seed++) {
    const life = new Life(seed)
    life.machine.disk.cutAfter(9 + (seed % 17))
    life.run(new Chance(seed), 12)
    for (let again = 1; again <= 3; again++) {
      life.machine.boot()
      life.machine.disk.cutAfter(life.machine.disk.points + again)
      open(life.world, life.machine)
      if (life.machine.on) life.machine.cutPower()
    }
    life.machine.boot()
    const last = open(life.world, life.machine)
    const verdict = last?.journal ? life.verdict(last.records) : `does not open: ${last?.failure?.message}`
    if (verdict) wrong.push(`seed ${seed}: ${verdict}`)
  }
  t.same(wrong, [])
})

t.test('appends that come together are one batch; those of one call are kept or lost together', async (t) => {
  const world = new World()
  const machine = world.machine('device')
  const { journal } = open(world, machine)!
  const before = machine.disk.points
  let acked = 0
  for (let n = 1; n <= 50; n++) journal!.append(n, payload(n), () => acked++)
  t.equal(acked, 0, 'not inside the call')
  world.runUntil(() => acked === 50, 1_000)
  t.equal(machine.disk.points - before, 4, 'two writes and two syncs')
  for (let cut = 1; cut <= 2; cut++) {
    const lone = new World({ seed: cut })
    const device = lone.machine('device')
    const opened = open(lone, device)!
    device.disk.cutAfter(device.disk.points + cut)
    opened.journal!.appendAll(
      [1, 2, 3].map((n) => ({ type: 1, payload: payload(n) })),
      () => t.fail('acknowledged'),
    )
    lone.runUntil(() => !device.on, 1_000)
    device.boot()
    const { length } = open(lone, device)!.records
    t.ok(length === 0 || length === 3, `${length} of 3`)
  }
})

t.test('damage in the middle: exit 3, says where, changes nothing', async (t) => {
  const life = new Life(1)
  const opened = open(life.world, life.machine)!
  for (let i = 0; i < 5; i++) {
    life.append(opened.journal!)
    life.world.runFor(50)
  }
  const good = life.machine.disk.peek('journal')!
  for (const at of [0, 9, HEAD_BYTES, HEAD_BYTES + 14, 60]) {
    const bad = good.slice()
    bad[at]! ^= 0x10
    life.machine.disk.poke('journal', bad)
    const { failure, journal } = open(life.world, life.machine)!
    t.equal(journal, null)
    t.ok(failure instanceof WattleError)
    t.match(failure, { code: 'state-damaged', exit: 3, message: /damaged/ })
    t.same(life.machine.disk.peek('journal'), bad, 'untouched')
  }
  life.machine.disk.poke('journal', new Uint8Array(0))
  t.equal(open(life.world, life.machine)!.failure?.code, 'state-damaged', 'an empty file is no new journal')
})

t.test('a disk that fails: nothing more is acknowledged', async (t) => {
  for (const code of ['ENOSPC', 'EIO']) {
    const world = new World()
    const machine = world.machine('device')
    const { journal } = open(world, machine)!
    const log: string[] = []
    const note = (error: Failure): void => {
      log.push(error?.code ?? 'ok')
    }
    journal!.append(1, payload(1), note)
    world.runFor(50)
    machine.disk.failWith = code
    journal!.append(1, payload(2), note)
    journal!.append(1, payload(3), note)
    world.runFor(50)
    machine.disk.failWith = null
    journal!.append(1, payload(4), note)
    journal!.rewrite([], note)
    world.runFor(50)
    t.same(log, ['ok', 'state-unwritable', 'state-unwritable', 'state-unwritable', 'state-unwritable'])
    machine.cutPower()
    machine.boot()
    t.equal(open(world, machine)!.records[0], 1)
  }
})

t.test('caps: too much at once and a full file are refused, a rewrite makes room', async (t) => {
  const world = new World()
  const machine = world.machine('device', { syncMs: 0.1, accessMs: 0.01 })
  const { journal } = open(world, machine)!
  const largest = { type: 1, payload: new Uint8Array(LIMITS.journal.recordBytes) }
  let code: string | undefined
  const note = (error: Failure): void => {
    code = error?.code ?? 'ok'
  }
  journal!.appendAll([largest, largest, largest, largest], note)
  t.equal(code, undefined)
  world.runFor(5)
  t.equal(code, 'journal-busy')
  for (let i = 0; i < 400 && code !== 'journal-full'; i++) {
    journal!.append(1, largest.payload, note)
    world.runFor(5)
  }
  t.equal(code, 'journal-full')
  t.ok(journal!.size <= LIMITS.journal.fileBytes)
  journal!.rewrite([{ type: 1, payload: payload(1) }], note)
  world.runFor(5)
  t.equal(code, 'ok')
  journal!.append(1, payload(2), note)
  world.runFor(5)
  t.equal(code, 'ok')
  journal!.close()
  journal!.append(1, payload(3), note)
  world.runFor(5)
  t.equal(code, 'journal-closed')
  machine.boot()
  t.same(open(world, machine)!.records, [1, 2])
})

t.test('a torn tail that cannot be cut off is refused once', async (t) => {
  const world = new World({ seed: 3 })
  const machine = world.machine('device')
  machine.boot()
  let opened: Journal | null = null
  const place = { files: machine.hardware.files, random: machine.hardware.random, name: 'j' }
  Journal.open(
    place,
    () => {},
    (_error, journal) => {
      opened = journal
    },
  )
  world.runUntil(() => opened !== null, 1_000)
  const whole = machine.disk.peek('j')!
  machine.disk.poke('j', Uint8Array.of(...whole, 1, 2, 3))
  for (const code of ['EIO', null]) {
    machine.disk.failWith = code
    const answers: string[] = []
    Journal.open(
      place,
      () => {},
      (error, journal) => {
        answers.push(journal ? 'opened' : (error?.code ?? 'null'))
      },
    )
    world.runFor(1_000)
    t.same(answers, [code ? 'state-unreadable' : 'opened'])
  }
})
