import t from 'tap'
import { text, utf8 } from '../../src/base/bytes.ts'
import { LIMITS } from '../../src/base/limits.ts'
import type { HttpAnswer, HttpRequest } from '../../src/hw/hardware.ts'
import type { Ask } from '../../src/page/protocol.ts'
import { type AskAnswer, type PageEvents, PageServer } from '../../src/page/server.ts'
import { Trace } from '../../src/page/view/trace.ts'
import { FakeLink, request } from './fake-link.ts'

const HOST = '127.0.0.1:8080'
const OURS = { host: HOST, origin: `http://${HOST}` }
const ASSETS = {
  '/': { type: 'text/html; charset=utf-8', bytes: utf8('<!doctype html>page'), gzip: utf8('packed') },
  '/home.js': { type: 'text/javascript; charset=utf-8', bytes: utf8('1') },
}

interface Asked {
  ask: Ask
  answer: (answer: AskAnswer) => void
}

function served(events: Partial<PageEvents> = {}): { server: PageServer; asked: Asked[] } {
  const asked: Asked[] = []
  const options = { assets: ASSETS, frames: ['http://127.0.0.1:8081/', 'http://a b/'] }
  const server = new PageServer(options, {
    onPage: (tell) => tell({ t: 'history', device: 'd', points: [] }),
    onAsk: (ask, answer) => asked.push({ ask, answer }),
    ...events,
  })
  return { server, asked }
}

function get(server: PageServer, of: HttpRequest): HttpAnswer {
  let got: HttpAnswer | null = null
  server.onRequest(of, (answer) => {
    t.equal(got, null, 'one answer')
    got = answer
  })
  return got!
}

function page(server: PageServer): FakeLink {
  const link = new FakeLink(request(OURS, '/live'))
  t.equal(server.admit(link.request), 101)
  server.onSocket(link)
  return link
}

t.test('assets go out under a strict policy', async (t) => {
  const { server } = served()
  const plain = get(server, request({ host: HOST }))
  t.equal(plain.status, 200)
  t.equal(text(plain.body), '<!doctype html>page')
  t.equal(plain.headers['x-content-type-options'], 'nosniff')
  t.equal(plain.headers['referrer-policy'], 'no-referrer')
  const policy = plain.headers['content-security-policy']!
  const rules = new Map(
    policy.split('; ').map((rule) => [rule.split(' ')[0], rule.slice(rule.indexOf(' ') + 1)]),
  )
  t.equal(rules.get('default-src'), "'none'")
  t.equal(rules.get('script-src'), "'self'")
  t.equal(rules.get('style-src'), "'self'")
  t.equal(rules.get('connect-src'), `'self' ws://${HOST}`)
  t.equal(rules.get('frame-src'), 'http://127.0.0.1:8081', 'what cannot stand in a header is left out')
  t.equal(rules.get('frame-ancestors'), "'none'")
  t.notMatch(policy, /unsafe|\*|https?:\/\/(?!127\.0\.0\.1)/)
  const six = get(server, request({ host: '[::1]:8080' })).headers['content-security-policy']!
  t.match(six, "connect-src 'self';", 'an IPv6 address cannot be a source')
  server.allow([], ['http://localhost:9000'])
  const later = get(server, request({ host: HOST })).headers['content-security-policy']!
  t.match(later, "frame-src 'none'")
  t.match(later, 'frame-ancestors http://localhost:9000')
})

