// What every Clock and every source of randomness must do (hw/hardware.ts).

import { equal } from '../../src/base/bytes.ts'
import { contract } from './rigs.ts'

contract('the clock wakes once, not early, and a new wake replaces the old', async (t, rig) => {
  const { clock } = rig
  const start = clock.now()
  const woken: [string, number][] = []
  clock.wake(start + 5, () => woken.push(['replaced', clock.now()]))
  clock.wake(start + 30, () => woken.push(['kept', clock.now()]))
  t.same(woken, [])
  t.ok(await rig.until(() => woken.length > 0))
  await rig.until(() => false, 40)
  t.equal(woken.length, 1)
  t.equal(woken[0]![0], 'kept')
  t.ok(woken[0]![1] >= start + 30, `${woken[0]![1] - start} ms`)
})

contract('a wake in the past comes soon and not inside the call', async (t, rig) => {
  let woken = 0
  rig.clock.wake(rig.clock.now() - 100, () => woken++)
  t.equal(woken, 0)
  t.ok(await rig.until(() => woken === 1))
})

contract('a wake may be set from a wake', async (t, rig) => {
  let rounds = 0
  const again = (): void => {
    if (++rounds < 5) rig.clock.wake(rig.clock.now() + 1, again)
  }
  rig.clock.wake(rig.clock.now() + 1, again)
  t.ok(await rig.until(() => rounds === 5))
})

contract('a wake far away neither fires nor overflows', async (t, rig) => {
  let woken = 0
  rig.clock.wake(rig.clock.now() + 2 ** 33, () => woken++)
  await rig.until(() => false, 30)
  t.equal(woken, 0)
  rig.clock.wake(rig.clock.now(), () => {})
})

contract('time goes forward', async (t, rig) => {
  const now = rig.clock.now()
  const wall = rig.clock.wall()
  await rig.until(() => false, 50)
  const passed = rig.clock.now() - now
  t.ok(passed >= 50, `${passed}`)
  t.ok(Math.abs(rig.clock.wall() - wall - passed) < 200)
  t.ok(Number.isInteger(wall), 'the wall clock counts whole milliseconds')
  t.ok(wall > 1_600_000_000_000)
})

contract('random bytes fill the array and do not repeat', async (t, rig) => {
  const a = new Uint8Array(4_096)
  const b = new Uint8Array(4_096)
  rig.random(a)
  rig.random(b)
  t.notOk(equal(a, b))
  const counts = new Array<number>(256).fill(0)
  for (const byte of a) counts[byte]!++
  t.ok(Math.max(...counts) < 60, 'no byte is frequent')
  t.ok(counts.filter((n) => n === 0).length < 20, 'hardly a byte is missing')
  rig.random(new Uint8Array(0))
})
