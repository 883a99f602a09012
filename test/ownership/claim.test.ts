// The claim as its two machines run it: what must work, and what each adversary must not reach.
import t from 'tap'
import { compare, equal, hex } from '../../src/base/bytes.ts'
import { LIMITS } from '../../src/base/limits.ts'
import { sha256 } from '../../src/crypto/native.ts'
import { ClaimDevice } from '../../src/ownership/claim-device.ts'
import { readCertificate } from '../../src/ownership/claim-keys.ts'
import { encodePolicy, FACTORY_POLICY } from '../../src/ownership/policy/policy.ts'
import { CLAIM, decodeHello, decodeResult, RESULT, STATE } from '../../src/wire/claim.ts'
import { encodeOwnerSet } from '../../src/wire/owner-set.ts'
import {
  bytes,
  claimant,
  keysOf,
  last,
  OTHER_CODE,
  ownerMachine,
  random,
  record,
  run,
  World,
} from './claim-world.ts'

t.test('press, code, claimed: both sides hold the same certificate', async (t) => {
  const world = new World()
  const owner = { ...claimant(1), policy: encodePolicy(FACTORY_POLICY) }
  t.equal(last(run(world, ownerMachine(owner), 1, 0)), 'press', 'not without the press')
  world.press(1_000)
  const steps = run(world, ownerMachine(owner), 2, 1_000)
  const done = steps.at(-1)!
  t.equal(done.do, 'claimed')
  if (done.do !== 'claimed') return
  t.same(
    steps.filter((s) => s.do !== 'send').map((s) => (s.do === 'show' ? s.what : s.do)),
    ['working', 'remember', 'claimed'],
  )
  t.equal(hex(done.bytes), hex(world.card!.certificate))
  t.equal(hex(done.certificate.device), hex(keysOf(50).signer.publicKey))
  t.equal(hex(done.certificate.box), hex(keysOf(50).exchange.publicKey))
  t.equal(done.certificate.incarnation, 1)
  t.notOk(done.again)
  t.equal(world.commits.length, 1)
  const [request] = world.commits
  t.equal(hex(request!.policy), hex(owner.policy))
  t.same(
    request!.owners.owners.map((o) => hex(o.sign)),
    [hex(owner.signer.publicKey)],
  )
  t.equal(hex(sha256(encodeOwnerSet(request!.owners))), hex(done.certificate.ownersHash))
  t.ok(world.device.claimed)
  t.same(world.log, ['handshake'])
})

t.test('two of three owners, successors and a paper key arrive as they were given', async (t) => {
  const world = new World()
  const others = [keysOf(2), keysOf(3)].map(({ signer, exchange }) => ({
    signer,
    box: exchange.publicKey,
    next: bytes(32),
  }))
  const owner = { ...claimant(1), others, m: 2, next: bytes(32), recovery: bytes(32) }
  world.press(0)
  t.equal(last(run(world, ownerMachine(owner), 1, 0)), 'claimed')
  const { owners } = world.commits[0]!
  t.equal(owners.m, 2)
  t.equal(owners.owners.length, 3)
  t.equal(hex(owners.recovery!), hex(owner.recovery))
  const nexts = [owner.next, ...others.map((o) => o.next)]
  t.same(owners.owners.map((o) => o.next!).sort(compare), nexts.sort(compare))
  for (const { sign } of owners.owners) t.ok([1, 2, 3].some((n) => equal(keysOf(n).signer.publicKey, sign)))
})

t.test('a wrong code: one guess, no commit, the owner is told', async (t) => {
  const world = new World()
  world.press(0)
  t.equal(last(run(world, ownerMachine(claimant(1), OTHER_CODE), 1, 0)), 'code')
  t.same(world.commits, [])
  t.same(world.device.onClosed(1), [{ do: 'show', what: 'refused' }], 'the LEDs can tell')
  t.equal(last(run(world, ownerMachine(), 2, 0)), 'claimed', 'the right one still works in this window')
})

