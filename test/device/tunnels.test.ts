// A tunnel between two machines in virtual time: owners alone, ports that are carried alone, the end of one
// direction, slow readers on either side, floods, an owner that is one no more, and the way through a relay.
import t from 'tap'
import { concat, equal, text, utf8 } from '../../src/base/bytes.ts'
import type { WattleError } from '../../src/base/errors.ts'
import { LIMITS } from '../../src/base/limits.ts'
import { Signer } from '../../src/crypto/native.ts'
import { Secret } from '../../src/crypto/secret.ts'
import { carriedPorts, DeviceTunnels } from '../../src/device/network/tunnels.ts'
import { Gateway } from '../../src/home/network/gateway.ts'
import { Tunnels } from '../../src/home/network/tunnels.ts'
import type { Hardware, TcpSocket } from '../../src/hw/hardware.ts'
import { World } from '../../src/hw/sim/world.ts'
import type { Stream } from '../../src/net/api.ts'
import { CircuitServer } from '../../src/net/circuit/server.ts'
import { isRelayed } from '../../src/net/circuit/socket.ts'
import { framed } from '../../src/net/first.ts'
import { Host } from '../../src/net/host.ts'
import { Circuits } from '../../src/node/circuit/relays.ts'
import { Loop } from '../../src/node/loop.ts'
import { encodeOpen, isTarget, TUNNEL_PROTOCOL } from '../../src/wire/net/tunnel.ts'

interface Party {
  hardware: Hardware
  address: string
  host: Host
  loop: Loop
  signer: Signer
}

function party(world: World, name: string): Party {
  const machine = world.machine(name)
  const { hardware } = machine
  const loop = new Loop(hardware.clock)
  const signer = new Signer(Secret.fresh(hardware.random))
  const { sockets, random } = hardware
  const host = new Host({ sockets, timers: loop, random, signer, agent: 'test' })
  return { hardware, address: machine.address, host, loop, signer }
}

/** A TCP connection as a program has it. */
class Program {
  readonly socket: TcpSocket
  got: Uint8Array
  ended: boolean
  closed: boolean
  /** Sends this much more, as fast as it is taken. */
  toSend: number
  readonly #half: boolean

  constructor(socket: TcpSocket, half = false) {
    this.socket = socket
    this.got = new Uint8Array(0)
    this.ended = false
    this.closed = false
    this.toSend = 0
    this.#half = half
    socket.events = {
      onData: (bytes) => {
        this.got = concat(this.got, bytes)
      },
      onDrain: () => this.#more(),
      onEnd: () => {
        this.ended = true
        if (!this.#half) socket.end()
      },
      onClose: () => {
        this.closed = true
      },
    }
  }

  send(bytes: number): void {
    this.toSend += bytes
    this.#more()
  }

  #more(): void {
    const n = Math.min(this.toSend, 30_000)
    this.toSend -= n
    if (n > 0) this.socket.write(new Uint8Array(n).fill(7))
  }
}

class Scene {
  readonly world: World
  readonly device: Party
  readonly home: Party
  readonly tunnels: DeviceTunnels
  readonly ours: Tunnels
  readonly owners: string[]
  /** What connects to the carried port. */
  readonly served: Program[]
  half = false

  constructor(seed = 1) {
    this.world = new World({ seed })
    this.device = party(this.world, 'device')
    this.home = party(this.world, 'home')
    this.owners = [key(this.home)]
    this.served = []
    this.tunnels = new DeviceTunnels({
      sockets: this.device.hardware.sockets,
      loop: this.device.loop,
      isOwner: (who) => this.owners.includes(String(who)),
      ports: () => [
        { name: 'page', address: '127.0.0.1:80' },
        { name: 'raw', address: '127.0.0.1:2001' },
      ],
      report: () => {},
    })
    this.device.host.handle(TUNNEL_PROTOCOL, (stream) => this.tunnels.onStream(stream))
    this.device.host.listen(`${this.device.address}:4001`, () => {})
    this.device.hardware.sockets.listenTcp(
      '127.0.0.1:80',
      (socket) => this.served.push(new Program(socket, this.half)),
      () => {},
    )
    this.ours = this.tunnelsOf(this.home)
    this.world.runFor(100)
  }

