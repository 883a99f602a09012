// What every Http must do (hw/hardware.ts): requests, upgrades, caps.

import { equal, text, utf8 } from '../../src/base/bytes.ts'
import { LIMITS } from '../../src/base/limits.ts'
import type {
  Failure,
  HttpAnswer,
  HttpHandlers,
  HttpRequest,
  Listener,
  WebSocketLink,
} from '../../src/hw/hardware.ts'
import type { BrowserRequest, PageSocket } from '../../src/hw/sim/net/http.ts'
import { contract, type Rig } from './rigs.ts'

async function serve(rig: Rig, handlers: Partial<HttpHandlers>): Promise<Listener> {
  let listener: Listener | null = null
  const all: HttpHandlers = {
    onRequest: (_request, answer) => answer({ status: 404, headers: {}, body: new Uint8Array(0) }),
    admit: () => 101,
    onSocket: () => {},
    ...handlers,
  }
  rig.http.serve(`${rig.host}:0`, all, (_error, opened) => {
    listener = opened
  })
  await rig.until(() => listener !== null)
  return listener!
}

async function ask(
  rig: Rig,
  address: string,
  request: BrowserRequest,
): Promise<[Failure, HttpAnswer | null]> {
  let got: [Failure, HttpAnswer | null] | null = null
  rig.browser.request(address, request, (error, answer) => {
    got = [error, answer]
  })
  await rig.until(() => got !== null)
  return got!
}

async function socket(
  rig: Rig,
  address: string,
  request: BrowserRequest,
): Promise<[Failure, PageSocket | null]> {
  let got: [Failure, PageSocket | null] | null = null
  rig.browser.socket(address, request, (error, opened) => {
    got = [error, opened]
  })
  await rig.until(() => got !== null)
  return got!
}

contract('HTTP: request in, answer out', async (t, rig) => {
  const seen: HttpRequest[] = []
  const page = new Uint8Array(40_000)
  rig.random(page)
  const listener = await serve(rig, {
    onRequest: (request, answer) => {
      seen.push({ ...request, body: request.body.slice() })
      answer({ status: 200, headers: { 'content-type': 'text/html', 'x-frame-options': 'DENY' }, body: page })
      answer({ status: 500, headers: {}, body: new Uint8Array(0) })
    },
  })
  const body = new Uint8Array(LIMITS.http.bodyBytes)
  rig.random(body)
  const [error, answer] = await ask(rig, listener.address, {
    method: 'POST',
    url: '/api/grant?x=1',
    headers: { origin: 'http://wattle.local' },
    body,
  })
  t.equal(error, null)
  t.equal(answer?.status, 200)
  t.equal(answer?.headers['x-frame-options'], 'DENY')
  t.ok(equal(answer!.body, page))
  t.equal(seen.length, 1)
  t.match(seen[0], {
    method: 'POST',
    url: '/api/grant?x=1',
    headers: { origin: 'http://wattle.local', host: listener.address },
  })
  t.match(seen[0]!.remote, /^[0-9.]+:\d+$/)
  t.ok(equal(seen[0]!.body, body))
  listener.close()
})

contract('HTTP: a body over the cap is refused unheard', async (t, rig) => {
  let heard = 0
  const listener = await serve(rig, { onRequest: () => heard++ })
  const body = new Uint8Array(LIMITS.http.bodyBytes + 1)
  const [error, answer] = await ask(rig, listener.address, { method: 'POST', url: '/', body })
  t.ok(answer?.status === 413 || error !== null, `${answer?.status} ${error}`)
  t.equal(heard, 0)
  listener.close()
})

contract('HTTP: the port must be free, and is free again after close', async (t, rig) => {
  const listener = await serve(rig, {})
  let code: string | undefined
  rig.http.serve(listener.address, {} as HttpHandlers, (error) => {
    code = error?.code
  })
  t.equal(code, undefined, 'not inside the call')
  await rig.until(() => code !== undefined)
  t.equal(code, 'EADDRINUSE')
  listener.close()
  await rig.until(() => false, 20)
  t.equal((await ask(rig, listener.address, { url: '/' }))[0]?.code, 'ECONNREFUSED')
})

