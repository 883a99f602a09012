// What a flooder may do to the claim: nothing that lasts.
import { setTimeout } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t from 'tap'
import { LIMITS } from '../../src/base/limits.ts'
import { spake2plus } from '../../src/crypto/spake2plus.ts'
import { ClaimDevice, type ClaimStep } from '../../src/ownership/claim-device.ts'
import { CLAIM, decodeResult, encodeClaimDevice, encodeResult, RESULT } from '../../src/wire/claim.ts'
import {
  bytes,
  CODE,
  claimant,
  last,
  ownerMachine,
  random,
  record,
  run,
  stretch,
  World,
} from './claim-world.ts'

const share = spake2plus.begin(
  stretch(CODE.replace(/-/g, ''), record.discriminator, record.salt),
  random,
).shareP
const probe = (window: Uint8Array): Uint8Array =>
  encodeClaimDevice({ version: 1, window, ownerNonce: bytes(16), shareP: share })
function codes(steps: ClaimStep[]): (number | string)[] {
  const out: (number | string)[] = []
  for (const step of steps) {
    if (step.do !== 'send') continue
    if (step.message[0] === CLAIM.claimResult) out.push(decodeResult(step.message)!.code)
    else out.push(step.message[0] === CLAIM.challenge ? 'challenge' : 'hello')
  }
  return out
}

t.test('ten CHALLENGEs a window and not one more, however they are asked for', async (t) => {
  const world = new World()
  const window = world.press(0)
  const got: (number | string)[] = []
  for (let n = 0; n < 30; n++) got.push(...codes(world.device.onMessage(n % 3, probe(window), n)))
  t.same(got, [...Array(10).fill('challenge'), ...Array(20).fill(RESULT.busy)])
  t.equal(last(run(world, ownerMachine(), 9, 100)), 'busy')
  t.equal(world.device.counters.get('busy'), 21)
  world.press(1_000)
  t.equal(last(run(world, ownerMachine(), 10, 1_000)), 'claimed', 'the next press is a new window')
})

t.test('a share that is no point is counted too and refused', async (t) => {
  const world = new World()
  const window = world.press(0)
  const bad = probe(window)
  bad.fill(4, 34)
  const got: (number | string)[] = []
  for (let n = 0; n < 12; n++) got.push(...codes(world.device.onMessage(n, bad, 0)))
  t.same(got, [...Array(10).fill(RESULT.auth), RESULT.busy, RESULT.busy])
})

t.test('four silent probers hold the places for seconds, not for the window', async (t) => {
  const world = new World()
  const window = world.press(0)
  for (let n = 0; n < 4; n++) t.same(codes(world.device.onMessage(n, probe(window), 0)), ['challenge'])
  const owner = ownerMachine()
  t.equal(last(run(world, owner, 9, 500)), 'busy')
  t.same(owner.tick(1_499), [])
  const retry = owner.tick(LIMITS.ownership.handshakeGraceMs + 1)
  const sent = retry.find((s) => s.do === 'send')
  t.ok(sent, 'the owner tries again by itself')
  if (sent?.do !== 'send') return
  t.same(codes(world.device.onMessage(9, sent.message, LIMITS.ownership.handshakeGraceMs + 1)), ['challenge'])
  // And without a newcomer they are gone after their time.
  const later = world.device.tick(LIMITS.ownership.handshakeMs)
  t.same(later, Array(3).fill({ do: 'show', what: 'silent' }), 'the oldest had made way')
  t.equal(world.device.nextTick(), LIMITS.ownership.handshakeGraceMs + 1 + LIMITS.ownership.handshakeMs)
})

t.test('an honest owner in the middle of a handshake is not pushed out', async (t) => {
  const world = new World()
  const window = world.press(0)
  let answer: Uint8Array | null = null
  const owner = ownerMachine()
  run(world, owner, 1, 0, (m, toDevice) => {
    if (toDevice && m[0] === CLAIM.answerChallenge) answer = m
    return answer ? null : m
  })
  for (let n = 2; n < 12; n++) world.device.onMessage(n, probe(window), 1_000)
  const steps = world.device.onMessage(1, answer!, 1_500)
  t.equal(steps.at(-1)?.do, 'commit')
})

