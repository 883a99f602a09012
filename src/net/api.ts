// The face of the stream plane: what host.ts gives and what the rest of Wattle codes against.
// Types only. Callbacks are synchronous and may be called from inside any call into net; bytes handed
// to a callback are valid until it returns.

import type { Bytes } from '../base/bytes.ts'
import type { WattleError } from '../base/errors.ts'

export interface StreamEvents {
  onData(bytes: Bytes): void
  /** After `write` said false: at least half of the room is free again. */
  onDrain(): void
  /** The other side will send no more; ours may go on. */
  onEnd(): void
  /** The last event. Null: both sides ended, or the connection was closed in an orderly way. */
  onClose(error: WattleError | null): void
}

/** One ordered, flow-controlled byte stream of a connection. */
export interface Stream {
  readonly protocol: string
  readonly connection: Connection
  /** Set it before the callback that brought the stream returns, or `pause` there. */
  events: StreamEvents
  /**
   * Copies or sends at once. False: LIMITS.net.streamSendBytes are waiting; the bytes were accepted,
   * wait for `onDrain`. Who writes as much again without waiting has the stream reset (slow-reader).
   * On a stream that has ended or closed it does nothing and says false.
   */
  write(bytes: Bytes): boolean
  /** Bytes that may be written before `write` says false. */
  writable(): number
  /** No `onData` until `resume`; what arrives is held, up to the window of the stream. */
  pause(): void
  resume(): void
  /** Sends what waits, then says that no more will come. */
  end(): void
  /** Drops the stream in both directions; `counter` says what of the other side's was at fault. */
  reset(counter?: NetCounter): void
  /**
   * Counts `bytes` of memory that a reader of this stream keeps for what has come from it (negative:
   * gives them back) among the unread bytes of the process. May reset this stream or another one.
   */
  hold(bytes: number): void
}

export interface Connection {
  /** Ed25519 key (32 bytes) that the other side proved. */
  readonly remoteKey: Bytes
  /** `host:port` of the other side. */
  readonly remote: string
  readonly inbound: boolean
  /** It goes through a relay of strangers now, within its limits: what can wait is not sent. */
  readonly limited?: boolean
  /** Set by the application: not closed to make room for others. */
  keep: boolean
  open(protocol: string, onStream: (error: WattleError | null, stream: Stream | null) => void): void
  /** Closes in an orderly way; what streams had waiting is lost. */
  close(): void
}

/** The part of node/loop.ts that net needs. */
export interface Timers {
  now(): number
  after(name: string, ms: number, run: (now: number) => void): void
  cancel(name: string): void
}

export type StreamHandler = (stream: Stream) => void

/** What came from outside and was refused, dropped or cut off. */
export const NET_COUNTERS = [
  'accepted',
  'dialled',
  'opened',
  'connectionsRefused',
  'connectionsEvicted',
  'handshakeTimeouts',
  'handshakeErrors',
  'keyTypesRefused',
  'badSignatures',
  'wrongKeys',
  'badTags',
  'badFrames',
  'windowOverflows',
  'streamsRefused',
  'protocolsRefused',
  'negotiationTimeouts',
  'slowReaders',
  'unreadResets',
  'silent',
  'flooded',
  'badMessages',
  'circuitsRefused',
  'circuitsEnded',
] as const

export type NetCounter = (typeof NET_COUNTERS)[number]
