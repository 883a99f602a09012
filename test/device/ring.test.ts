import t from 'tap'
import { verifyFrame } from '../../src/channel/reader.ts'
import { Verifier } from '../../src/crypto/native.ts'
import { World } from '../../src/hw/sim/world.ts'
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
    r.world.runFor(1_000)
    r.poke(r.frames.length - 1, at)
    const again = r.open()
    t.equal(again.head?.index, frameIndex(r.frames.at(-2)!), `torn at byte ${at}`)
  }
})
