// The rendezvous on the network: streams in, rendezvous.ts decides, answers out.

import type { Bytes } from '../../base/bytes.ts'
import { LIMITS } from '../../base/limits.ts'
import type { Host } from '../../net/host.ts'
import { Messages } from '../../net/messages.ts'
import { RENDEZVOUS_PROTOCOL } from '../../wire/net/rendezvous.ts'
import type { Loop } from '../loop.ts'
import { Rendezvous } from './rendezvous.ts'

const SWEEP_MS = 60_000

/**
 * Offers the rendezvous on `host`; the result stops its timer.
 * @param o.allow who may ask; everybody where it is left out
 */
export function serveRendezvous(o: {
  host: Host
  loop: Loop
  wall: () => number
  allow?: (key: Bytes) => boolean
}): {
  rendezvous: Rendezvous
  stop: () => void
} {
  const rendezvous = new Rendezvous()
  let open = 0
  o.host.handle(RENDEZVOUS_PROTOCOL, (stream) => {
    if (open >= LIMITS.peers.rendezvousStreams || o.allow?.(stream.connection.remoteKey) === false) {
      stream.reset()
      return
    }
    open++
    const { remoteKey, remote } = stream.connection
    const asker = rendezvous.asker(remoteKey, remote, o.wall())
    const messages = new Messages(stream, 'u32', {
      onMessage: (message) => {
        const answer = rendezvous.onMessage(message, asker, o.wall())
        if (!answer) return stream.reset('badMessages')
        messages.send(answer)
      },
      onDrain: () => {},
      onEnd: () => stream.end(),
      onClose: () => {
        open--
      },
    })
  })
  o.loop.every('rendezvous', SWEEP_MS, () => rendezvous.tick(o.wall()))
  return { rendezvous, stop: () => o.loop.cancel('rendezvous') }
}