t.test('no press, one second late, an old nonce: WINDOW_CLOSED and nothing computed', async (t) => {
  const world = new World()
  const recorded: Uint8Array[] = []
  const first = world.press(0)
  run(world, ownerMachine(), 1, 0, (m, toDevice) => {
    if (toDevice) recorded.push(m)
    return toDevice ? null : m
  })
  const claim = recorded[0]!
  t.equal(claim[0], CLAIM.claimDevice)
  const asked = { n: 0 }
  const deaf = new ClaimDevice(record, null, (into) => {
    asked.n++
    random(into)
  })
  const before = asked.n
  const refusals = (now: number, why: string): void => {
    const [result, hello, ...more] = deaf.onMessage(1, claim, now).filter((s) => s.do === 'send')
    t.equal(decodeResult(result!.message)?.code, RESULT.windowClosed, why)
    t.equal(decodeHello(hello!.message)?.version, 1, why)
    t.same(more, [])
    t.equal(asked.n, before, `${why}: no scalar was drawn`)
  }
  refusals(0, 'never pressed')
  deaf.openWindow(0, first)
  refusals(LIMITS.ownership.windowMs + 1_000, 'one second late')
  deaf.openWindow(100_000, bytes(16))
  refusals(100_000, 'an old nonce')
  deaf.openWindow(200_000, first)
  t.equal(deaf.onMessage(1, claim, 259_999)[0]?.do, 'send', 'and the last millisecond counts')
  t.equal(asked.n, before + 1)
  t.equal(deaf.counters.get('late'), 3)
})

t.test('an answer after the window is too late', async (t) => {
  const world = new World()
  world.press(0)
  const owner = ownerMachine()
  let answer: Uint8Array | null = null
  run(world, owner, 1, 59_000, (m, toDevice) => {
    if (toDevice && m[0] === CLAIM.answerChallenge) answer = m
    return answer ? null : m
  })
  const steps = world.device.onMessage(1, answer!, 60_000)
  t.same(
    steps.map((s) => (s.do === 'send' ? (decodeResult(s.message)?.code ?? 'hello') : s.do)),
    [RESULT.windowClosed, 'hello', 'show', RESULT.windowClosed, 'hello'],
  )
  t.same(world.commits, [])
})

t.test('the press may come while the owner waits; a second press begins anew', async (t) => {
  const world = new World()
  const owner = ownerMachine()
  t.equal(last(run(world, owner, 1, 0)), 'press')
  world.press(5_000)
  world.press(6_000)
  t.equal(last(run(world, owner, 1, 6_000)), 'claimed', 'the new HELLO carried on')
})

t.test('replay: the recorded messages of a claim do nothing in a later window', async (t) => {
  const world = new World()
  const recorded: Uint8Array[] = []
  world.press(0)
  run(world, ownerMachine(), 1, 0, (m, toDevice) => {
    if (toDevice) recorded.push(m)
    return m
  })
  world.card = null
  world.restart()
  world.press(1_000_000)
  for (const message of recorded) world.device.onMessage(2, message, 1_000_000)
  t.equal(world.device.claimed, false)
  t.equal(world.commits.length, 1, 'only the first')
  t.equal(recorded.length, 2)
})

