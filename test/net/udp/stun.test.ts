// STUN: the samples of RFC 5769, our own messages, the client over a lossy way, and garbage.
import t from 'tap'
import { hex, unhex } from '../../../src/base/bytes.ts'
import { ipBytes, ipText, placeOf, scopeOf } from '../../../src/net/udp/address.ts'
import {
  bindingRequest,
  bindingSuccess,
  bindingUnknown,
  decodeStun,
  STUN,
} from '../../../src/net/udp/stun/message.ts'
import { World } from './world.ts'

/** RFC 5769, 2.1 to 2.3. */
const REQUEST =
  '000100582112a442b7e7a701bc34d686fa87dfae802200105354554e207465737420636c69656e74002400046e0001ff80290008932ff9b151263b36000600096576746a3a68367659202020000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a280280004e57a3bcf'
const ANSWER4 =
  '0101003c2112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000080001a147e112a643000800142b91f599fd9e90c38c7489f92af9ba53f06be7d780280004c07d4c96'
const ANSWER6 =
  '010100482112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d900080014a382954e4be67bf11784c97c8292c275bfe3ed4180280004c8fb0b4c'

t.test('the samples of RFC 5769', async (t) => {
  const request = decodeStun(unhex(REQUEST)!)!
  t.equal(request.type, STUN.request)
  t.equal(request.software, 'STUN test client')
  t.ok(request.fingerprint)
  t.same(request.unknown, [])
  t.same(decodeStun(unhex(ANSWER4)!)!.mapped, { host: '192.0.2.1', port: 32_853 })
  t.same(decodeStun(unhex(ANSWER6)!)!.mapped, { host: '2001:db8:1234:5678:11:2233:4455:6677', port: 32_853 })
  t.equal(decodeStun(unhex(ANSWER6)!)!.software, 'test vector')
})

t.test('ours are read again, and XOR gives the sample bytes', async (t) => {
  const id = unhex('b7e7a701bc34d686fa87dfae')!
  t.ok(hex(bindingSuccess(id, { host: '192.0.2.1', port: 32_853 })).includes('002000080001a147e112a643'))
  t.ok(
    hex(bindingSuccess(id, { host: '2001:db8:1234:5678:11:2233:4455:6677', port: 32_853 })).includes(
      '002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d9',
    ),
  )
  const request = decodeStun(bindingRequest(id))!
  t.equal(hex(request.id), hex(id))
  t.ok(request.fingerprint)
  const refusal = decodeStun(bindingUnknown(id, [0x7777]))!
  t.equal(refusal.errorCode, 420)
  t.equal(refusal.type, STUN.error)
})

t.test('garbage and every changed byte', async (t) => {
  const good = unhex(ANSWER4)!
  for (let at = 0; at < good.length; at++) {
    const bytes = good.slice()
    bytes[at]! ^= 0xff
    // Changed into another attribute the fingerprint is none, and is not claimed.
    t.notOk(decodeStun(bytes)?.fingerprint, `byte ${at}`)
    if (at !== 72 && at !== 73) t.equal(decodeStun(bytes), null, `byte ${at}`)
    t.equal(decodeStun(good.subarray(0, at)), null)
  }
  const world = new World(3)
  for (let i = 0; i < 20_000; i++) {
    const bytes = new Uint8Array(20 + 4 * Math.floor(world.chance() * 30))
    world.random(bytes)
    bytes.set(good.subarray(0, 8))
    bytes[3] = bytes.length - 20
    decodeStun(bytes)
  }
  const unknown = decodeStun(unhex('000100082112a442b7e7a701bc34d686fa87dfae77770004deadbeef')!)!
  t.same(unknown.unknown, [0x7777])
})

