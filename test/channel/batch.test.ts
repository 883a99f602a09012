// Batch verification (docs/wire.md "Reading"): the newest signature of a linked run covers it. Both ways of
// reading come to the same verdicts and payloads, whatever comes, and nothing is released before a
// verified signature covers it.
import t from 'tap'
import { Follower } from '../../src/channel/follower.ts'
import { Verifier } from '../../src/crypto/native.ts'
import { FRAME_BYTES, REASON } from '../../src/wire/frame.ts'
import { bytes, device, framesMessage, grantMessage, NO_HEAD, type Person, person } from './world.ts'

type Device = ReturnType<typeof device>

interface Log {
  /** What happened, in order: 'verify', or a payload in hex, or a gap, or a reject. */
  events: string[]
  follower: Follower
}

function reader(d: Device, p: Person, verify: 'every' | 'batch'): Log {
  const real = Verifier.of(d.signer.publicKey)!
  const events: string[] = []
  const counting = {
    alg: 'EdDSA',
    publicKey: real.publicKey,
    verify: (message: Uint8Array, signature: Uint8Array) => {
      const good = real.verify(message, signature)
      events.push(good ? 'verify' : 'verify: no')
      return good
    },
  } as unknown as Verifier
  const follower = new Follower({
    device: counting,
    deviceBox: d.exchange.publicKey,
    class: 0,
    own: { sign: p.keys.sign, exchange: p.exchange },
    verify,
    events: {
      onPayload: (payload) => events.push(Buffer.from(payload).toString('hex')),
      onGap: (from, to) => events.push(`gap ${from.epoch}/${from.index} ${to.epoch}/${to.index}`),
      onAccess: () => {},
      onSealed: (at) => events.push(`sealed ${at.epoch}/${at.index}`),
      onReject: (what) => events.push(`reject ${what}`),
      onGrant: () => {},
      onFrame: () => {},
    },
  })
  follower.subscribe()
  return { events, follower }
}

function open(d: Device, epoch: number, readers: Person[]): void {
  const prev = d.publisher.epoch > 0 ? d.publisher.head() : NO_HEAD
  const o = {
    epoch,
    reason: REASON.daily,
    at: 0,
    prev,
    readers: readers.map((p) => p.keys),
    keepStart: false,
  }
  d.publisher.openEpoch(o)
}

const told = (log: Log): string[] => log.events.filter((e) => !e.startsWith('verify'))
const verified = (log: Log): number => log.events.filter((e) => e.startsWith('verify')).length

/** 50 telegrams of one or two frames, an epoch in the middle; the grant is for the first. */
function traffic(): { d: Device; p: Person; grant: Uint8Array; frames: Uint8Array[] } {
  const d = device()
  const p = person()
  open(d, 1, [p])
  const from = d.frames.length
  const grant = d.publisher.grant(p.keys, new Uint8Array(0))!
  for (let i = 0; i < 50; i++) {
    if (i === 25) open(d, 2, [p])
    d.publisher.publish(bytes(i % 7 === 0 ? 200 : 40))
  }
  return { d, p, grant, frames: d.frames.slice(from).map((f) => f.slice()) }
}

function pair(w: ReturnType<typeof traffic>): [Log, Log] {
  const logs: [Log, Log] = [reader(w.d, w.p, 'every'), reader(w.d, w.p, 'batch')]
  for (const { follower } of logs) follower.onMessage(grantMessage(w.grant))
  return logs
}

t.test('60 linked frames cost one verification, and give what verifying each gives', async (t) => {
  const w = traffic()
  const [every, batch] = pair(w)
  t.equal(w.frames.length, 61)
  const frames = w.frames.slice(0, 60)
  const before = [verified(every), verified(batch)]
  for (const { follower } of [every, batch]) follower.onMessage(framesMessage(frames))
  t.same(told(batch), told(every))
  t.equal(told(every).length, 49)
  t.same([verified(every) - before[0]!, verified(batch) - before[1]!], [60, 1])
  t.equal(batch.events[before[1]!], 'verify', 'which came before the first payload')
})

t.test('no bit of any frame of a batch can be changed', async (t) => {
  const w = traffic()
  let missed = 0
  for (let bit = 0; bit < 61 * FRAME_BYTES * 8; bit += 251) {
    const frames = w.frames.slice(0, 60)
    const at = Math.floor(bit / 8 / FRAME_BYTES)
    if (at >= frames.length) break
    const bad = frames[at]!.slice()
    bad[(bit >> 3) % FRAME_BYTES]! ^= 1 << (bit & 7)
    frames[at] = bad
    const [every, batch] = pair(w)
    for (const { follower } of [every, batch]) follower.onMessage(framesMessage(frames))
    if (told(batch).join() !== told(every).join()) t.fail(`bit ${bit}: not the same in both ways`)
    // Refused, or taken for an old one and a payload is missing.
    const payloads = told(every).filter((e) => /^[0-9a-f]+$/.test(e)).length
    missed += payloads < 49 || told(every).includes('reject bad') ? 0 : 1
  }
  t.equal(missed, 0, 'each was noticed')
})

t.test('a forged newest frame covers nothing: those before it stand on their own', async (t) => {
  const w = traffic()
  const other = device()
  open(other, 1, [])
  other.publisher.publish(bytes(40))
  const frames = w.frames.slice(0, 20)
  const forged = frames[19]!.slice()
  forged.set(other.frames.at(-1)!.subarray(192), 192)
  frames[19] = forged
  const [every, batch] = pair(w)
  for (const { follower } of [every, batch]) follower.onMessage(framesMessage(frames))
  t.same(told(batch), told(every))
  t.ok(told(batch).includes('reject bad'))
  const first = batch.events.findIndex((e) => /^[0-9a-f]{80}$/.test(e))
  const covered = batch.events.slice(0, first).filter((e) => e === 'verify').length
  t.ok(covered >= 2, 'the grant, and the newest genuine one, before anything came out')
})

t.test('lost, repeated and reordered frames: the same verdicts in both ways', async (t) => {
  for (let round = 0; round < 60; round++) {
    const w = traffic()
    const frames = w.frames.filter(() => Math.random() > 0.1)
    for (let k = 0; k < 3; k++) {
      const at = Math.floor(Math.random() * frames.length)
      const to = Math.floor(Math.random() * frames.length)
      if (k === 0) frames.splice(to, 0, frames[at]!)
      else frames.splice(to, 0, ...frames.splice(at, 1))
    }
    const [every, batch] = pair(w)
    for (let i = 0; i < frames.length; ) {
      const n = 1 + Math.floor(Math.random() * 59)
      const message = framesMessage(frames.slice(i, i + n))
      for (const { follower } of [every, batch]) follower.onMessage(message)
      i += n
    }
    t.same(told(batch), told(every))
  }
})
