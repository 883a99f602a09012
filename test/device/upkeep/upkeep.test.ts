import t from 'tap'
import { text } from '../../../src/base/bytes.ts'
import { judgeTrial, missing } from '../../../src/device/upkeep/gate.ts'
import { AGAIN_MS, FEED_MS, Progress } from '../../../src/device/upkeep/progress.ts'
import { knockAt } from '../../../src/device/upkeep/upkeep.ts'
import type { SimBoard } from '../../../src/hw/sim/board.ts'
import { decodeSlots, encodeSlots, newest, type SlotRecord } from '../../../src/wire/card/slots.ts'
import { House } from '../../scenario/house.ts'

function boardHouse(seed: number): { house: House; board: SimBoard } {
  const house = new House(seed)
  const machine = house.world.machine('device', { board: { kind: 'pizero', slotBytes: 65_536 } })
  const board = machine.board!
  board.facts.set('slot', 'a\n')
  return { house, board }
}

function record(board: SimBoard): SlotRecord {
  return newest([0, 1].map((copy) => decodeSlots(board.disk.peek(`record-${copy}`)!))).record
}

t.test('fed only while loop, meter and network make progress', async (t) => {
  const progress = new Progress(0)
  let now = 0
  let next = FEED_MS
  const round = (late = 0): boolean => {
    now += next + late
    const verdict = progress.judge(now)
    next = verdict.next
    return verdict.feed
  }
  const all = (): void => {
    progress.ran('meter', now)
    progress.ran('network', now)
  }
  t.ok(round())
  all()
  t.ok(round(1_999))
  t.notOk(round(2_000), 'the loop was late')
  t.equal(next, AGAIN_MS, 'and is looked at soon')
  all()
  t.ok(round(), 'and is on time again')
  t.equal(next, FEED_MS)
  for (let i = 0; i < 3; i++) {
    progress.ran('network', now)
    round()
  }
  t.same(progress.judge(now + FEED_MS).late, ['meter'])
  now += FEED_MS
  all()
  t.ok(round())
  for (let i = 0; i < 13; i++) {
    progress.ran('meter', now)
    round()
  }
  t.same(progress.judge(now + FEED_MS).late, ['network'])
})

t.test(
  'one stall of eight seconds at the worst moment is outlived, a loop that stays late is not',
  async (t) => {
    const WATCHDOG_MS = 15_000
    const longest = (stall: number, stalls: number): number => {
      const progress = new Progress(0)
      let [now, fed, gap, next] = [0, 0, 0, FEED_MS]
      for (let n = 0; n < 40; n++) {
        // Just before the round is due, when the last feed is longest ago.
        now += next + (n < stalls ? stall : 0)
        progress.ran('meter', now)
        progress.ran('network', now)
        const verdict = progress.judge(now)
        next = verdict.next
        if (!verdict.feed) continue
        gap = Math.max(gap, now - fed)
        fed = now
      }
      return gap
    }
    t.ok(longest(8_000, 1) < WATCHDOG_MS, `${longest(8_000, 1)} ms`)
    t.ok(longest(2_500, 10) > WATCHDOG_MS)
  },
)

t.test('the gate: what worked before must work again', async (t) => {
  const seen = { aliveSince: 0, writable: true, telegram: false, peer: false }
  const never = { telegram: false, peer: false }
  t.equal(judgeTrial(59_999, 0, seen, never), 'wait')
  t.equal(judgeTrial(60_000, 0, seen, never), 'good')
  t.equal(judgeTrial(90_000, 0, { ...seen, aliveSince: 40_000 }, never), 'wait')
  t.equal(judgeTrial(90_000, 0, { ...seen, writable: false }, never), 'wait')
  t.equal(judgeTrial(90_000, 0, seen, { telegram: true, peer: false }), 'wait')
  t.equal(judgeTrial(90_000, 0, { ...seen, telegram: true }, { telegram: true, peer: false }), 'good')
  t.equal(judgeTrial(90_000, 0, { ...seen, telegram: true }, { telegram: true, peer: true }), 'wait')
  t.equal(judgeTrial(600_000, 0, seen, { telegram: true, peer: true }), 'give-up')
  t.same(missing(1, { ...seen, writable: false }, { telegram: true, peer: true }), [
    'a minute without a stall',
    'a write to the card',
    'a telegram',
    'a peer',
  ])
})

t.test('addresses that it knocks at', async (t) => {
  t.equal(knockAt('0.0.0.0:4001'), '127.0.0.1:4001')
  t.equal(knockAt('[::]:4001'), '[::1]:4001')
  t.equal(knockAt('10.0.0.2:4001'), '10.0.0.2:4001')
})

t.test('a device that works feeds the watchdog for an hour, and tells the supervisor', async (t) => {
  const { house, board } = boardHouse(11)
  house.startDevice()
  t.match(JSON.parse(board.notes.get('ready')!), { slot: 'a' })
  house.world.runFor(3_600_000)
  t.same(board.restarts, [])
  t.ok(board.fed >= 3_600_000 / FEED_MS - 2, `${board.fed} bytes`)
  const health = JSON.parse(board.notes.get('health')!)
  t.match(health, { slot: 'a', trial: false, late: [], writable: true, telegram: true })
  t.same(house.events('device', 'stalled'), [])
  t.same(JSON.parse(text(house.machine('device').disk.peek('worked.json')!)), {
    v: 1,
    telegram: true,
    peer: false,
  })
})

