// A WebSocket link without a network, for tests of the page's server: what was sent is kept, what is
// queued is what the test says.
import type { HttpRequest, WebSocketLink } from '../../src/hw/hardware.ts'

export class FakeLink implements WebSocketLink {
  readonly request: HttpRequest
  readonly sent: string[] = []
  onMessage: (message: string | Uint8Array) => void = () => {}
  onClose: () => void = () => {}
  waiting: number
  closed: boolean

  constructor(request: HttpRequest) {
    this.request = request
    this.waiting = 0
    this.closed = false
  }

  send(message: string | Uint8Array): void {
    this.sent.push(String(message))
  }

  queued(): number {
    return this.waiting
  }

  close(): void {
    this.closed = true
    this.onClose()
  }

  /** The newest message, read. */
  last(): Record<string, unknown> {
    return JSON.parse(this.sent[this.sent.length - 1]!) as Record<string, unknown>
  }
}

export function request(headers: Record<string, string>, url = '/', method = 'GET'): HttpRequest {
  return { method, url, headers, body: new Uint8Array(0), remote: '127.0.0.1:50000' }
}
