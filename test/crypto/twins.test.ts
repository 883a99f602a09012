// native.ts and noble.ts must not be told apart by what they answer: random and mutated input to both.
import t from 'tap'
import { type Bytes, concat, hex, unhex } from '../../src/base/bytes.ts'
import * as native from '../../src/crypto/native.ts'
import * as noble from '../../src/crypto/noble.ts'
import { curve } from '../../src/crypto/p256.ts'
import { Secret } from '../../src/crypto/secret.ts'

const rounds = process.env['WATTLE_FULL'] === undefined ? 40 : 2_000
const bytes = (n: number): Bytes => crypto.getRandomValues(new Uint8Array(n))
const pick = (n: number): number => Math.floor(Math.random() * n)

/** Bends one bit, cuts, lengthens, or leaves it. */
function mutate(b: Bytes): Bytes {
  const out = Uint8Array.from(b)
  const how = pick(5)
  if (how === 0 && out.length > 0) return out.subarray(0, pick(out.length))
  if (how === 1) return concat(out, bytes(1))
  if (how < 4 && out.length > 0) out[pick(out.length)]! ^= 1 << pick(8)
  return out
}

const show = (v: Bytes | Secret | null): string =>
  v === null ? 'null' : hex(v instanceof Secret ? v.bytes() : v)

t.test('the same names are exported, and no Buffer comes out', async (t) => {
  t.same(
    Object.keys(native).sort((a, b) => (a < b ? -1 : 1)),
    Object.keys(noble).sort((a, b) => (a < b ? -1 : 1)),
  )
  const seed = new Secret(bytes(32))
  for (const b of [native, noble]) {
    const signer = new b.Signer(seed.copy())
    const pair = new b.Exchange(seed.copy())
    const box = b.seal(bytes(32), new Uint8Array(12), bytes(0), bytes(5))
    const key = bytes(32)
    const all = [
      b.sha256(bytes(3)),
      b.hmac(bytes(3), bytes(3)),
      b.hkdf(bytes(3), bytes(3), bytes(3), 5),
      b.scrypt(bytes(3), bytes(3), 4, 1, 5),
      box,
      b.open(key, new Uint8Array(12), bytes(0), b.seal(key, new Uint8Array(12), bytes(0), bytes(5)))!,
      b.openAes128Gcm(bytes(16), bytes(12), bytes(0), bytes(5), null)!,
      signer.publicKey,
      signer.sign(bytes(5)),
      pair.publicKey,
      pair.agree(signer.publicKey.fill(9, 0, 1))?.bytes() ?? bytes(1),
    ]
    for (const out of all) t.equal(out.constructor, Uint8Array)
  }
})

t.test('hashes and derivations', async (t) => {
  const wrong: string[] = []
  const same = (what: string, f: (b: typeof native) => Bytes): void => {
    if (show(f(native)) !== show(f(noble as unknown as typeof native))) wrong.push(what)
  }
  for (let n = 0; n < rounds; n++) {
    const [a, b, c] = [bytes(pick(200)), bytes(pick(200)), bytes(pick(64))]
    same('sha256', (x) => x.sha256(a, b, c))
    same('hmac', (x) => x.hmac(a, b, c))
    // One part has a shorter way, and one byte (a ratchet's step) the shortest.
    same('sha256 of one', (x) => x.sha256(a))
    same('hmac of one', (x) => x.hmac(a, b))
    same('hmac of a byte', (x) => x.hmac(a, Uint8Array.of(n)))
    same('hkdf', (x) => x.hkdf(a, b, c, pick(1) + 42))
  }
  same('no parts', (x) => x.sha256())
  same('empty key', (x) => x.hmac(bytes(0), bytes(0)))
  same('scrypt', (x) => x.scrypt(Uint8Array.of(1, 2), Uint8Array.of(3), 8, 8, 80))
  t.same(wrong, [])
})

t.test('signatures: keys, signatures and verdicts', async (t) => {
  const wrong: string[] = []
  let valid = 0
  for (let n = 0; n < rounds; n++) {
    const seed = new Secret(bytes(32))
    const [a, b] = [new native.Signer(seed.copy()), new noble.Signer(seed.copy())]
    const message = bytes(pick(300))
    const signature = a.sign(message)
    if (hex(a.publicKey) !== hex(b.publicKey) || hex(signature) !== hex(b.sign(message))) wrong.push('sign')
    const [key, text, sealed] = [mutate(a.publicKey), mutate(message), mutate(signature)]
    const verdicts = [native, noble].map((x) => {
      const verifier = x.Verifier.of(key)
      return verifier ? verifier.verify(text, sealed) : 'refused'
    })
    if (verdicts[0] !== verdicts[1]) wrong.push(`${hex(key)} ${hex(text)} ${hex(sealed)} ${verdicts}`)
    for (const x of [native, noble]) if (x.Verifier.of(a.publicKey)!.verify(message, signature)) valid++
  }
  t.same(wrong, [])
  t.equal(valid, 2 * rounds)
})

t.test('agreements', async (t) => {
  const wrong: string[] = []
  for (let n = 0; n < rounds; n++) {
    const [seed, other] = [new Secret(bytes(32)), new Secret(bytes(32))]
    const [a, b] = [new native.Exchange(seed.copy()), new noble.Exchange(seed.copy())]
    if (hex(a.publicKey) !== hex(b.publicKey)) wrong.push('public key')
    const peer = mutate(new native.Exchange(other).publicKey)
    if (show(a.agree(peer)) !== show(b.agree(peer))) wrong.push(hex(peer))
    const any = bytes(32)
    if (show(a.agree(any)) !== show(b.agree(any))) wrong.push(hex(any))
  }
  t.same(wrong, [])
})

