// multistream-select as a machine: every cut of the bytes, proposals that are refused, and lines that
// no honest side sends.
import t from 'tap'
import { concat, text, utf8 } from '../../src/base/bytes.ts'
import { LIMITS } from '../../src/base/limits.ts'
import { line, Negotiator } from '../../src/net/link/multistream.ts'
import { seeded } from './help/memory.ts'

const HEADER = line('/multistream/1.0.0')

/** Feeds `bytes` in pieces of `size`; how many were eaten. */
function feed(n: Negotiator, bytes: Uint8Array, size: number): number {
  let at = 0
  while (at < bytes.length && n.verdict === 'open') at += n.feed(bytes, at, Math.min(bytes.length, at + size))
  return at
}

t.test('both roles agree, however the bytes are cut', async (t) => {
  for (const size of [1, 2, 3, 7, 1000]) {
    const proposer = Negotiator.propose('/wattle/claim/1.0.0')
    const answerer = Negotiator.answer((p) => p === '/wattle/claim/1.0.0')
    const hello = concat(proposer.takeOutput(), utf8('first words'))
    const eaten = feed(answerer, hello, size)
    t.equal(answerer.verdict, 'agreed')
    t.equal(text(hello.subarray(eaten)), 'first words', 'what follows is left alone')
    const answer = concat(answerer.takeOutput(), utf8('!'))
    t.equal(feed(proposer, answer, size), answer.length - 1)
    t.equal(proposer.verdict, 'agreed')
    t.equal(answerer.protocol, '/wattle/claim/1.0.0')
  }
})

t.test('an answerer says na until it knows a proposal', async (t) => {
  const answerer = Negotiator.answer((p) => p === '/b')
  feed(answerer, concat(HEADER, line('ls'), line('/a')), 100)
  t.equal(answerer.verdict, 'open')
  t.same(answerer.takeOutput(), concat(HEADER, line('na'), line('na')))
  feed(answerer, line('/b'), 1)
  t.equal(answerer.verdict, 'agreed')
  t.same(answerer.takeOutput(), line('/b'))
})

t.test('a proposer takes na, and nothing else than what it proposed', async (t) => {
  const refused = Negotiator.propose('/x')
  feed(refused, concat(HEADER, line('na')), 3)
  t.equal(refused.verdict, 'refused')
  const other = Negotiator.propose('/x')
  feed(other, concat(HEADER, line('/y')), 3)
  t.equal(other.verdict, 'broken')
})

t.test('what no honest side sends ends it', async (t) => {
  const cases: Record<string, Uint8Array> = {
    'another header': line('/multistream/2.0.0'),
    'no header': line('/a'),
    'an empty line': Uint8Array.of(0),
    'a line above the cap': Uint8Array.of(0xff, 0x7f),
    'an endless varint': new Uint8Array(10).fill(0xff),
    'no newline': Uint8Array.of(3, 0x61, 0x62, 0x63),
    'proposals without end': concat(
      HEADER,
      ...Array.from({ length: LIMITS.net.protocolLines }, () => line('/no')),
    ),
    TLS: Uint8Array.of(
      0x16,
      0x03,
      0x01,
      0x02,
      0x00,
      0x01,
      0x00,
      0x01,
      0xfc,
      0x03,
      0x03,
      ...new Uint8Array(40),
    ),
    HTTP: utf8(`GET / HTTP/1.1\r\nhost: x\r\n\r\n${' '.repeat(200)}`),
  }
  for (const [name, bytes] of Object.entries(cases)) {
    const answerer = Negotiator.answer((p) => p === '/yes')
    feed(answerer, bytes, 1)
    t.equal(answerer.verdict, 'broken', name)
    t.ok(answerer.takeOutput().length < 200, name)
  }
})

t.test('random bytes never agree, never throw, never answer much', async (t) => {
  const random = seeded(1)
  let agreed = 0
  let output = 0
  for (let i = 0; i < (process.env['WATTLE_FULL'] ? 100_000 : 3_000); i++) {
    const answerer = Negotiator.answer((p) => p === '/yes')
    const start = i % 2 === 0 ? HEADER : new Uint8Array(0)
    const bytes = concat(
      start,
      Uint8Array.from({ length: 60 }, () => random() * 256),
    )
    feed(answerer, bytes, 1 + Math.floor(random() * 9))
    if (answerer.verdict === 'agreed') agreed++
    output = Math.max(output, answerer.takeOutput().length)
  }
  t.equal(agreed, 0)
  t.ok(output <= HEADER.length + 4 * LIMITS.net.protocolLines)
})
