// `wattle home revoke` where a provider has several consents, and `home grant` of a request in its two forms.
import t from 'tap'
import { base64url } from '../../../src/base/bytes.ts'
import { parse } from '../../../src/bin/cli.ts'
import { CONSENT_COMMANDS } from '../../../src/bin/home/consent.ts'
import type { Running } from '../../../src/bin/home/running.ts'
import { Exchange, Signer } from '../../../src/crypto/native.ts'
import { Secret } from '../../../src/crypto/secret.ts'
import { signCard } from '../../../src/ownership/card.ts'
import type { ReaderEntry } from '../../../src/ownership/event.ts'
import { requestLine, signRequest } from '../../../src/page/request.ts'

const DAY = 86_400_000
const signer = new Signer(new Secret(new Uint8Array(32).fill(7)))
const box = new Exchange(new Secret(new Uint8Array(32).fill(8))).publicKey
const given = (...args: string[]): ReturnType<typeof parse> =>
  parse(args, {
    all: { type: 'boolean' },
    class: { type: 'string' },
    until: { type: 'string' },
    purpose: { type: 'string' },
  })

function readerOf(n: number, name: string, cls: 0 | 1 | 2): ReaderEntry {
  const until = Date.UTC(2027, 2, 31)
  const grantId = new Uint8Array(16).fill(n)
  return {
    grantId,
    class: cls,
    name,
    domain: '',
    sign: signer.publicKey,
    box,
    since: 0,
    until,
    purpose: 'advice',
  }
}

/** What a home is asked to end, and what it answers. */
function revoke(
  words: string[],
  readers: ReaderEntry[],
): { ended: string[]; answer: Record<string, unknown> } {
  const ended: string[] = []
  let answer: Record<string, unknown> = {}
  const running = {
    home: { find: () => ({ device: { log: { readers } } }) },
    face: {
      ask: (ask: { grant: string }, done: (answer: object) => void) => {
        ended.push(ask.grant)
        done({ ok: true })
      },
    },
  } as unknown as Running
  const command = CONSENT_COMMANDS.find((c) => c.verb === 'revoke')!
  const { words: plain } = given(...words)
  command.act(
    running,
    command.request(plain, given(...words)),
    (said) => {
      answer = said as Record<string, unknown>
    },
    () => {},
  )
  return { ended, answer }
}

t.test('several consents of one provider: asked which, or all with a clear word', async (t) => {
  const readers = [readerOf(1, 'solar', 0), readerOf(2, 'solar', 1), readerOf(3, 'grid', 2)]
  const [first, second] = readers.map((r) => base64url(r.grantId))
  const asked = revoke(['meter', 'solar'], readers)
  t.same(asked.ended, [], 'nothing is ended that was not meant')
  t.equal(asked.answer['code'], 'several-consents')
  t.match(asked.answer['text'], new RegExp(`${first} \\(raw until 2027-03-31, advice\\).*${second}.*`))
  t.match(asked.answer['text'], /--all/)
  t.equal((asked.answer['result'] as { consents: unknown[] }).consents.length, 2)
  t.same(revoke(['meter', second!], readers).ended, [second])
  t.same(revoke(['meter', 'solar', '--all'], readers).ended, [first, second])
  t.equal(revoke(['meter', 'grid'], readers).ended.length, 1)
  t.equal(revoke(['meter', 'nobody'], readers).answer['code'], 'unknown-grant')
})

t.test('a request is one text, as a line and in a link', async (t) => {
  const now = Date.now()
  const cardLine = signCard({ name: 'Solar', domain: '', sign: signer.publicKey, box, addresses: [] }, signer)
  const wish = {
    cardLine,
    class: '15min' as const,
    purpose: 'advice',
    retentionDays: null,
    state: '',
    redirect: null,
  }
  const query = signRequest({ ...wish, until: now + 10 * DAY, at: now }, signer)
  const grant = CONSENT_COMMANDS.find((c) => c.verb === 'grant')!
  for (const text of [requestLine(query), `http://wattle-ab12.local/new-policy?${query}`]) {
    const request = grant.request(['meter', text], given())
    t.same([request['class'], request['purpose'], request['card']], ['15min', 'advice', cardLine])
    t.throws(() => grant.request(['meter', text], given('--class', 'raw')), /narrowed/)
    t.equal(grant.request(['meter', text], given('--class', 'day'))['class'], 'day')
  }
  const damaged = requestLine(query.slice(0, -8) + (query.endsWith('AAAAAAAA') ? 'BBBBBBBB' : 'AAAAAAAA'))
  t.throws(() => grant.request(['meter', damaged], given()), /signature/)
  const old = signRequest({ ...wish, until: now + 10 * DAY, at: now - 40 * DAY }, signer)
  t.throws(() => grant.request(['meter', requestLine(old)], given()), /thirty days/)
  const other = new Signer(new Secret(new Uint8Array(32).fill(9)))
  const stolen = signRequest({ ...wish, until: now + DAY, at: now }, other)
  t.throws(() => grant.request(['meter', requestLine(stolen)], given()), /signature/)
  t.throws(() => grant.request(['meter', 'wattle-request:'], given()), /as it must be/)
})
