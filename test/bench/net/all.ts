// Everything of ours that finds peers and gets through to them: whole.ts, and what js-libp2p has no parts
// for (datagrams, hole punching, ports at routers, rendezvous), or parts of another name (relay).
import { CircuitServer } from '../../../src/net/circuit/server.ts'
import { Plane } from '../../../src/node/path/plane.ts'
import { Coordinator } from '../../../src/node/peers/coordinator.ts'
import { serveRendezvous } from '../../../src/node/peers/service.ts'
import './whole.ts'

console.log(CircuitServer, Coordinator, Plane, serveRendezvous)
