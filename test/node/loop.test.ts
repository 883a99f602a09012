import t from 'tap'
import { LIMITS } from '../../src/base/limits.ts'
import { World } from '../../src/hw/sim/world.ts'
import { Loop } from '../../src/node/loop.ts'

function rig(): { world: World; loop: Loop; log: string[] } {
  const world = new World()
  return { world, loop: new Loop(world.machine('device').hardware.clock), log: [] }
}

t.test('timers fire in time, once or again and again', async (t) => {
  const { world, loop, log } = rig()
  loop.after('b', 20, (now) => log.push(`b ${now}`))
  loop.after('a', 10, (now) => log.push(`a ${now}`))
  loop.every('tick', 15, (now) => log.push(`tick ${now}`))
  world.run(50)
  t.same(log, ['a 10', 'tick 15', 'b 20', 'tick 30', 'tick 45'])
  t.equal(loop.left('tick'), 10)
  t.equal(loop.left('a'), -1)
  loop.cancel('tick')
  world.run(200)
  t.equal(log.length, 5)
})

t.test('a timer of the same name replaces; cancelled ones stay silent', async (t) => {
  const { world, loop, log } = rig()
  loop.after('x', 10, () => log.push('old'))
  loop.after('x', 30, () => log.push('new'))
  loop.after('y', 5, () => log.push('y'))
  loop.cancel('y')
  loop.cancel('nobody')
  world.run(100)
  t.same(log, ['new'])
})

t.test('timers may set and cancel timers while they fire', async (t) => {
  const { world, loop, log } = rig()
  loop.after('a', 10, () => {
    log.push('a')
    loop.cancel('b')
    loop.after('c', 0, () => log.push('c'))
    loop.after('a', 5, () => log.push('a again'))
  })
  loop.after('b', 10, () => log.push('b'))
  world.run(100)
  t.same(log, ['a', 'c', 'a again'])
})

t.test('late rounds are not made up for', async (t) => {
  const { world, loop, log } = rig()
  let slow = true
  loop.every('round', 10, (now) => {
    log.push(`${now}`)
    if (slow) world.scheduler.run(now + 35)
    slow = false
  })
  world.run(80)
  t.same(log, ['10', '45', '55', '65', '75'], 'the rounds at 20, 30 and 40 are one')
})

t.test('more timers than the cap is a broken invariant; names that are done make room', async (t) => {
  const { world, loop } = rig()
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < LIMITS.node.timers; i++) loop.after(`${round}-${i}`, 10, () => {})
    world.runFor(20)
  }
  for (let i = 0; i < LIMITS.node.timers; i++) loop.after(`last-${i}`, 10, () => {})
  t.throws(() => loop.after('one more', 10, () => {}), /timers/)
})