t.test('boxes', async (t) => {
  const wrong: string[] = []
  for (let n = 0; n < rounds; n++) {
    const [key, nonce, aad, plain] = [bytes(32), bytes(12), bytes(pick(50)), bytes(pick(400))]
    const box = native.seal(key, nonce, aad, plain)
    if (hex(box) !== hex(noble.seal(key, nonce, aad, plain))) wrong.push('seal')
    const [bent, other] = [mutate(box), mutate(aad)]
    if (show(native.open(key, nonce, other, bent)) !== show(noble.open(key, nonce, other, bent)))
      wrong.push('open')
    const [k, iv, tag] = [bytes(16), mutate(bytes(12)), mutate(bytes(12))]
    const gcm = [native, noble].map((x) =>
      [x.openAes128Gcm(k, iv, aad, plain, tag), x.openAes128Gcm(k, iv, aad, plain, null)].map(show),
    )
    if (String(gcm[0]) !== String(gcm[1])) wrong.push('gcm')
  }
  t.same(wrong, [])
})

t.test('comparing secrets', async (t) => {
  for (const b of [native, noble]) {
    t.ok(b.equalSecret(Uint8Array.of(1, 2), Uint8Array.of(1, 2)))
    t.ok(b.equalSecret(bytes(0), bytes(0)))
    for (const other of [[1, 3], [1], [1, 2, 0], [], [0, 2]])
      t.notOk(b.equalSecret(Uint8Array.of(1, 2), Uint8Array.from(other)))
  }
})

t.test('a secret prints as nothing but itself hidden, and copies are its own', async (t) => {
  const { inspect } = await import('node:util')
  const secret = new Secret(Uint8Array.from([0xde, 0xad, 0xbe, 0xef]))
  t.equal(`${secret}`, '[secret]')
  t.equal(JSON.stringify({ secret }), '{"secret":"[secret]"}')
  t.notMatch(inspect({ secret }, { depth: 9, showHidden: true }), /222|dead|DE/)
  const copy = secret.copy()
  secret.wipe()
  t.same([...secret.bytes()], [0, 0, 0, 0])
  t.same([...copy.bytes()], [0xde, 0xad, 0xbe, 0xef])
  // What node:crypto hands out is a Buffer, whose slice() would be a view.
  const shared = new native.Exchange(new Secret(bytes(32))).agree(
    new native.Exchange(new Secret(bytes(32))).publicKey,
  )!
  const kept = shared.copy()
  shared.wipe()
  t.ok(kept.bytes().some((b) => b !== 0))
})

t.test('SHA-1 and SHA-512 of both agree', async (t) => {
  t.equal(
    Buffer.from(native.sha1(new TextEncoder().encode('abc'))).toString('hex'),
    'a9993e364706816aba3e25717850c26c9cd0d89d',
  )
  for (let n = 0; n < 200; n += 7) {
    const [a, b] = [crypto.getRandomValues(new Uint8Array(n)), crypto.getRandomValues(new Uint8Array(32))]
    t.same(Buffer.from(native.sha1(a, b)), Buffer.from(noble.sha1(a, b)))
    t.same(Buffer.from(native.sha512(a)), Buffer.from(noble.sha512(a)))
    for (const side of [native, noble]) {
      const out = new Uint8Array(64)
      side.readerSha512(a, out)
      t.same(Buffer.from(out), Buffer.from(native.sha512(a)))
    }
    t.same(Buffer.from(native.publicSha256(a)), Buffer.from(native.sha256(a)))
    t.same(Buffer.from(noble.publicSha256(a)), Buffer.from(native.sha256(a)))
  }
})

t.test('points of P-256 multiplied', async (t) => {
  const { Point, order } = curve()
  const scalar = (n: bigint): Bytes => unhex(n.toString(16).padStart(64, '0'))!
  const wrong: string[] = []
  const check = (k: bigint, point: Bytes | null): void => {
    const [a, b] = [native, noble].map((x) => show(x.multiplyP256(scalar(k), point)))
    if (a !== b) wrong.push(`${k} · ${point ? hex(point) : 'G'}: ${a}, expected ${b}`)
  }
  const fresh = (): bigint => (BigInt(`0x${hex(bytes(40))}`) % (order - 1n)) + 1n
  const points = [1n, 2n, order - 1n, fresh(), fresh()].map((k) => Point.BASE.multiply(k).toBytes(false))
  // The next multiple of the last scalar is the identity, the first one's the tangent.
  for (const point of [null, ...points]) for (const k of [1n, 2n, 3n, order - 2n, order - 1n]) check(k, point)
  for (let n = 0; n < rounds; n++) check(fresh(), Point.BASE.multiply(fresh()).toBytes(false))
  t.same(wrong, [])
  for (const b of [native, noble]) {
    t.throws(() => b.multiplyP256(scalar(0n), points[3]!))
    t.throws(() => b.multiplyP256(scalar(2n), points[3]!.fill(1, 40)))
    t.equal(b.multiplyP256(scalar(2n), points[0]!).constructor, Uint8Array)
  }
})
