// A conversation that begins through a relay of connections moves to the direct path when there is one, and
// back when it is gone: every telegram arrives, each once, in order.
import t from 'tap'
import { base64url } from '../../src/base/bytes.ts'
import { Signer } from '../../src/crypto/native.ts'
import { Secret } from '../../src/crypto/secret.ts'
import { CircuitServer } from '../../src/net/circuit/server.ts'
import { isRelayed } from '../../src/net/circuit/socket.ts'
import { Host } from '../../src/net/host.ts'
import { Loop } from '../../src/node/loop.ts'
import { pathTo } from '../../src/node/path/sight.ts'
import { discoverySettings } from '../../src/node/peers/config.ts'
import { House } from './house.ts'

/** A house beside a relay that speaks no UDP. */
class Relayed extends House {
  readonly bootstrap: string
  readonly relay: Host

  constructor(seed: number, open = false) {
    super(seed)
    const { hardware, address } = this.machine('relay')
    const { sockets, random, clock } = hardware
    const loop = new Loop(clock)
    const signer = new Signer(Secret.fresh(random))
    this.relay = new Host({ sockets, timers: loop, random, signer, agent: 'relay' })
    const rules = { mine: (): boolean => !open, inviters: [], open }
    const wall = (): number => clock.wall()
    const server = new CircuitServer({ host: this.relay, timers: loop, signer, rules, wall })
    this.relay.onDisconnect = (connection) => server.onDisconnect(connection)
    this.relay.listen(`${address}:4010`, () => {})
    this.bootstrap = `${base64url(signer.publicKey)}@${address}:4010`
    this.discovery = () => {
      const set: Record<string, string> = { 'relay.keys': this.bootstrap, 'local.mdns': 'off' }
      return discoverySettings((name) => set[name], 'off')
    }
  }

  /** How home reaches the device now. */
  get path(): string {
    const connection = this.home!.host.find(this.device!.key!)
    return connection === null ? 'none' : isRelayed(connection.remote) ? 'relayed' : 'direct'
  }

  /** The path in words, and why it is not a better one. */
  sight(): string {
    const { home } = this
    const { device } = this.owned()
    const failed = home!.coordinator!.table.failed
    const addresses = home!.coordinator!.addressesOf(device.key, device.addresses)
    const parts = {
      host: home!.host,
      plane: home!.plane,
      failed,
      relays: 1,
      now: this.world.now(),
      addresses,
    }
    const { way, why } = pathTo(device.key, parts)
    return `${way}; ${why ?? 'the best'}`
  }

  /** Telegrams that home did not get between the first it got and now, and those that it got twice. */
  faults(): { missing: number; twice: number; got: number } {
    const got = this.homeGot.map(({ text }) => text)
    const first = this.sent.indexOf(got[0]!)
    const due = this.sent.slice(first, -3)
    return {
      missing: due.filter((text) => !got.includes(text)).length,
      twice: got.length - new Set(got).size,
      got: got.length,
    }
  }

  part(): void {
    this.world.network.partition('device', 'home')
    this.world.network.cut('device', 'home')
  }

  heal(): void {
    this.world.network.heal('device', 'home')
  }
}

t.test('from the relay to the direct path and back, without losing a frame', async (t) => {
  const house = new Relayed(240)
  house.startDevice()
  house.startHome()
  t.equal(house.claim(), 'ok')
  house.until(() => house.owned().ready && house.homeGot.length > 5)
  t.equal(house.path, 'direct')
  const paths: string[] = []
  const words: string[] = []
  for (let round = 0; round < 3; round++) {
    house.part()
    house.until(() => house.path === 'relayed' && house.owned().ready, 60_000)
    house.world.runFor(20_000)
    paths.push(house.path)
    words.push(house.sight())
    house.heal()
    house.until(() => house.path === 'direct' && house.owned().ready, 120_000)
    house.world.runFor(20_000)
    paths.push(house.path)
    words.push(house.sight())
  }
  for (const word of words.filter((_, i) => i % 2 === 0))
    t.match(word, /^through the relay of connections at .*: ETIMEDOUT; no relay of datagrams has brought/)
  for (const word of words.filter((_, i) => i % 2 === 1))
    t.match(word, /^directly in the local network, by TCP; the best$/)
  t.same(paths, ['relayed', 'direct', 'relayed', 'direct', 'relayed', 'direct'])
  const { missing, twice, got } = house.faults()
  t.same({ missing, twice }, { missing: 0, twice: 0 }, `of ${got} telegrams`)
  t.equal(house.events('home', 'gap').length, 0)
  t.ok(got > 150)
})

t.test('a network cut in two heals: what was sealed meanwhile arrives', async (t) => {
  const house = new Relayed(241)
  house.startDevice()
  house.startHome()
  t.equal(house.claim(), 'ok')
  house.until(() => house.owned().ready && house.homeGot.length > 5)
  for (const other of ['device', 'relay']) {
    house.world.network.partition('home', other)
    house.world.network.cut('home', other)
  }
  house.world.runFor(120_000)
  t.equal(house.path, 'none')
  const before = house.homeGot.length
  for (const other of ['device', 'relay']) house.world.network.heal('home', other)
  house.until(() => house.owned().ready, 120_000)
  house.world.runFor(10_000)
  t.ok(house.homeGot.length > before + 120)
  t.same(house.faults().missing + house.faults().twice, 0)
})

t.test('through a relay of strangers: a digest a minute, and every telegram afterwards', async (t) => {
  const house = new Relayed(242, true)
  house.startDevice()
  house.startHome()
  t.equal(house.claim(), 'ok')
  house.until(() => house.owned().ready && house.homeGot.length > 5)
  house.part()
  house.until(() => house.path === 'relayed' && house.owned().ready, 120_000)
  const before = house.homeGot.length
  const began = house.world.now()
  house.world.runFor(600_000)
  t.equal(house.homeGot.length, before, 'no telegram comes this way')
  const digests = house.events('home', 'digest')
  // A relay of strangers ends each circuit after two minutes; who comes anew gets one at once.
  t.ok(digests.length >= 9 && digests.length <= 18, `${digests.length} digests in ten minutes`)
  t.ok(
    digests.every((line) => house.sent.includes(String(line['text']))),
    'each is a telegram as the meter sent it',
  )
  for (const line of digests) {
    const age = line.t - house.sentAt[house.sent.indexOf(String(line['text']))]!
    t.ok(age < 3_000, `of ${Math.round((line.t - began) / 1_000)} s, ${age} ms old`)
  }
  house.heal()
  house.until(() => house.path === 'direct' && house.owned().ready, 180_000)
  house.world.runFor(20_000)
  t.same(house.faults().missing + house.faults().twice, 0, 'none is missing, none came twice')
  t.ok(house.homeGot.length > before + 600)
  t.equal(house.events('home', 'gap').length, 0)
  t.equal(house.events('home', 'reject').length, 0)
  const later = house.events('home', 'digest').length
  house.world.runFor(120_000)
  t.equal(house.events('home', 'digest').length, later, 'directly there are none')
})
