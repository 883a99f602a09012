// Each attack twice: against a build with one safeguard taken out, where it must succeed, and against
// ours, where it must not.
import { p256 } from '@noble/curves/nist.js'
import { Point } from '@noble/ed25519'
import t from 'tap'
import { concat, equal, utf8 } from '../../src/base/bytes.ts'
import { LIMITS } from '../../src/base/limits.ts'
import { hkdf, hmac, sha256 } from '../../src/crypto/native.ts'
import { spake2plus } from '../../src/crypto/spake2plus.ts'
import { ClaimDevice, type ClaimStep } from '../../src/ownership/claim-device.ts'
import { claimNames } from '../../src/ownership/claim-keys.ts'
import { ClaimOwner } from '../../src/ownership/claim-owner.ts'
import {
  CLAIM,
  decodeChallenge,
  decodeClaimDevice,
  encodeAnswer,
  encodeClaimDevice,
} from '../../src/wire/claim.ts'
import {
  bytes,
  CODE,
  claimant,
  DISCRIMINATOR,
  last,
  OTHER_CODE,
  ownerMachine,
  record,
  run,
  stretch,
  World,
} from './claim-world.ts'
import { type Parts, type Weakness, weakened } from './weakened.ts'

const OURS: Pick<Parts, 'ClaimDevice' | 'ClaimOwner'> = { ClaimDevice, ClaimOwner }
type Build = typeof OURS

/** Runs the attack on a weakened build and on ours. */
function attack(
  name: string,
  weaknesses: Weakness[],
  succeeds: (build: Build) => boolean | Promise<boolean>,
): void {
  t.test(name, async (t) => {
    t.equal(await succeeds(await weakened(weaknesses)), true, 'the attack bites')
    t.equal(await succeeds(OURS), false, 'and fails against ours')
  })
}

const plain = (code: string): string => code.replace(/-/g, '')

/** Claims once over a link that records; everything that went over it. */
function recorded(build: Build, code = CODE): { world: World; sent: Uint8Array[] } {
  const world = new World(build.ClaimDevice)
  const sent: Uint8Array[] = []
  world.press(0)
  run(world, ownerMachine(claimant(1), code, null, build.ClaimOwner), 1, 0, (m) => {
    sent.push(m)
    return m
  })
  return { world, sent }
}

const part = (b: Uint8Array): Uint8Array => {
  const length = new Uint8Array(8)
  new DataView(length.buffer).setUint32(0, b.length, true)
  return concat(length, b)
}

attack(
  'offline dictionary on a recorded claim',
  // The exchange's secret points left out of the transcript: what remains is a hash of the code.
  [
    {
      file: 'crypto/spake2plus.ts',
      from: 'shareP, shareV, z, v, w0.bytes()',
      to: 'shareP, shareV, w0.bytes()',
    },
  ],
  (build) => {
    const { sent } = recorded(build)
    const of = (type: number): Uint8Array => sent.find((m) => m[0] === type)!
    const claim = decodeClaimDevice(of(CLAIM.claimDevice))!
    const challenge = decodeChallenge(of(CLAIM.challenge))!
    const { context, prover, verifier } = claimNames(
      DISCRIMINATOR,
      record.salt,
      claim.window,
      claim.ownerNonce,
    )
    const points = [
      '02886e2f97ace46e55ba9dd7242579f2993b64e16ef3dcab95afd497333d8fa12f',
      '03d8bbd6c639c62937b04d997f38c3770719c629d7014d49a24b4f98baa1292b49',
    ]
    const [M, N] = points.map((p) => p256.Point.fromHex(p).toBytes(false))
    return [OTHER_CODE, CODE].some((guess) => {
      const { w0 } = stretch(plain(guess), DISCRIMINATOR, record.salt)
      const tt = [context, prover, verifier, M!, N!, claim.shareP, challenge.shareV, w0.bytes()]
      const keys = hkdf(new Uint8Array(0), sha256(...tt.map(part)), utf8('ConfirmationKeys'), 64)
      return equal(hmac(keys.subarray(32), claim.shareP), challenge.confirmV)
    })
  },
)

