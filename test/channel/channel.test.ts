import t from 'tap'
import { equal } from '../../src/base/bytes.ts'
import { ENDING } from '../../src/wire/channel.ts'
import { FRAME_BYTES, frameEpoch, REASON, USABLE_BYTES } from '../../src/wire/frame.ts'
import { rotationParts } from '../../src/wire/rotation.ts'
import { bytes, device, endedMessage, follow, framesMessage, grantMessage, NO_HEAD, person } from './world.ts'

const AT = 1_763_634_600_000

t.test('a joiner reads from its grant on and nothing earlier', async (t) => {
  const d = device()
  const owner = person()
  const joiner = person()
  d.publisher.openEpoch({
    epoch: 1,
    reason: REASON.boot,
    at: AT,
    prev: NO_HEAD,
    readers: [owner.keys],
    keepStart: false,
  })
  const before = [bytes(60), bytes(60)]
  for (const p of before) d.publisher.publish(p)
  const grant = d.publisher.grant(joiner.keys, Uint8Array.of(42))
  const after = [bytes(30), bytes(USABLE_BYTES * 2 + 7), bytes(0), bytes(USABLE_BYTES)]
  for (const p of after) d.publisher.publish(p)
  for (const f of d.frames) t.equal(f.length, FRAME_BYTES)

  const { follower, seen } = follow(d, joiner)
  follower.onMessage(framesMessage(d.frames))
  t.equal(seen.payloads.length, 0, 'nothing without a grant')
  follower.onMessage(grantMessage(grant))
  t.same(seen.states, [Uint8Array.of(42)])
  follower.onMessage(framesMessage(d.frames))
  t.same(seen.payloads, after)
  t.equal(follower.access, 'open')
  t.same(seen.rejects, [])

  const late = d.frames.slice(-1)
  follower.onMessage(framesMessage(late))
  t.equal(seen.payloads.length, after.length, 'a repeated frame is not delivered twice')
})

t.test('after a revocation the very next frame is closed to the revoked, and to nobody else', async (t) => {
  const d = device()
  const [owner, kept, dropped] = [person(), person(), person()]
  d.publisher.openEpoch({
    epoch: 1,
    reason: REASON.boot,
    at: AT,
    prev: NO_HEAD,
    readers: [owner.keys, kept.keys, dropped.keys],
    keepStart: false,
  })
  const followers = [owner, kept, dropped].map((p) => {
    const f = follow(d, p)
    f.follower.onMessage(grantMessage(d.publisher.grant(p.keys, new Uint8Array(0))))
    return f
  })
  d.publisher.publish(Uint8Array.of(1))
  d.publisher.openEpoch({
    epoch: 2,
    reason: REASON.revoked,
    at: AT,
    prev: d.publisher.head(),
    readers: [owner.keys, kept.keys],
    keepStart: false,
  })
  d.publisher.publish(Uint8Array.of(2))
  d.publisher.publish(Uint8Array.of(3))
  for (const { follower } of followers) for (const f of d.frames) follower.onMessage(framesMessage([f]))
  const [o, k, x] = followers.map((f) => f.seen)
  t.same(o!.payloads, [Uint8Array.of(1), Uint8Array.of(2), Uint8Array.of(3)])
  t.same(k!.payloads, o!.payloads)
  t.same(x!.payloads, [Uint8Array.of(1)])
  t.equal(followers[2]!.follower.access, 'closed')
  t.equal(x!.sealed.length, 3, 'the end of the rotation and both telegrams are seen and stay closed')
  t.same([o!.gaps, k!.gaps, o!.rejects, x!.rejects], [[], [], [], []])

  followers[2]!.follower.onMessage(endedMessage(d, dropped, { epoch: 2, why: ENDING.revoked, at: AT }))
  t.equal(followers[2]!.follower.access, 'ended')
  t.equal(followers[2]!.follower.ended?.epoch, 2)
  followers[1]!.follower.onMessage(endedMessage(d, dropped, { epoch: 2, why: ENDING.revoked, at: AT }))
  t.equal(followers[1]!.follower.access, 'open', 'an ending for somebody else is refused')
  t.same(k!.rejects, ['message'])
})

