// A MessageStream of @libp2p/interface 3 over anything that writes bytes and calls back: a socket, a
// Noise channel, a Yamux stream. Held bytes are capped in both directions; while nobody listens, the
// other side is made to wait. Here at the edge promises and copies are in order.

import type {
  AbortOptions,
  Logger,
  MessageStream,
  MessageStreamDirection,
  MessageStreamEvents,
  MessageStreamReadStatus,
  MessageStreamStatus,
  MessageStreamTimeline,
  MessageStreamWriteStatus,
  StreamCloseEvent,
  StreamMessageEvent,
} from '@libp2p/interface'
import type { Uint8ArrayList } from 'uint8arraylist'
import type { Bytes } from '../../base/bytes.ts'
import { LIMITS } from '../../base/limits.ts'
import { Emitter, soon } from './emitter.ts'

/** What carries the bytes. */
export interface Lower {
  /** Copies or sends at once; false: wait for `drained`. */
  write(bytes: Bytes): boolean
  /** No more will be written. */
  end(): void
  reset(): void
  pause(): void
  resume(): void
}

export interface PipeInit {
  log: Logger
  direction: MessageStreamDirection
  /** Milliseconds since 1970, for timelines. */
  now: () => number
  /** Closing ends our direction only, as with streams; else it ends both. */
  halfClose: boolean
}

type Events = MessageStreamEvents & Record<string, Event>
type Data = Uint8Array | Uint8ArrayList

class MessageEvent extends Event implements StreamMessageEvent {
  readonly data: Data

  constructor(data: Data) {
    super('message')
    this.data = data
  }
}

class CloseEvent extends Event implements StreamCloseEvent {
  readonly error?: Error
  readonly local: boolean

  constructor(local: boolean, error: Error | null) {
    super('close')
    if (error) this.error = error
    this.local = local
  }
}

export class PipeStream extends Emitter<Events> implements MessageStream {
  status: MessageStreamStatus
  readonly timeline: MessageStreamTimeline
  log: Logger
  readonly direction: MessageStreamDirection
  maxReadBufferLength: number
  maxWriteBufferLength: number
  inactivityTimeout: number
  writableNeedsDrain: boolean
  readableEnded: boolean
  readBufferLength: number
  writeBufferLength: number
  readStatus: MessageStreamReadStatus
  writeStatus: MessageStreamWriteStatus
  remoteReadStatus: MessageStreamReadStatus
  remoteWriteStatus: MessageStreamWriteStatus
  /** Set right after construction by whoever makes the stream. */
  lower: Lower | null
  readonly #now: () => number
  readonly #halfClose: boolean
  readonly #incoming: Bytes[]
  readonly #outgoing: Bytes[]
  #remoteEnded: boolean

  constructor(init: PipeInit) {
    super()
    this.status = 'open'
    this.timeline = { open: init.now() }
    this.log = init.log
    this.direction = init.direction
    this.maxReadBufferLength = LIMITS.net.unreadBytes
    this.maxWriteBufferLength = LIMITS.net.unsentBytes
    this.inactivityTimeout = 2 * 60_000
    this.writableNeedsDrain = false
    this.readableEnded = false
    this.readBufferLength = 0
    this.writeBufferLength = 0
    this.readStatus = 'readable'
    this.writeStatus = 'writable'
    this.remoteReadStatus = 'readable'
    this.remoteWriteStatus = 'writable'
    this.lower = null
    this.#now = init.now
    this.#halfClose = init.halfClose
    this.#incoming = []
    this.#outgoing = []
    this.#remoteEnded = false
  }

  // ── The reader's and writer's side ──────────────────────────────────────────────────────────

