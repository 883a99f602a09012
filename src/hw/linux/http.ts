// HTTP and WebSocket of a Linux machine on node:http and ws. Caps come before content: connections,
// header bytes, body bytes, message bytes, bytes waiting for a slow page, and time for each of them.
// Who may ask (Host, Origin) is decided by the handlers.

import { createServer, type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import { type Bytes, text } from '../../base/bytes.ts'
import { LIMITS } from '../../base/limits.ts'
import type {
  Failure,
  Http,
  HttpAnswer,
  HttpHandlers,
  HttpRequest,
  Listener,
  WebSocketLink,
} from '../hardware.ts'
import { formatAddress, parseAddress, plain } from './tcp.ts'

const EMPTY: Bytes = new Uint8Array(0)
const HEADER_BYTES = 8_192
const HEADERS = 64
const HEADERS_MS = 10_000
const REQUEST_MS = 30_000
/** A connection on which nothing moves. */
const IDLE_MS = 60_000
const KEEP_ALIVE_MS = 30_000

export class LinuxHttp implements Http {
  serve(
    address: string,
    handlers: HttpHandlers,
    done: (error: Failure, listener: Listener | null) => void,
  ): void {
    const at = parseAddress(address)
    if (!at) {
      const error = Object.assign(new Error(`${address} is not host:port`), { code: 'ERR_INVALID_ARG_VALUE' })
      process.nextTick(done, error, null)
      return
    }
    const server = createServer({
      maxHeaderSize: HEADER_BYTES,
      headersTimeout: HEADERS_MS,
      requestTimeout: REQUEST_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
      connectionsCheckingInterval: HEADERS_MS / 2,
    })
    server.maxConnections = LIMITS.http.connections
    server.maxHeadersCount = HEADERS
    server.setTimeout(IDLE_MS)
    // A browser keeps half a dozen connections for later: where few are left, each is closed after its answer.
    let open = 0
    server.on('connection', (socket) => {
      open++
      socket.once('close', () => open--)
    })
    server.on('request', (incoming, response) => {
      if (open > LIMITS.http.connections / 2) response.shouldKeepAlive = false
      receive(incoming, response, handlers)
    })
    server.on('clientError', (_error, socket) => refuse(socket, 400))
    const sockets = upgrades(server, handlers)
    server.once('error', (error) => done(error, null))
    server.listen({ host: at.host, port: at.port }, () => {
      server.removeAllListeners('error')
      server.on('error', () => {})
      const bound = server.address() as { address: string; port: number }
      const close = (): void => {
        server.close()
        server.closeAllConnections()
        for (const socket of sockets.clients) socket.terminate()
      }
      done(null, { address: formatAddress(bound.address, bound.port), close })
    })
  }
}

/** Collects the body up to its cap, asks the handler, sends what it answers. */
function receive(incoming: IncomingMessage, response: ServerResponse, handlers: HttpHandlers): void {
  const pieces: Bytes[] = []
  let length = 0
  let over = false
  response.on('error', () => {})
  incoming.on('error', () => {})
  incoming.on('data', (piece: Bytes) => {
    length += piece.length
    if (over) return
    if (length <= LIMITS.http.bodyBytes) {
      pieces.push(piece)
      return
    }
    over = true
    pieces.length = 0
    // The rest of the body is not worth reading.
    response.writeHead(413, { connection: 'close', 'content-length': 0 }).end(() => incoming.destroy())
  })
  incoming.on('end', () => {
    if (over) return
    let answered = false
    handlers.onRequest(requestOf(incoming, join(pieces, length)), (answer) => {
      if (answered) return
      answered = true
      send(incoming, response, answer)
    })
  })
}

function send(incoming: IncomingMessage, response: ServerResponse, answer: HttpAnswer): void {
  if (response.destroyed) return
  response.writeHead(answer.status, { ...answer.headers, 'content-length': answer.body.length })
  if (incoming.method === 'HEAD') response.end()
  else response.end(answer.body.slice())
}

function upgrades(server: Server, handlers: HttpHandlers): WebSocketServer {
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: LIMITS.http.socketMessageBytes,
    perMessageDeflate: false,
  })
  server.on('upgrade', (incoming: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => {})
    const request = requestOf(incoming, EMPTY)
    const isWebSocket = request.headers['upgrade']?.toLowerCase() === 'websocket'
    const status = isWebSocket ? handlers.admit(request) : 400
    if (status !== 101) {
      refuse(socket, status)
      return
    }
    incoming.socket.setTimeout(0)
    incoming.socket.setKeepAlive(true, KEEP_ALIVE_MS)
    sockets.handleUpgrade(incoming, socket, head, (ws) => handlers.onSocket(linkOf(ws, request)))
  })
  return sockets
}

function linkOf(ws: WebSocket, request: HttpRequest): WebSocketLink {
  const link: WebSocketLink = {
    request,
    onMessage: () => {},
    onClose: () => {},
    send(message) {
      if (ws.readyState !== ws.OPEN) return
      ws.send(typeof message === 'string' ? message : message.slice())
      // A page that does not read is cut off rather than waited for.
      if (ws.bufferedAmount > LIMITS.http.socketSendBytes) ws.terminate()
    },
    queued: () => ws.bufferedAmount,
    close: () => ws.close(),
  }
  ws.on('error', () => {})
  ws.on('message', (data: Bytes, isBinary: boolean) =>
    link.onMessage(isBinary ? plain(data) : text(plain(data))),
  )
  ws.on('close', () => link.onClose())
  return link
}

function requestOf(incoming: IncomingMessage, body: Bytes): HttpRequest {
  const headers: Record<string, string | undefined> = {}
  for (const [name, value] of Object.entries(incoming.headers))
    headers[name] = Array.isArray(value) ? value.join(', ') : value
  return {
    method: incoming.method ?? 'GET',
    url: incoming.url ?? '/',
    headers,
    body,
    remote: formatAddress(incoming.socket.remoteAddress ?? '', incoming.socket.remotePort ?? 0),
  }
}

function refuse(socket: Duplex, status: number): void {
  if (!socket.writable) {
    socket.destroy()
    return
  }
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Refused'}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`,
    () => socket.destroy(),
  )
}

function join(pieces: readonly Bytes[], length: number): Bytes {
  const out = new Uint8Array(length)
  let at = 0
  for (const piece of pieces) {
    out.set(piece, at)
    at += piece.length
  }
  return out
}