t.test('a reader cannot forge to another reader', async (t) => {
  const d = device()
  const [victim, attacker] = [person(), person()]
  d.publisher.openEpoch({
    epoch: 1,
    reason: REASON.boot,
    at: AT,
    prev: NO_HEAD,
    readers: [],
    keepStart: false,
  })
  const { follower, seen } = follow(d, victim)
  follower.onMessage(grantMessage(d.publisher.grant(victim.keys, new Uint8Array(0))))
  d.publisher.publish(Uint8Array.of(1))
  const genuine = d.frames.at(-1)!
  for (let i = 0; i < FRAME_BYTES; i += 7) {
    const forged = genuine.slice()
    forged[i]! ^= 1
    follower.onMessage(framesMessage([forged]))
  }
  t.equal(seen.payloads.length, 0)
  t.ok(seen.rejects.length > 30)
  const mallory = device()
  mallory.publisher.openEpoch({
    epoch: 9,
    reason: REASON.boot,
    at: AT,
    prev: NO_HEAD,
    readers: [victim.keys],
    keepStart: false,
  })
  follower.onMessage(grantMessage(mallory.publisher.grant(victim.keys, new Uint8Array(0))))
  follower.onMessage(framesMessage(mallory.frames))
  follower.onMessage(grantMessage(d.publisher.grant(attacker.keys, new Uint8Array(0))))
  follower.onMessage(framesMessage([genuine]))
  t.same(seen.payloads, [Uint8Array.of(1)], 'and the genuine frame still opens')
})

t.test('messages of any length and content are refused, never thrown at', async (t) => {
  const d = device()
  const p = person()
  d.publisher.openEpoch({
    epoch: 1,
    reason: REASON.boot,
    at: AT,
    prev: NO_HEAD,
    readers: [p.keys],
    keepStart: false,
  })
  const { follower, seen } = follow(d, p)
  const grant = grantMessage(d.publisher.grant(p.keys, bytes(500)))
  for (let n = 0; n < grant.length; n += 3) follower.onMessage(grant.subarray(0, n))
  for (let i = 0; i < 3_000; i++) {
    const noise = bytes(i % 700)
    if (noise.length > 0) noise[0] = i % 10
    follower.onMessage(noise)
  }
  t.equal(seen.payloads.length, 0)
  t.equal(follower.reader.next(), null)
})

t.test('gaps are reported as gaps and reading goes on', async (t) => {
  const d = device()
  const p = person()
  d.publisher.openEpoch({
    epoch: 1,
    reason: REASON.boot,
    at: AT,
    prev: NO_HEAD,
    readers: [p.keys],
    keepStart: false,
  })
  const { follower, seen } = follow(d, p)
  follower.onMessage(grantMessage(d.publisher.grant(p.keys, new Uint8Array(0))))
  const start = d.frames.length
  for (let i = 0; i < 10; i++) d.publisher.publish(Uint8Array.of(i))
  follower.onMessage(framesMessage(d.frames.slice(start, start + 3)))
  follower.onMessage(framesMessage(d.frames.slice(start + 7)))
  t.same(
    seen.payloads.map((x) => x[0]),
    [0, 1, 2, 7, 8, 9],
  )
  t.same(seen.gaps, [{ from: { epoch: 1, index: start + 3 }, to: { epoch: 1, index: start + 7 } }])
})

t.test(
  'a restart of the device: owners follow by box, others by grants from the start once there is a witness',
  async (t) => {
    const d = device()
    const [owner, provider] = [person(), person()]
    d.publisher.openEpoch({
      epoch: 1,
      reason: REASON.boot,
      at: AT,
      prev: NO_HEAD,
      readers: [owner.keys, provider.keys],
      keepStart: false,
    })
    const o = follow(d, owner)
    const q = follow(d, provider)
    for (const [f, p] of [
      [o, owner],
      [q, provider],
    ] as const)
      f.follower.onMessage(grantMessage(d.publisher.grant(p.keys, new Uint8Array(0))))
    d.publisher.publish(Uint8Array.of(1))
    const head = d.publisher.head()
    d.publisher.publish(Uint8Array.of(2)) // reaches the readers, but not the card
    d.publisher.openEpoch({
      epoch: 2,
      reason: REASON.boot,
      at: AT,
      prev: head,
      readers: [owner.keys],
      keepStart: true,
    })
    d.publisher.publish(Uint8Array.of(3))
    d.publisher.publish(Uint8Array.of(4))
    const rotated = d.frames.findIndex((f) => frameEpoch(f) === 2) + rotationParts(4)
    o.follower.onMessage(framesMessage(d.frames))
    t.same(
      o.seen.payloads.map((x) => x[0]),
      [1, 2, 3, 4],
    )
    t.same(o.seen.gaps, [], 'frames that only the card lost are no gap')

    q.follower.onMessage(framesMessage(d.frames.slice(0, rotated)))
    t.equal(q.follower.access, 'closed')
    const [start] = d.publisher.startGrants(provider.keys, 0)
    q.follower.onMessage(grantMessage(start!.bytes))
    q.follower.onMessage(framesMessage(d.frames.slice(rotated)))
    t.same(
      q.seen.payloads.map((x) => x[0]),
      [1, 2, 3, 4],
    )
    t.same(d.publisher.startGrants(provider.keys, 2), [], 'let in during this epoch: nothing from before')
    d.publisher.dropStarts()
    t.same(d.publisher.startGrants(provider.keys, 0), [])
  },
)

