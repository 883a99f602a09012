// Our handshake datagrams against another Noise implementation (noise-c) in both roles and patterns, and
// the datagrams of one seeded run against the published ones: a change of any byte on the wire shows here.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import t, { type Test } from 'tap'
import { concat, equal, hex, utf8 } from '../../../src/base/bytes.ts'
import { LIMITS } from '../../../src/base/limits.ts'
import { Exchange, hmac, Signer, sha256 } from '../../../src/crypto/native.ts'
import { Secret } from '../../../src/crypto/secret.ts'
import { FRAME } from '../../../src/net/udp/frames.ts'
import { DirectMessages } from '../../../src/net/udp/message/messages.ts'
import { Pipes } from '../../../src/net/udp/pipe/pipes.ts'
import { Crossing } from '../../../src/net/udp/punch/crossing.ts'
import type { Reachable } from '../../../src/net/udp/punch/offer.ts'
import { Puncher } from '../../../src/net/udp/punch/puncher.ts'
import { RelayClient } from '../../../src/net/udp/relay/client.ts'
import { RelayServer } from '../../../src/net/udp/relay/server.ts'
import { INIT_HEAD, RESPONSE_HEAD } from '../../../src/net/udp/session/layout.ts'
import { Session } from '../../../src/net/udp/session/session.ts'
import { type Flying, type Node, World } from './world.ts'

interface Cipher {
  EncryptWithAd(ad: Uint8Array, plain: Uint8Array): Uint8Array
  DecryptWithAd(ad: Uint8Array, box: Uint8Array): Uint8Array
}
interface ForeignHandshake {
  Initialize(prologue: Uint8Array, s: Uint8Array, rs?: Uint8Array | null): void
  WriteMessage(payload?: Uint8Array): Uint8Array
  ReadMessage(message: Uint8Array, payload: boolean): Uint8Array
  Split(): [Cipher, Cipher]
}
interface NoiseC {
  constants: { NOISE_ROLE_INITIATOR: number; NOISE_ROLE_RESPONDER: number }
  HandshakeState: new (name: string, role: number) => ForeignHandshake
}

const NONE = new Uint8Array(0)
const load = createRequire(import.meta.url)('noise-c.wasm') as (done: (noise: NoiseC) => void) => void
const noiseC = new Promise<NoiseC>((done) => load(done))

/** A party that is none of ours: noise-c, and the layouts of docs/wire/datagrams.md written out again. */
class Foreign {
  readonly signer: Signer
  readonly secret: Uint8Array
  readonly exchange: Exchange
  readonly payload: Uint8Array
  host = '10.0.0.9'
  readonly heard: string[] = []
  ciphers: [Cipher, Cipher] | null = null
  theirs = NONE
  readonly #world: World
  readonly #noise: NoiseC
  #state: ForeignHandshake | null = null
  #initiator = false

  constructor(world: World, noise: NoiseC) {
    this.#world = world
    this.#noise = noise
    this.signer = new Signer(Secret.fresh(world.random))
    this.secret = new Uint8Array(32)
    world.random(this.secret)
    this.exchange = new Exchange(new Secret(this.secret.slice()))
    const signed = concat(utf8('wattle/datagram key/1\0'), this.exchange.publicKey)
    this.payload = concat(this.signer.publicKey, this.signer.sign(signed))
  }

  begin(to: Node, ik: boolean): void {
    this.#initiator = true
    const state = this.#make(to.key, ik, ik ? to.plane.identity.exchange.publicKey : null)
    const message = ik ? state.WriteMessage(this.payload) : state.WriteMessage()
    const body = new Uint8Array(192)
    body.set(message)
    const head = concat(Uint8Array.of(5, ik ? 1 : 2, 0, 0), utf8('mine'), body)
    const mac = hmac(sha256(utf8('wattle/mac1/1\0'), to.key), head).subarray(0, 16)
    this.send(to, concat(head, mac, new Uint8Array(16)))
  }

