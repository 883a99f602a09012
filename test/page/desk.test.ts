// What the page on a computer may ask: wrong shapes are refused with words and nothing else gets through;
// the key of the page, without which nobody is told anything.
import t from 'tap'
import type { HttpRequest } from '../../src/hw/hardware.ts'
import { readAsk } from '../../src/page/ask.ts'
import { PageServer } from '../../src/page/server.ts'

const KEY = 'AbCdEfGhIjKlMnOpQrStUv'

const ask = (value: unknown): ReturnType<typeof readAsk> => readAsk(JSON.stringify(value))

t.test('a question to the desk', async (t) => {
  const good = {
    id: 3,
    do: 'desk',
    verb: 'history',
    device: 'wattle-ab12',
    with: { from: 1, zone: 'UTC', a: true },
  }
  t.same(ask(good).ask, good)
  t.same(ask({ ...good, extra: 1, __proto__: { x: 1 } }).ask, good, 'what is not known is left behind')
  const wrong: [string, unknown][] = [
    ['a verb that is none', { ...good, verb: 'serve' }],
    ['a verb of every object', { ...good, verb: 'constructor' }],
    ['no device', { ...good, device: undefined }],
    ['a device that turns the writing direction', { ...good, device: 'a\u202eb' }],
    ['a long device', { ...good, device: 'x'.repeat(129) }],
    ['no with', { ...good, with: undefined }],
    ['a list', { ...good, with: ['x'] }],
    ['null', { ...good, with: null }],
    ['an object inside', { ...good, with: { file: { path: '/etc/passwd' } } }],
    ['a name with dots', { ...good, with: { '../x': 'y' } }],
    ['a text with a newline', { ...good, with: { a: 'x\ny' } }],
    ['a long text', { ...good, with: { a: 'x'.repeat(3_001) } }],
    ['too many', { ...good, with: Object.fromEntries([...'abcdefghi'].map((k) => [k, 1])) }],
  ]
  for (const [name, value] of wrong) {
    const { ask: read, wrong: why, id } = ask(value)
    t.equal(read, null, name)
    t.match(why, /expected/, name)
    t.equal(id, 3, 'the answer finds its question')
  }
})

function request(url: string, more: Record<string, string> = {}): HttpRequest {
  const headers = { host: '127.0.0.1:1', origin: 'http://127.0.0.1:1', ...more }
  return { method: 'GET', url, headers, body: new Uint8Array(0), remote: '127.0.0.1:5' }
}

t.test('a page with a key', async (t) => {
  const assets = { '/': { type: 'text/html', bytes: new Uint8Array(2) } }
  const events = { onPage: () => {} }
  const locked = new PageServer({ assets, key: KEY }, events)
  const status = (server: PageServer, url: string, more?: Record<string, string>): [number, string] => {
    let got: [number, string] = [0, '']
    server.onRequest(request(url, more), (a) => {
      got = [a.status, new TextDecoder().decode(a.body).trim()]
    })
    return got
  }
  t.equal(status(locked, '/')[0], 200, 'the files are no secret')
  const wrong = [
    '/live',
    '/live?key=',
    `/live?key=${KEY.slice(1)}`,
    `/live?key=${KEY}x`,
    `/live?key=${KEY.toLowerCase()}`,
    `/live?other=${KEY}`,
    `/live?nokey=${KEY}`,
    `/live?key=${'x'.repeat(200)}`,
    `/live?key=x&key=${KEY}`,
    '/live?key=%00',
  ]
  for (const url of wrong) {
    t.equal(locked.admit(request(url)), 401, url)
    t.same(status(locked, url.replace('/live', '/open')), [200, 'no'], url)
  }
  t.equal(locked.counters.get('key'), 2 * wrong.length, 'each is counted')
  t.equal(locked.admit(request(`/live?key=${KEY}`)), 101)
  t.same(status(locked, `/open?key=${KEY}`), [200, 'yes'])
  t.equal(
    locked.admit(request(`/live?key=${KEY}`, { origin: 'http://127.0.0.1:2' })),
    403,
    'another port is another site',
  )
  t.equal(
    locked.admit(request(`/live?key=${KEY}`, { host: 'evil.example', origin: 'http://evil.example' })),
    403,
  )
  t.equal(status(locked, '/open', { origin: 'http://evil.example' })[0], 403)
  const open = new PageServer({ assets }, events)
  t.equal(open.admit(request('/live')), 101, 'a page without a key: a device, which has sessions instead')
  t.same(status(open, '/open'), [200, 'yes'])
})