  get route(): { device: Uint8Array; name: string; target: string } {
    return { device: this.device.signer.publicKey, name: 'wattle-1', target: 'page' }
  }

  tunnelsOf(who: Party): Tunnels {
    return new Tunnels({
      sockets: who.hardware.sockets,
      loop: who.loop,
      find: (device) => who.host.find(device),
      report: () => {},
    })
  }

  connect(who: Party = this.home): void {
    who.host.dial(`${this.device.address}:4001`, this.device.signer.publicKey, () => {})
    this.world.runFor(200)
  }

  /** What opening a tunnel comes to: `ok` or a word. */
  tried(tunnels: Tunnels, target: string): string {
    let word = ''
    tunnels.open({ ...this.route, target }, (error: WattleError | null, stream: Stream | null) => {
      stream?.reset()
      word = error?.code ?? 'ok'
    })
    this.world.runFor(200)
    return word
  }

  /** A program at home through a listener of the tunnel. */
  program(half = false): Program {
    let address = ''
    this.ours.listen('127.0.0.1:0', this.route, (_error, listener) => {
      address = listener!.address
    })
    this.world.runFor(10)
    return this.dialled(address, half)
  }

  dialled(address: string, half = false): Program {
    let program: Program | null = null
    this.home.hardware.sockets.dialTcp(
      `127.0.0.1:${address.slice(address.lastIndexOf(':') + 1)}`,
      (_, socket) => {
        program = new Program(socket!, half)
      },
    )
    this.world.runFor(200)
    return program!
  }
}

function key(who: Party): string {
  return String(who.signer.publicKey)
}

t.test('who gets in, and where to', async (t) => {
  const s = new Scene()
  t.equal(s.tried(s.ours, 'page'), 'device-offline', 'no connection yet')
  s.connect()
  t.equal(s.tried(s.ours, 'page'), 'ok')
  t.equal(s.tried(s.ours, '80'), 'ok', 'by number too')
  t.equal(s.tried(s.ours, 'raw'), 'nobody-listens')
  t.equal(s.tried(s.ours, '22'), 'not-carried')
  t.equal(s.tried(s.ours, '8'), 'not-carried', 'the end of a number is another number')
  const stranger = party(s.world, 'stranger')
  s.connect(stranger)
  t.equal(s.tried(s.tunnelsOf(stranger), 'page'), 'owners-only')
  t.equal(s.tunnels.size, 0)
  t.ok(
    s.served.every((program) => program.closed || program.ended),
    'what was opened is closed again',
  )
})

t.test('bytes both ways, and the end of each direction by itself', async (t) => {
  const s = new Scene()
  s.connect()
  s.half = true
  const near = s.program(true)
  const [far] = s.served as [Program]
  near.socket.write(utf8('GET'))
  s.world.runFor(50)
  t.equal(text(far.got), 'GET')
  near.socket.end()
  s.world.runFor(50)
  t.ok(far.ended && !far.closed && !near.closed, 'half closed')
  far.socket.write(utf8('answer'))
  s.world.runFor(50)
  t.equal(text(near.got), 'answer', 'the other half goes on')
  far.socket.end()
  s.world.runFor(100)
  t.ok(near.closed && far.closed)
  t.equal(s.tunnels.size + s.ours.size, 0, 'nothing is left')

  const cut = s.program()
  cut.socket.destroy()
  s.world.runFor(40_000)
  t.ok(s.served.at(-1)!.closed, 'a program that dies takes the other end with it')
  t.equal(s.tunnels.size + s.ours.size, 0)
})

