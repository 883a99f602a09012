// The relays of connections that a party knows, kept up: a device holds a reservation with each of them,
// so that it can be called; whoever looks for it calls through them. The last way but one: it needs no
// UDP. Reservations are renewed at half their time, lost ones asked for again with back-off.

import { type Bytes, base64url, equal } from '../../base/bytes.ts'
import { WattleError } from '../../base/errors.ts'
import { LIMITS } from '../../base/limits.ts'
import type { Failure, Hardware, TcpSocket } from '../../hw/hardware.ts'
import type { Connection } from '../../net/api.ts'
import { CircuitClient } from '../../net/circuit/client.ts'
import { isRelayed } from '../../net/circuit/socket.ts'
import type { Host } from '../../net/host.ts'
import type { Loop } from '../loop.ts'
import type { DiscoverySettings } from '../peers/config.ts'
import type { OnEvidence } from '../peers/evidence.ts'

export interface CircuitsOptions {
  host: Host
  loop: Loop
  /** Milliseconds since 1970. */
  wall: () => number
  relays: readonly { key: Bytes; addresses: readonly string[] }[]
  /** By the relay's key in base64url. */
  invites?: ReadonlyMap<string, Bytes>
  /** Be called through them, not only call. */
  reserve: boolean
  report: (event: string, detail: Record<string, unknown>) => void
  /** What they carried for us. */
  onEvidence?: OnEvidence
}

/** Null where no relay is set. */
export function attachCircuits(o: {
  hardware: Pick<Hardware, 'clock'>
  loop: Loop
  host: Host
  discovery?: DiscoverySettings | null
  reserve: boolean
  report: CircuitsOptions['report']
  onEvidence?: OnEvidence
}): Circuits | null {
  const { hardware, loop, host, reserve, report } = o
  const relays = o.discovery?.relays ?? []
  const wall = (): number => hardware.clock.wall()
  const heard = o.onEvidence ? { onEvidence: o.onEvidence } : {}
  const invites = o.discovery?.invites ?? new Map<string, Bytes>()
  return relays.length === 0
    ? null
    : new Circuits({ host, loop, wall, relays, invites, reserve, report, ...heard })
}

interface Relay {
  readonly key: Bytes
  readonly addresses: readonly string[]
  /** Holds our reservation. */
  connection: Connection | null
  /** When to ask (again); the loop's milliseconds. */
  due: number
  attempt: number
  busy: boolean
  /** Bytes that came through it and are not told yet. */
  carried: number
}

/** Told of when so many have come, bytes. */
const CARRIED = 100_000

const TICK_MS = 2_000
const TIMER = 'circuit relays'
const NONE: Bytes = new Uint8Array(0)

export class Circuits {
  readonly #options: CircuitsOptions
  readonly #client: CircuitClient
  readonly #relays: readonly Relay[]
  #closed: boolean

  /** Sets the host's `dialCircuit`. */
  constructor(options: CircuitsOptions) {
    const { host, loop } = options
    this.#options = options
    this.#client = new CircuitClient(host, loop)
    this.#closed = false
    this.#relays = options.relays.slice(0, LIMITS.circuit.relays).map(({ key, addresses }) => ({
      key,
      addresses,
      connection: null,
      due: 0,
      attempt: 0,
      busy: false,
      carried: 0,
    }))
    this.#client.onCarried = (connection, bytes) => this.#onCarried(connection, bytes)
    host.dialCircuit = (_, key, done) => this.#call(key, done, 0)
    if (options.reserve) this.#tick()
  }

  /** Relays that calls go through. */
  get known(): number {
    return this.#relays.length
  }

  /** Relays that hold a reservation of ours. */
  get reserved(): number {
    return this.#relays.filter((relay) => relay.connection !== null).length
  }

  close(): void {
    this.#closed = true
    this.#options.loop.cancel(TIMER)
    this.#options.host.dialCircuit = null
  }

  // ── Calling ─────────────────────────────────────────────────────────────────────────────────

  /** One relay after the other, until one of them knows the peer. */
  #call(key: Bytes, done: (error: Failure, socket: TcpSocket | null) => void, i: number): void {
    const relay = this.#relays[i]
    if (!relay) return done(new WattleError('no-circuit', 'no relay holds a reservation of this peer'), null)
    return this.#connect(relay, (connection) => {
      if (!connection) return this.#call(key, done, i + 1)
      return this.#client.dial(connection, key, (_, socket) => {
        if (socket) done(null, socket)
        else this.#call(key, done, i + 1)
      })
    })
  }

  #connect(relay: Relay, done: (connection: Connection | null) => void): void {
    const { host } = this.#options
    const known = host.find(relay.key)
    if (known && !isRelayed(known.remote)) return done(known)
    const address = relay.addresses[relay.attempt % Math.max(1, relay.addresses.length)]
    if (address === undefined) return done(null)
    return host.dial(address, relay.key, (_, connection) => done(connection))
  }

  #onCarried({ remoteKey }: Connection, bytes: number): void {
    const relay = this.#relays.find(({ key }) => equal(key, remoteKey))
    if (!relay) return
    relay.carried += bytes
    if (relay.carried < CARRIED) return
    this.#options.onEvidence?.(relay.key, 'relayed-megabyte', relay.carried / 1_000_000)
    relay.carried = 0
  }

  // ── Being called ────────────────────────────────────────────────────────────────────────────

  #tick(): void {
    if (this.#closed) return
    const { host, loop } = this.#options
    const open = host.connections()
    for (const relay of this.#relays) {
      if (relay.connection && !open.includes(relay.connection)) {
        this.#client.forget(relay.connection)
        relay.connection = null
        relay.due = 0
      }
      if (!relay.busy && loop.now() >= relay.due) this.#reserve(relay)
    }
    loop.after(TIMER, TICK_MS, () => this.#tick())
  }

  #reserve(relay: Relay): void {
    relay.busy = true
    this.#connect(relay, (connection) => {
      if (this.#closed) return
      if (!connection) return this.#later(relay, 'it was not reached')
      const invite = this.#options.invites?.get(base64url(relay.key)) ?? NONE
      this.#client.reserve(connection, invite, (error, reserved) => {
        if (!reserved) return this.#later(relay, error?.message ?? 'it refused')
        const { loop, wall, report } = this.#options
        const first = relay.connection !== connection
        relay.busy = false
        relay.attempt = 0
        relay.connection = connection
        const left = Math.min(LIMITS.circuit.reservationMs, reserved.until - wall())
        relay.due = loop.now() + Math.max(10_000, left / 2)
        if (first) report('circuit', { relay: connection.remote, state: 'reserved' })
        return undefined
      })
      return undefined
    })
  }

  #later(relay: Relay, why: string): void {
    const { loop, report } = this.#options
    relay.busy = false
    relay.due = loop.now() + Math.min(LIMITS.node.backoffMs, TICK_MS * 2 ** Math.min(relay.attempt, 8))
    if (relay.attempt === 0) report('circuit', { relay: relay.addresses.join(' '), state: 'refused', why })
    relay.attempt++
  }
}
