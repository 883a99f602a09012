// A reader to whom the channel is closed keeps every GRANT that it ever got. What it can do with them is open
// again what it had; nothing of an epoch in which it has no key.
import t from 'tap'
import { verifyFrame } from '../../src/channel/reader.ts'
import { Verifier } from '../../src/crypto/native.ts'
import { FRAME, REASON } from '../../src/wire/frame.ts'
import { device, follow, framesMessage, grantMessage, NO_HEAD, person } from './world.ts'

const AT = 1_795_000_000_000

t.test('a closed reader that takes an old GRANT opens nothing new', async (t) => {
  const d = device()
  const [owner, gone] = [person(), person()]
  const open = (epoch: number, readers: (typeof owner)[]): void =>
    d.publisher.openEpoch({
      epoch,
      reason: epoch === 1 ? REASON.added : REASON.revoked,
      at: AT,
      prev: epoch === 1 ? NO_HEAD : d.publisher.head(),
      readers: readers.map((p) => p.keys),
      keepStart: false,
    })
  open(1, [owner])
  d.publisher.publish(Uint8Array.of(1))
  const early = grantMessage(d.publisher.grant(gone.keys, new Uint8Array(0)))
  d.publisher.publish(Uint8Array.of(2))
  const late = grantMessage(d.publisher.grant(gone.keys, new Uint8Array(0)))
  d.publisher.publish(Uint8Array.of(3))
  open(2, [owner])
  for (const n of [4, 5, 6]) d.publisher.publish(Uint8Array.of(n))
  const { follower, seen } = follow(d, gone)
  follower.onMessage(early)
  follower.onMessage(framesMessage(d.frames))
  t.same(seen.payloads, [Uint8Array.of(2), Uint8Array.of(3)])
  t.equal(follower.access, 'closed')
  const had = seen.payloads.length
  for (const grant of [late, early, late]) {
    follower.onMessage(grant)
    follower.onMessage(framesMessage(d.frames))
    for (const frame of d.frames) follower.onMessage(framesMessage([frame]))
  }
  const again = seen.payloads.slice(had).map((p) => p[0])
  t.ok(again.length > 0, 'what it had it opens once more')
  t.same(
    again.filter((n) => n !== 2 && n !== 3),
    [],
    'and nothing of the epoch that was opened without it, nor from before its first GRANT',
  )
  t.equal(follower.access, 'closed')
  const verifier = Verifier.of(d.signer.publicKey)!
  const later = d.frames.filter((f) => f[0] === FRAME.data).slice(-3)
  t.ok(
    later.every((f) => verifyFrame(f, verifier)),
    'though they are genuine',
  )
})
