// Asking a device of ours what it thinks of others, and changing it: one stream, some questions, gone.

import { type Bytes, base64url } from '../../base/bytes.ts'
import { WattleError } from '../../base/errors.ts'
import type { Host } from '../../net/host.ts'
import { Messages } from '../../net/messages.ts'
import type { Loop } from '../../node/loop.ts'
import {
  decodePeer,
  decodePeersRefused,
  PEERS,
  PEERS_PROTOCOL,
  type PeerOpinion,
} from '../../wire/net/peers.ts'

const ANSWER_MS = 10_000

/** Questions under way have timers of their own. */
let asked = 0

/**
 * Sends one message of the peers protocol to a device that is connected.
 * `done` gets the opinions that came (ASK_PEERS only), or why not: `device-offline`, `no-answer`, or the
 * device's own word.
 */
export function askPeers(
  o: { host: Host; loop: Loop; device: Bytes; message: Bytes },
  done: (error: WattleError | null, peers: PeerOpinion[]) => void,
): void {
  const timer = `peers ${++asked}`
  const peers: PeerOpinion[] = []
  let over = false
  const finish = (error: WattleError | null): void => {
    if (over) return
    over = true
    o.loop.cancel(timer)
    done(error, peers)
  }
  const connection = o.host.find(o.device)
  if (!connection) return finish(new WattleError('device-offline', 'the device cannot be reached now'))
  connection.open(PEERS_PROTOCOL, (error, stream) => {
    if (!stream) return finish(error)
    const messages = new Messages(stream, 'u32', {
      onMessage: (message) => {
        const peer = message[0] === PEERS.peer ? decodePeer(message) : null
        if (peer) peers.push(peer)
        if (message[0] === PEERS.peer) return
        const refused = message[0] === PEERS.refused ? decodePeersRefused(message) : null
        finish(refused === null ? null : new WattleError(refused, `the device refused: ${refused}`))
        stream.end()
      },
      onDrain: () => {},
      onEnd: () => stream.end(),
      onClose: () => finish(new WattleError('no-answer', 'the device gave no whole answer')),
    })
    o.loop.after(timer, ANSWER_MS, () => stream.reset())
    messages.send(o.message)
  })
}

/** As `wattle home peers --json` prints it. */
export function describePeer({ key, score, reasons }: PeerOpinion): Record<string, unknown> {
  // JSON has no infinity.
  const finite = (n: number): number | 'never' => (n === Number.NEGATIVE_INFINITY ? 'never' : n)
  return {
    key: base64url(key),
    score: finite(score),
    reasons: reasons.map(({ what, points }) => ({ what, points: finite(points) })),
  }
}