  onDatagram(f: Flying, from: Node): void {
    const b = f.bytes
    if (b[0] === 5) {
      this.theirs = b.slice(4, 8)
      const state = this.#make(this.signer.publicKey, b[1] === 1, null)
      state.ReadMessage(b.slice(8, b[1] === 1 ? 200 : 40), true)
      const answer = b[1] === 1 ? state.WriteMessage() : state.WriteMessage(this.payload)
      if (b[1] === 1) this.ciphers = state.Split()
      this.send(from, concat(Uint8Array.of(6, 0, 0, 0), utf8('mine'), this.theirs, answer))
    } else if (b[0] === 6) {
      this.theirs = b.slice(4, 8)
      this.#state!.ReadMessage(b.slice(12), true)
      if (b.length === 204) {
        const last = this.#state!.WriteMessage(this.payload)
        this.send(from, concat(Uint8Array.of(9, 0, 0, 0), this.theirs, last))
      }
      this.ciphers = this.#state!.Split()
      this.say(from, utf8('foreign'))
    } else if (b[0] === 9) {
      const payload = this.#state!.ReadMessage(b.slice(8), true)
      if (equal(payload.subarray(0, 32), from.key)) this.ciphers = this.#state!.Split()
    } else if (b[0] === 8 && this.ciphers) {
      const plain = this.ciphers[1]!.DecryptWithAd(NONE, b.slice(16))
      this.heard.push(hex(plain))
    }
  }

  /** One MESSAGE frame. */
  say(to: Node, bytes: Uint8Array): void {
    const plain = concat(Uint8Array.of(4, 0, bytes.length), bytes)
    const box = this.ciphers![0]!.EncryptWithAd(NONE, plain)
    this.send(to, concat(Uint8Array.of(8, 0, 0, 0), this.theirs, new Uint8Array(8), box))
  }

  send(to: Node, bytes: Uint8Array): void {
    const flying = { bytes, from: { host: this.host, port: 1 }, to: { host: to.host, port: to.port }, ttl: 0 }
    this.#world.fly(flying)
  }

  #make(responder: Uint8Array, ik: boolean, remote: Uint8Array | null): ForeignHandshake {
    const { constants, HandshakeState } = this.#noise
    const role = this.#initiator ? constants.NOISE_ROLE_INITIATOR : constants.NOISE_ROLE_RESPONDER
    this.#state = new HandshakeState(`Noise_${ik ? 'IK' : 'XX'}_25519_ChaChaPoly_SHA256`, role)
    this.#state.Initialize(concat(utf8('wattle/datagrams/1\0'), responder), this.secret, remote)
    return this.#state
  }
}

function scene(noise: NoiseC): { world: World; ours: Node; foreign: Foreign } {
  const world = new World(21)
  const ours = world.node('10.0.0.1')
  const foreign = new Foreign(world, noise)
  world.onSend = (f) => {
    if (f.to.host !== foreign.host) return true
    const copy = { ...f, bytes: f.bytes.slice() }
    world.after(10, () => foreign.onDatagram(copy, ours))
    return false
  }
  return { world, ours, foreign }
}

for (const ik of [false, true]) {
  const name = ik ? 'IK' : 'XX'
  t.test(`${name}: another implementation calls us`, async (t) => {
    const { world, ours, foreign } = scene(await noiseC)
    const got: string[] = []
    ours.plane.handle(4, (session, body) => {
      t.ok(equal(session.key, foreign.signer.publicKey))
      got.push(hex(body))
    })
    foreign.begin(ours, ik)
    t.ok(world.until(() => got.length > 0, 2_000))
    t.same(got, [hex(utf8('foreign'))])
    t.ok(ours.plane.find(foreign.signer.publicKey)!.up)
  })

  t.test(`${name}: we call another implementation`, async (t) => {
    const { world, ours, foreign } = scene(await noiseC)
    const session = ours.plane.session(foreign.signer.publicKey, world.now)!
    if (ik) session.remoteStatic = foreign.exchange.publicKey
    ours.plane.connect(foreign.signer.publicKey, [{ host: foreign.host, port: 1 }], world.now)
    t.ok(world.until(() => session.up && foreign.ciphers !== null, 2_000))
    world.run(100)
    t.match(foreign.heard[0], /^010008/, 'a challenge is what it hears first')
  })
}

