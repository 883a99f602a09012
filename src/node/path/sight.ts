// The path to a peer in words for a person: which one is in use, and why it is not a better one. Reads what
// connections, sessions and the table of peers know; decides nothing.

import type { Bytes } from '../../base/bytes.ts'
import { isRelayed } from '../../net/circuit/socket.ts'
import type { Host } from '../../net/host.ts'
import { placeOf, scopeOf } from '../../net/udp/address.ts'
import { MAPPING } from '../../net/udp/punch/offer.ts'
import type { Session } from '../../net/udp/session/session.ts'
import type { FailedAddresses } from '../peers/failed.ts'
import type { Plane } from './plane.ts'

export interface PathSight {
  /** As the program tells it: `host:port`, `circuit:…`, `relay …`; null: not connected. */
  readonly path: string | null
  /** Its kind. */
  readonly way: string
  /** Why there is no better one; null where this is the best that was found. */
  readonly why: string | null
}

export interface SightOptions {
  host: Host
  plane: Plane | null
  failed: FailedAddresses | null
  /** Where the peer is said to be, best first. */
  addresses: readonly string[]
  /** Relays that calls go through, where there are any. */
  relays: number
  now: number
}

const MAPPED: Readonly<Record<number, string>> = {
  [MAPPING.unknown]: 'how the router here maps ports is not known yet',
  [MAPPING.steady]: 'the router here keeps one port for everybody',
  [MAPPING.random]: 'the router here takes another port for each peer',
}

/** The way to the holder of `key` now. */
export function pathTo(key: Bytes, o: SightOptions): PathSight {
  const remote = o.host.find(key)?.remote ?? null
  const session = o.plane?.datagrams.find(key) ?? null
  if (remote === null) return { path: null, way: 'not connected', why: unreached(o, session) }
  if (isRelayed(remote)) {
    const path = remote.slice('circuit:'.length)
    const why = `${failures(o, null) ?? 'no address of it is known'}; ${byUdp(o, session, key)}`
    return { path: remote, way: `through the relay of connections at ${path}`, why }
  }
  const best = session?.busy ? session.best : null
  if (best && session!.paths.some(({ text }) => text === remote)) {
    if (best.carrier) return { path: best.text, way: `UDP through ${best.text}`, why: byUdp(o, session, key) }
    return { path: best.text, way: `${near(best.text)}by UDP`, why: failures(o, null) }
  }
  return { path: remote, way: `${near(remote)}by TCP`, why: failures(o, remote) }
}

/** Addresses that were found and did not answer: all, or those that stand before the one in use. */
function failures({ addresses, failed }: SightOptions, used: string | null): string | null {
  const at = used === null ? addresses.length : addresses.indexOf(used)
  const better = addresses.slice(0, Math.max(0, at))
  const texts = better.flatMap((address) => {
    const why = failed?.why(address) ?? null
    if (why === null) return used === null ? [] : [`${address} was not tried yet`]
    return [why.includes(address) ? why : `${address} did not answer${why === '' ? '' : `: ${why}`}`]
  })
  return texts.length > 0 ? texts.join('; ') : null
}

function byUdp({ plane, now }: SightOptions, session: Session | null, key: Bytes): string {
  if (!plane) return 'UDP is not in use here: it takes a relay that both sides know (--relay)'
  if (!session?.up) return 'no relay of datagrams has brought a session by UDP'
  const punching = plane.ladder.punching(key, now)
  const mapping = MAPPED[plane.observed.mapping]!
  if (!punching) return `a direct path by UDP is there and will be used soon; ${mapping}`
  const next = Number.isFinite(punching.nextMs) ? ` the next in ${Math.ceil(punching.nextMs / 1_000)} s;` : ''
  return `${punching.tries} hole punches have not got through,${next} ${mapping}`
}

function unreached(o: SightOptions, session: Session | null): string {
  if (o.addresses.length === 0 && !session?.up && o.relays === 0)
    return 'nobody knows where it is: is it switched on, and on this network or registered with a bootstrap peer?'
  const texts = [failures(o, null)]
  if (o.addresses.length > 0 && texts[0] === null) texts[0] = 'its addresses are being tried'
  if (o.relays > 0) texts.push('no relay of connections holds a reservation of it')
  if (o.plane && !session?.up) texts.push('no session by UDP')
  return texts.filter((text) => text !== null).join('; ')
}

function near(path: string): string {
  const host = placeOf(path)?.host
  const scope = host === undefined ? 3 : scopeOf(host)
  return scope === 1 ? 'on this computer, ' : scope === 2 ? 'directly in the local network, ' : 'directly, '
}