t.test('a man in the middle cannot put his keys, nor any change, into the answer', async (t) => {
  const mallory = claimant(66)
  const world = new World()
  world.press(0)
  // He swaps in the box of a run of his own: he does not know the code, so his keys do not fit.
  let his: Uint8Array | null = null
  const elsewhere = new World()
  elsewhere.press(0)
  run(elsewhere, ownerMachine(mallory), 1, 0, (m, toDevice) => {
    if (toDevice && m[0] === CLAIM.answerChallenge) his = m
    return m
  })
  const swap = (m: Uint8Array, toDevice: boolean): Uint8Array =>
    toDevice && m[0] === CLAIM.answerChallenge
      ? Uint8Array.from([...m.subarray(0, 33), ...his!.subarray(33)])
      : m
  t.equal(last(run(world, ownerMachine(), 1, 0, swap)), 'auth')
  t.same(world.commits, [])
  const whole = (m: Uint8Array, toDevice: boolean): Uint8Array =>
    toDevice && m[0] === CLAIM.answerChallenge ? his! : m
  t.equal(last(run(world, ownerMachine(), 2, 0, whole)), 'auth')
  t.same(world.commits, [])
  // And he cannot relay the device's answer as that of another: every bit of every message counts.
  for (const [type, toDevice] of [
    [CLAIM.claimDevice, true],
    [CLAIM.challenge, false],
    [CLAIM.answerChallenge, true],
    [CLAIM.claimResult, false],
  ] as const) {
    const fresh = new World()
    fresh.press(0)
    const flip = (m: Uint8Array, to: boolean): Uint8Array =>
      to === toDevice && m[0] === type ? m.map((b, i) => (i === m.length - 1 ? b ^ 1 : b)) : m
    const end = last(run(fresh, ownerMachine(), 1, 0, flip))
    t.not(end, 'claimed', `type ${type}`)
    if (type !== CLAIM.claimResult) t.same(fresh.commits, [], `type ${type}`)
  }
})

t.test('HELLO changed on the way: another salt, name or nonce gives no claim', async (t) => {
  for (const at of [4, 5, 7, 22, 23, 38]) {
    const world = new World()
    world.press(0)
    const owner = ownerMachine()
    const bend = (m: Uint8Array, toDevice: boolean): Uint8Array =>
      !toDevice && m[0] === CLAIM.hello ? m.map((b, i) => (i === at ? b ^ 1 : b)) : m
    t.not(last(run(world, owner, 1, 0, bend)), 'claimed', `byte ${at}`)
    t.same(world.commits, [], `byte ${at}`)
  }
})

t.test('any one bit changed in any message: no claim', async (t) => {
  const trials = process.env['WATTLE_FULL'] === undefined ? 60 : 3_000
  const wrong: string[] = []
  for (let n = 0; n < trials; n++) {
    const world = new World()
    world.press(0)
    const target = [
      CLAIM.hello,
      CLAIM.claimDevice,
      CLAIM.challenge,
      CLAIM.answerChallenge,
      CLAIM.claimResult,
    ][n % 5]!
    let bit = -1
    const flip = (m: Uint8Array): Uint8Array => {
      if (m[0] !== target) return m
      // In HELLO the seconds and the (absent) device key say nothing that the claim rests on.
      const bits = 8 * (target === CLAIM.hello ? 39 : m.length)
      while (bit < 0 || (target === CLAIM.hello && bit >> 3 === 3)) bit = Math.floor(Math.random() * bits)
      return m.map((b, i) => (i === bit >> 3 ? b ^ (1 << (bit & 7)) : b))
    }
    const end = last(run(world, ownerMachine(), 1, 0, flip))
    const committed = world.commits.length > 0 && target !== CLAIM.claimResult
    if (end === 'claimed' || committed) wrong.push(`type ${target} bit ${bit}: ${end}`)
  }
  t.same(wrong, [])
})

t.test('a claimed device: no window, no second claim, no CHALLENGE', async (t) => {
  const world = new World()
  world.press(0)
  run(world, ownerMachine(), 1, 0)
  t.equal(world.device.openWindow(1, bytes(16)), false)
  const hello = decodeHello(world.device.hello(2, 1))!
  t.equal(hello.state, STATE.claimed)
  t.equal(hex(hello.device), hex(readCertificate(world.card!.certificate)!.device))
  t.equal(last(run(world, ownerMachine(claimant(9)), 2, 1)), 'already-claimed')
  t.equal(world.commits.length, 1)
})

t.test('power cut before the write: as if nothing had been; the next attempt succeeds', async (t) => {
  const world = new World()
  world.durable = false
  world.press(0)
  t.equal(last(run(world, ownerMachine(), 1, 0)), 'send', 'no answer came')
  world.restart()
  t.notOk(world.device.claimed)
  world.durable = true
  world.press(1_000)
  t.equal(last(run(world, ownerMachine(), 1, 1_000)), 'claimed')
})