t.test('a reader that does not read holds its writer back, and loses nothing', async (t) => {
  const s = new Scene()
  s.connect()
  const near = s.program()
  const [far] = s.served as [Program]
  const total = 4 * 1_048_576
  near.socket.pause()
  far.send(total)
  s.world.runFor(5_000)
  const gone = total - far.toSend
  // Two windows of TCP, one of the stream, and what each side may hold.
  const most = 2 * 65_536 + LIMITS.net.streamWindowBytes + 4 * LIMITS.tunnel.socketBytes
  t.ok(gone < most, `${gone} bytes have left`)
  const other = s.program()
  other.socket.write(utf8('hello'))
  s.world.runFor(100)
  t.equal(text(s.served[1]!.got), 'hello', 'others are not held up')
  near.socket.resume()
  s.world.runFor(30_000)
  t.equal(near.got.length, total)

  far.socket.pause()
  near.send(total)
  s.world.runFor(5_000)
  t.ok(total - near.toSend < most, 'the same the other way')
  far.socket.resume()
  s.world.runFor(30_000)
  t.equal(far.got.length, total)
})

t.test('more tunnels than there may be; what is no question; who asks nothing', async (t) => {
  const s = new Scene()
  s.connect()
  const programs = Array.from({ length: LIMITS.tunnel.ofDevice + 4 }, () => s.program())
  t.equal(s.tunnels.size, LIMITS.tunnel.ofDevice)
  t.equal(programs.filter((program) => program.closed).length, 4)
  for (const program of programs) program.socket.end()
  s.world.runFor(500)
  t.equal(s.tunnels.size, 0)

  const connection = s.home.host.find(s.device.signer.publicKey)!
  const ask = (bytes: Uint8Array): { got: Uint8Array; over: boolean } => {
    const seen: { got: Uint8Array; over: boolean } = { got: new Uint8Array(0), over: false }
    connection.open(TUNNEL_PROTOCOL, (_, stream) => {
      stream!.events = {
        onData: (b) => {
          seen.got = concat(seen.got, b)
        },
        onDrain() {},
        onEnd: () => stream!.end(),
        onClose: () => {
          seen.over = true
        },
      }
      stream!.write(bytes)
    })
    s.world.runFor(100)
    return seen
  }
  t.ok(ask(Uint8Array.of(0, 0, 0, 0)).over, 'length zero')
  t.ok(ask(Uint8Array.of(0, 1, 0, 0)).over, 'a length of 65,536')
  t.match(text(ask(framed('u32', utf8('\u0009page'))).got), /malformed/)
  t.match(text(ask(framed('u32', encodeOpen('../etc'))).got), /malformed/)
  t.match(text(ask(concat(framed('u32', encodeOpen('page')), utf8('early'))).got), /malformed/)
  t.notOk(ask(Uint8Array.of(0, 0)).over, 'half a length waits')
  t.equal(s.tunnels.size, 1, 'as one of the tunnels that there may be')
})

t.test('an owner that is one no more is cut off', async (t) => {
  const s = new Scene()
  s.connect()
  const near = s.program()
  s.owners.length = 0
  s.world.runFor(1_500)
  t.ok(near.closed && s.served[0]!.closed)
  t.equal(s.tried(s.ours, 'page'), 'owners-only')
})

t.test('through a relay of connections', async (t) => {
  const s = new Scene()
  const relay = party(s.world, 'relay')
  const { loop, signer, host } = relay
  const rules = { mine: (): boolean => true, inviters: [], open: false }
  const wall = (): number => relay.hardware.clock.wall()
  const server = new CircuitServer({ host, timers: loop, signer, rules, wall })
  host.onDisconnect = (connection) => server.onDisconnect(connection)
  host.listen(`${relay.address}:4010`, () => {})
  const relays = [{ key: signer.publicKey, addresses: [`${relay.address}:4010`] }]
  const known = { relays, wall, report: () => {} }
  new Circuits({ ...s.device, ...known, reserve: true })
  new Circuits({ ...s.home, ...known, reserve: false })
  s.world.runFor(3_000)
  s.home.host.dial('relay:', s.device.signer.publicKey, () => {})
  s.world.runFor(500)
  t.ok(isRelayed(s.home.host.find(s.device.signer.publicKey)!.remote))
  const near = s.program()
  near.socket.write(utf8('x'))
  s.served[0]!.send(200_000)
  s.world.runFor(60_000)
  t.equal(near.got.length, 200_000, 'at the pace that the relay lets through')
})

