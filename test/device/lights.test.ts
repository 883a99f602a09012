import t from 'tap'
import { FAULTS } from '../../src/base/lights/leds.ts'
import { type LightState, Lights } from '../../src/device/lights.ts'
import { World } from '../../src/hw/sim/world.ts'
import { Loop } from '../../src/node/loop.ts'

function rig(): { lights: Lights; shows: () => string; pass: (ms: number) => void } {
  const world = new World({ seed: 1 })
  const machine = world.machine('lights')
  const lights = new Lights(machine.hardware.leds, new Loop(machine.hardware.clock))
  return {
    lights,
    shows: () => `${machine.leds.showing('status')}/${machine.leds.showing('meter')}`,
    pass: (ms) => world.runFor(ms),
  }
}

t.test('every state has its pair of patterns, and the stronger one wins', async (t) => {
  const { lights, shows } = rig()
  t.equal(shows(), 'unpaired/off')
  // From the weakest to the strongest: each is set on top of all before it.
  const ladder: [Partial<LightState>, string][] = [
    [{ claimed: true }, 'paired/off'],
    [{ trial: true }, 'trial/off'],
    [{ offline: true }, 'offline/off'],
    [{ noWifi: true }, 'no-wifi/no-wifi'],
    [{ safeMode: true }, 'safe-mode/safe-mode'],
    [{ updating: true }, 'updating/updating'],
    [{ booting: true }, 'booting/off'],
    [{ windowOpen: true }, 'window-open/off'],
    [{ claiming: true }, 'claiming/off'],
    [{ resetArmed: true }, 'reset-armed/reset-armed'],
  ]
  for (const [change, expected] of ladder) {
    lights.set(change)
    t.equal(shows(), expected)
  }
  const off: Partial<LightState>[] = [
    { resetArmed: false },
    { claiming: false },
    { windowOpen: false },
    { booting: false },
    { updating: false },
    { safeMode: false },
    { noWifi: false },
    { offline: false },
    { trial: false },
  ]
  for (let i = 0; i < off.length; i++) {
    lights.set(off[i]!)
    t.equal(shows(), ladder[ladder.length - 2 - i]![1])
  }
})

t.test('each fault is counted out; a number that is none is no fault', async (t) => {
  const { lights, shows } = rig()
  for (const [n] of FAULTS) {
    lights.raiseFault(n)
    t.equal(shows(), `fault-${n}/fault`)
    lights.clearFault(n)
    t.equal(shows(), 'unpaired/off')
  }
  lights.raiseFault(99)
  t.equal(shows(), 'unpaired/off')
  lights.raiseFault(5)
  lights.raiseFault(2)
  t.equal(shows(), 'fault-2/fault', 'the lowest of two')
  lights.set({ offline: true, safeMode: true })
  t.equal(shows(), 'fault-2/fault', 'before safe mode and network')
  lights.set({ updating: true })
  t.equal(shows(), 'updating/updating', 'but "do not unplug" goes before it')
})

t.test('telegrams blip only where METER has nothing else to say', async (t) => {
  const { lights, shows, pass } = rig()
  lights.telegram()
  t.equal(shows(), 'unpaired/telegram')
  lights.set({ updating: true })
  lights.telegram()
  t.equal(shows(), 'updating/updating')
  lights.set({ updating: false })
  lights.telegram()
  t.equal(shows(), 'unpaired/telegram')
  lights.identify()
  lights.telegram()
  t.equal(shows(), 'identify/identify')
  pass(3_100)
  t.equal(shows(), 'unpaired/off')
  lights.set({ meterSilent: true })
  t.equal(shows(), 'unpaired/silent')
  lights.telegram()
  t.equal(shows(), 'unpaired/telegram', 'and it is silent no more')
})
