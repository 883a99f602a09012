// One stream of a page's session as the `Stream` of net/api.ts, so that consent.ts and publish/ serve a
// page exactly as they serve a connection that proved the same key. A message of ours is one message of
// the session: the length before it, which a byte stream needs, is taken off and put on again here.

import type { Bytes } from '../../../base/bytes.ts'
import { WattleError } from '../../../base/errors.ts'
import type { Connection, Stream, StreamEvents } from '../../../net/api.ts'
import type { PageLink } from '../../../page/server.ts'
import { PLANE } from '../../../wire/page.ts'

const PREFIX = 4
/** Bytes that may wait for one page before it is sent no more; well below what cuts it off. */
const SEND_BYTES = 65_536

const DEAF: StreamEvents = { onData: () => {}, onDrain: () => {}, onEnd: () => {}, onClose: () => {} }

/** The page behind a stream. */
export interface PageEnd {
  send(message: Bytes): void
  queued(): number
  /** The stream has ended on our side. */
  closed(): void
}

export class PageStream implements Stream {
  readonly protocol: string
  readonly connection: Connection
  events: StreamEvents
  readonly #end: PageEnd
  #open: boolean
  #blocked: boolean

  constructor(protocol: string, connection: Connection, end: PageEnd) {
    this.protocol = protocol
    this.connection = connection
    this.events = DEAF
    this.#end = end
    this.#open = true
    this.#blocked = false
  }

  /** One message from the page. */
  onMessage(message: Bytes): void {
    if (!this.#open) return
    const framed = new Uint8Array(PREFIX + message.length)
    new DataView(framed.buffer).setUint32(0, message.length)
    framed.set(message, PREFIX)
    this.events.onData(framed)
  }

  /** The page is gone. */
  onGone(): void {
    this.#close()
  }

  /** True while somebody waits for room. */
  get blocked(): boolean {
    return this.#open && this.#blocked
  }

  /** Room may be there again. */
  retry(): void {
    if (!this.blocked || this.writable() < SEND_BYTES / 2) return
    this.#blocked = false
    this.events.onDrain()
  }

  write(bytes: Bytes): boolean {
    if (!this.#open) return false
    this.#end.send(bytes.subarray(PREFIX))
    if (this.#end.queued() >= SEND_BYTES) this.#blocked = true
    return !this.#blocked
  }

  writable(): number {
    if (!this.#open) return 0
    const left = Math.max(0, SEND_BYTES - this.#end.queued())
    // Whoever asks and finds too little waits for onDrain.
    if (left < SEND_BYTES) this.#blocked = true
    return left
  }

  pause(): void {}

  resume(): void {}

  end(): void {
    if (!this.#open) return
    this.#end.closed()
    this.#close()
  }

  reset(): void {
    this.end()
  }

  hold(): void {}

  #close(): void {
    if (!this.#open) return
    this.#open = false
    this.events.onClose(null)
  }
}

/** A page as a connection: it has proved `owner`, and opens every stream itself. */
export function pageConnection(owner: Bytes, close: () => void): Connection {
  return {
    remoteKey: owner,
    remote: 'page',
    inbound: true,
    keep: true,
    open: (_protocol, onStream) =>
      onStream(new WattleError('not-here', 'a page opens its streams itself'), null),
    close,
  }
}

/** A message of the claim, which protects itself. */
export function sendPlain(link: PageLink, message: Bytes): void {
  const out = new Uint8Array(1 + message.length)
  out[0] = PLANE.claim
  out.set(message, 1)
  link.send(out)
}
