// What a device does for others: it keeps neighbours' contacts and tells them to each other, and relays
// connections for whom the owner's policy allows (`relay.for`, `relay.kBps`), and for guests with an owner's
// invitation. It relays for nobody before an owner says so.

import type { Bytes } from '../../../base/bytes.ts'
import type { Signer } from '../../../crypto/native.ts'
import type { Connection } from '../../../net/api.ts'
import { CircuitServer } from '../../../net/circuit/server.ts'
import type { Host } from '../../../net/host.ts'
import type { RelayRules } from '../../../net/udp/relay/rules.ts'
import type { Loop } from '../../../node/loop.ts'
import { serveRendezvous } from '../../../node/peers/service.ts'
import { mayRelay, type Policy, type Standing } from '../../../ownership/policy/policy.ts'

export interface HelpingOptions {
  host: Host
  loop: Loop
  signer: Signer
  /** Milliseconds since 1970. */
  wall: () => number
  policy: () => Policy
  /** Keys of the owners now. */
  owners: () => readonly Bytes[]
  /** What the holder of a key is to us; neighbours count as owners: an owner has named them. */
  standing: (key: Bytes) => Standing
  neighbour: (key: Bytes) => boolean
}

export class Helping {
  readonly circuits: CircuitServer
  readonly #stop: () => void

  constructor(options: HelpingOptions) {
    const { host, loop, signer, wall, neighbour } = options
    this.circuits = new CircuitServer({ host, timers: loop, signer, wall, rules: rulesOf(options) })
    this.#stop = serveRendezvous({ host, loop, wall, allow: neighbour }).stop
  }

  onDisconnect(connection: Connection): void {
    this.circuits.onDisconnect(connection)
  }

  stop(): void {
    this.#stop()
    this.circuits.stop()
  }
}

/** Asked anew each time: a policy may change at any moment. */
function rulesOf({ policy, owners, standing }: HelpingOptions): RelayRules {
  return {
    mine: (key) => mayRelay(policy(), standing(key)),
    get inviters() {
      return policy().relay.for === 'nobody' ? [] : owners()
    },
    get open() {
      return policy().relay.for === 'anyone'
    },
    get bytesPerSecond() {
      return policy().relay.kBps * 1_000
    },
  }
}