t.test(
  'a network task that answers nobody, and a silent meter: the first bites, the second does not',
  async (t) => {
    const { house, board } = boardHouse(12)
    house.startDevice()
    house.machine('device').cable.unplug()
    house.world.runFor(300_000)
    t.same(board.restarts, [], 'no telegram is no reason to restart')
    board.onRestart = () => house.machine('device').kill()
    // Nobody is at the door any more: as when accept() has died.
    house.world.network.partition('device', 'device')
    house.world.runFor(300_000)
    t.same(board.restarts, ['watchdog'])
    t.match(house.events('device', 'stalled')[0], { late: ['network'] })
  },
)

t.test('a new system proves itself and stays', async (t) => {
  const { house, board } = boardHouse(13)
  board.facts.set('slot', 'b')
  board.disk.poke('record-0', encodeSlots({ seq: 9, first: 'b', a: 'good', b: 2, index: 3 }))
  house.startDevice()
  house.world.runFor(20_000)
  t.match(house.events('device', 'trial')[0], { slot: 'b' })
  t.equal(house.machine('device').leds.showing('status'), 'trial')
  house.world.runFor(60_000)
  t.same(record(board), { seq: 10, first: 'b', a: 'good', b: 'good', index: 3 })
  t.equal(house.machine('device').leds.showing('status'), 'unpaired')
  t.match(house.events('device', 'proved'), [{ slot: 'b' }])
})

t.test('a new system that hears no meter where the old one did is given up after ten minutes', async (t) => {
  const { house, board } = boardHouse(14)
  house.startDevice()
  house.world.runFor(120_000)
  house.machine('device').kill()
  board.facts.set('slot', 'b')
  board.disk.poke('record-0', encodeSlots({ seq: 9, first: 'b', a: 'good', b: 2, index: 3 }))
  board.onRestart = () => house.machine('device').kill()
  house.machine('device').cable.unplug()
  house.startDevice()
  house.world.runFor(590_000)
  t.same(board.restarts, [])
  house.world.runFor(20_000)
  t.same(board.restarts, ['fallback'])
  t.same(
    record(board),
    { seq: 9, first: 'b', a: 'good', b: 2, index: 3 },
    'still on trial: stage 1 counts the tries',
  )
  t.match(house.events('device', 'trial').at(-1), { failed: 'a telegram' })
})

t.test('the old system finds itself started again, and says so', async (t) => {
  const { house, board } = boardHouse(15)
  board.disk.poke('record-1', encodeSlots({ seq: 12, first: 'b', a: 'good', b: 0, index: 3 }))
  house.startDevice()
  house.world.runFor(5_000)
  t.same(record(board), { seq: 13, first: 'a', a: 'good', b: 'none', index: 3 })
  t.match(house.events('device', 'fallback'), [{ slot: 'a', gaveUp: 'b' }])
})

t.test(
  'faults that stage 1 found, safe mode, a card that has become read-only: each has its LED',
  async (t) => {
    for (const [fact, value, led] of [
      ['fault', '2', 'fault-2'],
      ['fault', '4\n', 'fault-4'],
      ['safe', '', 'safe-mode'],
      ['fault', 'x', 'unpaired'],
    ] as const) {
      const { house, board } = boardHouse(16)
      board.facts.set(fact, value)
      house.startDevice()
      house.world.runFor(2_000)
      t.equal(house.machine('device').leds.showing('status'), led, `${fact} ${value}`)
    }
    // Full while it runs: what can be written no more shows itself at the next start.
    const { house } = boardHouse(17)
    house.startDevice()
    house.machine('device').kill()
    const machine = house.machine('device')
    machine.boot()
    house.startDevice()
    machine.disk.failWith = 'ENOSPC'
    house.world.runFor(2_000)
    t.equal(machine.leds.showing('status'), 'fault-2')
  },
)

t.test('too hot: told, until it is well below', async (t) => {
  const { house, board } = boardHouse(18)
  house.startDevice()
  const status = (): string => house.machine('device').leds.showing('status')
  const at = (degrees: number | null): string => {
    board.degrees = degrees
    house.world.runFor(6_000)
    return status()
  }
  t.equal(at(81), 'unpaired')
  t.equal(at(82), 'fault-7')
  t.equal(at(76), 'fault-7')
  t.equal(at(null), 'fault-7')
  t.equal(at(74), 'unpaired')
  t.equal(house.events('device', 'fault').length, 1)
})

t.test(
  'a card that fills up while it runs is told within the hour, and again when there is room',
  async (t) => {
    const { house } = boardHouse(19)
    house.startDevice()
    house.world.runFor(10_000)
    const machine = house.machine('device')
    t.equal(machine.leds.showing('status'), 'unpaired')
    machine.disk.failWith = 'ENOSPC'
    house.world.runFor(7_300_000)
    t.equal(machine.leds.showing('status'), 'fault-2')
    t.equal(house.events('device', 'fault').length, 1, 'told once')
    machine.disk.failWith = null
    house.world.runFor(3_700_000)
    t.equal(machine.leds.showing('status'), 'unpaired')
  },
)

t.test('without a data partition nobody can claim it: it would be forgotten with the power', async (t) => {
  const { house, board } = boardHouse(20)
  board.facts.set('fault', '2')
  house.startDevice()
  const machine = house.machine('device')
  machine.button.press()
  house.world.runFor(500)
  t.equal(machine.leds.showing('status'), 'refused')
  t.same(house.events('device', 'window'), [])
  t.match(house.events('device', 'pairing'), [{ what: 'no-storage' }])
  house.world.runFor(5_000)
  t.equal(machine.leds.showing('status'), 'fault-2')
})
