import t from 'tap'
import { text, utf8 } from '../../../../src/base/bytes.ts'
import type {
  Failure,
  Http,
  HttpAnswer,
  HttpHandlers,
  HttpRequest,
  Listener,
  WebSocketLink,
} from '../../../../src/hw/hardware.ts'
import { DoorHttp } from '../../../../src/hw/linux/board/door.ts'

/** Listens without a socket; a port that is taken is EADDRINUSE. */
class FakeHttp implements Http {
  readonly open: Map<string, HttpHandlers> = new Map()

  serve(
    address: string,
    handlers: HttpHandlers,
    done: (error: Failure, listener: Listener | null) => void,
  ): void {
    const port = address.slice(address.lastIndexOf(':'))
    if (this.open.has(port)) return done(Object.assign(new Error('EADDRINUSE'), { code: 'EADDRINUSE' }), null)
    this.open.set(port, handlers)
    done(null, { address, close: () => this.open.delete(port) })
  }

  /** What `remote` gets on a port; empty where nobody listens. */
  ask(port: string, remote: string): string {
    const request: HttpRequest = { method: 'GET', url: '/', headers: {}, body: new Uint8Array(0), remote }
    let got: HttpAnswer | null = null
    this.open.get(port)?.onRequest(request, (answer) => {
      got = answer
    })
    return got === null ? '' : text((got as HttpAnswer).body) || String((got as HttpAnswer).status)
  }
}

const says = (word: string, status = 101): HttpHandlers => ({
  onRequest: (_, answer) => answer({ status: 200, headers: {}, body: utf8(word) }),
  admit: () => status,
  onSocket: () => {},
})

const GUEST = '192.168.77.20:5000'
const OTHER = '192.168.1.20:5000'
const done = (call: (done: (error: Failure) => void) => void): Promise<Failure> =>
  new Promise((resolve) => call(resolve))

t.test('nobody else on port 80: the portal listens itself, for its guests alone', async (t) => {
  const http = new FakeHttp()
  const door = new DoorHttp(http)
  t.equal(await done((d) => door.portal(says('portal'), d)), null)
  t.equal(http.ask(':80', GUEST), 'portal')
  t.equal(http.ask(':80', OTHER), '404')
  t.equal(await done((d) => door.portal(null, d)), null)
  t.equal(http.open.size, 0, 'gone')
})

t.test('beside a page: each gets its own, WebSockets too', async (t) => {
  const http = new FakeHttp()
  const door = new DoorHttp(http)
  let page: Listener | null = null
  door.serve('0.0.0.0:80', says('page'), (_, listener) => {
    page = listener
  })
  t.equal(await done((d) => door.portal(says('portal', 404), d)), null)
  t.equal(http.ask(':80', GUEST), 'portal')
  t.equal(http.ask(':80', OTHER), 'page')
  const handlers = http.open.get(':80')!
  const request = (remote: string): HttpRequest => ({
    method: 'GET',
    url: '/',
    headers: {},
    body: new Uint8Array(0),
    remote,
  })
  t.equal(handlers.admit(request(GUEST)), 404)
  t.equal(handlers.admit(request(OTHER)), 101)
  const link = { request: request(GUEST), close: () => {} } as unknown as WebSocketLink
  handlers.onSocket(link)
  await done((d) => door.portal(null, d))
  t.equal(http.ask(':80', GUEST), 'page', 'after it everybody gets the page')
  page!.close()
  page!.close()
  await done((d) => door.portal(says('portal'), d))
  t.equal(http.ask(':80', GUEST), 'portal', 'the page is gone: it listens itself')
})

t.test('other ports are none of its business', async (t) => {
  const http = new FakeHttp()
  const door = new DoorHttp(http)
  door.serve('127.0.0.1:8080', says('raw'), () => {})
  await done((d) => door.portal(says('portal'), d))
  t.equal(http.ask(':8080', GUEST), 'raw')
  t.same(
    await done((d) => door.serve('0.0.0.0:8080', says('again'), (error) => d(error))),
    Object.assign(new Error('EADDRINUSE'), { code: 'EADDRINUSE' }),
  )
})