  send(data: Data): boolean {
    if (this.writeStatus !== 'writable')
      throw Object.assign(new Error(`cannot write, the stream is ${this.writeStatus}`), {
        name: 'StreamStateError',
      })
    const bytes = data.subarray()
    if (this.writableNeedsDrain) {
      this.writeBufferLength += bytes.length
      this.#outgoing.push(bytes.slice())
      if (this.writeBufferLength > this.maxWriteBufferLength)
        this.abort(
          Object.assign(new Error('too much was written without waiting'), { name: 'StreamBufferError' }),
        )
      return false
    }
    this.#write(bytes)
    return !this.writableNeedsDrain
  }

  async close(options?: AbortOptions): Promise<void> {
    if (this.writeStatus !== 'writable') return
    this.writeStatus = 'closing'
    if (!this.#halfClose) this.status = 'closing'
    if (this.writeBufferLength > 0) await this.#event('idle', options)
    if (this.writeStatus !== 'closing') return
    this.writeStatus = 'closed'
    this.lower?.end()
    if (!this.#halfClose) this.closed(null, true)
  }

  /** Reads no more; the other side may go on writing, to nobody. */
  async closeRead(): Promise<void> {
    if (this.readStatus === 'closed') return
    this.#incoming.length = 0
    this.readBufferLength = 0
    this.readStatus = 'closed'
    this.lower?.resume()
    this.#tellEnd()
  }

  abort(error: Error): void {
    if (this.#over()) return
    this.status = 'aborted'
    this.#incoming.length = 0
    this.readBufferLength = 0
    this.lower?.reset()
    this.#finish(error, true)
  }

  pause(): void {
    if (this.readStatus !== 'readable') return
    this.readStatus = 'paused'
    this.lower?.pause()
  }

  resume(): void {
    if (this.readStatus !== 'paused') return
    this.readStatus = 'readable'
    this.#deliver()
    this.lower?.resume()
  }

  push(data: Data): void {
    this.#hold(data, false)
  }

  unshift(data: Data): void {
    this.#hold(data, true)
  }

  async onDrain(options?: AbortOptions): Promise<void> {
    if (this.writableNeedsDrain) await this.#event('drain', options)
  }

  /** Somebody begins to listen: what waited is told. */
  protected override onListener(type: string): void {
    if (type === 'message') soon(() => this.#deliver())
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Data> {
    const queue: Data[] = []
    let over = this.readableEnded || this.readStatus === 'closed'
    let failure: Error | null = null
    let wake: () => void = () => {}
    const onMessage = (event: StreamMessageEvent): void => {
      queue.push(event.data)
      wake()
    }
    const onOver = (event: Event): void => {
      over = true
      failure ??= (event as StreamCloseEvent).error ?? null
      wake()
    }
    this.addEventListener('message', onMessage)
    this.addEventListener('remoteCloseWrite', onOver)
    this.addEventListener('close', onOver)
    try {
      for (;;) {
        const data = queue.shift()
        if (data) yield data
        else if (failure) throw failure
        else if (over) return
        else
          await new Promise<void>((resolve) => {
            wake = resolve
          })
      }
    } finally {
      this.removeEventListener('message', onMessage)
      this.removeEventListener('remoteCloseWrite', onOver)
      this.removeEventListener('close', onOver)
    }
  }

  // ── The carrier's side ──────────────────────────────────────────────────────────────────────

  /** Bytes came; they are copied. */
  received(bytes: Bytes): void {
    if (bytes.length === 0 || this.readStatus === 'closed' || this.#over()) return
    this.#incoming.push(bytes.slice())
    this.readBufferLength += bytes.length
    this.#deliver()
    if (this.readBufferLength === 0) return
    if (this.readBufferLength >= LIMITS.net.streamSendBytes) this.lower?.pause()
    if (this.readBufferLength > this.maxReadBufferLength)
      this.abort(Object.assign(new Error('too much was not read'), { name: 'StreamBufferError' }))
  }

  /** There is room again. */
  drained(): void {
    if (!this.writableNeedsDrain || this.#over()) return
    this.writableNeedsDrain = false
    while (this.#outgoing.length > 0 && !this.writableNeedsDrain) {
      const bytes = this.#outgoing.shift()!
      this.writeBufferLength -= bytes.length
      this.#write(bytes)
    }
    if (this.writeBufferLength === 0) this.safeDispatchEvent('idle')
    if (!this.writableNeedsDrain) this.safeDispatchEvent('drain')
  }

  /** The other side will send no more. */
  remoteEnded(): void {
    if (this.#remoteEnded) return
    this.#remoteEnded = true
    this.remoteWriteStatus = 'closing'
    if (this.readBufferLength === 0) this.#tellEnd()
  }

  /** The carrier is gone; `local` where this side wanted it. */
  closed(error: Error | null, local: boolean): void {
    if (this.#over()) return
    this.status = error ? 'reset' : 'closed'
    this.#finish(error, local)
  }

  // ── Inside ──────────────────────────────────────────────────────────────────────────────────

  #over(): boolean {
    return this.status === 'closed' || this.status === 'aborted' || this.status === 'reset'
  }

  /** Pieces that fit what a stream takes at once; the rest waits for `drained`. */
  #write(bytes: Bytes): void {
    for (let at = 0; at < bytes.length; at += LIMITS.net.chunkBytes) {
      if (this.writableNeedsDrain) {
        const rest = bytes.slice(at)
        this.#outgoing.unshift(rest)
        this.writeBufferLength += rest.length
        return
      }
      const ok = this.lower?.write(bytes.subarray(at, at + LIMITS.net.chunkBytes)) ?? false
      if (!ok) this.writableNeedsDrain = true
    }
  }

  #hold(data: Data, first: boolean): void {
    if (data.byteLength === 0 || this.readStatus === 'closed') return
    const bytes = data.subarray().slice()
    if (first) this.#incoming.unshift(bytes)
    else this.#incoming.push(bytes)
    this.readBufferLength += bytes.length
    soon(() => this.#deliver())
  }

  #deliver(): void {
    const held = this.readBufferLength
    while (this.#incoming.length > 0 && this.readStatus === 'readable' && this.listenerCount('message') > 0) {
      const bytes = this.#incoming.shift()!
      this.readBufferLength -= bytes.length
      this.dispatchEvent(new MessageEvent(bytes))
    }
    if (this.readBufferLength > 0) return
    if (held >= LIMITS.net.streamSendBytes && this.readStatus === 'readable') this.lower?.resume()
    if (this.#remoteEnded) this.#tellEnd()
  }

  #tellEnd(): void {
    if (this.#remoteEnded && this.remoteWriteStatus !== 'closed') {
      this.remoteWriteStatus = 'closed'
      this.safeDispatchEvent('remoteCloseWrite')
    }
    if (this.readableEnded) return
    this.readableEnded = true
    this.safeDispatchEvent('end')
  }

  #finish(error: Error | null, local: boolean): void {
    this.#outgoing.length = 0
    this.writeBufferLength = 0
    this.writeStatus = 'closed'
    this.remoteReadStatus = 'closed'
    if (this.readBufferLength === 0) {
      this.readStatus = 'closed'
      this.remoteWriteStatus = 'closed'
      this.#tellEnd()
    }
    this.timeline.close = this.#now()
    this.dispatchEvent(new CloseEvent(local, error))
  }

  #event(type: 'drain' | 'idle', options?: AbortOptions): Promise<void> {
    return new Promise((resolve, reject) => {
      const stop = (): void => {
        this.removeEventListener(type, done)
        this.removeEventListener('close', gone)
        options?.signal?.removeEventListener('abort', aborted)
      }
      const done = (): void => {
        stop()
        resolve()
      }
      const gone = (event: StreamCloseEvent): void => {
        stop()
        reject(event.error ?? new Error('the stream was closed'))
      }
      const aborted = (): void => {
        stop()
        reject(options?.signal?.reason as Error)
      }
      this.addEventListener(type, done)
      this.addEventListener('close', gone)
      options?.signal?.addEventListener('abort', aborted)
    })
  }
}
