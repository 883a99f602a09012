// A small `Http` over node:http and ws for the page's tests, so that they stand on their own feet; the
// real one is hw/linux's. Follows the interface's rules: callbacks come later, `admit` decides first.
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { WebSocketServer } from 'ws'
import { LIMITS } from '../../src/base/limits.ts'
import type { Http, HttpRequest } from '../../src/hw/hardware.ts'

function requestOf(message: IncomingMessage, body: Uint8Array): HttpRequest {
  return {
    method: message.method ?? '',
    url: message.url ?? '',
    headers: message.headers as Record<string, string | undefined>,
    body,
    remote: `${message.socket.remoteAddress}:${message.socket.remotePort}`,
  }
}

export const nodeHttp: Http = {
  serve(address, handlers, done) {
    const at = address.lastIndexOf(':')
    const server = createServer((message, response) => {
      message.resume()
      handlers.onRequest(requestOf(message, new Uint8Array(0)), (answer) => {
        response.writeHead(answer.status, answer.headers)
        response.end(answer.body)
      })
    })
    const sockets = new WebSocketServer({ noServer: true, maxPayload: LIMITS.http.socketMessageBytes })
    const open = new Set<Socket>()
    server.on('connection', (socket) => {
      open.add(socket)
      socket.on('close', () => open.delete(socket))
    })
    server.on('upgrade', (message, socket, head) => {
      const request = requestOf(message, new Uint8Array(0))
      const status = handlers.admit(request)
      if (status !== 101) {
        socket.end(`HTTP/1.1 ${status} Refused\r\nconnection: close\r\n\r\n`)
        return
      }
      sockets.handleUpgrade(message, socket, head, (ws) => {
        const link = {
          request,
          onMessage: (_message: string | Uint8Array) => {},
          onClose: () => {},
          send: (text: string | Uint8Array) => ws.send(text),
          queued: () => ws.bufferedAmount,
          close: () => ws.terminate(),
        }
        ws.on('error', () => {})
        ws.on('message', (data: Uint8Array, binary: boolean) =>
          link.onMessage(binary ? data : data.toString()),
        )
        ws.on('close', () => link.onClose())
        handlers.onSocket(link)
      })
    })
    server.on('error', (error) => done(error, null))
    server.listen(Number(address.slice(at + 1)), address.slice(0, at), () => {
      const { address: host, port } = server.address() as AddressInfo
      done(null, {
        address: `${host}:${port}`,
        close: () => {
          server.close()
          for (const socket of open) socket.destroy()
        },
      })
    })
  },
}