t.test('the gateway: a device by its name', async (t) => {
  const s = new Scene()
  s.connect()
  const devices = [{ key: s.device.signer.publicKey, name: 'wattle-1' }]
  const { sockets } = s.home.hardware
  const gateway = new Gateway({ sockets, loop: s.home.loop, tunnels: s.ours, devices: () => devices })
  let address = ''
  gateway.listen('127.0.0.1:8482', (_, listener) => {
    address = listener!.address
  })
  s.world.runFor(10)
  t.match(gateway.urlOf('WATTLE-1'), /^http:\/\/wattle-1\.localhost:8482\/$/)
  t.equal(gateway.urlOf('wattle-2'), null)
  const asked = (head: string): string => {
    const program = s.dialled(address)
    program.socket.write(utf8(head))
    s.world.runFor(300)
    return text(program.got).split('\r\n')[0]!
  }
  const whole = 'GET /x HTTP/1.1\r\nHost: wattle-1.localhost:8482\r\n\r\n'
  t.equal(asked(whole), '', 'nothing answers yet')
  t.ok(equal(s.served[0]!.got, utf8(whole)), 'the head reaches the page as it was')
  const pieces = s.dialled(address)
  for (const byte of utf8(whole)) pieces.socket.write(Uint8Array.of(byte))
  pieces.socket.write(utf8('body'))
  s.world.runFor(300)
  t.equal(text(s.served[1]!.got), `${whole}body`)
  s.served[1]!.socket.write(utf8('HTTP/1.1 200 OK\r\n\r\n'))
  s.world.runFor(300)
  t.match(text(pieces.got), /^HTTP\/1\.1 200 OK/)
  const line = 'GET / HTTP/1.1\r\n'
  for (const host of [
    'localhost:8482',
    '127.0.0.1',
    'evil.example',
    'wattle-1.localhost.evil.example',
    'wattle-2.localhost',
  ])
    t.match(asked(`${line}Host: ${host}\r\n\r\n`), /404/, host)
  t.match(asked(`${line}\r\n`), /400/, 'no Host')
  t.match(asked(`${line}Host: wattle-1.localhost\r\nHost: evil.example\r\n\r\n`), /400/, 'two')
  t.match(asked('\u0016\u0003\u0001 hello\r\n\r\n'), /400/, 'no HTTP')
  t.match(asked('x'.repeat(LIMITS.tunnel.headBytes)), /400/, 'no end')
  const idle = s.dialled(address)
  s.world.runFor(13_000)
  t.match(text(idle.got), /408/)
  t.equal(s.served.length, 2, 'none of these has reached the device')
  s.owners.length = 0
  t.match(asked(whole), /502/)
  for (let i = 0; i < LIMITS.tunnel.ofHome + 5; i++) s.dialled(address)
  s.world.runFor(20_000)
  t.match(asked(whole), /502/, 'who asks nothing keeps nobody out for long')
})

t.test('what a device is told to carry', async (t) => {
  const listening = [
    { name: 'page', address: '0.0.0.0:80' },
    { name: 'raw', address: '127.0.0.1:2001' },
  ]
  t.same(carriedPorts(undefined, listening), listening)
  t.same(carriedPorts('off', listening), [])
  t.same(carriedPorts('raw, 8123', listening), [listening[1], { name: '8123', address: '127.0.0.1:8123' }])
  for (const bad of ['', 'page;raw', '0', '65536', '0x50', 'Page', '1,2,3,4,5,6,7,8,9'])
    t.equal(carriedPorts(bad, listening), null, bad)
  t.notOk(isTarget('a'.repeat(33)))
})
