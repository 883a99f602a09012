// Who may talk to the page's server: the Host and Origin of every request and of every upgrade
// (DESIGN, "Every HTTP and WebSocket listener checks Host and Origin"). Host stops DNS rebinding: a
// foreign name that resolves to us is refused, while a literal address cannot be rebound. Origin stops
// other sites: it must be the very host that was asked. Ports are compared within Origin only, so that
// a forwarded port works; a name that is ours is ours on every port.

import { LIMITS } from '../base/limits.ts'

const HOST = /^(\[[0-9a-f:.]{2,45}\]|[a-z0-9_-]+(?:\.[a-z0-9_-]+)*)(:[0-9]{1,5})?$/
const IPV4 = /^\d{1,3}(?:\.\d{1,3}){3}$/
const LOOPBACK = ['localhost', '127.0.0.1', '[::1]']
/** CSP level 3 knows no IPv6 addresses: browsers drop such a source and complain. */
const ORIGIN = /^https?:\/\/[a-z0-9_-]+(?:\.[a-z0-9_-]+)*(?::[0-9]{1,5})?$/

/** Headers as the Http interface gives them: lower-case names. */
export type Headers = Readonly<Record<string, string | undefined>>

export class Gate {
  readonly #names: Set<string>
  readonly #ports: Set<string>
  #everyAddress: boolean

  /** @param hosts names without port under which this page is also known (`wattle-ab12.local`). */
  constructor(hosts: readonly string[]) {
    this.#names = new Set(LOOPBACK)
    this.#ports = new Set()
    this.#everyAddress = false
    for (const host of hosts) this.#names.add(host.toLowerCase())
  }

  /** Adds an address that we listen on (`127.0.0.1:8080`); on a wildcard every literal address is ours. */
  bound(address: string): void {
    const name = hostName(address.toLowerCase())
    this.#ports.add(address.slice(address.lastIndexOf(':')))
    if (name === '0.0.0.0' || name === '[::]') this.#everyAddress = true
    else if (name !== null) this.#names.add(name)
  }

  /** Every `http://name:port` under which a browser may show this page and that a policy can name. */
  origins(): string[] {
    const out: string[] = []
    for (const port of this.#ports)
      for (const name of this.#names)
        if (name[0] !== '[') out.push(`http://${name}${port === ':80' ? '' : port}`)
    return out
  }

  /** The Host of a request, lower-case with its port, or null where it is not ours. */
  host(headers: Headers): string | null {
    const host = headers['host']
    if (host === undefined || host.length > LIMITS.page.hostChars) return null
    const lower = host.toLowerCase()
    const name = hostName(lower)
    if (name === null) return null
    if (this.#names.has(name)) return lower
    return this.#everyAddress && (name[0] === '[' || IPV4.test(name)) ? lower : null
  }

  /** True where `Origin` is the host that was asked; where there is none, true unless `needed`. */
  origin(headers: Headers, host: string, needed: 'needed' | 'if-present'): boolean {
    const origin = headers['origin']
    if (origin === undefined) return needed === 'if-present'
    return origin.toLowerCase() === `http://${host}`
  }
}

/** `http://host[:port]` in lower case of an address that may stand in a CSP, or null. */
export function originOf(url: string): string | null {
  const end = url.indexOf('/', url.indexOf('//') + 2)
  const origin = (end < 0 ? url : url.slice(0, end)).toLowerCase()
  return origin.length <= LIMITS.page.hostChars && ORIGIN.test(origin) ? origin : null
}

function hostName(host: string): string | null {
  const match = HOST.exec(host)
  return match === null ? null : match[1]!
}