t.test('power cut between write and answer: the retry gets the certificate, strangers do not', async (t) => {
  const world = new World()
  world.durable = false
  world.press(0)
  const steps = run(world, ownerMachine(), 1, 0)
  const remembered = steps.find((s) => s.do === 'remember')!
  if (remembered.do !== 'remember') return
  world.commit(world.commits[0]!, false)
  world.restart()
  t.ok(world.device.claimed)
  const done = run(world, ownerMachine(claimant(1), undefined, remembered.pending), 7, 0).at(-1)!
  t.equal(done.do, 'claimed')
  if (done.do !== 'claimed') return
  t.ok(done.again)
  t.equal(hex(done.bytes), hex(world.card!.certificate))
  t.equal(
    last(run(world, ownerMachine(claimant(1), undefined, remembered.pending), 8, 0)),
    'claimed',
    'as often as needed',
  )
  t.equal(last(run(world, ownerMachine(claimant(2), undefined, remembered.pending), 9, 0)), 'already-claimed')
  t.equal(
    last(run(world, ownerMachine(claimant(1)), 10, 0)),
    'already-claimed',
    'no pending claim, no question',
  )
  // A fake device cannot take the place of the one that was claimed: it does not know the transcript.
  const fake = new World()
  fake.press(0)
  run(fake, ownerMachine(), 1, 0)
  t.equal(last(run(fake, ownerMachine(claimant(1), undefined, remembered.pending), 2, 0)), 'auth')
  // A proof is for one link.
  let proof: Uint8Array | null = null
  run(world, ownerMachine(claimant(1), undefined, remembered.pending), 11, 0, (m, toDevice) => {
    if (toDevice) proof = m
    return m
  })
  t.equal(proof![0], CLAIM.reclaimProof)
  const [answer, close] = world.device.onMessage(12, proof!, 0)
  t.equal(answer?.do === 'send' && decodeResult(answer.message)?.code, RESULT.alreadyClaimed)
  t.equal(close?.do, 'close')
})

t.test('a link that closes while the write is under way: claimed all the same', async (t) => {
  const world = new World()
  world.durable = false
  world.press(0)
  run(world, ownerMachine(), 1, 0)
  world.device.onClosed(1)
  t.same(world.commit(world.commits[0]!), [])
  t.ok(world.device.claimed)
})

t.test('a write that failed: BUSY, and the device is as unclaimed as before', async (t) => {
  const world = new World()
  world.durable = false
  world.press(0)
  run(world, ownerMachine(), 1, 0)
  const [step] = world.device.failed()
  t.equal(step?.do === 'send' && decodeResult(step.message)?.code, RESULT.busy)
  t.notOk(world.device.claimed)
  t.same(world.device.failed(), [], 'once')
  t.throws(() => world.device.committed({ certificate: bytes(199), owners: world.commits[0]!.owners }))
})

t.test('two owners at once: one claims, the other is told', async (t) => {
  const world = new World()
  world.press(0)
  const [a, b] = [ownerMachine(claimant(1)), ownerMachine(claimant(2))]
  let held: Uint8Array | null = null
  run(world, b, 2, 0, (m, toDevice) => {
    if (toDevice && m[0] === CLAIM.answerChallenge) held = m
    return held ? null : m
  })
  t.equal(last(run(world, a, 1, 0)), 'claimed')
  const late = world.device.onMessage(2, held!, 0)
  t.equal(late[0]?.do === 'send' && decodeResult(late[0].message)?.code, RESULT.alreadyClaimed)
  const tail = late.flatMap((s) => (s.do === 'send' ? b.onMessage(s.message, 0) : []))
  const end = tail.at(-1)
  t.equal(end?.do, 'send', 'it asks whether it was its own claim')
  if (end?.do !== 'send') return
  const answer = world.device.onMessage(2, end.message, 0)
  t.equal(last(answer.flatMap((s) => (s.do === 'send' ? b.onMessage(s.message, 0) : []))), 'already-claimed')
})