interface Datagram {
  from: 'initiator' | 'responder'
  bytes: string
}
interface Vector {
  name: string
  [field: string]: unknown
}

/** A world that shows its draws of 32 bytes: seeds and secrets, in the order in which they were drawn. */
function openWorld(seed: number): { world: World; draws: Uint8Array[] } {
  const world = new World(seed)
  const draws: Uint8Array[] = []
  const drawn = world.random
  world.random = (into) => {
    drawn(into)
    if (into.length === 32) draws.push(into.slice())
  }
  return { world, draws }
}

/** A node and its long-term secrets: they are what it draws first. */
function openNode(
  world: World,
  draws: Uint8Array[],
  host: string,
): { node: Node; keys: Record<string, string> } {
  const from = draws.length
  const node = world.node(host)
  const keys = {
    key: hex(node.key),
    seed: hex(draws[from]!),
    datagramKey: hex(node.plane.identity.exchange.publicKey),
    datagramSecret: hex(draws[from + 1]!),
  }
  return { node, keys }
}

/** The secret among those drawn whose public key stands there in a datagram. */
function secretOf(draws: readonly Uint8Array[], publicKey: string): string {
  return hex(draws.find((d) => hex(new Exchange(new Secret(d.slice())).publicKey) === publicKey) ?? NONE)
}

/** Every datagram of one seeded run of each pattern, with all secrets. */
function recorded(t: Test): Vector[] {
  return [false, true].map((ik) => {
    const { world, draws } = openWorld(77)
    const a = openNode(world, draws, '10.0.0.1')
    const b = openNode(world, draws, '10.0.0.2')
    const datagrams: Datagram[] = []
    const session = a.node.plane.session(b.node.key, world.now)!
    if (ik) session.remoteStatic = b.node.plane.identity.exchange.publicKey
    world.onSend = (f) =>
      datagrams.push({ from: f.from.host === a.node.host ? 'initiator' : 'responder', bytes: hex(f.bytes) }) >
      0
    b.node.plane.handle(4, () => {})
    a.node.connect(b.node)
    t.ok(world.until(() => session.up && b.node.plane.find(a.node.key)?.up === true))
    session.send(4, utf8('a message'), NONE, world.now)
    world.run(100)
    const ephemeral = (n: number, at: number): string =>
      secretOf(draws, datagrams[n]!.bytes.slice(2 * at, 2 * at + 64))
    const secrets = {
      initiatorEphemeral: ephemeral(0, INIT_HEAD),
      responderEphemeral: ephemeral(1, RESPONSE_HEAD),
    }
    t.ok(Object.values(secrets).every((secret) => secret.length === 64))
    return { name: ik ? 'IK' : 'XX', initiator: a.keys, responder: b.keys, ...secrets, datagrams }
  })
}

/** A source that is asked for a cookie: INIT, COOKIE, INIT with it. */
function cookies(t: Test): Vector {
  const { world, draws } = openWorld(78)
  const a = openNode(world, draws, '10.0.0.1')
  const b = openNode(world, draws, '10.0.0.2')
  const c = openNode(world, draws, '10.0.0.3')
  const datagrams: Datagram[] = []
  let init: Uint8Array | null = null
  world.onSend = (f) => {
    if (f.from.host === c.node.host) init ??= f.bytes
    const ours = f.from.host === a.node.host
    if (ours || f.to.host === a.node.host)
      datagrams.push({ from: ours ? 'initiator' : 'responder', bytes: hex(f.bytes) })
    return true
  }
  c.node.connect(b.node)
  world.run(100)
  for (let i = 0; i < 20; i++) b.node.plane.onDatagram(init!, '10.0.9.9', 1_000 + i, world.now)
  a.node.connect(b.node)
  t.ok(world.until(() => b.node.plane.find(a.node.key)?.up === true))
  t.same(datagrams.map(({ bytes }) => bytes.slice(0, 2)).slice(0, 3), ['05', '07', '05'])
  return { name: 'cookie', initiator: a.keys, responder: b.keys, datagrams: datagrams.slice(0, 4) }
}

