// Our port at a router, in virtual time: each of the three ways, renewal, taking it back, and routers
// that are slow, too talkative, refuse, or speak for others.
import t, { type Test } from 'tap'
import { utf8 } from '../../src/base/bytes.ts'
import { LIMITS } from '../../src/base/limits.ts'
import { World } from '../../src/hw/sim/world.ts'
import type { Mapped } from '../../src/net/udp/mapping/mapper.ts'
import { Loop } from '../../src/node/loop.ts'
import { Mapping } from '../../src/node/path/mapping.ts'
import { DESCRIPTION, FakeRouter, type Manners } from '../net/udp/mapping/router.ts'

interface Seat {
  world: World
  router: FakeRouter
  mapping: Mapping
  changes: (Mapped | null)[]
  inner: string
}

function seat(t: Test, manners: Manners, before: (world: World) => void = () => {}): Seat {
  const world = new World({ seed: 7 })
  const router = new FakeRouter(world, 'router', manners)
  before(world)
  const machine = world.machine('device')
  const host = world.network.host('device')
  host.router = world.network.host('router')
  const changes: (Mapped | null)[] = []
  const { clock, sockets, random } = machine.hardware
  const loop = new Loop(clock)
  const onChange = (mapped: Mapped | null): void => void changes.push(mapped)
  const mapping = new Mapping({ loop, sockets, random, name: 'mapping', port: 4_001, onChange })
  mapping.start()
  t.teardown(() => mapping.close())
  return { world, router, mapping, changes, inner: `${host.ip4}:4001` }
}

const WAYS: [string, Manners, number][] = [
  ['pcp', { pcp: true, natPmp: true, upnp: true }, 100],
  ['nat-pmp', { natPmp: true, saysVersion: true }, 100],
  ['nat-pmp', { natPmp: true }, 3_000],
  ['upnp', { upnp: true }, 6_000],
  ['upnp', { upnp: true, chunked: true }, 6_000],
]
for (const [how, manners, within] of WAYS)
  t.test(`${how}: ${JSON.stringify(manners)}`, async (t) => {
    const { world, router, mapping, changes, inner } = seat(t, manners)
    world.runFor(within)
    t.same(changes, [{ how, place: { host: '5.1.0.2', port: 4_001 } }])
    t.same([...router.mappings], [[4_001, inner]])
    t.equal(mapping.text, `5.1.0.2:4001 (${how})`)
    const first = router.heard.length
    world.runFor(590_000)
    t.equal(router.heard.length, first, 'nothing more before half of its life')
    world.runFor(20_000)
    t.ok(router.heard.length > first, 'then it is renewed')
    world.runFor(3_600_000)
    t.equal(changes.length, 1, 'and stays as it is')
    mapping.close()
    world.runFor(1_000)
    t.equal(router.mappings.size, 0, 'and is taken back at the end')
  })

t.test('a port that somebody else has, and a router that keeps mappings for ever', async (t) => {
  const { world, router, changes, mapping } = seat(t, { upnp: true, errors: [718, 725, 718] })
  world.runFor(8_000)
  t.equal(changes.length, 1)
  const port = changes[0]!.place.port
  t.not(port, 4_001)
  t.same([...router.mappings.keys()], [port])
  world.runFor(700_000)
  t.same([...router.mappings.keys()], [port], 'the same port again')
  mapping.close()
  world.runFor(500)
  t.equal(router.mappings.size, 0)
})

