// Addresses that are told to others before their owner listens there. Between the choosing and the
// listening the system must not give the port to somebody else, so it is chosen below the range from
// which Linux takes the ports of outgoing connections and of `:0` (ip_local_port_range: 32768 and up),
// and it must be free for TCP and for UDP.

import { randomInt } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { createServer } from 'node:net'
import { WattleError } from '../../base/errors.ts'

const FIRST = 20_000
const LAST = 32_767
const TRIES = 100

/**
 * `HOST:PORT` itself where that port is free; with port 0, or where it is taken, the same host with one
 * that is.
 *
 * @throws WattleError `no-port` where nothing on that host can be listened to.
 */
export async function freeAddress(address: string): Promise<string> {
  const colon = address.lastIndexOf(':')
  const host = address.slice(0, colon)
  const wanted = Number(address.slice(colon + 1))
  if (wanted !== 0 && (await isFree(host, wanted))) return address
  for (let i = 0; i < TRIES; i++) {
    const port = randomInt(FIRST, LAST + 1)
    if (await isFree(host, port)) return `${host}:${port}`
  }
  throw new WattleError('no-port', `no free port on ${host}: expected an address of this computer`)
}

async function isFree(host: string, port: number): Promise<boolean> {
  const plain = host.replace(/[[\]]/g, '')
  const tcp = await new Promise<boolean>((done) => {
    const server = createServer()
    server.once('error', () => done(false))
    server.listen(port, plain, () => server.close(() => done(true)))
  })
  if (!tcp) return false
  return new Promise<boolean>((done) => {
    const socket = createSocket(plain.includes(':') ? 'udp6' : 'udp4')
    socket.once('error', () => {
      socket.close()
      done(false)
    })
    socket.bind({ port, address: plain, exclusive: true }, () => socket.close(() => done(true)))
  })
}
