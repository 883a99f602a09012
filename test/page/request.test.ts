// A provider's request link (docs/wire/page.md "Request link"): what was signed is read back; whatever is
// forged, replayed, damaged, oversized or of another type is refused, and no answer leads anywhere but to
// the place that was signed.
import t from 'tap'
import { base64url, text, unbase64url, utf8 } from '../../src/base/bytes.ts'
import { signCompact } from '../../src/crypto/jws.ts'
import { Exchange, Signer } from '../../src/crypto/native.ts'
import { Secret } from '../../src/crypto/secret.ts'
import { linuxRandom as random } from '../../src/hw/linux/clock.ts'
import { type Card, signCard } from '../../src/ownership/card.ts'
import {
  answerAddress,
  domainDocumentNames,
  type ProviderRequest,
  readRequest,
  redirectInDomain,
  signRequest,
} from '../../src/page/request.ts'

const NOW = 1_795_000_000_000
const signer = new Signer(Secret.fresh(random))
const card: Card = {
  name: 'EnergieLab',
  domain: 'energielab.example',
  sign: signer.publicKey,
  box: new Exchange(Secret.fresh(random)).publicKey,
  addresses: ['192.0.2.7:4001'],
}
const cardLine = signCard(card, signer)
const wish: Omit<ProviderRequest, 'card'> = {
  cardLine,
  class: '15min',
  purpose: 'Advice on saving energy',
  retentionDays: 30,
  until: NOW + 90 * 86_400_000,
  state: 'af0ifjsldkj',
  redirect: 'https://energielab.example/back?x=1',
  at: NOW - 60_000,
}

/** A link with these members of the signed object changed, signed anew by the provider. */
function changed(members: Record<string, unknown>, line: string = cardLine, key: Signer = signer): string {
  const { cardLine: _line, retentionDays, ...rest } = wish
  const json = { v: 1, ...rest, retention: retentionDays, ...members }
  const jws = signCompact(utf8(JSON.stringify(json)), { kid: base64url(key.publicKey), signer: key })
  return `card=${encodeURIComponent(line)}&request=${jws}`
}

t.test('a request is read as it was signed', async (t) => {
  const { request, fault } = readRequest(signRequest(wish, signer), NOW)
  t.equal(fault, null)
  t.same(request, { ...wish, card })
  t.equal(readRequest(changed({}), NOW).fault, null)
  t.equal(readRequest(changed({ redirect: null, retention: null }), NOW).fault, null)
})

t.test('the answer goes to the place that was signed, and carries no key', async (t) => {
  const { request } = readRequest(signRequest(wish, signer), NOW)
  t.equal(
    answerAddress(request!, { policy: 'AAECAw' }),
    'https://energielab.example/back?x=1&state=af0ifjsldkj&policy=AAECAw',
  )
  t.equal(
    answerAddress(request!, 'access_denied'),
    'https://energielab.example/back?x=1&state=af0ifjsldkj&error=access_denied',
  )
  t.equal(answerAddress({ ...request!, redirect: null }, 'access_denied'), null)
  t.ok(redirectInDomain(request!))
  for (const redirect of [
    'https://evil.example/',
    'https://energielab.example.evil.example/',
    'https://xenergielab.example/',
  ])
    t.notOk(redirectInDomain({ ...request!, redirect }), redirect)
  t.ok(redirectInDomain({ ...request!, redirect: 'https://app.energielab.example/' }))
})

t.test('no open redirect, no script, no way out of https', async (t) => {
  for (const redirect of [
    'javascript:alert(1)',
    'JaVaScRiPt:alert(1)',
    'data:text/html,<script>alert(1)</script>',
    'http://energielab.example/',
    'https://user@energielab.example/',
    'https://energielab.example@evil.example/',
    'https://energielab.example\\@evil.example/',
    'https://evil.example/\r\nset-cookie: a=b',
    'https:energielab.example',
    '//evil.example/',
    '/new-policy',
    'https://192.168.1.1/',
    'https://[::1]/',
    'https://localhost/',
    'https://energielab.example/#fragment',
    'https://energielab.example./',
    ` https://energielab.example/`,
    'https://energielab.exämple/',
    'blob:https://energielab.example/1',
    `https://energielab.example/${'a'.repeat(1_000)}`,
    '',
    7,
    {},
    [],
    true,
  ])
    t.equal(readRequest(changed({ redirect }), NOW).fault, 'redirect', JSON.stringify(redirect).slice(0, 60))
})