const REFUSALS: [string, Manners, RegExp][] = [
  ['nobody there', {}, /does not answer/],
  ['refused', { pcp: true, natPmp: true, result: 2 }, /does not answer|refused/],
  ['behind another router', { pcp: true, outside: '100.64.0.7' }, /behind another/],
  ['no service', { upnp: true, description: utf8('<root><device/></root>') }, /no such service/],
  ['refused by UPnP', { upnp: true, errors: [606, 606] }, /upnp 606/],
  ['no address', { upnp: true, outside: '0.0.0.0' }, /its address/],
  ['ports all taken', { upnp: true, errors: [718, 718, 718, 718] }, /upnp 718/],
  ['a description too long', { upnp: true, description: new Uint8Array(200_000).fill(32) }, /no such/],
  ['a slow description', { upnp: true, drip: 8 }, /no such|did not finish/],
  ['entities', { upnp: true, description: utf8(`<!DOCTYPE r [<!ENTITY a "b">]>${DESCRIPTION}`) }, /no such/],
  ['a description elsewhere', { upnp: true, location: 'http://10.77.0.2:5000/desc.xml' }, /does not answer/],
  ['https', { upnp: true, location: 'https://10.77.0.1:5000/desc.xml' }, /does not answer/],
  ['a name', { upnp: true, location: 'http://router.local:5000/desc.xml' }, /does not answer/],
]
for (const [name, manners, why] of REFUSALS)
  t.test(`no mapping: ${name}`, async (t) => {
    let called = 0
    const { world, router, mapping, changes } = seat(t, manners, (world) => {
      // Somebody else on the network, whom a router might name.
      world.machine('victim').hardware.sockets.listenTcp(
        '0.0.0.0:5000',
        () => called++,
        () => {},
      )
    })
    world.runFor(60_000)
    t.equal(mapping.place, null)
    t.match(mapping.text, why)
    t.same(changes, [])
    t.equal(called, 0, 'nobody else was called')
    const heard = router.heard.length
    t.ok(heard < 24, `${heard} questions in a minute`)
    world.runFor(500_000)
    t.equal(router.heard.length, heard, 'then ten minutes of peace')
    world.runFor(120_000)
    if (heard > 0) t.ok(router.heard.length > heard, 'and another try')
  })

t.test("others' answers count for nothing", async (t) => {
  const { world, mapping, changes } = seat(t, {}, (world) => {
    const { sockets, clock } = world.machine('stranger').hardware
    // Floods every port that the device may have with good-looking answers.
    const pcp = new Uint8Array(60)
    pcp.set([2, 0x81, 0, 0, 0, 0, 4, 176])
    const pmp = Uint8Array.of(0, 129, 0, 0, 0, 0, 0, 7, 15, 161, 15, 161, 0, 0, 4, 176)
    const ssdp = utf8(
      'HTTP/1.1 200 OK\r\nST: urn:schemas-upnp-org:device:InternetGatewayDevice:1\r\nLocation: http://10.77.0.2:5000/\r\n\r\n',
    )
    sockets.bindUdp(
      '0.0.0.0:5351',
      () => {},
      (_error, socket) => {
        const step = (): void => {
          for (let port = 49_152; port < 49_160; port++)
            for (const bytes of [pcp, pmp, ssdp]) socket!.send(bytes, '10.77.0.3', port)
          clock.wake(clock.now() + 50, step)
        }
        step()
      },
    )
  })
  world.runFor(20_000)
  t.equal(mapping.place, null)
  t.same(changes, [])
})

t.test('another router: the old mapping is gone, the new one is asked', async (t) => {
  const { world, changes, mapping, router } = seat(t, { pcp: true })
  const other = new FakeRouter(world, 'other', { natPmp: true, saysVersion: true, outside: '5.2.0.2' })
  world.runFor(1_000)
  t.equal(changes.length, 1)
  world.network.host('device').router = world.network.host('other')
  world.runFor(35_000)
  t.same(changes.slice(1), [null, { how: 'nat-pmp', place: { host: '5.2.0.2', port: 4_001 } }])
  t.equal(other.mappings.size, 1)
  t.equal(router.mappings.size, 0)
  world.network.host('device').router = null
  world.runFor(35_000)
  t.equal(changes.at(-1), null)
  t.equal(mapping.text, 'there is no router')
})

t.test('a router that says nothing of a life, or forgets to answer', async (t) => {
  const { world, changes, router } = seat(t, { pcp: true, lifetime: 0 })
  world.runFor(600_000)
  t.equal(changes.length, 1)
  t.ok(router.heard.length <= 12, `${router.heard.length} questions in ten minutes`)
  router.manners.pcp = false
  world.runFor(300_000)
  t.equal(changes.at(-1), null, 'what is not renewed is over')
  t.ok(LIMITS.mapping.exchangeMs < 10_000)
})
