// What of ours does what test/peers/net/whole.mjs does with js-libp2p: streams over TCP, identify, ping,
// being called and calling through relays, and the local network. As one bundle: only its size matters.
import { Host } from '../../../src/net/host.ts'
import { identify, serveIdentify } from '../../../src/net/services/identify.ts'
import { ping, servePing } from '../../../src/net/services/ping.ts'
import { Circuits } from '../../../src/node/circuit/relays.ts'
import { Lan } from '../../../src/node/lan/lan.ts'

console.log(Circuits, Host, Lan, identify, ping, serveIdentify, servePing)
