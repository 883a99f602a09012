// A DIGEST is read beside the channel: it moves no place, and only the device's own, for us, of this class,
// newer than the last one, counts.
import t from 'tap'
import { equal, utf8 } from '../../src/base/bytes.ts'
import { Follower } from '../../src/channel/follower.ts'
import { Verifier } from '../../src/crypto/native.ts'
import { CHANNEL } from '../../src/wire/channel.ts'
import { CLASS, REASON } from '../../src/wire/frame.ts'
import { device, framesMessage, grantMessage, NO_HEAD, person } from './world.ts'

t.test('digests', async (t) => {
  const d = device()
  const [p, other] = [person(), person()]
  const open = { epoch: 1, reason: REASON.boot, at: 0, prev: NO_HEAD, readers: [p.keys], keepStart: false }
  d.publisher.openEpoch(open)
  const got: string[] = []
  const payloads: Uint8Array[] = []
  let rejects = 0
  const nothing = (): void => {}
  const follower = new Follower({
    device: Verifier.of(d.signer.publicKey)!,
    deviceBox: d.exchange.publicKey,
    class: CLASS.raw,
    own: { sign: p.keys.sign, exchange: p.exchange },
    events: {
      onPayload: (payload) => payloads.push(payload.slice()),
      onGap: () => got.push('gap'),
      onAccess: nothing,
      onSealed: nothing,
      onGrant: nothing,
      onFrame: nothing,
      onReject: () => rejects++,
      onDigest: (state, at) => got.push(`${new TextDecoder().decode(state)} ${at.epoch}/${at.index}`),
    },
  })
  follower.subscribe()
  follower.onMessage(grantMessage(d.publisher.grant(p.keys, utf8('first'))))
  const begin = d.frames.length
  const digest = (who = p, state = 'now'): Uint8Array =>
    Uint8Array.of(CHANNEL.digest, ...d.publisher.grant(who.keys, utf8(state))!)
  const sealed = Array.from({ length: 10 }, (_, i) => new Uint8Array(40).fill(i))
  for (const payload of sealed.slice(0, 5)) d.publisher.publish(payload)
  const early = digest()
  for (const payload of sealed.slice(5)) d.publisher.publish(payload)
  const late = digest()
  const next = follower.reader.next()!.index
  follower.onMessage(late)
  t.same(got, [`now 1/${next + 10}`])
  follower.onMessage(late)
  follower.onMessage(early)
  t.equal(got.length, 1, 'one that comes twice, or was held back, is dropped')
  t.equal(rejects, 0)
  t.equal(follower.reader.next()!.index, next, 'the place stays')
  follower.onMessage(framesMessage(d.frames.slice(begin)))
  t.equal(payloads.length, 10, 'and every frame is read later')
  t.ok(payloads.every((payload, i) => equal(payload, sealed[i]!)))
  t.equal(got.length, 1, 'without a gap')

  d.publisher.publish(sealed[0]!)
  follower.onMessage(digest(other))
  t.equal(rejects, 1, 'for somebody else')
  const forged = digest()
  forged[40]! ^= 1
  follower.onMessage(forged)
  follower.onMessage(forged.subarray(0, 30))
  follower.onMessage(Uint8Array.of(CHANNEL.digest))
  follower.onMessage(digest(p, ''))
  t.equal(rejects, 5, 'forged, cut off, empty, without a telegram')
  t.equal(got.length, 1)
})