t.test('gzip where it is taken, 304 where it is known, HEAD as GET', async (t) => {
  const { server } = served()
  const packed = get(server, request({ host: HOST, 'accept-encoding': 'br, gzip, deflate' }))
  t.equal(packed.headers['content-encoding'], 'gzip')
  t.equal(text(packed.body), 'packed')
  for (const encoding of ['br', 'gzip;q=0', 'gzip;q=0.0, br', 'x-gzip2', 'g'.repeat(5_000)])
    t.equal(
      get(server, request({ host: HOST, 'accept-encoding': encoding })).headers['content-encoding'],
      undefined,
    )
  const etag = packed.headers['etag']!
  const again = get(server, request({ host: HOST, 'if-none-match': etag }))
  t.equal(again.status, 304)
  t.equal(again.body.length, 0)
  t.equal(get(server, request({ host: HOST, 'if-none-match': '"other"' })).status, 200)
  const head = get(server, request({ host: HOST }, '/home.js?v=2', 'HEAD'))
  t.equal(head.status, 200, 'HEAD: the Http leaves the body out')
})

t.test('what is not there or not allowed is refused with words', async (t) => {
  const { server } = served()
  const cases: [HttpRequest, number][] = [
    [request({ host: HOST }, '/nothing'), 404],
    [request({ host: HOST }, '/__proto__'), 404],
    [request({ host: HOST }, '/constructor'), 404],
    [request({ host: HOST }, '/../package.json'), 404],
    [request({ host: HOST }, '/%2e%2e/x'), 404],
    [request({ host: HOST }, 'http://elsewhere.example/'), 400],
    [request({ host: HOST }, '*'), 400],
    [request({ host: HOST }, ''), 400],
    [request({ host: HOST }, '/', 'POST'), 405],
    [request({ host: HOST }, '/', 'OPTIONS'), 405],
    [request({ host: HOST }, '/live'), 426],
    [request({ host: 'rebind.example:8080' }), 403],
    [request({}), 403],
    [request({ host: HOST, origin: 'http://evil.example' }), 403],
    [request({ host: HOST, origin: 'null' }), 403],
  ]
  for (const [asked, status] of cases) {
    const answer = get(server, asked)
    t.equal(answer.status, status, `${asked.method} ${asked.url} ${asked.headers['host']}`)
    t.equal(answer.headers['content-type'], 'text/plain; charset=utf-8')
    t.ok(answer.body.length > 10, 'words')
    t.notMatch(text(answer.body), /rebind|elsewhere|evil/, 'nothing of the request comes back')
  }
  t.match(get(server, request({ host: HOST }, '/', 'POST')).headers, { allow: 'GET, HEAD' })
  t.same(server.counters.report(), { host: 2, origin: 2 })
})

t.test('the live socket is for this page only', async (t) => {
  const { server } = served()
  t.equal(server.admit(request(OURS, '/live')), 101)
  t.equal(server.admit(request(OURS, '/live?x')), 101)
  t.equal(server.admit(request(OURS, '/')), 404)
  t.equal(server.admit(request(OURS, '/live', 'POST')), 405)
  t.equal(server.admit(request({ host: HOST }, '/live')), 403, 'no Origin')
  t.equal(server.admit(request({ host: HOST, origin: 'http://evil.example' }, '/live')), 403, 'another site')
  t.equal(
    server.admit(request({ host: HOST, origin: 'http://127.0.0.1:8081' }, '/live')),
    403,
    'another port',
  )
  const rebound = { host: 'rebind.example:8080', origin: 'http://rebind.example:8080' }
  t.equal(server.admit(request(rebound, '/live')), 403, 'rebinding')
})

t.test('one string goes to all pages; a page more than the cap is refused', async (t) => {
  const { server } = served()
  const links: FakeLink[] = []
  for (let i = 0; i < LIMITS.page.pages; i++) links.push(page(server))
  t.equal(server.admit(request(OURS, '/live')), 503)
  const late = new FakeLink(request(OURS, '/live'))
  server.onSocket(late)
  t.ok(late.closed, 'admitted in the same moment, still refused')
  t.equal(late.sent.length, 0)
  server.broadcast({ t: 'event', at: 1, who: 'a', event: 'b', text: 'c' })
  for (const link of links) t.same(link.last(), { t: 'event', at: 1, who: 'a', event: 'b', text: 'c' })
  t.ok(links.every((link) => link.sent[1] === links[0]!.sent[1]))
  links[3]!.close()
  t.equal(server.pages(), LIMITS.page.pages - 1)
  t.equal(server.admit(request(OURS, '/live')), 101)
  server.close()
  t.equal(server.pages(), 0)
  t.ok(links.every((link) => link.closed))
})

