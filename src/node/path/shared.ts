// The datagram plane's own UDP sockets as `Sockets` of hw/hardware.ts, for one more user on the same port:
// a DHT instance. What it is handed is what is neither STUN nor a session's (docs/wire/datagrams.md,
// "First byte"). Everything but UDP is the machine's.

import { WattleError } from '../../base/errors.ts'
import type { Sockets, UdpSocket } from '../../hw/hardware.ts'
import type { Loop } from '../loop.ts'
import type { Plane } from './plane.ts'

/** @returns sockets whose `bindUdp` gives the plane's socket of that family, whatever port is asked for. */
export function sharedSockets(plane: Plane, sockets: Sockets, loop: Loop): Sockets {
  return {
    listenTcp: (address, onSocket, done) => sockets.listenTcp(address, onSocket, done),
    dialTcp: (address, done) => sockets.dialTcp(address, done),
    networks: () => sockets.networks(),
    gateways: () => sockets.gateways(),
    joinGroup: (group, onDatagram, done) => sockets.joinGroup(group, onDatagram, done),
    bindUdp: (address, onDatagram, done) => {
      const six = address.startsWith('[')
      const bound = plane.sockets.addresses.find((each) => each.startsWith('[') === six)
      const timer = `shared ${six ? 6 : 4}`
      if (bound === undefined || !plane.takeOthers(six, onDatagram)) {
        const why = new WattleError('udp-bind', `there is no socket to share for ${address}, or it is shared`)
        loop.after(timer, 0, () => done(why, null))
        return
      }
      let open = true
      const socket: UdpSocket = {
        address: bound,
        send: (bytes, host, port) => {
          if (open) plane.sockets.send(bytes, host, port, 0, 0)
        },
        sendShort: (bytes, host, port, hops) => {
          if (open) plane.sockets.send(bytes, host, port, 0, hops)
        },
        close: () => {
          if (open) plane.takeOthers(six, null)
          open = false
        },
      }
      loop.after(timer, 0, () => done(null, socket))
    },
  }
}
