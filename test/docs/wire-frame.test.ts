// docs/wire.md is enough: what src/channel makes, a reader written from that page alone opens, and finds
// in its places. Also the other way round: one flipped bit and it does not.

import { randomFillSync } from 'node:crypto'
import t from 'tap'
import { signEntry } from '../../src/channel/access.ts'
import type { ReaderKeys } from '../../src/channel/grant.ts'
import { Publisher } from '../../src/channel/publisher.ts'
import { Exchange, Signer } from '../../src/crypto/native.ts'
import { Secret } from '../../src/crypto/secret.ts'
import {
  type MiniFrame,
  type MiniReader,
  openData,
  readEntry,
  readFrame,
  readGrant,
  readKeys,
  readRotation,
  sha256,
  step,
} from './mini-reader.ts'

/** For comparing bytes whatever they are kept in. */
const plain = (value: unknown): unknown =>
  value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value
const AT = 1_763_634_600_000
const NO_HEAD = { epoch: 0, index: 0, hash: new Uint8Array(32) }

function bytes(n: number): Uint8Array {
  return randomFillSync(new Uint8Array(n))
}

function house(readers: number) {
  const frames: Uint8Array[] = []
  const signer = new Signer(new Secret(bytes(32)))
  const exchange = new Exchange(new Secret(bytes(32)))
  const publisher = new Publisher({
    class: 0,
    signer,
    exchange,
    random: (into) => randomFillSync(into),
    onFrame: (frame) => frames.push(frame.slice()),
  })
  const people = Array.from({ length: readers }, () => {
    const secret = bytes(32)
    const sign = new Signer(new Secret(bytes(32))).publicKey
    const grantId = bytes(16)
    const keys: ReaderKeys = {
      sign,
      box: new Exchange(new Secret(secret.slice())).publicKey,
      grantId,
      until: AT + 9,
      entry: bytes(32),
    }
    const mini: MiniReader = {
      device: signer.publicKey,
      deviceBox: exchange.publicKey,
      secret,
      sign,
      grantId,
    }
    return { keys, mini }
  })
  const read = (from: number): MiniFrame[] =>
    frames.slice(from).map((f) => {
      const frame = readFrame(f, signer.publicKey)
      if (!frame) throw new Error('expected a frame, found none')
      return frame
    })
  return { publisher, people, frames, signer, read }
}

/** Follows the chain from the key of the first frame; payloads put together from their parts. */
function payloads(frames: MiniFrame[], chainKey: Uint8Array): (Uint8Array | null)[] {
  const out: (Uint8Array | null)[] = []
  let key = chainKey
  let held: Uint8Array[] = []
  for (const frame of frames) {
    const { frameKey, next } = step(key)
    key = next
    if (frame.type === 2) continue
    const plain = openData(frame, frameKey)
    if (!plain) return [...out, null]
    if (frame.part === 0) held = []
    held.push(plain)
    if (frame.part + 1 === frame.parts) out.push(new Uint8Array(Buffer.concat(held)))
  }
  return out
}

for (const readers of [1, 4, 5, 16, 32])
  t.test(`KEY_ROTATION for ${readers}: everybody finds the key of the epoch, a stranger none`, async (t) => {
    const h = house(readers)
    const prev = { epoch: 3, index: 77, hash: bytes(32) }
    h.publisher.openEpoch({
      epoch: 9,
      reason: 2,
      at: AT,
      prev,
      readers: h.people.map((p) => p.keys),
      keepStart: false,
    })
    const parts = h.frames.length
    const sent = [bytes(40), bytes(500), new Uint8Array(0), bytes(191), bytes(6_144)]
    for (const payload of sent) h.publisher.publish(payload)
    const frames = h.read(0)
    t.ok(
      frames.every((f, i) => f.index === i && f.epoch === 9 && f.class === 0),
      'named in their order',
    )
    t.same(Buffer.from(frames[0]!.link), Buffer.from(prev.hash.subarray(0, 16)), 'links to prev')
    for (let i = 1; i < frames.length; i++)
      if (Buffer.compare(frames[i]!.link, sha256(h.frames[i - 1]!).subarray(0, 16)) !== 0)
        t.fail(`frame ${i} does not link`)
    for (const { mini } of h.people) {
      const rotation = readRotation(frames.slice(0, parts), mini)!
      t.match(rotation, { reason: 2, at: AT, prev: { epoch: 3, index: 77 } })
      t.ok(rotation.boxes >= readers && rotation.boxes < Math.max(5, readers * 2))
      t.same(
        payloads(frames, rotation.chainKey!).map((p) => Buffer.from(p!)),
        sent.map((p) => Buffer.from(p)),
      )
    }
    const stranger = house(1).people[0]!.mini
    const outside = { ...stranger, device: h.signer.publicKey, deviceBox: h.people[0]!.mini.deviceBox }
    t.equal(readRotation(frames.slice(0, parts), outside)!.chainKey, null)
    const other = { ...h.people[0]!.mini, grantId: bytes(16) }
    t.equal(readRotation(frames.slice(0, parts), other)!.chainKey, null, 'another grant, another tag')
  })

