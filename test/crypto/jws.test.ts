import { createHmac } from 'node:crypto'
import t from 'tap'
import { base64url, hex, text, unbase64url, utf8 } from '../../src/base/bytes.ts'
import { type JwsKey, signCompact, signJws, verifyCompact, verifyJws } from '../../src/crypto/jws.ts'
import { EcVerifier, Signer, Verifier } from '../../src/crypto/native.ts'
import type { EcAlg } from '../../src/crypto/points.ts'
import { Secret } from '../../src/crypto/secret.ts'
import { wycheproof } from './vectors.ts'

const signer = (n: number): Signer => new Signer(new Secret(new Uint8Array(32).fill(n)))
const [a, b, c] = [signer(1), signer(2), signer(3)]
const registered = new Map<string, JwsKey>([
  ['a', Verifier.of(a.publicKey)!],
  ['b', Verifier.of(b.publicKey)!],
  ['c', Verifier.of(c.publicKey)!],
])
const keyOf = (kid: string): JwsKey | null => registered.get(kid) ?? null
const payload = utf8('{"event":"AUTHORIZED"}')
const point = (jwk: { x: string; y: string }): Uint8Array =>
  Uint8Array.from([4, ...unbase64url(jwk.x)!, ...unbase64url(jwk.y)!])

t.test('RFC 8037 A.4: Ed25519', async (t) => {
  const key = new Signer(new Secret(unbase64url('nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A')!))
  t.equal(base64url(key.publicKey), '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo')
  const jws =
    'eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg'
  t.equal(text(verifyCompact(jws, Verifier.of(key.publicKey)!)!), 'Example of Ed25519 signing')
  const [head, body, signature] = jws.split('.')
  t.equal(base64url(key.sign(utf8(`${head}.${body}`))), signature)
})

t.test('RFC 7515 A.3 and A.4: ES256, ES512', async (t) => {
  const es256 = EcVerifier.of(
    'ES256',
    point({
      x: 'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU',
      y: 'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0',
    }),
  )!
  const claims =
    'eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ'
  const jws = `eyJhbGciOiJFUzI1NiJ9.${claims}.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q`
  t.equal(base64url(verifyCompact(jws, es256)!), claims)
  t.equal(verifyCompact(jws.replace('DtEh', 'EtEh'), es256), null)
  const es512 = EcVerifier.of(
    'ES512',
    point({
      x: 'AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk',
      y: 'ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2',
    }),
  )!
  const a4 =
    'eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA.AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_7XdtAG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn'
  t.equal(text(verifyCompact(a4, es512)!), 'Payload')
  t.equal(verifyCompact(a4, es256), null, 'an algorithm the key was not registered for')
})

t.test('Wycheproof: every ECDSA case of the JWS file', async (t) => {
  let valid = 0
  for (const group of wycheproof('json_web_signature')) {
    const jwk = group['public'] as { kty?: string; crv: string; x: string; y: string } | undefined
    if (jwk?.kty !== 'EC') continue
    const alg: EcAlg = jwk.crv === 'P-256' ? 'ES256' : 'ES512'
    const key = EcVerifier.of(alg, point(jwk))
    for (const test of group.tests) {
      // What a JWK says of its own use; our keys come as bare points, so it does not concern us.
      if (/rejectWrong(Use|KeyOps)/.test(test.comment)) continue
      const ok = key !== null && verifyCompact(String(test['jws']), key) !== null
      t.equal(ok, test.result === 'valid', `${test.tcId} ${test.comment}`)
      if (ok) valid++
    }
  }
  t.ok(valid > 0)
})

