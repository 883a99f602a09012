// The device as a relay of connections (libp2p's circuit relay), for whom its owners' policy names and as
// fast as it says (docs/wire/owners.md "Policy"): for nobody, unless they have said otherwise. Whoever has
// a bad name here is not relayed for. Asked anew at each reservation, and of all of them when rules change.

import type { Bytes } from '../../base/bytes.ts'
import type { Signer } from '../../crypto/native.ts'
import type { Connection } from '../../net/api.ts'
import { CircuitServer } from '../../net/circuit/server.ts'
import type { Host } from '../../net/host.ts'
import type { RelayRules } from '../../net/udp/relay/rules.ts'
import type { Loop } from '../../node/loop.ts'
import { mayRelay, type Policy, type Standing } from '../../ownership/policy/policy.ts'
import type { Opinion } from '../../ownership/reputation/reputation.ts'
import { THRESHOLD } from '../../ownership/reputation/weights.ts'

export interface RelayingOptions {
  host: Host
  loop: Loop
  signer: Signer
  policy: () => Policy
  /** Their invitations count where the policy lets anybody be relayed for. */
  owners: () => readonly Bytes[]
  /** What somebody is to this device. */
  standing: (key: Bytes) => Standing
  opinion: Opinion
  /** Milliseconds since 1970. */
  wall: () => number
}

export class DeviceRelay {
  readonly #server: CircuitServer

  constructor({ host, loop, signer, policy, owners, standing, opinion, wall }: RelayingOptions) {
    const rules: RelayRules = {
      mine: (key) => standing(key) !== 'stranger' && mayRelay(policy(), standing(key)),
      get inviters() {
        return policy().relay.for === 'nobody' ? [] : owners()
      },
      // For strangers little, and never the places of those who are none.
      get open(): boolean {
        return mayRelay(policy(), 'stranger')
      },
      unwanted: (key) => opinion(key, wall()) < THRESHOLD.refuse,
      bytesPerSecond: () => policy().relay.kBps * 1_000,
    }
    this.#server = new CircuitServer({ host, timers: loop, signer, rules, wall })
  }

  /** Reservations and circuits of now. */
  get size(): { reservations: number; circuits: number } {
    return this.#server.size
  }

  onDisconnect(connection: Connection): void {
    this.#server.onDisconnect(connection)
  }

  /** Another policy, or other owners and readers: who is none of them any more is relayed for no longer. */
  recheck(): void {
    this.#server.recheck()
  }

  stop(): void {
    this.#server.stop()
  }
}
