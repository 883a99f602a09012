// A network of datagram planes in virtual time: latency, loss, and whatever a test does to a datagram on
// its way. Everything is seeded; nothing waits.
import { Signer } from '../../../src/crypto/native.ts'
import { Secret } from '../../../src/crypto/secret.ts'
import { Datagrams, type DatagramsOptions } from '../../../src/net/udp/datagrams.ts'

export interface Flying {
  bytes: Uint8Array
  from: { host: string; port: number }
  to: { host: string; port: number }
  ttl: number
}

interface Event {
  at: number
  order: number
  run: () => void
}

export class World {
  now = 1_000
  latencyMs = 10
  loss = 0
  /** Sees every datagram; false loses it. */
  onSend: (flying: Flying) => boolean = () => true
  readonly nodes: Node[] = []
  readonly #events: Event[] = []
  #order = 0
  #seed: number

  constructor(seed = 1) {
    this.#seed = seed
  }

  chance(): number {
    // mulberry32
    this.#seed = (this.#seed + 0x6d2b79f5) | 0
    let t = Math.imul(this.#seed ^ (this.#seed >>> 15), 1 | this.#seed)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }

  random = (into: Uint8Array): void => {
    for (let i = 0; i < into.length; i++) into[i] = Math.floor(this.chance() * 256)
  }

  node(host: string, options: Partial<DatagramsOptions> = {}): Node {
    const node = new Node(this, host, options)
    this.nodes.push(node)
    return node
  }

  after(ms: number, run: () => void): void {
    this.#events.push({ at: this.now + ms, order: this.#order++, run })
  }

  fly(flying: Flying): void {
    const copy = { ...flying, bytes: flying.bytes.slice() }
    if (!this.onSend(copy) || this.chance() < this.loss) return
    this.after(this.latencyMs, () => this.deliver(copy))
  }

  deliver(flying: Flying): void {
    for (const node of this.nodes)
      if (node.on && node.host === flying.to.host && node.port === flying.to.port) {
        node.plane.onDatagram(flying.bytes, flying.from.host, flying.from.port, this.now)
        node.schedule()
      }
  }

  /** Runs until `done` says so; false when `ms` went by first. */
  until(done: () => boolean, ms = 20_000): boolean {
    const end = this.now + ms
    for (;;) {
      if (done()) return true
      const next = this.#next()
      const tick = Math.min(...this.nodes.filter((n) => n.on).map((n) => n.at))
      const at = Math.min(next?.at ?? Number.POSITIVE_INFINITY, tick)
      if (at > end) {
        this.now = end
        return done()
      }
      this.now = Math.max(this.now, at)
      if (next && next.at <= tick) {
        this.#events.splice(this.#events.indexOf(next), 1)
        next.run()
      } else for (const node of this.nodes) if (node.on && node.at <= this.now) node.tick()
    }
  }

  run(ms: number): void {
    this.until(() => false, ms)
  }

  #next(): Event | null {
    let best: Event | null = null
    for (const event of this.#events)
      if (!best || event.at < best.at || (event.at === best.at && event.order < best.order)) best = event
    return best
  }
}

export class Node {
  readonly world: World
  host: string
  port = 4001
  on = true
  at = 0
  plane: Datagrams
  readonly signer: Signer
  readonly #options: Partial<DatagramsOptions>

  constructor(world: World, host: string, options: Partial<DatagramsOptions>) {
    this.world = world
    this.host = host
    this.#options = options
    this.signer = new Signer(Secret.fresh(world.random))
    this.plane = this.make()
  }

  get key(): Uint8Array {
    return this.signer.publicKey
  }

  make(): Datagrams {
    const { world } = this
    this.plane = new Datagrams({
      signer: this.signer,
      random: world.random,
      now: world.now,
      send: (bytes, host, port, _via, ttl) =>
        world.fly({ bytes, from: { host: this.host, port: this.port }, to: { host, port }, ttl }),
      ...this.#options,
    })
    return this.plane
  }

  tick(): void {
    this.at = this.plane.tick(this.world.now)
  }

  schedule(): void {
    this.at = Math.min(this.at, this.world.now + 1)
  }

  connect(to: Node): ReturnType<Datagrams['connect']> {
    const session = this.plane.connect(to.key, [{ host: to.host, port: to.port }], this.world.now)
    this.schedule()
    return session
  }
}