t.test('a page that does not read is cut off, the others go on', async (t) => {
  const { server } = served()
  const slow = page(server)
  const quick = page(server)
  slow.waiting = LIMITS.http.socketSendBytes - 10
  server.broadcast({ t: 'event', at: 1, who: 'a', event: 'b', text: 'c' })
  t.ok(slow.closed)
  t.equal(slow.sent.length, 1, 'nothing more was queued')
  t.equal(quick.sent.length, 2)
  t.equal(server.counters.get('slow'), 1)
  slow.onMessage('{"id":1,"do":"delete","device":"d"}')
  t.equal(slow.sent.length, 1, 'and nothing it still says is heard')
})

t.test('a good question arrives clean and its answer goes to its page only', async (t) => {
  const { server, asked } = served()
  const link = page(server)
  const other = page(server)
  const ask = {
    id: 7,
    do: 'grant',
    device: 'd',
    provider: 'p',
    class: 'day',
    until: 2_000_000_000_000,
    purpose: 'a – b',
  }
  link.onMessage(JSON.stringify({ ...ask, evil: 1, toString: 'x' }))
  t.same(asked[0]!.ask, ask)
  asked[0]!.answer({ ok: false, code: 'not-allowed', text: 'no' })
  asked[0]!.answer({ ok: true })
  t.same(link.last(), { t: 'answer', id: 7, ok: false, code: 'not-allowed', text: 'no' })
  t.equal(link.sent.length, 2, 'a second answer is ignored')
  t.equal(other.sent.length, 1)
  for (const good of [
    { id: 1, do: 'claim', code: 'K7QD' },
    { id: 2, do: 'claim', code: 'K7QD', address: '[fe80::1]:80' },
    { id: 3, do: 'grant', device: 'd', provider: 'p', class: 'raw', purpose: '' },
    { id: 4, do: 'revoke', device: 'd', grant: 'g' },
    { id: 5, do: 'delete', device: 'd' },
  ]) {
    link.onMessage(JSON.stringify(good))
    t.same(asked[asked.length - 1]!.ask, good)
  }
})

t.test('wrong shapes get an answer and never a throw', async (t) => {
  const { server, asked } = served()
  const long = 'x'.repeat(LIMITS.page.nameChars + 1)
  const wrong: (string | Uint8Array)[] = [
    '',
    'nonsense',
    'null',
    '[]',
    '7',
    '"claim"',
    '{}',
    '{"id":"1","do":"claim","code":"A"}',
    '{"id":0,"do":"claim","code":"A"}',
    '{"id":1.5,"do":"claim","code":"A"}',
    '{"id":1e99,"do":"claim","code":"A"}',
    '{"id":1}',
    '{"id":1,"do":"constructor"}',
    '{"id":1,"do":"__proto__"}',
    '{"id":1,"do":["claim"],"code":"A"}',
    '{"id":1,"do":"claim"}',
    '{"id":1,"do":"claim","code":""}',
    '{"id":1,"do":"claim","code":{}}',
    `{"id":1,"do":"claim","code":"${long}"}`,
    '{"id":1,"do":"claim","code":"A\\u0000"}',
    '{"id":1,"do":"claim","code":"A\\u202e"}',
    '{"id":1,"do":"claim","code":"A\\ud800"}',
    '{"id":1,"do":"claim","code":"A","address":7}',
    '{"id":1,"do":"claim","code":"A","address":null}',
    '{"id":1,"do":"grant","device":"d","provider":"p","class":"all","purpose":""}',
    '{"id":1,"do":"grant","device":"d","provider":"p","class":"raw"}',
    '{"id":1,"do":"grant","device":"d","provider":"p","class":"raw","purpose":"","until":"x"}',
    '{"id":1,"do":"grant","device":"d","provider":"p","class":"raw","purpose":"","until":-1}',
    '{"id":1,"do":"revoke","device":"d"}',
    '{"id":1,"do":"delete","__proto__":{"device":"d"}}',
    new Uint8Array([1, 2, 3]),
  ]
  for (const message of wrong) {
    const link = page(server)
    link.onMessage(message)
    const answer = link.last()
    t.match(answer, { t: 'answer', ok: false, code: 'bad-shape' }, String(message))
    t.ok(String(answer['text']).length > 0)
    link.close()
  }
  const link = page(server)
  link.onMessage(`{"id":1,"do":"delete","device":"${'x'.repeat(LIMITS.page.askBytes)}"}`)
  t.match(link.last(), { id: 0, ok: false, code: 'bad-shape' }, 'too long is not even parsed')
  t.equal(asked.length, 0)
})

