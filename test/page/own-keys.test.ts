// A phone follows its device to another key by what the device shows to everybody: only where the key it
// knows has signed, step by step, and never for anything else.
import t from 'tap'
import { type Bytes, base64url } from '../../src/base/bytes.ts'
import { Exchange, Signer } from '../../src/crypto/native.ts'
import { Secret } from '../../src/crypto/secret.ts'
import { signEvent } from '../../src/ownership/event.ts'
import { makeSuccession } from '../../src/ownership/owners/device-key.ts'
import type { KeptDevice } from '../../src/page/web/own/box.ts'
import { followKeys } from '../../src/page/web/own/keys.ts'

const signerOf = (n: number): Signer => new Signer(new Secret(new Uint8Array(32).fill(n)))
const boxOf = (n: number): Bytes => new Exchange(new Secret(new Uint8Array(32).fill(100 + n))).publicKey
const owner = signerOf(50)
const set = { m: 1, owners: [{ sign: owner.publicKey, box: boxOf(50), next: null }], recovery: null }

/** The event by which key `to` follows key `from`; `by` has signed for it. */
function step(from: number, to: number, by = from): string {
  const prev = new Uint8Array(32).fill(from)
  const keys = { old: signerOf(by), next: signerOf(to), box: boxOf(to) }
  const succession = makeSuccession(keys, { prev, set }, { incarnation: 1, discriminator: 1 })
  const device = signerOf(from).publicKey
  const body = { type: 'DEVICE_KEY_REPLACED' as const, succession }
  return signEvent({ device, seq: from + 1, prev, at: 0, body }, [
    { kid: base64url(owner.publicKey), signer: owner },
  ])
}

function kept(n: number): KeptDevice {
  return {
    name: 'wattle',
    key: base64url(signerOf(n).publicKey),
    box: base64url(boxOf(n)),
    certificate: '',
    owners: '',
    events: [],
    cards: [],
    place: 'somewhere',
  }
}

t.test('step by step, from the key that is known', async (t) => {
  const device = kept(1)
  t.equal(followKeys(device, [step(1, 2), step(2, 3)]), true)
  t.same(
    [device.key, device.box, device.place],
    [signerOf(3).publicKey, boxOf(3)].map(base64url).concat([null as never]),
  )
  t.equal(followKeys(device, [step(1, 2), step(2, 3)]), false, 'nothing new')
  const later = kept(2)
  t.equal(followKeys(later, [step(1, 2), step(2, 3)]), true, 'the steps before are not needed')
  t.equal(later.key, base64url(signerOf(3).publicKey))
})

t.test('nobody else’s word counts', async (t) => {
  const forged = [
    step(1, 2, 9),
    step(8, 2),
    '',
    'x',
    '{}',
    step(1, 2).slice(0, -4),
    step(1, 2).replace('payload', 'paylaod'),
  ]
  for (const text of forged) {
    const device = kept(1)
    t.equal(followKeys(device, [text]), false)
    t.equal(device.key, base64url(signerOf(1).publicKey))
    t.equal(device.place, 'somewhere')
  }
})