t.test('GRANT: the chain from that frame on, and the state', async (t) => {
  const h = house(2)
  const [owner, joiner] = h.people as [(typeof h.people)[0], (typeof h.people)[0]]
  h.publisher.openEpoch({
    epoch: 1,
    reason: 1,
    at: AT,
    prev: NO_HEAD,
    readers: [owner.keys],
    keepStart: false,
  })
  for (let i = 0; i < 5; i++) h.publisher.publish(bytes(60))
  const from = h.frames.length
  const state = bytes(700)
  const made = h.publisher.grant(joiner.keys, state)!
  const sent = [bytes(60), bytes(400)]
  for (const payload of sent) h.publisher.publish(payload)

  const grant = readGrant(made, joiner.mini)!
  t.match(grant, { class: 0, epoch: 1, index: from, until: AT + 9 })
  t.same(Buffer.from(grant.hash), Buffer.from(sha256(h.frames[from - 1]!)))
  t.same(Buffer.from(grant.state), Buffer.from(state))
  t.same(
    payloads(h.read(from), grant.chainKey).map((p) => Buffer.from(p!)),
    sent.map((p) => Buffer.from(p)),
  )
  t.same(payloads(h.read(from - 1), grant.chainKey), [null], 'the frame before stays closed')
  t.equal(readGrant(made, { ...owner.mini, grantId: joiner.mini.grantId }), null, 'not for somebody else')
  for (let bit = 0; bit < made.length * 8; bit += 37) {
    const bad = made.slice()
    bad[bit >> 3]! ^= 1 << (bit & 7)
    if (readGrant(bad, joiner.mini)) t.fail(`a GRANT with bit ${bit} flipped was taken`)
  }
})

t.test('access entries, and a frame with a bit flipped', async (t) => {
  const h = house(1)
  const { keys, mini } = h.people[0]!
  const { sign, box, grantId, until } = keys
  const hashes = { event: bytes(32), before: bytes(32), previous: bytes(32) }
  const text = {
    kind: 3,
    class: 2,
    why: 3,
    sign,
    box,
    grantId,
    epoch: 70_000,
    index: 1,
    at: AT,
    until,
  } as const
  const made = signEntry({ ...text, ...hashes }, h.signer)
  t.equal(made.length, 266)
  const read = readEntry(made, mini.device)!
  for (const [name, value] of Object.entries({ ...text, ...hashes }))
    t.same(plain(read[name as keyof typeof read]), plain(value), name)
  t.equal(readEntry(made, bytes(32)), null)
  const places = [
    { class: 0, epoch: 7, index: 0 },
    { class: 2, epoch: 9, index: 4 },
  ] as const
  const grantIds = [bytes(16), bytes(16), grantId]
  const previous = bytes(32)
  const handed = signEntry({ kind: 4, reason: 2, places: [...places], at: AT, grantIds, previous }, h.signer)
  const keysRead = readKeys(handed, mini.device)!
  t.match(keysRead, { reason: 2, at: AT, places: [...places] })
  t.same(keysRead.grantIds.map(plain), grantIds.map(plain))
  t.same(plain(keysRead.previous), plain(previous))
  h.publisher.openEpoch({ epoch: 1, reason: 1, at: AT, prev: NO_HEAD, readers: [keys], keepStart: false })
  const frame = h.frames[0]!
  for (let bit = 0; bit < 256 * 8; bit += 41) {
    const bad = frame.slice()
    bad[bit >> 3]! ^= 1 << (bit & 7)
    if (readFrame(bad, h.signer.publicKey)) t.fail(`a frame with bit ${bit} flipped was taken`)
  }
  t.ok(readFrame(frame, h.signer.publicKey))
})
