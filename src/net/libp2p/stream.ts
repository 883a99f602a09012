// A stream of ours as the `Stream` of @libp2p/interface: what a Host hands to a handler, or what the
// muxer hands to js-libp2p. Closing it ends our direction only, as libp2p wants of streams.

import type { Stream as Libp2pStream, Logger, MessageStreamDirection } from '@libp2p/interface'
import type { StreamEvents } from '../api.ts'
import { type Lower, PipeStream } from './pipe.ts'

/** The part of api.ts's Stream that is needed; `pause` and the rest are called as they are. */
export interface Carrier extends Lower {
  events: StreamEvents
}

export interface StreamInit {
  id: string
  protocol: string
  direction: MessageStreamDirection
  log: Logger
  /** Milliseconds since 1970, for timelines. */
  now: () => number
}

export class WrappedStream extends PipeStream implements Libp2pStream {
  readonly id: string
  protocol: string

  /** Takes the events of `carrier` over. */
  constructor(carrier: Carrier, init: StreamInit) {
    super({ log: init.log, direction: init.direction, now: init.now, halfClose: true })
    this.id = init.id
    this.protocol = init.protocol
    this.lower = carrier
    carrier.events = {
      onData: (bytes) => this.received(bytes),
      onDrain: () => this.drained(),
      onEnd: () => this.remoteEnded(),
      onClose: (error) => this.closed(error, false),
    }
  }
}