contract('WebSocket: messages of both kinds both ways, one close each', async (t, rig) => {
  const heard: (string | Uint8Array)[] = []
  const log: string[] = []
  let link: WebSocketLink | null = null
  const listener = await serve(rig, {
    onSocket: (opened) => {
      link = opened
      opened.onMessage = (message) => {
        heard.push(typeof message === 'string' ? message : message.slice())
        opened.send(message)
      }
      opened.onClose = () => log.push('server closed')
    },
  })
  const [, page] = await socket(rig, listener.address, { url: '/live', headers: { origin: 'http://x' } })
  const echoes: (string | Uint8Array)[] = []
  page!.onMessage = (message) => echoes.push(message)
  page!.onClose = () => log.push('page closed')
  const binary = new Uint8Array(2_000)
  rig.random(binary)
  page!.send('zonne-energie ☀')
  page!.send(binary)
  t.ok(await rig.until(() => echoes.length === 2))
  t.equal(heard[0], 'zonne-energie ☀')
  t.ok(equal(heard[1] as Uint8Array, binary))
  t.equal(echoes[0], heard[0])
  t.ok(equal(echoes[1] as Uint8Array, binary))
  t.match(link!.request, { url: '/live', headers: { origin: 'http://x' } })
  await rig.until(() => link!.queued() === 0)
  link!.close()
  t.ok(await rig.until(() => log.length === 2))
  link!.send('too late')
  link!.close()
  await rig.until(() => false, 20)
  t.same(
    log.sort((a, b) => (a < b ? -1 : 1)),
    ['page closed', 'server closed'],
  )
  listener.close()
})

contract('WebSocket: refused with the status that admit gives', async (t, rig) => {
  let opened = 0
  const listener = await serve(rig, {
    admit: (request) => (request.headers['origin'] === 'http://good' ? 101 : 403),
    onSocket: () => opened++,
  })
  t.equal(
    (await socket(rig, listener.address, { url: '/', headers: { origin: 'http://evil' } }))[0]?.code,
    'HTTP_403',
  )
  t.equal(opened, 0)
  const [, page] = await socket(rig, listener.address, { url: '/', headers: { origin: 'http://good' } })
  t.ok(page)
  t.ok(await rig.until(() => opened === 1))
  listener.close()
})

contract('WebSocket: a message over the cap ends the connection unheard', async (t, rig) => {
  let heard = 0
  let closed = 0
  const listener = await serve(rig, {
    onSocket: (link) => {
      link.onMessage = () => heard++
      link.onClose = () => closed++
    },
  })
  const [, page] = await socket(rig, listener.address, { url: '/' })
  page!.send(new Uint8Array(LIMITS.http.socketMessageBytes))
  t.ok(await rig.until(() => heard === 1), 'the largest one is heard')
  page!.send(new Uint8Array(LIMITS.http.socketMessageBytes + 1))
  t.ok(await rig.until(() => closed === 1))
  t.equal(heard, 1)
  listener.close()
})

contract('WebSocket: a page that does not read is cut off', async (t, rig) => {
  let link: WebSocketLink | null = null
  let closed = 0
  const listener = await serve(rig, {
    onSocket: (opened) => {
      link = opened
      opened.onClose = () => closed++
    },
  })
  const [, page] = await socket(rig, listener.address, { url: '/' })
  page!.pause()
  const piece = new Uint8Array(65_536)
  let most = 0
  for (let i = 0; i < 1_000 && closed === 0; i++) {
    link!.send(piece)
    most = Math.max(most, link!.queued())
    await rig.until(() => link!.queued() === 0, 5)
  }
  t.ok(await rig.until(() => closed === 1))
  t.ok(most <= LIMITS.http.socketSendBytes + piece.length + 64, `${most} bytes waited at most`)
  page!.resume()
  page!.close()
  listener.close()
})

contract('HTTP: text is text', async (t, rig) => {
  const listener = await serve(rig, {
    onRequest: (request, answer) =>
      answer({ status: 200, headers: {}, body: utf8(`${request.method} ${text(request.body)}`) }),
  })
  const [, answer] = await ask(rig, listener.address, { method: 'PUT', url: '/', body: utf8('één') })
  t.equal(text(answer!.body), 'PUT één')
  listener.close()
})