t.test('random garbage is answered until the page is cut off', async (t) => {
  const { server } = served()
  let seed = 20_261_120
  const random = (): number => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0
    return seed >>> 8
  }
  const alphabet = '{}[]":,0123456789.eE+-truefalsnd id do claim code \\u0000'
  const rounds = process.env['WATTLE_FULL'] ? 20_000 : 300
  for (let n = 0; n < rounds; n++) {
    const link = page(server)
    let message = ''
    for (let i = random() % 80; i >= 0; i--) message += alphabet[random() % alphabet.length]!
    link.onMessage(message)
    t.equal(link.last()['ok'], false)
    link.close()
  }
  const link = page(server)
  for (let i = 0; i < LIMITS.page.wrongShapes; i++) link.onMessage('x')
  t.ok(link.closed)
  t.equal(server.counters.get('cut'), 1)
  t.equal(server.pages(), 0)
})

t.test('a page may not pile questions up', async (t) => {
  const { server, asked } = served()
  const link = page(server)
  for (let id = 1; id <= LIMITS.page.asksOpen + 3; id++)
    link.onMessage(JSON.stringify({ id, do: 'delete', device: 'd' }))
  t.equal(asked.length, LIMITS.page.asksOpen)
  t.match(link.last(), { id: LIMITS.page.asksOpen + 3, ok: false, code: 'busy' })
  t.equal(server.counters.get('busy'), 3)
  asked[0]!.answer({ ok: true })
  link.onMessage(JSON.stringify({ id: 99, do: 'delete', device: 'd' }))
  t.equal(asked.length, LIMITS.page.asksOpen + 1)
  link.close()
  asked[1]!.answer({ ok: true })
  t.notMatch(link.last(), { id: 2 }, 'an answer after the page has gone goes nowhere')
})

t.test('a page with nothing to ask says so', async (t) => {
  const server = new PageServer({ assets: ASSETS }, { onPage: () => {} })
  const link = page(server)
  link.onMessage('{"id":4,"do":"delete","device":"d"}')
  t.same(link.last()['code'], 'not-here')
  t.equal(link.last()['id'], 4)
})

t.test('a trace keeps the newest points in order', async (t) => {
  const trace = new Trace(4)
  t.same(trace.points(), [])
  for (const [at, watts] of [
    [1, 10],
    [2, -20],
    [2, 30],
    [1, 40],
    [3, 50],
  ])
    trace.add(at!, watts!)
  t.same(trace.points(), [
    [1, 10],
    [2, -20],
    [3, 50],
  ])
  trace.add(1_000_000, 1)
  trace.add(900_000, 2)
  t.same(trace.points(), [[900_000, 2]], 'the clock was set back')
  trace.add(5, 5)
  for (let at = 6; at < 20; at++) trace.add(at, at)
  t.same(trace.points(), [
    [16, 16],
    [17, 17],
    [18, 18],
    [19, 19],
  ])
})