t.test('a client learns its address; nobody there is said after a while', async (t) => {
  const world = new World()
  const a = world.node('10.0.0.1')
  const b = world.node('2001:db8::2')
  b.host = '10.0.0.2'
  let lost = 2
  world.onSend = () => lost-- <= 0
  const got: unknown[] = []
  a.plane.ask({ host: b.host, port: b.port }, world.now, (mapped) => got.push(mapped))
  a.schedule()
  t.ok(world.until(() => got.length === 1))
  t.same(got, [{ host: '10.0.0.1', port: 4_001 }])
  a.plane.ask({ host: '10.9.9.9', port: 1 }, world.now, (mapped) => got.push(mapped))
  // An answer from somebody else, or under another id, is none.
  world.onSend = (f) => {
    const bytes = bindingSuccess(f.bytes.subarray(8, 20), { host: '6.6.6.6', port: 6 })
    world.deliver({ bytes, from: { host: '10.9.9.8', port: 1 }, to: f.from, ttl: 0 })
    const other = bindingSuccess(new Uint8Array(12), { host: '6.6.6.6', port: 6 })
    world.deliver({ bytes: other, from: f.to, to: f.from, ttl: 0 })
    return false
  }
  a.schedule()
  t.ok(world.until(() => got.length === 2))
  t.equal(got[1], null)
})

t.test('a server answers no more than its ration', async (t) => {
  const world = new World()
  const b = world.node('10.0.0.2')
  let out = 0
  world.onSend = () => ++out < 0
  const request = bindingRequest(new Uint8Array(12))
  for (let i = 0; i < 5_000; i++) b.plane.onDatagram(request, '203.0.113.1', 1_000 + i, world.now)
  t.equal(out, 500)
})

t.test('addresses', async (t) => {
  for (const text of ['1.2.3.4', '::', '::1', '2001:db8::1', 'fe80::1:0:0:1', '1:2:3:4:5:6:7:8', '1::8'])
    t.equal(ipText(ipBytes(text)!), text)
  t.equal(ipText(ipBytes('::ffff:10.0.0.1')!), '10.0.0.1')
  t.equal(ipText(ipBytes('2001:DB8:0:0:0:0:0:1')!), '2001:db8::1')
  for (const text of [
    '',
    '1.2.3',
    '1.2.3.256',
    'a.b.c.d',
    '1:2:3',
    '::1::',
    '1:2:3:4:5:6:7:8:9',
    'g::1',
    '1.2.3.4.5',
  ])
    t.equal(ipBytes(text), null, text)
  t.same(placeOf('[2001:db8::1]:80'), { host: '2001:db8::1', port: 80 })
  for (const text of ['1.2.3.4', '1.2.3.4:0', '1.2.3.4:65536', 'host:80', '2001:db8::1:80'])
    t.equal(placeOf(text), null, text)
  t.same(
    [
      '0.0.0.0',
      '127.0.0.1',
      '10.1.1.1',
      '100.64.0.1',
      '8.8.8.8',
      '224.0.0.1',
      '::1',
      'fe80::1',
      'fd00::1',
      '2001:db8::1',
      'ff02::fb',
    ].map(scopeOf),
    [0, 1, 2, 2, 3, 0, 1, 2, 2, 3, 0],
  )
})

t.test('the other port of a server is told, and an other host is not taken', async (t) => {
  const id = unhex('b7e7a701bc34d686fa87dfae')!
  const bytes = bindingSuccess(id, { host: '192.0.2.1', port: 32_853 }, { host: '0.0.0.0', port: 3_479 })
  const read = decodeStun(bytes)!
  t.same(read.other, { host: '0.0.0.0', port: 3_479 })
  t.same(read.mapped, { host: '192.0.2.1', port: 32_853 })
  const world = new World(9)
  const server = world.node('5.9.0.1')
  server.plane.answerElsewhere(3_479)
  const asker = world.node('5.1.0.2')
  const told: unknown[] = []
  asker.plane.ask({ host: '5.9.0.1', port: 4_001 }, world.now, (mapped, other) => told.push(mapped, other))
  asker.schedule()
  world.run(1_000)
  t.same(told, [{ host: '5.1.0.2', port: 4_001 }, 3_479])
})
