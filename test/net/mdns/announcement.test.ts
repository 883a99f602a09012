// What a Wattle says about itself: signed where it shows its key, recognisable by a tag where it does not.
import t from 'tap'
import { LIMITS } from '../../../src/base/limits.ts'
import { Signer } from '../../../src/crypto/native.ts'
import { Secret } from '../../../src/crypto/secret.ts'
import { announce, isTagOf, readAnnouncement, tagOf } from '../../../src/net/mdns/announcement.ts'
import { encodeTxt } from '../../../src/net/mdns/dns.ts'

const NOW = 1_800_000_000_000
const signer = new Signer(new Secret(new Uint8Array(32).fill(5)))
const shown = {
  claimed: true,
  key: signer.publicKey,
  tag: null,
  protocols: ['claim', 'channel', 'consent'],
  capabilities: 0x25,
  port: 4001,
  udpPort: 4002,
  addresses: ['192.168.1.7', 'fe80::1234:5678:9abc:def0', '2001:db8:1:2:3:4:5:6'],
  expires: NOW / 1_000 + 60,
}

t.test('said, signed, read', async (t) => {
  const strings = announce(shown, signer)
  t.ok(encodeTxt(strings).length <= 400, `${encodeTxt(strings).length} bytes`)
  t.ok(encodeTxt(strings).length <= LIMITS.mdns.txtBytes)
  t.same(readAnnouncement(strings, 4001, NOW), shown)
})

t.test('every part is under the signature', async (t) => {
  const strings = announce(shown, signer)
  t.equal(readAnnouncement(strings, 4003, NOW), null, 'another port')
  for (const [i, s] of strings.entries()) {
    const changed = strings.with(
      i,
      s.startsWith('a=') ? 'a=192.0.2.66' : `${s.slice(0, -1)}${s.endsWith('1') ? '2' : '1'}`,
    )
    t.equal(readAnnouncement(changed, 4001, NOW)?.key ?? null, null, s.slice(0, 4))
  }
  t.equal(readAnnouncement(strings.slice(0, -1), 4001, NOW), null, 'without it')
  t.equal(readAnnouncement([...strings, 'cap=ff'], 4001, NOW), null, 'something after it')
  t.equal(readAnnouncement(strings, 4001, NOW + 61_000), null, 'over')
  const forger = new Signer(new Secret(new Uint8Array(32).fill(6)))
  t.equal(readAnnouncement(announce(shown, forger), 4001, NOW), null)
})

t.test('a hidden key is recognised by its tag, and by nobody else', async (t) => {
  const tag = tagOf(signer.publicKey, NOW)
  const hidden = { ...shown, key: null, tag }
  const strings = announce(hidden, null)
  t.notOk(strings.some((s) => /^(pk|sig)=/.test(s)))
  t.same(readAnnouncement(strings, 4001, NOW), hidden)
  t.ok(isTagOf(tag, signer.publicKey, NOW + 14 * 60_000))
  t.notOk(isTagOf(tag, signer.publicKey, NOW + 45 * 60_000), 'it changes')
  t.notOk(isTagOf(tag, new Uint8Array(32).fill(1), NOW))
})

t.test('an unclaimed device shows neither; nonsense is nothing', async (t) => {
  const unclaimed = { ...shown, claimed: false, key: null, tag: null, udpPort: 0 }
  t.same(readAnnouncement(announce(unclaimed, null), 4001, NOW), unclaimed)
  const base = announce(unclaimed, null)
  for (const bad of [
    [],
    ['txtvers=2'],
    base.filter((s) => !s.startsWith('exp=')),
    [...base.filter((s) => !s.startsWith('a=')), 'a=evil.example'],
    [...base, 'u=70000'],
    base.map((s) => (s.startsWith('cap=') ? 'cap=zz' : s)),
  ])
    t.equal(readAnnouncement(bad, 4001, NOW), null, bad.join(' ').slice(0, 40))
})
