// SNTP, the choice of time, the portal's name server and its form.
import t from 'tap'
import { utf8 } from '../../../src/base/bytes.ts'
import { answerDns } from '../../../src/device/setup/dns.ts'
import { portal, readForm } from '../../../src/device/setup/portal.ts'
import { putTime, type Sample, SntpQuery } from '../../../src/device/setup/sntp.ts'
import { TimeKeeper } from '../../../src/device/setup/time.ts'
import type { SetupSettings } from '../../../src/device/setup/wattle-txt.ts'
import type { HttpAnswer } from '../../../src/hw/hardware.ts'
import { Chance } from '../../../src/hw/sim/scheduler.ts'

const chance = new Chance(9)
const random = (into: Uint8Array): void => chance.fill(into)
const UTC = Date.UTC(2026, 10, 20, 12)

/** A server's answer to a request. */
function answer(
  request: Uint8Array,
  received: number,
  sent: number,
  change: Record<number, number> = {},
): Uint8Array {
  const out = new Uint8Array(48)
  out[0] = (4 << 3) | 4
  out[1] = 2
  out.set(request.subarray(40, 48), 24)
  putTime(out, 32, received)
  putTime(out, 40, sent)
  for (const [at, value] of Object.entries(change)) out[Number(at)] = value
  return out
}

t.test('SNTP: half of the way there and back is taken off', async (t) => {
  const query = new SntpQuery(random)
  const request = query.request(1_000)
  t.equal(request.length, 48)
  t.equal(request[0], 0x23)
  t.ok(
    request.subarray(1, 40).every((b) => b === 0),
    'it tells nothing of us',
  )
  const sample = query.onAnswer(answer(request, UTC + 40, UTC + 50), 1_100)!
  t.ok(Math.abs(sample.utcMs - (UTC + 50 + 45)) < 1, `${sample.utcMs - UTC}`)
  t.ok(Math.abs(sample.errorMs - 45) < 0.01)
  t.equal(query.onAnswer(answer(request, UTC, UTC), 1_200), null, 'one answer counts')
})

t.test('SNTP: times after 2036 too', async (t) => {
  const query = new SntpQuery(random)
  const later = Date.UTC(2040, 0, 1)
  t.ok(Math.abs(query.onAnswer(answer(query.request(0), later, later), 10)!.utcMs - later) < 10)
})

t.test('SNTP: what is not an answer to us, or of no use, is dropped', async (t) => {
  const bad: [string, (request: Uint8Array) => Uint8Array, number][] = [
    ['short', (r) => answer(r, UTC, UTC).subarray(0, 47), 10],
    ['empty', () => new Uint8Array(0), 10],
    ['another cookie', (r) => answer(r, UTC, UTC, { 24: r[40]! ^ 1 }), 10],
    ['a client', (r) => answer(r, UTC, UTC, { 0: 0x23 }), 10],
    ['version 7', (r) => answer(r, UTC, UTC, { 0: (7 << 3) | 4 }), 10],
    ['not in step', (r) => answer(r, UTC, UTC, { 0: 0xc0 | (4 << 3) | 4 }), 10],
    ['kiss of death', (r) => answer(r, UTC, UTC, { 1: 0 }), 10],
    ['stratum 16', (r) => answer(r, UTC, UTC, { 1: 16 }), 10],
    ['too late', (r) => answer(r, UTC, UTC), 2_001],
    ['before it was asked', (r) => answer(r, UTC, UTC), -1],
    ['sent before received', (r) => answer(r, UTC, UTC - 10), 10],
    ['our own request', (r) => r, 10],
  ]
  for (const [name, make, after] of bad) {
    const query = new SntpQuery(random)
    t.equal(query.onAnswer(make(query.request(0)), after), null, name)
  }
  const query = new SntpQuery(random)
  query.request(0)
  const noise = new Uint8Array(48)
  for (let i = 0; i < 1_000; i++) {
    random(noise)
    if (query.onAnswer(noise, 10)) t.fail('noise was taken')
  }
})

t.test('the meter sets the clock when three telegrams agree, SNTP makes it exact', async (t) => {
  const time = new TimeKeeper()
  t.equal(time.onTelegram(UTC, 0, 0), null)
  t.equal(time.onTelegram(UTC + 1_000, 1_000, 0), null)
  t.equal(time.onTelegram(UTC + 2_000, 2_000, 0), UTC + 2_000)
  t.equal(time.source, 'meter')
  t.equal(time.onTelegram(UTC + 3_000, 3_000, UTC + 3_400), null, 'near enough')
  const sample = (utcMs: number, errorMs = 20): Sample => ({ utcMs, errorMs })
  t.equal(
    time.onSample(sample(UTC + 3_600_000 + 60_000), 3_000, UTC),
    null,
    'an hour off the meter: not believed',
  )
  t.equal(time.onSample(sample(UTC + 40_000, 2_001), 3_000, UTC), null, 'too uncertain')
  t.equal(time.onSample(sample(UTC + 40_000), 3_000, UTC), UTC + 40_000)
  t.equal(time.source, 'sntp')
  t.equal(time.onTelegram(UTC + 4_000, 4_000, UTC + 41_000), null, 'the meter does not undo it')
})

t.test('one telegram that jumps sets nothing; without a meter SNTP alone does', async (t) => {
  const time = new TimeKeeper()
  for (let i = 0; i < 20; i++) t.equal(time.onTelegram(UTC + (i % 2) * 86_400_000, i * 1_000, 0), null)
  const alone = new TimeKeeper()
  t.equal(alone.onSample({ utcMs: UTC, errorMs: 5 }, 0, 0), UTC)
})