/** The first frame of each type, in clear, of a run with messages, a pipe, a relay and a punch. */
function frames(t: Test): Record<string, string> {
  const out: Record<string, string> = {}
  const original = Session.prototype.onPlain
  Session.prototype.onPlain = function (epoch, plain, origin, now) {
    for (let at = 0; at + 3 <= plain.length; ) {
      const end = at + 3 + plain[at + 1]! * 256 + plain[at + 2]!
      out[plain[at]!] ??= hex(plain.subarray(at, Math.min(end, at + 200)))
      at = end
    }
    original.call(this, epoch, plain, origin, now)
  }
  try {
    const world = new World(79)
    const relay = world.node('203.0.113.1')
    new RelayServer(relay.plane, { mine: () => true, inviters: [], open: false }, () => 0, null)
    const parties = ['198.51.100.1', '198.51.100.2'].map((host) => {
      const node = world.node(host)
      const client = new RelayClient(node.plane)
      client.takeForwards()
      const reachable = (): Reachable => ({ mapping: 1, places: [{ host, port: 4_001 }] })
      const tools = { openSockets: () => {}, closeSocket: () => {}, sockets: 0 }
      const messages = new DirectMessages(node.plane)
      const pipes = new Pipes(node.plane, () => world.now)
      const puncher = new Puncher(node.plane, { ...tools, reachable })
      const place = { host, port: 20_001 }
      const crossing = new Crossing(node.plane, { place: () => place, prepare: () => {}, cross: () => {} })
      client.reserve(node.connect(relay)!, NONE, world.now)
      return { node, client, messages, pipes, puncher, crossing }
    })
    world.run(1_000)
    const [a, b] = parties as [(typeof parties)[0], (typeof parties)[0]]
    const session = a.node.plane.session(b.node.key, world.now)!
    a.client.connect(a.node.plane.find(relay.key)!, b.node.key, world.now, (carrier) => {
      a.node.plane.addPath(session, { host: '', port: 0, via: 0, carrier }, world.now)
      a.node.plane.begin(session, world.now)
    })
    a.node.schedule()
    world.run(1_000)
    a.messages.send(session, utf8('acknowledged'), world.now, () => {})
    a.messages.tell(session, utf8('once'), world.now)
    b.pipes.onPipe = (pipe) => {
      pipe.events = { onData: () => {}, onDrain: () => {}, onClose: () => {} }
    }
    const pipe = a.pipes.open(session)!
    pipe.write(utf8('over a pipe'))
    a.node.schedule()
    world.run(500)
    pipe.destroy()
    world.run(100)
    a.crossing.begin(session, world.now)
    a.node.schedule()
    world.run(9_000)
    let direct = false
    a.puncher.punch(session, 0, world.now, (ok) => {
      direct = ok
    })
    a.node.schedule()
    t.ok(world.until(() => direct))
    world.run(LIMITS.udp.circuitIdleMs + 2_000)
    a.node.plane.close(session, world.now)
    world.run(100)
  } finally {
    Session.prototype.onPlain = original
  }
  return out
}

t.test('the published datagrams', async (t) => {
  const file = 'docs/vectors/net/datagrams.json'
  const seen = frames(t)
  const names = Object.entries(FRAME)
  const missing = names.filter(([, type]) => seen[type] === undefined).map(([name]) => name)
  t.same(missing, [], 'a frame of every type')
  const now = {
    about:
      'Sessions over datagrams and the frames in them: docs/wire/datagrams.md. Every key is worth nothing.',
    cases: [
      ...recorded(t),
      cookies(t),
      ...names.map(([name, type]) => ({ name: `frame ${name}`, type, frame: seen[type] })),
    ],
  }
  // Written anew on purpose only: delete the file, look at the difference.
  if (!existsSync(file)) writeFileSync(file, `${JSON.stringify(now, null, 2)}\n`)
  t.same(JSON.parse(JSON.stringify(now)), JSON.parse(readFileSync(file, 'utf8')))
})
