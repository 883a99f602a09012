// A router of our own on the simulated network, with as many manners as a test asks for: PCP, NAT-PMP,
// UPnP with SSDP, a description and SOAP; each of them missing, refusing, slow, or lying.
import { type Bytes, concat, text, utf8 } from '../../../../src/base/bytes.ts'
import { Reader, Writer } from '../../../../src/base/cursor.ts'
import type { TcpSocket } from '../../../../src/hw/hardware.ts'
import type { Machine, World } from '../../../../src/hw/sim/world.ts'

export interface Manners {
  pcp?: boolean
  natPmp?: boolean
  upnp?: boolean
  /** Says that PCP is a version it does not know, as NAT-PMP routers do; else it is silent. */
  saysVersion?: boolean
  /** Its own address outside. */
  outside?: string
  /** Seconds that it gives. */
  lifetime?: number
  /** PCP or NAT-PMP result codes instead of mappings. */
  result?: number
  /** Error codes of AddPortMapping, one for each call, then none. */
  errors?: number[]
  /** Where it says that its description is. */
  location?: string
  /** What it sends instead of a description. */
  description?: Bytes
  /** The description goes out in pieces of so many bytes, one each second. */
  drip?: number
  chunked?: boolean
}

const DEVICE = 'urn:schemas-upnp-org:device:InternetGatewayDevice:1'
const SERVICE = 'urn:schemas-upnp-org:service:WANIPConnection:1'
export const DESCRIPTION: string = `<?xml version="1.0"?>
<!-- a comment with <brackets> -->
<root xmlns="urn:schemas-upnp-org:device-1-0"><specVersion><major>1</major><minor>0</minor></specVersion>
<device><deviceType>${DEVICE}</deviceType><friendlyName>A &amp; B</friendlyName><deviceList><device>
<deviceType>urn:schemas-upnp-org:device:WANDevice:1</deviceType><serviceList><service>
<serviceType>urn:schemas-upnp-org:service:WANCommonInterfaceConfig:1</serviceType><controlURL>/ctl/common</controlURL>
</service></serviceList><deviceList><device><serviceList><service>
<serviceType>${SERVICE}</serviceType><serviceId>x</serviceId><controlURL>/ctl/ip</controlURL>
</service></serviceList></device></deviceList></device></deviceList></device></root>`

export class FakeRouter {
  readonly machine: Machine
  /** Outer port to inner address. */
  readonly mappings: Map<number, string> = new Map()
  /** Calls and requests, in order. */
  readonly heard: string[] = []
  readonly manners: Manners
  readonly #world: World

  constructor(world: World, name: string, manners: Manners) {
    this.#world = world
    this.manners = manners
    this.machine = world.machine(name)
    const { sockets } = this.machine.hardware
    if (manners.pcp || manners.natPmp)
      sockets.bindUdp(
        '0.0.0.0:5351',
        (bytes, host, port) => {
          const answer = this.#binary(bytes.slice(), host)
          if (answer) socket.send(answer, host, port)
        },
        (_error, bound) => {
          socket = bound!
        },
      )
    let socket: { send(bytes: Bytes, host: string, port: number): void }
    if (!manners.upnp) return
    let ssdp: { send(bytes: Bytes, host: string, port: number): void }
    sockets.bindUdp(
      '0.0.0.0:1900',
      (bytes, host, port) => {
        const st = /\nST: (\S+)/.exec(text(bytes))?.[1]
        this.heard.push('search')
        if (st === DEVICE) ssdp.send(this.searchAnswer(), host, port)
      },
      (_error, bound) => {
        ssdp = bound!
      },
    )
    sockets.listenTcp(
      '0.0.0.0:5000',
      (socket) => this.#serve(socket),
      () => {},
    )
  }

  get address(): string {
    return this.#world.network.host(this.machine.name).ip4
  }

  searchAnswer(): Bytes {
    const location = this.manners.location ?? `http://${this.address}:5000/desc.xml`
    return utf8(
      `HTTP/1.1 200 OK\r\nCACHE-CONTROL: max-age=120\r\nST: ${DEVICE}\r\nLocation: ${location}\r\n\r\n`,
    )
  }