t.test('one text per payload and signers, whatever the order they were given in', async (t) => {
  const jws = signJws(payload, [
    { kid: 'b', signer: b },
    { kid: 'a', signer: a },
  ])
  t.equal(
    jws,
    signJws(payload, [
      { kid: 'a', signer: a },
      { kid: 'b', signer: b },
    ]),
  )
  t.same(verifyJws(jws, keyOf), { payload, signers: ['a', 'b'] })
  t.same(verifyJws(utf8(jws), keyOf), { payload, signers: ['a', 'b'] })
  t.same(verifyJws(signJws(new Uint8Array(0), [{ kid: 'c', signer: c }]), keyOf)?.signers, ['c'])
  const {
    payload: p,
    signatures: [one, two],
  } = JSON.parse(jws)
  for (const [why, other] of Object.entries({
    'white space': JSON.stringify(JSON.parse(jws), null, 1),
    'trailing space': `${jws} `,
    'order of members': JSON.stringify({ signatures: [one, two], payload: p }),
    'order of signatures': JSON.stringify({ payload: p, signatures: [two, one] }),
    'the same signer twice': JSON.stringify({ payload: p, signatures: [one, one] }),
    'no signatures': JSON.stringify({ payload: p, signatures: [] }),
    'an unknown member': JSON.stringify({ payload: p, signatures: [one], x: 1 }),
    'a member twice': jws.replace('{"payload"', '{"payload":"AA","payload"'),
    'a signature member twice': jws.replace('{"protected"', '{"protected":"AA","protected"'),
    'an unprotected header': JSON.stringify({ payload: p, signatures: [{ ...one, header: { kid: 'a' } }] }),
    'flattened form': JSON.stringify({ payload: p, ...one }),
    'escaped letters': jws.replace('"payload"', '"\\u0070ayload"'),
    padding: jws.replace('"signature":"', '"signature":"='),
    'no JSON': 'x',
    empty: '',
  }))
    t.equal(verifyJws(other, keyOf), null, why)
})

t.test('every changed character and every cut is refused', async (t) => {
  const jws = signJws(payload, [
    { kid: 'a', signer: a },
    { kid: 'c', signer: c },
  ])
  for (let i = 0; i < jws.length; i++) {
    t.equal(verifyJws(jws.slice(0, i), keyOf), null)
    const other = jws[i] === 'A' ? 'B' : 'A'
    const bent = jws.slice(0, i) + other + jws.slice(i + 1)
    t.equal(verifyJws(bent, keyOf), null, `character ${i}`)
    t.equal(
      verifyJws(
        utf8(bent).map((x, at) => (at === i ? 0xff : x)),
        keyOf,
      ),
      null,
    )
  }
})

t.test('the registered key names the algorithm, never the header', async (t) => {
  const general = (head: string, signature: Uint8Array): string =>
    `{"payload":"${base64url(payload)}","signatures":[{"protected":"${base64url(utf8(head))}","signature":"${base64url(signature)}"}]}`
  const input = (head: string): Uint8Array => utf8(`${base64url(utf8(head))}.${base64url(payload)}`)
  const good = '{"alg":"EdDSA","kid":"a"}'
  t.ok(verifyJws(general(good, a.sign(input(good))), keyOf))
  const es256: JwsKey = { alg: 'ES256', verify: () => true }
  for (const head of [
    '{"alg":"none","kid":"a"}',
    '{"alg":"None","kid":"a"}',
    '{"alg":"HS256","kid":"a"}',
    '{"alg":"ES256","kid":"a"}',
    '{"alg":"eddsa","kid":"a"}',
    '{"alg":"Ed25519","kid":"a"}',
    '{"alg":"EdDSA","kid":"z"}',
    '{"alg":"EdDSA","kid":"../a"}',
    '{"alg":"EdDSA"}',
    '{"kid":"a","alg":"EdDSA"}',
    '{"alg":"EdDSA","kid":"a","crit":["b64"],"b64":false}',
    `{"alg":"EdDSA","kid":"a","jwk":{"kty":"OKP","crv":"Ed25519","x":"${base64url(b.publicKey)}"}}`,
    '{"alg":"none","alg":"EdDSA","kid":"a"}',
    ' {"alg":"EdDSA","kid":"a"}',
  ]) {
    const byKey = a.sign(input(head))
    // The public key as the secret of a MAC: the classic confusion.
    const byMac = new Uint8Array(createHmac('sha256', a.publicKey).update(input(head)).digest())
    for (const signature of [byKey, byMac, new Uint8Array(64), new Uint8Array(0)])
      t.equal(verifyJws(general(head, signature), keyOf), null, head)
    const compact = `${base64url(utf8(head))}.${base64url(payload)}`
    if (!/"alg":"EdDSA"(,"kid":"[a-z./]*")?}|^{"kid":"a"/.test(head) || /none/.test(head) || head[0] === ' ')
      for (const signature of [byKey, byMac, new Uint8Array(0)])
        t.equal(verifyCompact(`${compact}.${base64url(signature)}`, keyOf('a')!), null, `compact ${head}`)
  }
  t.equal(
    verifyJws(general(good, a.sign(input(good))), () => es256),
    null,
    'registered for ES256',
  )
})