t.test('forged and replayed', async (t) => {
  const other = new Signer(Secret.fresh(random))
  t.equal(readRequest(changed({}, cardLine, other), NOW).fault, 'signature', 'signed by somebody else')
  const otherCard = signCard({ ...card, name: 'Other', sign: other.publicKey }, other)
  t.equal(readRequest(changed({}, otherCard), NOW).fault, 'signature', 'under another card')
  const query = signRequest(wish, signer)
  const at = query.indexOf('request=') + 8
  const [head, payload, signature] = query.slice(at).split('.')
  const finer = text(unbase64url(payload!)!).replace('15min', 'raw')
  t.equal(
    readRequest(`${query.slice(0, at)}${head}.${base64url(utf8(finer))}.${signature}`, NOW).fault,
    'signature',
    'made finer on the way',
  )
  const none = base64url(utf8('{"alg":"none"}'))
  t.equal(
    readRequest(`${query.slice(0, at)}${none}.${payload}.`, NOW).fault,
    'signature',
    'without a signature',
  )
  t.equal(readRequest(changed({ at: NOW - 31 * 86_400_000 }), NOW).fault, 'old', 'from an old mail')
  t.equal(readRequest(changed({ at: NOW + 2 * 86_400_000 }), NOW).fault, 'old', 'from the future')
  t.equal(readRequest(changed({ until: NOW }), NOW).fault, 'old', 'over already')
})

t.test('wrong types, sizes and texts', async (t) => {
  const wrong: Record<string, unknown[]> = {
    v: [0, 2, '1', null],
    class: ['RAW', 'hour', '', 3, null, ['raw'], '__proto__'],
    purpose: [null, 5, {}, 'a'.repeat(301), 'line\nbreak', 'turned \u202e around', '\u0000', '\ud800'],
    retention: [0, -1, 1.5, 3_661, '30', Number.MAX_VALUE, {}],
    until: ['tomorrow', -1, 1.5, 1e300, null, [NOW + 1]],
    state: ['a'.repeat(201), 'with space', 'new\nline', 'ü', null, 5],
    at: ['now', -5, 1.5, null],
  }
  for (const [name, values] of Object.entries(wrong))
    for (const value of values)
      t.ok(
        readRequest(changed({ [name]: value }), NOW).fault,
        `${name}: ${JSON.stringify(value)?.slice(0, 40)}`,
      )
  for (const query of [
    '',
    'card=',
    'request=a.b.c',
    `${signRequest(wish, signer)}&card=x`,
    `${signRequest(wish, signer)}&request=x`,
    `card=${encodeURIComponent(cardLine)}&request=`,
    `card=wattle-provider:a.b.c&request=a.b.c`,
    'a'.repeat(100_000),
    `${signRequest(wish, signer)}&x=${'a'.repeat(10_000)}`,
    '%',
    'card=%E0%A4%A&request=%',
  ])
    t.ok(readRequest(query, NOW).fault, query.slice(0, 50))
  for (const domain of [
    '',
    'localhost',
    '192.168.1.1',
    'a b.example',
    'example',
    '-a.example',
    'exa\u202emple.com',
  ])
    t.equal(
      readRequest(changed({}, signCard({ ...card, domain }, signer)), NOW).fault,
      'shape',
      `domain ${domain}`,
    )
  t.equal(
    readRequest(changed({}, signCard({ ...card, name: 'Ener\u202egie' }, signer)), NOW).fault,
    'shape',
    'a name that turns around',
  )
})

t.test('the domain document', async (t) => {
  const key = base64url(card.sign)
  t.ok(domainDocumentNames(JSON.stringify({ v: 1, keys: ['other', key] }), card))
  for (const document of [
    '',
    'null',
    '[]',
    JSON.stringify({ v: 1, keys: key }),
    JSON.stringify({ v: 1, keys: ['other'] }),
    JSON.stringify({ v: 2, keys: [key] }),
    JSON.stringify({ keys: [key] }),
    `<html>${key}</html>`,
    JSON.stringify({ v: 1, keys: [key], pad: 'a'.repeat(20_000) }),
  ])
    t.notOk(domainDocumentNames(document, card), document.slice(0, 40))
})
