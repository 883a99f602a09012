// One party of the NAT laboratory, a process of its own inside a namespace: a relay, or a peer with the
// whole datagram plane and the stream plane over it. Orders come as NDJSON on stdin, what happens goes
// out as NDJSON on stdout. b sends numbered frames to whoever opens /lab/frames; a checks that none is
// missing.
import { randomFillSync } from 'node:crypto'
import { createInterface } from 'node:readline'
import { type Bytes, base64url, unhex } from '../../src/base/bytes.ts'
import { getU32, putU32 } from '../../src/base/cursor.ts'
import { LIMITS } from '../../src/base/limits.ts'
import { Signer } from '../../src/crypto/native.ts'
import { Secret } from '../../src/crypto/secret.ts'
import type { Sockets, UdpSocket } from '../../src/hw/hardware.ts'
import { LinuxClock } from '../../src/hw/linux/clock.ts'
import { LinuxSockets } from '../../src/hw/linux/sockets.ts'
import type { Stream } from '../../src/net/api.ts'
import { Host } from '../../src/net/host.ts'
import { Messages } from '../../src/net/messages.ts'
import { placeOf } from '../../src/net/udp/address.ts'
import { Loop } from '../../src/node/loop.ts'
import { Plane } from '../../src/node/path/plane.ts'

export interface PartyOptions {
  role: 'relay' | 'peer'
  seed: string
  listen: string[]
  /** Keys and places. */
  relays?: { key: string; place: string }[]
  opener?: boolean
  /** Asks its router for a port. */
  mapping?: boolean
  /** A relay holds what it sends to these hosts back for so long: the way there is longer. */
  delay?: { prefix: string; ms: number }
  /** Frames a second. */
  rate?: number
}

const PROTOCOL = '/lab/frames/1'
const FRAME_BYTES = 320

const options = JSON.parse(process.argv[2]!) as PartyOptions
const began = performance.now()
const say = (event: string, detail: Record<string, unknown> = {}): void =>
  void process.stdout.write(
    `${JSON.stringify({ event, ms: Math.round(performance.now() - began), ...detail })}\n`,
  )

/** The kernel here has no delay of its own (netem). */
function delayed(sockets: Sockets, prefix: string, ms: number): Sockets {
  const wrap = (socket: UdpSocket): UdpSocket => ({
    address: socket.address,
    send: (bytes, host, port) => {
      if (!host.startsWith(prefix)) return socket.send(bytes, host, port)
      const copy = bytes.slice()
      setTimeout(() => socket.send(copy, host, port), ms)
    },
    sendShort: (bytes, host, port, hops) => socket.sendShort(bytes, host, port, hops),
    close: () => socket.close(),
  })
  return {
    listenTcp: (a, b, c) => sockets.listenTcp(a, b, c),
    dialTcp: (a, b) => sockets.dialTcp(a, b),
    networks: () => sockets.networks(),
    gateways: () => sockets.gateways(),
    joinGroup: (a, b, c) => sockets.joinGroup(a, b, c),
    bindUdp: (address, onDatagram, done) =>
      sockets.bindUdp(address, onDatagram, (error, socket) => done(error, socket && wrap(socket))),
  }
}

const real = new LinuxSockets()
const sockets = options.delay ? delayed(real, options.delay.prefix, options.delay.ms) : real
const random = (into: Bytes): void => void randomFillSync(into)
const signer = new Signer(new Secret(unhex(options.seed)!))
const loop = new Loop(new LinuxClock(), LIMITS.node.peerTimers)
const plane = new Plane({
  loop,
  sockets,
  random,
  signer,
  punchSockets: LIMITS.udp.punchSockets,
  opener: options.opener ?? true,
  mapping: options.mapping ?? false,
  // b is a device, and a one of its readers.
  ...(options.role === 'peer' ? { knows: () => true } : {}),
  report: (event, detail) => say(event, detail),
  ...(options.role === 'relay' ? { relay: { mine: () => true, inviters: [], open: false } } : {}),
})
const host = new Host({ sockets, timers: loop, random, signer, agent: 'wattle-lab' })
plane.carry(host)

// b: numbered frames to everybody who asks.
host.handle(PROTOCOL, (stream) => {
  const messages = new Messages(stream, 'u32', {
    onMessage() {},
    onDrain() {},
    onEnd: () => stream.end(),
    onClose: () => clearInterval(timer),
  })
  let n = 0
  const frame = new Uint8Array(FRAME_BYTES)
  const timer = setInterval(
    () => {
      random(frame)
      putU32(frame, 0, n++)
      messages.send(frame)
    },
    1_000 / (options.rate ?? 20),
  )
})

// a: counts what comes.
let frames = 0
let missing = 0
let lastAt = 0
let longest = 0

function receive(stream: Stream): void {
  let next = 0
  new Messages(stream, 'u32', {
    onMessage: (message) => {
      const now = performance.now()
      const n = getU32(message, 0)
      if (n !== next) missing++
      next = n + 1
      frames++
      if (lastAt > 0) longest = Math.max(longest, now - lastAt)
      if (frames === 1) say('first-frame')
      lastAt = now
    },
    onDrain() {},
    onEnd: () => stream.end(),
    onClose: (error) => say('stream-closed', { error: error?.message ?? null }),
  })
}

function dial(key: Bytes): void {
  host.dial('udp:', key, (error, connection) => {
    if (!connection) {
      say('not-connected', { error: error?.message ?? null })
      setTimeout(() => dial(key), 300)
      return
    }
    say('connected')
    connection.open(PROTOCOL, (failure, stream) => {
      if (stream) receive(stream)
      else say('not-opened', { error: failure?.message ?? null })
    })
  })
}

createInterface({ input: process.stdin })
  .on('line', (line) => {
    const order = JSON.parse(line) as { do: string; key?: string }
    if (order.do === 'want') dial(unhex(order.key!)!)
    else if (order.do === 'reset') {
      longest = 0
      lastAt = performance.now()
    } else if (order.do === 'close') plane.close()
    else if (order.do === 'status')
      say('status', {
        frames,
        missing,
        longest: Math.round(Math.max(longest, lastAt > 0 ? performance.now() - lastAt : 0)),
        mapping: plane.observed.mapping,
        seen: plane.observed.seen,
        port: plane.mapping?.text ?? '',
        further: plane.sockets.further,
        peers: plane.peers().map((p) => ({ ...p, key: base64url(p.key) })),
        counters: plane.datagrams.counters.report(),
      })
  })
  .on('close', () => process.exit(0))

// Where UDP is blocked, a relay is reached by TCP on the same port.
if (options.role === 'relay') host.listen(options.listen[0]!, () => {})

plane.start(options.listen, (error) => {
  if (error) {
    say('failed', { error: error.message })
    process.exit(1)
  }
  for (const { key, place } of options.relays ?? []) plane.useRelay(unhex(key)!, placeOf(place)!)
  say('ready', { addresses: plane.sockets.addresses })
})
