// js-libp2p on the local network. `node mdns.mjs ADDRESS`: listens there, announces itself and browses
// with @libp2p/mdns, says whom it found as NDJSON. Ends with standard input.
import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { mdns } from '@libp2p/mdns'
import { tcp } from '@libp2p/tcp'
import { createLibp2p } from 'libp2p'

const say = (what) => console.log(JSON.stringify(what))
process.stdin.on('end', () => process.exit(0)).resume()
const node = await createLibp2p({
  addresses: { listen: [`/ip4/${process.argv[2]}/tcp/0`] },
  transports: [tcp()],
  connectionEncrypters: [noise()],
  streamMuxers: [yamux()],
  peerDiscovery: [mdns()],
})
node.addEventListener('peer:discovery', ({ detail }) =>
  say({ found: detail.id.toString(), addresses: detail.multiaddrs.map(String) }),
)
say({ ready: node.peerId.toString(), addresses: node.getMultiaddrs().map(String) })
