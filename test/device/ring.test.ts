import t from 'tap'
import { verifyFrame } from '../../src/channel/reader.ts'
import { Verifier } from '../../src/crypto/native.ts'
import { type Machine, World } from '../../src/hw/sim/world.ts'
import { Ring } from '../../src/node/frames/ring.ts'
import { FRAME_BYTES, frameEpoch, frameIndex, REASON } from '../../src/wire/frame.ts'
import type { Head } from '../../src/wire/rotation.ts'
import { device, NO_HEAD, person } from '../channel/world.ts'

const SLOTS = 40

/** A ring on a simulated card, and frames of a real publisher. */
function rig(): {
  open: () => { ring: Ring; head: Head | null }
  frames: Uint8Array[]
  publish: (n: number) => void
  world: World
  machine: Machine
  poke: (slot: number, at: number) => void
} {
  const world = new World({ seed: 5 })
  const machine = world.machine('device')
  const d = device()
  const verifier = Verifier.of(d.signer.publicKey)!
  d.publisher.openEpoch({
    epoch: 1,
    reason: REASON.boot,
    at: 1,
    prev: NO_HEAD,
    readers: [person().keys],
    keepStart: false,
  })
  return {
    world,
    machine,
    frames: d.frames,
    publish: (n) => {
      for (let i = 0; i < n; i++) d.publisher.publish(Uint8Array.of(i))
    },
    open: () => {
      let opened: { ring: Ring; head: Head | null } | null = null
      Ring.open(
        machine.hardware.files,
        { name: 'ring', slots: SLOTS, genuine: (f) => verifyFrame(f, verifier) },
        (error, ring, head) => {
          if (error || !ring) throw error ?? new Error('no ring')
          opened = { ring, head }
        },
      )
      world.runUntil(() => opened !== null, 1_000)
      return opened!
    },
    poke: (slot, at) => {
      const bytes = machine.disk.peek('ring')!.slice()
      bytes[slot * FRAME_BYTES + at]! ^= 1
      machine.disk.poke('ring', bytes)
      // With the power went what was in RAM.
      machine.disk.inodes.delete('ring.mem')
    },
  }
}

function places(ring: Ring, world: World): string[] {
  const out: string[] = []
  for (let n = ring.oldest; n < ring.next; n++) {
    const into = new Uint8Array(FRAME_BYTES)
    let read = -1
    ring.read(n, into, (_error, frames) => {
      read = frames
    })
    world.runUntil(() => read >= 0, 1_000)
    out.push(`${frameEpoch(into)}/${frameIndex(into)}`)
  }
  return out
}

t.test('a ring finds its newest frame again, before and after it went round', async (t) => {
  for (const count of [0, 1, SLOTS - 3, SLOTS - 2, SLOTS, SLOTS + 9, 3 * SLOTS + 1]) {
    const r = rig()
    const first = r.open()
    t.equal(first.head, null)
    r.publish(count)
    for (const frame of r.frames) first.ring.append(frame)
    r.world.runFor(1_000)
    const again = r.open()
    const newest = r.frames.at(-1)!
    t.same(
      [again.head?.epoch, again.head?.index],
      [frameEpoch(newest), frameIndex(newest)],
      `${r.frames.length} frames`,
    )
    t.equal(again.ring.next - again.ring.oldest, Math.min(SLOTS, r.frames.length))
    const wanted = r.frames.slice(-SLOTS).map((f) => `${frameEpoch(f)}/${frameIndex(f)}`)
    t.same(places(again.ring, r.world), wanted)
    let found = -1
    again.ring.find({ epoch: 1, index: frameIndex(newest) }, (_error, n) => {
      found = n
    })
    r.world.runUntil(() => found >= 0, 1_000)
    t.equal(found, again.ring.next - 1)
  }
})

t.test('a newest frame that a power cut tore is not the head', async (t) => {
  for (const at of [0, 9, 40, 60, 191, 192, 255]) {
    const r = rig()
    const { ring } = r.open()
    r.publish(10)
    for (const frame of r.frames) ring.append(frame)
    ring.sync(() => {})
    r.world.runFor(1_000)
    r.poke(r.frames.length - 1, at)
    const again = r.open()
    t.equal(again.head?.index, frameIndex(r.frames.at(-2)!), `torn at byte ${at}`)
  }
})