t.test('an unknown or failing signer spoils the whole, a huge text costs nothing', async (t) => {
  const stranger = signer(9)
  t.equal(
    verifyJws(
      signJws(payload, [
        { kid: 'a', signer: a },
        { kid: 'stranger', signer: stranger },
      ]),
      keyOf,
    ),
    null,
  )
  t.equal(
    verifyJws(
      signJws(payload, [
        { kid: 'a', signer: a },
        { kid: 'b', signer: stranger },
      ]),
      keyOf,
    ),
    null,
  )
  let asked = 0
  const counting: JwsKey = { alg: 'EdDSA', verify: () => ++asked > 0 }
  const many = Array.from({ length: 16 }, (_, i) => ({
    kid: `k${String.fromCharCode(97 + i)}`,
    signer: stranger,
  }))
  const jws = signJws(payload, many)
  t.equal(verifyJws(jws, () => counting)?.signers.length, 16)
  t.equal(asked, 16)
  const entry = jws.slice(jws.indexOf('[') + 1, jws.indexOf('},') + 1).replace(/a(?=")/, 'z')
  t.equal(
    verifyJws(jws.replace(']}', `,${entry}]}`), () => counting),
    null,
  )
  t.equal(
    verifyJws('x'.repeat(1e7), () => counting),
    null,
  )
  t.equal(
    verifyJws(`{"payload":"${'A'.repeat(1e6)}","signatures":[]}`, () => counting),
    null,
  )
  t.equal(asked, 16, 'no key was asked')
  t.throws(() => signJws(payload, [...many, { kid: 'q', signer: a }]), RangeError)
  t.throws(() => signJws(payload, []), RangeError)
  t.throws(() => signJws(payload, [{ kid: 'a"', signer: a }]), RangeError)
  t.throws(
    () =>
      signJws(payload, [
        { kid: 'a', signer: a },
        { kid: 'a', signer: b },
      ]),
    RangeError,
  )
})

t.test('headers that are not headers', async (t) => {
  const depth = 6_000
  for (const head of [
    '',
    'null',
    '[]',
    '"alg"',
    '{"alg":"EdDSA"',
    '{"alg":"EdDSA","alg":"EdDSA"}',
    '{"alg":"EdDSA","\\u006bid":"a"}',
    '{"alg":["EdDSA"]}',
    `${'['.repeat(depth)}${']'.repeat(depth)}`,
    `{"alg":${'['.repeat(depth)}${']'.repeat(depth)}}`,
    `{"alg":${'{"a":'.repeat(1_500)}1${'}'.repeat(1_500)}}`,
  ]) {
    const input = `${base64url(utf8(head))}.${base64url(payload)}`
    const jws = `${input}.${base64url(a.sign(utf8(input)))}`
    t.equal(verifyCompact(jws, keyOf('a')!), null, head.slice(0, 40))
  }
})

t.test('compact: signed and read back, strangers refused', async (t) => {
  const jws = signCompact(payload, { kid: 'a', signer: a })
  t.same(verifyCompact(jws, keyOf('a')!), payload)
  t.equal(verifyCompact(jws, keyOf('b')!), null)
  t.equal(verifyCompact(`${jws}.`, keyOf('a')!), null)
  for (let i = 0; i < jws.length; i++) t.equal(verifyCompact(jws.slice(0, i), keyOf('a')!), null)
})

t.test('points off the curve are no keys', async (t) => {
  for (const [alg, bytes] of [
    ['ES256', 32],
    ['ES384', 48],
    ['ES512', 66],
  ] as const) {
    t.equal(EcVerifier.of(alg, new Uint8Array(1 + 2 * bytes).fill(4)), null, alg)
    t.equal(EcVerifier.of(alg, Uint8Array.of(0)), null)
    t.equal(EcVerifier.of(alg, new Uint8Array(2 * bytes)), null)
  }
  t.equal(hex(a.publicKey).length, 64)
})
