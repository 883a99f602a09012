// Noise XX against the published vectors, its libp2p payload, and what a forger may try.
import { readFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { concat, equal, hex, unhex, utf8 } from '../../src/base/bytes.ts'
import { Exchange } from '../../src/crypto/native.ts'
import { Secret } from '../../src/crypto/secret.ts'
import { Handshake } from '../../src/net/noise/handshake.ts'
import { Identity, peerId, publicKeyOf, publicKeyProto, readPayload } from '../../src/net/noise/identity.ts'
import { bytesField, numberField } from '../../src/net/protobuf.ts'
import { seeded } from './help/memory.ts'
import { random, signer } from './help/party.ts'

interface Vector {
  protocol_name: string
  init_prologue: string
  init_static: string
  init_ephemeral: string
  init_remote_static?: string
  resp_static: string
  resp_ephemeral: string
  handshake_hash: string
  messages: { payload: string; ciphertext: string }[]
}

const exchange = (seed: string): Exchange => new Exchange(new Secret(unhex(seed)!))
const NONE = new Uint8Array(0)

function pair(): { a: Handshake; b: Handshake } {
  const fresh = (): Exchange => {
    const seed = new Uint8Array(32)
    random(seed)
    return new Exchange(new Secret(seed))
  }
  const side = (initiator: boolean): Handshake =>
    new Handshake({ initiator, prologue: NONE, static: fresh(), ephemeral: fresh() })
  return { a: side(true), b: side(false) }
}

t.test('the published vectors', async (t) => {
  const { vectors } = JSON.parse(readFileSync('test/vectors/noise-xx-ik.json', 'utf8')) as {
    vectors: Vector[]
  }
  for (const [pattern, messages] of [
    ['XX', 3],
    ['IK', 2],
  ] as const)
    await t.test(pattern, async (t) => runVector(t, vectors, pattern, messages))
})

function runVector(t: Test, vectors: Vector[], pattern: 'XX' | 'IK', handshakeMessages: number): void {
  const v = vectors.find((v) => v.protocol_name === `Noise_${pattern}_25519_ChaChaPoly_SHA256`)!
  const prologue = unhex(v.init_prologue)!
  const a = new Handshake({
    pattern,
    ...(pattern === 'IK' ? { remoteStatic: unhex(v.init_remote_static!)! } : {}),
    initiator: true,
    prologue,
    static: exchange(v.init_static),
    ephemeral: exchange(v.init_ephemeral),
  })
  const b = new Handshake({
    pattern,
    initiator: false,
    prologue,
    static: exchange(v.resp_static),
    ephemeral: exchange(v.resp_ephemeral),
  })
  for (let i = 0; i < handshakeMessages; i++) {
    const [from, to] = i % 2 === 0 ? [a, b] : [b, a]
    const message = from.write(unhex(v.messages[i]!.payload)!)!
    t.equal(hex(message), v.messages[i]!.ciphertext, `message ${i}`)
    t.equal(hex(to.read(message)!), v.messages[i]!.payload)
  }
  t.equal(hex(a.hash), v.handshake_hash)
  const sides = { a: a.split(), b: b.split() }
  const counters = [0, 0]
  for (let i = handshakeMessages; i < v.messages.length; i++) {
    // The two go on taking turns.
    const [from, to] = i % 2 === 1 ? [sides.b, sides.a] : [sides.a, sides.b]
    const plain = unhex(v.messages[i]!.payload)!
    const box = new Uint8Array(plain.length + 16)
    box.set(plain)
    const n = counters[i % 2]!++
    from.send.seal(box, 0, plain.length, n)
    t.equal(hex(box), v.messages[i]!.ciphertext, `message ${i}`)
    t.ok(to.receive.open(box, 0, box.length, n, box, 0))
    t.ok(equal(box.subarray(0, plain.length), plain))
  }
}

t.test('a changed, cut or foreign message does not get through', async (t) => {
  const next = seeded(2)
  for (let round = 0; round < 60; round++) {
    const { a, b } = pair()
    const first = a.write(NONE)!
    b.read(first)
    const second = b.write(utf8('payload'))!
    const bad = second.slice()
    bad[Math.floor(next() * bad.length)]! ^= 1 << Math.floor(next() * 8)
    if (a.read(round % 2 === 0 ? bad : second.subarray(0, Math.floor(next() * second.length)))) t.fail('read')
  }
  const { a, b } = pair()
  b.read(a.write(NONE)!)
  a.read(b.write(NONE)!)
  const third = a.write(utf8('x'))!
  third[third.length - 1]! ^= 1
  t.equal(b.read(third), null)
})

t.test('keys of small order are refused', async (t) => {
  for (const bad of [new Uint8Array(32), Uint8Array.of(1, ...new Uint8Array(31))]) {
    const { b } = pair()
    t.ok(b.read(bad), 'the first message proves nothing yet')
    t.equal(b.write(NONE), null)
  }
})

t.test('out of turn', async (t) => {
  const { a, b } = pair()
  t.equal(a.read(new Uint8Array(32)), null)
  t.throws(() => b.write(NONE))
  t.throws(() => a.split())
})

t.test('the payload: who signed which Noise key', async (t) => {
  const key = signer()
  const identity = new Identity(key, random)
  const said = readPayload(identity.payload, identity.exchange.publicKey)
  t.match(said, { verdict: 'ok', yamux: true })
  t.ok(equal(said.key, key.publicKey))
  t.equal(
    readPayload(identity.payload, new Uint8Array(32)).verdict,
    'badSignatures',
    'signed another Noise key',
  )
  const other = new Identity(signer(), random)
  const swapped = concat(bytesField(1, publicKeyProto(other.publicKey)), identity.payload.subarray(38))
  t.equal(readPayload(swapped, identity.exchange.publicKey).verdict, 'badSignatures', 'another identity')
  for (const type of [0, 2, 3, 9]) {
    const proto = concat(numberField(1, type), bytesField(2, key.publicKey))
    const payload = concat(bytesField(1, proto), identity.payload.subarray(38))
    t.equal(readPayload(payload, identity.exchange.publicKey).verdict, 'keyTypesRefused', `key type ${type}`)
  }
  const small = bytesField(1, publicKeyProto(Uint8Array.of(1, ...new Uint8Array(31))))
  const weak = concat(small, identity.payload.subarray(38))
  t.equal(readPayload(weak, identity.exchange.publicKey).verdict, 'keyTypesRefused', 'a key of small order')
  t.equal(readPayload(NONE, identity.exchange.publicKey).verdict, 'handshakeErrors')
  let ok = 0
  for (let n = 0; n < identity.payload.length; n++) {
    const part = readPayload(identity.payload.subarray(0, n), identity.exchange.publicKey)
    if (part.verdict === 'ok' && part.yamux) ok++
  }
  t.equal(ok, 0, 'no shortened payload is whole')
})

t.test('peer ids', async (t) => {
  // From libp2p specs, peer-ids: the Ed25519 public key of the test vectors.
  const proto = unhex('080112201ed1e8fae2c4a144b8be8fd4b47bf3d3b34b871c3cacf6010f0e42d474fce27e')!
  t.equal(peerId(publicKeyOf(proto)!), '12D3KooWBtg3aaRMjxwedh83aGiUkwSxDwUZkzuJcfaqUmo7R3pq')
  t.equal(publicKeyOf(proto.subarray(0, 30)), null)
})
