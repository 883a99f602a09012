// A device's record on a public network of plain Mainline nodes on loopback: found by its readers, by
// nobody else, under names that change, and no longer after a reader was put out.
import { randomBytes } from 'node:crypto'
import t from 'tap'
import { Exchange, Signer } from '../../../src/crypto/native.ts'
import { Secret } from '../../../src/crypto/secret.ts'
import { type Head, locatorOf, publicPlace } from '../../../src/dht/overlay/head.ts'
import { LinuxClock, linuxRandom } from '../../../src/hw/linux/clock.ts'
import { LinuxSockets } from '../../../src/hw/linux/sockets.ts'
import { PublicHeads } from '../../../src/node/dht/public.ts'
import { DhtRunner } from '../../../src/node/dht-runner.ts'
import { Loop } from '../../../src/node/loop.ts'

const clock = new LinuxClock()
const sockets = new LinuxSockets()
const machine = () => ({ loop: new Loop(clock), random: linuxRandom, sockets })
const day = (): number => Math.floor(clock.wall() / 86_400_000)

const seed = new Secret(randomBytes(32))
const device = { seed, publicKey: new Signer(seed).publicKey, box: new Exchange(Secret.fresh(linuxRandom)) }
const reader = () => new Exchange(Secret.fresh(linuxRandom))
const head = (address: string): Head => ({
  epoch: 7,
  index: 3,
  hash: randomBytes(32),
  thing: new Uint8Array(32),
  log: { seq: 2, head: randomBytes(32) },
  addresses: [address],
})

async function until(what: () => boolean | Promise<boolean>): Promise<boolean> {
  for (let i = 0; i < 200; i++) {
    if (await what()) return true
    await new Promise((done) => setTimeout(done, 50))
  }
  return false
}

t.test('published for each reader, found by each, by nobody else', { timeout: 30_000 }, async (t) => {
  const nodes: DhtRunner[] = []
  for (let i = 0; i < 4; i++) {
    const bootstrap = nodes.slice(0, 1).map((n) => ({ address: n.addresses[0]! }))
    const node = new DhtRunner(machine(), { listen: ['127.0.0.1:0'], bootstrap })
    await node.start()
    nodes.push(node)
  }
  const peers = nodes.slice(0, 2).map((n) => n.addresses[0]!)
  const open = (own: Exchange): { heads: PublicHeads; found: string[] } => {
    const found: string[] = []
    const heads = new PublicHeads({
      machine: machine(),
      peers,
      locator: (key) => locatorOf(own, device.box.publicKey, key),
      onPeer: (_key, addresses) => found.push(...addresses),
    })
    heads.start((error) => t.error(error))
    return { heads, found }
  }
  const [lab, home, stranger] = [reader(), reader(), reader()]
  const sender = open(device.box)
  const [forLab, forHome] = [lab, home].map((r) => locatorOf(device.box, r.publicKey, device.publicKey)!)
  t.same(forLab!.bytes(), locatorOf(lab, device.box.publicKey, device.publicKey)!.bytes(), 'both sides agree')
  t.notSame(forLab!.bytes(), forHome!.bytes())
  t.ok(await until(() => sender.heads.runner.dht.joined))
  const blind = { ...device, locators: [forLab!, forHome!] }
  sender.heads.publish(blind, head('192.0.2.7:4001'))
  const held = (locator: Secret): number => {
    const { target } = publicPlace(device.publicKey, locator, day())!
    return nodes.filter((n) => n.dht.item(target) !== null).length
  }
  t.ok(await until(() => held(forLab!) > 0 && held(forHome!) > 0))

  const seekers = [lab, home, stranger].map(open)
  for (const { heads } of seekers) await until(() => heads.runner.dht.joined)
  await until(() => {
    for (const { heads } of seekers) heads.look(device.publicKey)
    return seekers[0]!.found.length > 0 && seekers[1]!.found.length > 0
  })
  t.equal(seekers[0]!.found[0], '192.0.2.7:4001')
  t.equal(seekers[1]!.found[0], '192.0.2.7:4001')
  t.same(seekers[2]!.found, [], 'a stranger who knows the key finds nothing')
  for (const n of nodes)
    for (const locator of [forLab!, forHome!]) {
      const item = n.dht.item(publicPlace(device.publicKey, locator, day())!.target)
      const bytes = Buffer.from(item?.value ?? [])
      t.equal(bytes.includes('192.0.2.7') || bytes.includes(Buffer.from(device.publicKey)), false)
    }

  // The lab is put out: the next record is for home alone, and a later one brings only home on.
  sender.heads.publish({ ...blind, locators: [forHome!] }, head('192.0.2.8:4001'))
  const homeNow = seekers[1]!.found
  await until(() => {
    seekers[1]!.heads.look(device.publicKey)
    return homeNow.at(-1) === '192.0.2.8:4001'
  })
  t.equal(homeNow.at(-1), '192.0.2.8:4001')
  seekers[0]!.heads.look(device.publicKey)
  await new Promise((done) => setTimeout(done, 500))
  t.notOk(seekers[0]!.found.includes('192.0.2.8:4001'), 'the one who was put out sees at most the old place')
  t.ok(sender.heads.runner.dht.readOnly)
  t.match(sender.heads.describe(), /1 records kept alive/)
  for (const { heads } of [sender, ...seekers]) heads.stop()
  for (const n of nodes) await n.stop()
  clock.stop()
})
