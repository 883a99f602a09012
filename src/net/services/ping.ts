// /ipfs/ping/1.0.0: what comes back is what was sent, 32 bytes at a time.
// https://github.com/libp2p/specs/blob/master/ping/ping.md
// Whether a connection is alive is Yamux's business; this is for people and for measuring.

import { type Bytes, equal } from '../../base/bytes.ts'
import { WattleError } from '../../base/errors.ts'
import type { Connection, Stream } from '../api.ts'
import type { Host } from '../host.ts'

export const PING = '/ipfs/ping/1.0.0'
const SIZE = 32

/** Answers pings of others. A peer that does not read its answers waits, and so do its questions. */
export function servePing(host: Host): void {
  host.handle(PING, (stream) => {
    stream.events = {
      onData: (bytes) => {
        if (!stream.write(bytes)) stream.pause()
      },
      onDrain: () => stream.resume(),
      onEnd: () => stream.end(),
      onClose: () => {},
    }
  })
}

/** One round trip over `connection`, in milliseconds of the host's clock. */
export function ping(
  host: Host,
  connection: Connection,
  done: (error: WattleError | null, ms: number) => void,
): void {
  connection.open(PING, (error, stream) => {
    if (!stream) done(error, 0)
    else ask(host, stream, done)
  })
}

function ask(host: Host, stream: Stream, done: (error: WattleError | null, ms: number) => void): void {
  const question: Bytes = new Uint8Array(SIZE)
  const answer: Bytes = new Uint8Array(SIZE)
  const sent = host.shared.now()
  let have = 0
  let verdict: WattleError | null = new WattleError('ping-failed', 'no answer')
  host.shared.random(question)
  stream.events = {
    onData: (bytes) => {
      const part = bytes.subarray(0, SIZE - have)
      answer.set(part, have)
      have += part.length
      if (have < SIZE) return
      verdict = equal(answer, question) ? null : new WattleError('ping-failed', 'another answer than asked')
      const ms = host.shared.now() - sent
      const tell = done
      done = nothing
      stream.end()
      tell(verdict, ms)
    },
    onDrain: () => {},
    onEnd: () => stream.end(),
    onClose: (error) => done(error ?? verdict, 0),
  }
  stream.write(question)
}

function nothing(): void {}