attack(
  'owner keys put in by a man in the middle (the answer does not cover what travels beside it)',
  [
    {
      file: 'ownership/claim-keys.ts',
      from: "toDevice: new Secret(derive('o2d'))",
      to: 'toDevice: new Secret(new Uint8Array(32))',
    },
    {
      file: 'ownership/claim-keys.ts',
      from: "transcript: derive('transcript')",
      to: 'transcript: new Uint8Array(32)',
    },
  ],
  async (build) => {
    // A box of his own, from a run with another device: any that he can make for himself.
    const mallory = claimant(66)
    const world = new World(build.ClaimDevice)
    world.press(0)
    let box: Uint8Array | null = null
    const elsewhere = new World(build.ClaimDevice)
    elsewhere.press(0)
    run(elsewhere, ownerMachine(mallory, CODE, null, build.ClaimOwner), 1, 0, (m, toDevice) => {
      if (toDevice && m[0] === CLAIM.answerChallenge) box = m.slice(33)
      return m
    })
    run(world, ownerMachine(claimant(1), CODE, null, build.ClaimOwner), 1, 0, (m, toDevice) =>
      toDevice && m[0] === CLAIM.answerChallenge
        ? encodeAnswer({ confirmP: m.subarray(1, 33), box: box! })
        : m,
    )
    return world.commits.some((c) => equal(c.owners.owners[0]!.sign, mallory.signer.publicKey))
  },
)

const noWindow: Weakness = {
  file: 'ownership/claim-device.ts',
  from: 'if (!window || !equal(claim.window, window)) return this.#turnAway(link, RESULT.windowClosed, now, steps)',
  to: '',
}
const openAnyway: Weakness[] = [
  noWindow,
  {
    file: 'ownership/claim-device.ts',
    from: 'const window = this.#window.nonce\n',
    to: 'const window = claim.window\n',
  },
]

/** The code is known, the press is missing: `window` is what the claimant pretends. */
function claimWithout(world: World, window: Uint8Array, now: number): boolean {
  const owner = ownerMachine()
  run(world, owner, 1, now, (m, toDevice) => {
    if (toDevice || m[0] !== CLAIM.hello) return m
    const hello = Uint8Array.from(m)
    hello[2] = 1
    hello[3] = 60
    hello.set(window, 23)
    return hello
  })
  return world.commits.length > 0
}

attack('a claim without a press', openAnyway, ({ ClaimDevice }) =>
  claimWithout(new World(ClaimDevice), bytes(16), 0),
)

attack('a claim with the nonce of an earlier window', openAnyway, ({ ClaimDevice }) => {
  const world = new World(ClaimDevice)
  const old = world.press(0)
  world.press(10_000)
  return claimWithout(world, old, 10_000)
})

attack(
  'a claim one second late',
  [
    {
      file: 'ownership/claim-window.ts',
      from: 'return this.#nonce !== null && now >= this.#end',
      to: 'return false',
    },
  ],
  ({ ClaimDevice }) => {
    const world = new World(ClaimDevice)
    const window = world.press(0)
    return claimWithout(world, window, LIMITS.ownership.windowMs + 1_000)
  },
)

attack(
  'two claims at once, both granted',
  [
    {
      file: 'ownership/claim-device.ts',
      from: 'if (!answer || !handshake || this.#committing) {',
      to: 'if (!answer || !handshake) {',
    },
  ],
  ({ ClaimDevice }) => {
    const world = new World(ClaimDevice)
    world.durable = false // both arrive while the first is being written
    world.press(0)
    const answers: Uint8Array[] = []
    for (const link of [1, 2])
      run(world, ownerMachine(claimant(link)), link, 0, (m, toDevice) => {
        if (!toDevice || m[0] !== CLAIM.answerChallenge) return m
        answers.push(m)
        return null
      })
    const steps = answers.flatMap((m, i) => world.device.onMessage(i + 1, m, 0))
    return steps.filter((s) => s.do === 'commit').length === 2
  },
)

