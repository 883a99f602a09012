// What the page runs: the same modules with noble.ts in native.ts's place, as its build puts it there.
// HPKE, JWS and SPAKE2+ vectors again, and a claim between that bundle and a device on node:crypto.
import { resolve } from 'node:path'
import { build } from 'esbuild'
import t from 'tap'
import { hex, unbase64url, unhex, utf8 } from '../../src/base/bytes.ts'
import type * as hpke from '../../src/crypto/hpke.ts'
import type * as jws from '../../src/crypto/jws.ts'
import type * as native from '../../src/crypto/native.ts'
import type * as secrets from '../../src/crypto/secret.ts'
import type * as pake from '../../src/crypto/spake2plus.ts'
import type * as claimOwner from '../../src/ownership/claim-owner.ts'
import type * as label from '../../src/ownership/label.ts'
import { CODE, random, run, World } from '../ownership/claim-world.ts'
import { h, json } from './vectors.ts'

const entry = [
  'crypto/hpke',
  'crypto/jws',
  'crypto/native',
  'crypto/secret',
  'crypto/spake2plus',
  'ownership/claim-owner',
  'ownership/label',
]
const { outputFiles } = await build({
  stdin: {
    contents: entry.map((m) => `export * from './src/${m}.ts'`).join('\n'),
    resolveDir: process.cwd(),
  },
  bundle: true,
  format: 'esm',
  platform: 'browser',
  target: 'es2022',
  write: false,
  plugins: [
    {
      name: 'noble-for-native',
      setup(b) {
        b.onResolve({ filter: /\/native\.ts$/ }, () => ({ path: resolve('src/crypto/noble.ts') }))
      },
    },
  ],
})
const code = outputFiles[0]!.text
type Page = typeof hpke &
  typeof jws &
  typeof native &
  typeof secrets &
  typeof pake &
  typeof claimOwner &
  typeof label
const page = (await import(`data:text/javascript;base64,${Buffer.from(code).toString('base64')}`)) as Page

t.test('nothing of Node is left in it', async (t) => {
  t.notMatch(code, /from\s*["']node:|require\(|\bBuffer\b|process\./)
})

t.test('RFC 9180 A.2.1', async (t) => {
  const all = json<Record<string, unknown>[]>('hpke-rfc9180-x25519.json')
  const v = all.find((v) => v['mode'] === 0 && v['aead_id'] === 3)!
  const first = (v['encryptions'] as Record<string, unknown>[]).find((e) => e['seq'] === 0)!
  const box = page.sealTo(
    h(v['pkRm']),
    h(v['info']),
    h(first['aad']),
    h(first['pt']),
    new page.Secret(h(v['ikmE'])),
  )!
  t.equal(hex(box), `${v['enc']}${first['ct']}`)
  const receiver = new page.Exchange(new page.Secret(h(v['skRm'])))
  t.equal(hex(page.openFrom(receiver, h(v['info']), h(first['aad']), box)!), first['pt'])
  box[40]! ^= 1
  t.equal(page.openFrom(receiver, h(v['info']), h(first['aad']), box), null)
})

t.test('RFC 8037 A.4, RFC 7515 A.3 and A.4, and a General JWS', async (t) => {
  const signer = new page.Signer(new page.Secret(unbase64url('nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A')!))
  const key = page.Verifier.of(signer.publicKey)!
  const a4 =
    'eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg'
  t.ok(page.verifyCompact(a4, key))
  const point = (x: string, y: string): Uint8Array =>
    Uint8Array.from([4, ...unbase64url(x)!, ...unbase64url(y)!])
  const es256 = page.EcVerifier.of(
    'ES256',
    point('f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU', 'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0'),
  )!
  const a3 =
    'eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q'
  t.ok(page.verifyCompact(a3, es256))
  t.equal(page.verifyCompact(a3.replace('.Dt', '.Et'), es256), null)
  t.equal(page.verifyCompact(a3, key), null)
  const text = page.signJws(utf8('{}'), [{ kid: 'a', signer }])
  t.same(page.verifyJws(text, () => key)?.signers, ['a'])
  t.equal(
    page.verifyJws(text.replace('"e30"', '"e31"'), () => key),
    null,
  )
})

t.test('RFC 9383', async (t) => {
  const v = json<Record<string, string>>('spake2plus-rfc9383-p256-sha256.json')
  const secret = { w0: new page.Secret(h(v['w0'])), w1: new page.Secret(h(v['w1'])) }
  const giving = (scalar: string) => (into: Uint8Array) =>
    into.set(unhex((BigInt(`0x${scalar}`) - 1n).toString(16).padStart(2 * into.length, '0'))!)
  const names = {
    context: utf8(v['context']!),
    prover: utf8(v['idProver']!),
    verifier: utf8(v['idVerifier']!),
  }
  const begun = page.spake2plus.begin(secret, giving(v['x']!))
  const answer = page.spake2plus.answer(page.spake2plus.record(secret), names, begun.shareP, giving(v['y']!))!
  t.equal(hex(answer.shareV), v['shareV'])
  const keys = page.spake2plus.finish(secret, names, begun, answer.shareV)!
  t.equal(hex(keys.confirmP), v['confirmP'])
  t.equal(hex(keys.shared.bytes()), v['Kshared'])
})

t.test('the page claims a device that runs on node:crypto', async (t) => {
  const world = new World()
  world.press(0)
  const owner = {
    signer: new page.Signer(new page.Secret(new Uint8Array(32).fill(1))),
    exchange: new page.Exchange(new page.Secret(new Uint8Array(32).fill(101))),
    others: [],
    m: 1,
    next: null,
    recovery: null,
    policy: utf8(''),
  }
  const machine = new page.ClaimOwner(page.parseCode(CODE)!, owner, null, random)
  const steps = run(world, machine, 1, 0)
  t.equal(steps.at(-1)?.do, 'claimed')
  t.ok(world.device.claimed)
})