  #binary(bytes: Bytes, host: string): Bytes | null {
    const { pcp, natPmp, saysVersion, result = 0, lifetime = 1_200, outside = '5.1.0.2' } = this.manners
    const ip = Uint8Array.from(outside.split('.').map(Number))
    if (bytes[0] === 2) {
      if (!pcp && saysVersion) return new Writer(new Uint8Array(8)).u8(0).u8(0x81).u16(1).u32(7).done()
      if (!pcp) return null
      this.heard.push('pcp')
      const out = new Uint8Array(60)
      out.set(bytes)
      out[1] = 0x81
      out[3] = result
      const asked = new Reader(bytes, 4).u32()
      new Writer(out, 4)
        .u32(asked === 0 ? 0 : lifetime)
        .u32(77)
        .put(new Uint8Array(12))
      const port = new Reader(bytes, 42).u16() || new Reader(bytes, 40).u16()
      new Writer(out, 42).u16(port).put(concat(new Uint8Array(10), Uint8Array.of(255, 255), ip))
      if (result === 0) this.#set(port, asked, `${host}:${new Reader(bytes, 40).u16()}`)
      return out
    }
    if (!natPmp) return null
    this.heard.push('nat-pmp')
    if (bytes[1] === 0) return new Writer(new Uint8Array(12)).u8(0).u8(128).u16(result).u32(7).put(ip).done()
    const r = new Reader(bytes, 4)
    const [inner, wish, asked] = [r.u16(), r.u16(), r.u32()]
    const port = wish || inner
    if (result === 0)
      this.#set(asked === 0 ? this.#outer(`${host}:${inner}`) : port, asked, `${host}:${inner}`)
    const w = new Writer(new Uint8Array(16)).u8(0).u8(129).u16(result).u32(7).u16(inner).u16(port)
    return w.u32(asked === 0 ? 0 : lifetime).done()
  }

  #outer(inner: string): number {
    return [...this.mappings].find(([, value]) => value === inner)?.[0] ?? 0
  }

  #set(port: number, lifetime: number, inner: string): void {
    if (lifetime === 0) this.mappings.delete(port)
    else this.mappings.set(port, inner)
  }

  #serve(socket: TcpSocket): void {
    let held = ''
    socket.events = {
      onData: (bytes) => {
        held += text(bytes)
        const end = held.indexOf('\r\n\r\n')
        const length = Number(/Content-Length: (\d+)/.exec(held)?.[1] ?? 0)
        if (end < 0 || held.length < end + 4 + length) return
        this.#answer(socket, held.slice(0, held.indexOf('\r\n')), held.slice(end + 4))
        held = ''
      },
      onDrain() {},
      onClose() {},
    }
  }

  #answer(socket: TcpSocket, line: string, body: string): void {
    const { description, drip, chunked, outside = '5.1.0.2' } = this.manners
    if (line.startsWith('GET')) {
      this.heard.push(line.split(' ')[1]!)
      const xml = description ?? utf8(DESCRIPTION)
      if (drip) return this.#drip(socket, xml, drip)
      if (chunked)
        socket.write(concat(utf8('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'), chunk(xml)))
      else socket.write(concat(utf8('HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n\r\n'), xml))
      socket.end()
      return
    }
    const action = /<u:(\w+)/.exec(body)?.[1] ?? ''
    const value = (name: string): string => new RegExp(`<${name}>([^<]*)</${name}>`).exec(body)?.[1] ?? ''
    this.heard.push(action)
    const error = action === 'AddPortMapping' ? (this.manners.errors?.shift() ?? 0) : 0
    const port = Number(value('NewExternalPort'))
    if (action === 'AddPortMapping' && error === 0)
      this.mappings.set(port, `${value('NewInternalClient')}:${value('NewInternalPort')}`)
    if (action === 'DeletePortMapping') this.mappings.delete(port)
    const inside =
      error > 0
        ? `<s:Fault><faultcode>s:Client</faultcode><faultstring>UPnPError</faultstring><detail><UPnPError xmlns="urn:x"><errorCode>${error}</errorCode></UPnPError></detail></s:Fault>`
        : `<u:${action}Response xmlns:u="${SERVICE}">${action === 'GetExternalIPAddress' ? `<NewExternalIPAddress>${outside}</NewExternalIPAddress>` : ''}</u:${action}Response>`
    const xml = `<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>${inside}</s:Body></s:Envelope>`
    const head = `HTTP/1.1 ${error > 0 ? '500 Internal Server Error' : '200 OK'}\r\nContent-Length: ${xml.length}\r\n\r\n`
    socket.write(utf8(head + xml))
  }

  #drip(socket: TcpSocket, xml: Bytes, size: number): void {
    const all = concat(utf8('HTTP/1.1 200 OK\r\n\r\n'), xml)
    let at = 0
    const step = (): void => {
      socket.write(all.subarray(at, at + size))
      at += size
      if (at < all.length) this.machine.hardware.clock.wake(this.machine.hardware.clock.now() + 1_000, step)
    }
    step()
  }
}

function chunk(bytes: Bytes): Bytes {
  const half = bytes.length >> 1
  const part = (b: Bytes): Bytes => concat(utf8(`${b.length.toString(16)}\r\n`), b, utf8('\r\n'))
  return concat(part(bytes.subarray(0, half)), part(bytes.subarray(half)), utf8('0\r\n\r\n'))
}