t.test('frames go to the card together; what waits survives a kill, and not a power cut', async (t) => {
  for (const how of ['kill', 'power'] as const) {
    const r = rig()
    const { ring } = r.open()
    r.publish(5)
    for (const frame of r.frames) ring.append(frame)
    ring.sync(() => {})
    r.world.runFor(1_000)
    const synced = r.frames.length
    r.publish(20)
    const { disk } = r.machine
    const points = disk.points
    for (const frame of r.frames.slice(synced)) ring.append(frame)
    r.world.runFor(1_000)
    t.equal(disk.peek('ring')!.length, synced * FRAME_BYTES, 'nothing more on the card yet')
    t.equal(disk.points - points, 20, 'one write for each, into RAM')
    if (how === 'kill') r.machine.kill()
    else r.machine.cutPower()
    r.machine.boot()
    const again = r.open()
    const wanted = how === 'kill' ? r.frames.length : synced
    t.equal(again.ring.next, wanted, how)
    t.equal(again.head?.index, frameIndex(r.frames[wanted - 1]!))
    t.same(
      places(again.ring, r.world),
      r.frames
        .slice(0, wanted)
        .slice(-SLOTS)
        .map((f) => `${frameEpoch(f)}/${frameIndex(f)}`),
    )
  }
})

t.test('what somebody else left in that file is not taken', async (t) => {
  const r = rig()
  const { ring } = r.open()
  r.publish(5)
  for (const frame of r.frames) ring.append(frame)
  ring.sync(() => {})
  r.world.runFor(1_000)
  const before = r.frames.length
  r.publish(8)
  const wrong = r.frames
    .slice(before)
    .map((frame, i) => (i === 3 ? frame.map((x, at) => (at === 200 ? x ^ 1 : x)) : frame))
  for (const [what, left, taken] of [
    ['a frame with a bit flipped, and those behind it', wrong, 3],
    ['frames that do not follow', r.frames.slice(before + 1), 0],
    ['garbage', [new Uint8Array(FRAME_BYTES * 3).fill(1)], 0],
    ['in any order, some twice', [...r.frames.slice(before), ...r.frames.slice(before)].reverse(), 8],
  ] as const) {
    r.machine.kill()
    r.machine.disk.poke('ring', r.machine.disk.peek('ring')!.slice(0, before * FRAME_BYTES))
    r.machine.disk.poke('ring.mem', new Uint8Array(Buffer.concat(left)))
    r.machine.boot()
    t.equal(r.open().ring.next, before + taken, what)
  }
})

t.test('laid out ahead of the frames: zeros are no frames, before and after it has been round', async (t) => {
  const { open, publish, frames, world, machine } = rig()
  const first = open()
  t.ok(first.ring.layOut())
  t.notOk(first.ring.layOut(), 'a small ring is laid out in one piece')
  let appended = 0
  const append = (ring: Ring, n: number): void => {
    publish(n)
    for (; appended < frames.length; appended++) ring.append(frames[appended]!)
  }
  const sync = (ring: Ring): void => {
    let done = false
    ring.sync(() => {
      done = true
    })
    world.runUntil(() => done, 1_000)
  }
  append(first.ring, 10)
  sync(first.ring)
  t.equal(machine.disk.peek('ring')!.length, SLOTS * FRAME_BYTES)
  first.ring.close()
  const second = open()
  t.equal(second.ring.next, appended, 'not taken for one that has been round')
  t.equal(second.ring.oldest, 0)
  t.equal(second.head?.index, frameIndex(frames.at(-1)!))
  t.notOk(second.ring.layOut())
  append(second.ring, SLOTS)
  sync(second.ring)
  second.ring.close()
  const third = open()
  t.equal(third.head?.index, frameIndex(frames.at(-1)!))
  t.equal(third.ring.next - third.ring.oldest, SLOTS, 'every slot has a frame now')
  // The last slot of the file holds the newest one.
  const left = SLOTS - (appended % SLOTS)
  append(third.ring, left)
  sync(third.ring)
  third.ring.close()
  t.equal(open().head?.index, frameIndex(frames.at(-1)!))
})