t.test(
  'every message cut at every byte, and one byte too long: no answer but the end of the link',
  async (t) => {
    const seen = new Map<number, Uint8Array>()
    const world = new World()
    world.press(0)
    run(world, ownerMachine(), 1, 0, (m) => {
      seen.set(m[0]!, m)
      return m
    })
    const pending = new World()
    pending.durable = false
    pending.press(0)
    const remember = run(pending, ownerMachine(), 1, 0).find((s) => s.do === 'remember')
    pending.commit(pending.commits[0]!, false)
    pending.restart()
    if (remember?.do === 'remember')
      run(pending, ownerMachine(claimant(1), CODE, remember.pending), 2, 0, (m) => {
        seen.set(m[0]!, m)
        return m
      })
    t.same([...seen.keys()].sort(), [1, 2, 3, 4, 5, 6])
    const wrong: string[] = []
    const check = (what: string, ok: boolean): void => void (ok || wrong.push(what))
    for (const [type, message] of seen) {
      const cuts = [...Array(message.length).keys()].map((n) => message.subarray(0, n))
      for (const bad of [...cuts, Uint8Array.from([...message, 0])]) {
        const device = new ClaimDevice(record, null, random)
        device.openWindow(0, bytes(16))
        const toDevice =
          type === CLAIM.claimDevice || type === CLAIM.answerChallenge || type === CLAIM.reclaimProof
        const steps = device.onMessage(1, bad, 0)
        // A box of another length is an answer, to nothing: BUSY. All else is malformed.
        const answered = type === CLAIM.answerChallenge && bad.length >= 33
        check(
          `device ${type} ${bad.length}`,
          answered ? codes(steps)[0] === RESULT.busy : steps.length === 1 && steps[0]!.do === 'close',
        )
        check(
          `device state ${type} ${bad.length}`,
          !device.claimed && device.nextTick() === LIMITS.ownership.windowMs,
        )
        if (toDevice) continue
        const owner = ownerMachine()
        const end = last(owner.onMessage(bad, 0))
        check(`owner ${type} ${bad.length} ${end}`, end === 'malformed' && owner.done)
      }
    }
    t.same(wrong, [])
    // An answer whose box was cut, in the middle of a real handshake.
    for (const keep of [0, 1, 16, 17, 100]) {
      const cut = new World()
      cut.press(0)
      const end = last(
        run(cut, ownerMachine(), 1, 0, (m, to) =>
          to && m[0] === CLAIM.answerChallenge ? m.slice(0, 33 + keep) : m,
        ),
      )
      t.equal(end, 'auth', `box of ${keep}`)
      t.same(cut.commits, [])
    }
  },
)

t.test('random bytes of every length and type', async (t) => {
  const device = new ClaimDevice(record, null, random)
  device.openWindow(0, bytes(16))
  const owner = (): ReturnType<typeof ownerMachine> => ownerMachine()
  for (let n = 0; n < 3_000; n++) {
    const message = bytes(n % 300)
    if (message.length > 0) message[0] = n % 8
    if (message.length > 1 && n % 2) message[1] = 1
    for (const step of device.onMessage(n % 7, message, n)) t.not(step.do, 'commit')
    const steps = owner().onMessage(message, n)
    if (steps.some((s) => s.do === 'claimed')) t.fail('claimed by noise')
  }
  t.notOk(device.claimed)
})

t.test('an unknown version is answered with ours, not guessed', async (t) => {
  const world = new World()
  const window = world.press(0)
  const future = probe(window)
  future[1] = 2
  const steps = world.device.onMessage(1, future, 0)
  t.same(
    steps.map((s) => s.do),
    ['send', 'close'],
  )
  t.same(codes(steps), ['hello'])
  const hello = world.device.hello(1, 0)
  hello[1] = 9
  t.equal(last(ownerMachine().onMessage(hello, 0)), 'version')
  t.equal(last(ownerMachine().onMessage(Uint8Array.from([...hello, 1, 2, 3]), 0)), 'version')
})

t.test('a device that changes its salt for ever is left', async (t) => {
  const world = new World()
  const owner = ownerMachine()
  const ends: string[] = []
  for (let n = 0; n < 5; n++) {
    const hello = world.device.hello(1, 0)
    hello[7] = n
    ends.push(last(owner.onMessage(hello, 0)))
  }
  t.same(ends, ['press', 'press', 'press', 'malformed', 'nothing'])
})

t.test('a device that turns the owner away at once, for ever, is left', async (t) => {
  const world = new World()
  world.press(0)
  const owner = ownerMachine()
  let begun = 0
  let steps = owner.onMessage(world.device.hello(1, 0), 0)
  for (let n = 0; n < 200 && !owner.done; n++) {
    begun += steps.filter((s) => s.do === 'send').length
    owner.onMessage(encodeResult(RESULT.windowClosed), 0)
    steps = owner.onMessage(world.device.hello(1, 0), 0)
  }
  t.equal(last(steps), 'malformed')
  t.equal(begun, 64)
})

t.test('a device that never answers is given up', async (t) => {
  const world = new World()
  world.press(0)
  const owner = ownerMachine()
  t.equal(last(run(world, owner, 1, 0, (m, toDevice) => (toDevice ? null : m))), 'send')
  t.same(owner.tick(owner.nextTick() - 1), [])
  t.equal(last(owner.tick(owner.nextTick())), 'silent')
})

t.test('claims in a row: memory stays flat', async (t) => {
  const full = process.env['WATTLE_FULL'] !== undefined
  const rounds = full ? 10_000 : 60
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const world = new World()
  // Key objects go away in a turn of the loop after their collection.
  const heap = async (): Promise<number> => {
    for (let i = 0; i < 4; i++) {
      collect()
      await setTimeout(10)
    }
    return process.memoryUsage().heapUsed
  }
  const once = (n: number): void => {
    // A flood before the press, then probers, then the owner; then the box goes back to the shop.
    const window = bytes(16)
    for (let i = 0; i < 50; i++) world.device.onMessage(i, probe(window), n)
    world.press(n)
    if (last(run(world, ownerMachine(), 1_000 + n, n)) !== 'claimed') t.fail(`round ${n}`)
    world.card = null
    world.commits = []
    world.log.length = 0
    world.restart()
  }
  for (let n = 0; n < 60; n++) once(n)
  const before = await heap()
  for (let n = 0; n < rounds; n++) once(n)
  const grown = (await heap()) - before
  t.equal(world.incarnation, rounds + 60)
  t.ok(grown < 500_000, `${grown} bytes more after ${rounds} claims`)
})
