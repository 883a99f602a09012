// Every public case that concerns a primitive of ours, on both back-ends.
import t, { type Test } from 'tap'
import { concat, hex } from '../../src/base/bytes.ts'
import * as native from '../../src/crypto/native.ts'
import * as noble from '../../src/crypto/noble.ts'
import { Secret } from '../../src/crypto/secret.ts'
import { h, type WycheproofCase, type WycheproofGroup, wycheproof } from './vectors.ts'

const backends = { native, noble }

/** Runs all cases of a file on both back-ends; `verdict` gives true (accepted, right result) or false. */
function all(
  t: Test,
  file: string,
  verdict: (b: typeof native, test: WycheproofCase, group: WycheproofGroup) => boolean | 'skip',
): void {
  for (const [name, backend] of Object.entries(backends)) {
    const wrong: string[] = []
    const count = { valid: 0, invalid: 0, acceptable: 0, skipped: 0 }
    for (const group of wycheproof(file))
      for (const test of group.tests) {
        const got = verdict(backend as typeof native, test, group)
        if (got === 'skip') count.skipped++
        else count[test.result]++
        if (got === 'skip' || test.result === 'acceptable') continue
        if (got !== (test.result === 'valid')) wrong.push(`${test.tcId} ${test.comment} ${test.flags}`)
      }
    t.same(wrong, [], `${name}: ${JSON.stringify(count)}`)
    t.ok(count.valid > 0, `${name}: some were valid`)
  }
}

t.test('Ed25519', async (t) => {
  all(t, 'ed25519', (b, test, group) => {
    const key = b.Verifier.of(h((group['publicKey'] as { pk: string }).pk))
    return key?.verify(h(test['msg']), h(test['sig'])) ?? false
  })
})

t.test('X25519: right results; non-canonical keys and zero results refused', async (t) => {
  const refused: Record<string, string[]> = {}
  for (const [name, b] of Object.entries(backends)) {
    refused[name] = []
    for (const group of wycheproof('x25519'))
      for (const test of group.tests) {
        const pair = new b.Exchange(new Secret(h(test['private'])))
        const shared = pair.agree(h(test['public']))
        if (shared) t.equal(hex(shared.bytes()), test['shared'], `${name} ${test.tcId}`)
        else refused[name].push(`${test.tcId}`)
        const flagged = test.flags.some((f) => f === 'ZeroSharedSecret' || f === 'NonCanonicalPublic')
        const topBit = h(test['public'])[31]! >= 0x80
        t.equal(shared === null, flagged || topBit, `${name} ${test.tcId} ${test.flags}`)
      }
  }
  t.same(refused['native'], refused['noble'])
})

t.test('ChaCha20-Poly1305', async (t) => {
  all(t, 'chacha20_poly1305', (b, test, group) => {
    // Our nonces have twelve bytes by construction; another length throws as a broken invariant.
    if (group['ivSize'] !== 96) return 'skip'
    const [key, iv, aad, msg] = [h(test['key']), h(test['iv']), h(test['aad']), h(test['msg'])]
    const box = concat(h(test['ct']), h(test['tag']))
    const plain = b.open(key, iv, aad, box)
    const out = new Uint8Array(msg.length + 16)
    b.sealInto(key, iv, aad, msg, out)
    const sealed = hex(b.seal(key, iv, aad, msg))
    if (sealed !== hex(out)) t.fail('seal and sealInto differ')
    return plain !== null && hex(plain) === hex(msg) && sealed === hex(box)
  })
})

t.test('HKDF-SHA-256', async (t) => {
  all(t, 'hkdf_sha256', (b, test) => {
    try {
      const out = b.hkdf(h(test['salt']), h(test['ikm']), h(test['info']), Number(test['size']))
      return hex(out) === test['okm']
    } catch {
      return false
    }
  })
})

t.test('AES-128-GCM with the tag cut to twelve bytes', async (t) => {
  all(t, 'aes_gcm', (b, test, group) => {
    if (group['keySize'] !== 128 || group['tagSize'] !== 128 || group['ivSize'] !== 96) return 'skip'
    // Only a change within the first twelve bytes of the tag is one.
    if (test.flags.includes('ModifiedTag') && /byte (1[2-5])|bit (9[6-9]|1[0-2]\d)/.test(test.comment))
      return 'skip'
    const tag = h(test['tag']).subarray(0, 12)
    const [key, iv, aad, ct] = [h(test['key']), h(test['iv']), h(test['aad']), h(test['ct'])]
    const plain = b.openAes128Gcm(key, iv, aad, ct, tag)
    const loose = b.openAes128Gcm(key, iv, aad, ct, null)
    if (test.result === 'valid' && hex(loose!) !== test['msg']) return false
    return plain !== null && hex(plain) === test['msg']
  })
})

/** r and s at full width out of DER, where it is plain DER; else null. */
function p1363(der: Uint8Array): Uint8Array | null {
  const out = new Uint8Array(64)
  let at = 2
  if (der[0] !== 0x30 || der[1] !== der.length - 2) return null
  for (const to of [0, 32]) {
    const n = der[at + 1] ?? 0
    const int = der.subarray(at + 2, at + 2 + n)
    const value = int[0] === 0 ? int.subarray(1) : int
    if (der[at] !== 2 || int.length !== n || n === 0 || value.length > 32 || int[0]! >= 0x80) return null
    if (int[0] === 0 && (value[0] ?? 0) < 0x80 && n > 1) return null
    out.set(value, to + 32 - value.length)
    at += 2 + n
  }
  return at === der.length ? out : null
}

t.test('ECDSA P-256, with r and s side by side', async (t) => {
  all(t, 'ecdsa_secp256r1_sha256', (b, test, group) => {
    const key = b.EcVerifier.of('ES256', h((group['publicKey'] as { uncompressed: string }).uncompressed))
    const signature = p1363(h(test['sig']))
    if (!signature) return test.result === 'valid' ? false : 'skip'
    return key?.verify(h(test['msg']), signature) ?? false
  })
})