t.test('an epoch number twice, with another nonce, is a fork', async (t) => {
  const d = device()
  const twin = device()
  const p = person()
  const clone = { ...twin, signer: d.signer }
  d.publisher.openEpoch({
    epoch: 5,
    reason: REASON.boot,
    at: AT,
    prev: NO_HEAD,
    readers: [p.keys],
    keepStart: false,
  })
  const { follower, seen } = follow(d, p)
  follower.onMessage(grantMessage(d.publisher.grant(p.keys, new Uint8Array(0))))
  const { Publisher } = await import('../../src/channel/publisher.ts')
  const frames: Uint8Array[] = []
  const cloned = new Publisher({
    class: 0,
    signer: clone.signer,
    exchange: d.exchange,
    random: (b) => b.set(bytes(b.length)),
    onFrame: (f) => frames.push(f.slice()),
  })
  cloned.openEpoch({
    epoch: 5,
    reason: REASON.boot,
    at: AT,
    prev: NO_HEAD,
    readers: [p.keys],
    keepStart: false,
  })
  cloned.publish(Uint8Array.of(66))
  follower.onMessage(framesMessage(frames))
  t.ok(seen.rejects.includes('fork'))
  d.publisher.publish(Uint8Array.of(7))
  follower.onMessage(framesMessage(d.frames))
  t.same(seen.payloads, [Uint8Array.of(7)], 'the old line goes on')
})

t.test('state kept over a restart of the reader goes on at the same frame', async (t) => {
  const d = device()
  const p = person()
  d.publisher.openEpoch({
    epoch: 1,
    reason: REASON.boot,
    at: AT,
    prev: NO_HEAD,
    readers: [p.keys],
    keepStart: false,
  })
  const first = follow(d, p)
  first.follower.onMessage(grantMessage(d.publisher.grant(p.keys, new Uint8Array(0))))
  d.publisher.publish(Uint8Array.of(1))
  first.follower.onMessage(framesMessage(d.frames))
  const state = first.follower.reader.state()!
  t.match(JSON.stringify(state), /"chainKey":"\[secret\]"/, 'a chain key does not print')
  d.publisher.publish(Uint8Array.of(2))
  d.publisher.openEpoch({
    epoch: 2,
    reason: REASON.daily,
    at: AT,
    prev: d.publisher.head(),
    readers: [p.keys],
    keepStart: false,
  })
  d.publisher.publish(Uint8Array.of(3))
  const second = follow(d, p)
  second.follower.restore(state)
  second.follower.onMessage(framesMessage(d.frames))
  t.same(second.seen.payloads, [Uint8Array.of(2), Uint8Array.of(3)])
  t.same(second.seen.gaps, [])
})

t.test('boxes: four for one reader, and none alike between epochs', async (t) => {
  const d = device()
  const p = person()
  for (let epoch = 1; epoch <= 2; epoch++)
    d.publisher.openEpoch({
      epoch,
      reason: REASON.boot,
      at: AT,
      prev: d.publisher.head(),
      readers: [p.keys],
      keepStart: false,
    })
  t.equal(d.frames.length, 2 * rotationParts(4))
  t.notOk(equal(d.frames[0]!.subarray(48, 256), d.frames[rotationParts(4)]!.subarray(48, 256)))
  t.throws(
    () =>
      d.publisher.openEpoch({
        epoch: 2,
        reason: REASON.boot,
        at: AT,
        prev: NO_HEAD,
        readers: [],
        keepStart: false,
      }),
    RangeError,
  )
})