/** A query for `name`. */
function query(name: string, type = 1, change: Record<number, number> = {}): Uint8Array {
  const labels = name.split('.').flatMap((l) => [l.length, ...utf8(l)])
  const out = Uint8Array.from([0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, ...labels, 0, 0, type, 0, 1])
  for (const [at, value] of Object.entries(change)) out[Number(at)] = value
  return out
}

t.test('every name leads to the portal', async (t) => {
  const asked = query('connectivitycheck.gstatic.com')
  const out = answerDns(asked, [192, 168, 77, 1])!
  t.same([...out.subarray(0, 12)], [0x12, 0x34, 0x85, 0x80, 0, 1, 0, 1, 0, 0, 0, 0])
  t.same([...out.subarray(12, asked.length)], [...asked.subarray(12)], 'the question as it was')
  t.same([...out.subarray(asked.length)], [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 10, 0, 4, 192, 168, 77, 1])
  const six = answerDns(query('a.b', 28), [1, 2, 3, 4])!
  t.equal(six[7], 0, 'no address of that kind')
  const edns = Uint8Array.from([...query('a.b', 1, { 11: 1 }), 0, 0, 41, 16, 0, 0, 0, 0, 0, 0, 0])
  t.equal(answerDns(edns, [1, 2, 3, 4])![11], 0, 'EDNS is passed over')
})

t.test('what is no query gets no answer, and no answer is much longer than its query', async (t) => {
  const bad: [string, Uint8Array][] = [
    ['an answer', query('a.b', 1, { 2: 0x81 })],
    ['an update', query('a.b', 1, { 2: 0x28 })],
    ['two questions', query('a.b', 1, { 5: 2 })],
    ['answers in it', query('a.b', 1, { 7: 1 })],
    ['a pointer', query('a.b', 1, { 12: 0xc0 })],
    ['no end', query('a.b').subarray(0, 15)],
    ['chaos', query('a.b', 1, { 20: 3 })],
    ['empty', new Uint8Array(0)],
    ['long', new Uint8Array(513)],
    ['a name beyond 255 bytes', query(Array(9).fill('x'.repeat(40)).join('.'))],
  ]
  for (const [name, bytes] of bad) t.equal(answerDns(bytes, [1, 2, 3, 4]), null, name)
  for (let i = 0; i < 5_000; i++) {
    const noise = new Uint8Array(chance.below(80))
    random(noise)
    const out = answerDns(noise, [1, 2, 3, 4])
    if (out && out.length > noise.length + 16) t.fail('amplified')
  }
})

interface Ask {
  method?: string
  url?: string
  host?: string
  origin?: string
  body?: string
}

function ask(o: Ask): { answer: HttpAnswer; body: string; set: SetupSettings[] } {
  const set: SetupSettings[] = []
  let got: HttpAnswer | null = null
  portal({ name: 'wattle-ab12', country: 'NL', onSettings: (s) => set.push(s) }).onRequest(
    {
      method: o.method ?? 'GET',
      url: o.url ?? '/',
      headers: { host: o.host ?? '192.168.77.1', ...(o.origin === undefined ? {} : { origin: o.origin }) },
      body: utf8(o.body ?? ''),
      remote: '192.168.77.20:5555',
    },
    (a) => {
      got = a
    },
  )
  return { answer: got!, body: Buffer.from(got!.body).toString(), set }
}

t.test('portal: the page, and every other address leads to it', async (t) => {
  const { answer: page, body } = ask({})
  t.equal(page.status, 200)
  t.match(page.headers['content-security-policy'], /default-src 'none'/)
  t.match(body, /<h1>Wi-Fi for wattle-ab12/)
  t.notMatch(body, /<script|https?:/)
  for (const o of [
    { host: 'captive.apple.com', url: '/hotspot-detect.html' },
    { host: 'evil.example' },
    { url: '/x' },
  ]) {
    const { answer } = ask(o)
    t.equal(answer.status, 302)
    t.equal(answer.headers['location'], 'http://192.168.77.1/')
  }
})

t.test('portal: what is typed, right and wrong', async (t) => {
  const good = { method: 'POST', body: 'wifi=My+Network&password=correct+horse%21&country=nl&hidden=on' }
  const { answer, set, body } = ask({ ...good, origin: 'http://192.168.77.1' })
  t.equal(answer.status, 200)
  t.same(set, [
    { wifi: { ssid: 'My Network', password: 'correct horse!', hidden: true }, country: 'NL', name: '' },
  ])
  t.match(body, /joins My Network/)
  t.notMatch(body, /correct horse/, 'never a password in an answer')
  const wrong = ask({ method: 'POST', body: 'wifi=%3Cb%3E&password=short&country=' })
  t.equal(wrong.answer.status, 400)
  t.match(wrong.body, /role="alert">A Wi-Fi password has 8 to 63/)
  t.match(wrong.body, /value="&#60;b&#62;"/, 'escaped')
  t.notMatch(wrong.body, /short/)
  t.same(wrong.set, [])
  for (const o of [
    { ...good, host: 'evil.example' },
    { ...good, origin: 'http://evil.example' },
    { ...good, origin: 'null' },
    { ...good, url: '/other' },
    { ...good, method: 'PUT' },
    { ...good, method: 'DELETE' },
  ]) {
    const { answer, set } = ask(o)
    t.equal(answer.status, 403)
    t.same(set, [])
  }
  for (const body of [
    '',
    'x',
    '=',
    'wifi',
    'wifi=%',
    'wifi=%ff',
    'password=12345678',
    `wifi=${'x'.repeat(2_100)}`,
    'country=NL',
  ])
    t.equal(ask({ method: 'POST', body }).answer.status, 400, body.slice(0, 20))
  t.equal(readForm(new Uint8Array(3_000)), null)
})