attack(
  'guessing for ever in one window, never answering (attempts counted at the answer)',
  [
    { file: 'ownership/claim-window.ts', from: '    this.#challenges++\n', to: '' },
    {
      file: 'ownership/claim-window.ts',
      from: 'if (now < oldest.since + LIMITS.ownership.handshakeGraceMs) return false',
      to: '',
    },
  ],
  ({ ClaimDevice }) => {
    const world = new World(ClaimDevice)
    const window = world.press(0)
    const secret = stretch(plain(OTHER_CODE), DISCRIMINATOR, record.salt)
    const { shareP } = spake2plus.begin(
      secret,
      (into) => void crypto.getRandomValues(into as Uint8Array<ArrayBuffer>),
    )
    let challenges = 0
    for (let n = 0; n < 40; n++) {
      const claim = encodeClaimDevice({ version: 1, window, ownerNonce: bytes(16), shareP })
      for (const s of world.device.onMessage(n, claim, n * 1_000))
        if (s.do === 'send' && s.message[0] === CLAIM.challenge) challenges++
    }
    return challenges > LIMITS.ownership.challengesPerWindow
  },
)

attack(
  'silent probers that keep the owner out for the whole window',
  [
    {
      file: 'ownership/claim-window.ts',
      from: 'if (now < oldest.since + LIMITS.ownership.handshakeGraceMs) return false',
      to: 'return false',
    },
    {
      file: 'ownership/claim-window.ts',
      from: 'while (this.#handshakes.length > 0 &&',
      to: 'while (false &&',
    },
  ],
  ({ ClaimDevice }) => {
    const world = new World(ClaimDevice)
    const window = world.press(0)
    const secret = stretch(plain(OTHER_CODE), DISCRIMINATOR, record.salt)
    const { shareP } = spake2plus.begin(
      secret,
      (into) => void crypto.getRandomValues(into as Uint8Array<ArrayBuffer>),
    )
    for (let n = 0; n < 4; n++)
      world.device.onMessage(n, encodeClaimDevice({ version: 1, window, ownerNonce: bytes(16), shareP }), 0)
    const owner = ownerMachine()
    run(world, owner, 9, 500)
    for (let now = 1_500; now < 55_000 && !owner.done; now += 500) {
      for (const step of owner.tick(now)) {
        if (step.do !== 'send') continue
        const replies = world.device.onMessage(9, step.message, now)
        for (const r of replies) if (r.do === 'send') finish(world, owner, r, now)
      }
    }
    return world.commits.length === 0
  },
)

/** Carries one message of the device to the owner and what follows back, to the end. */
function finish(world: World, owner: ClaimOwner, step: ClaimStep, now: number): void {
  if (step.do === 'commit') world.commits.push(step.request)
  if (step.do !== 'send') return
  for (const s of owner.onMessage(step.message, now)) {
    const out = s.do === 'remember' ? owner.remembered(now) : [s]
    for (const o of out)
      if (o.do === 'send')
        for (const d of world.device.onMessage(9, o.message, now)) finish(world, owner, d, now)
  }
}

attack(
  'an old claim replayed after a reset',
  // No chance of its own on the device's side: neither nonce nor scalar.
  [
    ...openAnyway,
    { file: 'crypto/spake2plus.ts', from: 'const y = freshScalar(random)', to: 'const y = scalarBytes(7n)' },
  ],
  (build) => {
    const { world, sent } = recorded(build)
    const before = world.commits.length
    world.card = null
    world.restart()
    world.press(1_000_000)
    for (const message of sent.filter((m) => m[0] === CLAIM.claimDevice || m[0] === CLAIM.answerChallenge))
      for (const s of world.device.onMessage(3, message, 1_000_000))
        if (s.do === 'commit') world.commits.push(s.request)
    return world.commits.length > before
  },
)

