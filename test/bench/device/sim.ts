// An hour in virtual time on simulated sockets, in a process of its own. Device, simulated network and
// card, and eight readers share the process: muted readers leave the device's garbage (and the
// network's, see sim.bench.ts), readers that open every frame give an upper bound.

import { Device } from '../../../src/device/device.ts'
import { World } from '../../../src/hw/sim/world.ts'
import { freshCode, makeRecord } from '../../../src/ownership/label.ts'
import { type Claimed, claim, NUDGE_EVERY, Reader } from './cast.ts'
import { type Measured, Probe } from './probe.ts'
import { Cable, makeTelegrams } from './serial.ts'

/** Telegrams before the hour: compiled code, a full ring. */
const WARM = 1_200
/** The simulated card lies in memory: it is full before the hour begins. */
const RING_FRAMES = 1_000

export function measureSim(hour: number, muted: boolean): Measured {
  const world = new World({ seed: 1 })
  const random = (into: Uint8Array): void => world.chance.fill(into)
  const code = freshCode(random)
  const machine = world.machine('device')
  const cable = new Cable()
  const telegrams = makeTelegrams(WARM + hour + 1_000, world.wallAtStart)
  let sent = 0
  let device: Device | null = null
  Device.start(
    {
      hardware: { ...machine.hardware, serial: cable },
      record: makeRecord(code, 0xab12, new Uint8Array(16)),
      listen: `${machine.address}:4001`,
      serial: 'sim',
      ringFrames: RING_FRAMES,
      report: () => {},
    },
    (_error, started) => {
      device = started
    },
  )
  expect(
    world.runUntil(() => device !== null, 10_000),
    'the device starts',
  )
  machine.button.press()
  world.runFor(500)
  let claimed: Claimed | null = null
  claim(world.machine('home').hardware, code, device!.address, (_error, value) => {
    claimed = value
  })
  expect(
    world.runUntil(() => claimed !== null, 60_000),
    'the device is claimed and shared',
  )
  const readers = claimed!.readers.map(
    (keys, i) => new Reader(world.machine(`reader${i}`).hardware, claimed!, keys),
  )
  world.runFor(2_000)
  expect(device!.status.readers === readers.length, 'eight readers are connected')

  const second = (): void => {
    cable.send(telegrams[sent++]!)
    if (muted && sent % NUDGE_EVERY === 0) for (const reader of readers) reader.nudge()
    world.runFor(1_000)
  }
  second()
  if (muted) for (const reader of readers) reader.mute()
  while (sent < WARM) second()
  const probe = new Probe()
  probe.start()
  for (let i = 0; i < hour; i++) second()
  const measured = probe.stop(hour)
  while (!probe.sample()) second()

  expect(device!.status.readers === readers.length, 'eight readers are connected at the end')
  const last = telegrams[sent - 1]!
  for (const reader of readers) {
    if (muted) expect(reader.pieces >= sent - 1, 'every frame came')
    else expect(reader.telegrams === sent && reader.gaps === 0, 'every telegram was opened')
    if (!muted)
      expect(
        reader.last.subarray(0, reader.lastLength).every((b, i) => b === last[i]),
        'as it was sent',
      )
  }
  return { ...measured, bufferBytes: probe.bufferBytes }
}

export function expect(holds: boolean, what: string): void {
  if (!holds) throw new Error(`expected: ${what}`)
}