attack(
  'a claim without the code',
  [
    {
      file: 'ownership/claim-device.ts',
      from: 'equalSecret(answer.confirmP, confirmP) ? openOwnerRecord(keys, answer.box) : null',
      to: 'openOwnerRecord(keys, answer.box) ?? ({ owners: { m: 1, owners: [], recovery: null }, ownersBytes: answer.box, policy: new Uint8Array(0) })',
    },
  ],
  ({ ClaimDevice }) => {
    const world = new World(ClaimDevice)
    world.press(0)
    run(world, ownerMachine(claimant(66), OTHER_CODE), 1, 0)
    const steps = world.device.onMessage(1, encodeAnswer({ confirmP: bytes(32), box: bytes(300) }), 0)
    return steps.some((s) => s.do === 'commit')
  },
)

attack(
  'a fake device that answers in the place of the claimed one',
  [
    {
      file: 'ownership/claim-owner.ts',
      from: 'equalSecret(certificate.transcript, pending.transcript) &&',
      to: 'true &&',
    },
  ],
  ({ ClaimOwner }) => {
    const world = new World()
    world.durable = false
    world.press(0)
    const remember = run(world, ownerMachine(), 1, 0).find((s) => s.do === 'remember')
    if (remember?.do !== 'remember') return false
    // The fake one was claimed by the same owner keys in some run of its own (it knows them, not the run).
    const fake = new World()
    fake.press(0)
    run(fake, ownerMachine(), 1, 0)
    return last(run(fake, ownerMachine(claimant(1), CODE, remember.pending, ClaimOwner), 2, 0)) === 'claimed'
  },
)

t.test('a key of small order signs everything', async (t) => {
  // y = 1, the neutral point: k·A vanishes, so one R = S·B fits every message.
  const key = Uint8Array.of(1, ...new Uint8Array(31))
  const s = 5n
  const signature = concat(Point.BASE.multiply(s).toBytes(), Uint8Array.of(Number(s), ...new Uint8Array(31)))
  const weak = await weakened(
    [
      {
        file: 'crypto/points.ts',
        from: 'return raw.length === 32 && belowP(raw) && !among(SMALL_ORDER_Y, raw)',
        to: 'return true',
      },
    ],
    true,
  )
  for (const message of ['grant', 'revoke', 'anything'])
    t.ok(weak.Verifier.of(key)!.verify(utf8(message), signature), 'the attack bites')
  for (const noble of [false, true])
    t.equal((await weakened([], noble)).Verifier.of(key), null, 'and fails against ours')
})

t.test('algorithm confusion: a header that asks for no signature', async (t) => {
  const weak = await weakened([
    {
      file: 'crypto/jws.ts',
      from: 'if (!key || match[1] !== header(key.alg, kid)) return null',
      to: 'if (!key) return null',
    },
    {
      file: 'crypto/jws.ts',
      from: 'if (!key.verify(signingInput(head, body), signature)) return null',
      to: 'if (head !== header("none", "a") && !key.verify(signingInput(head, body), signature)) return null',
    },
  ])
  const ours = await weakened([])
  const b64 = (s: string): string => Buffer.from(s).toString('base64url')
  const forged = `{"payload":"${b64('{"event":"AUTHORIZED"}')}","signatures":[{"protected":"${b64('{"alg":"none","kid":"a"}')}","signature":"AA"}]}`
  const keyOf = (build: Parts) => () => build.Verifier.of(claimant(1).signer.publicKey)
  t.ok(weak.verifyJws(forged, keyOf(weak)), 'the attack bites')
  t.equal(ours.verifyJws(forged, keyOf(ours)), null, 'and fails against ours')
})
