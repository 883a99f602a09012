// Varints, protobuf fields, multiaddrs, the assembler of framed messages and the byte queue, with
// everything that can be cut, random or too long.
import { multiaddr } from '@multiformats/multiaddr'
import t from 'tap'
import { concat, equal } from '../../src/base/bytes.ts'
import { addressBytes, addressOf, multiaddrBytes } from '../../src/net/multiaddr.ts'
import { Assembler } from '../../src/net/noise/assembler.ts'
import { bytesField, FieldReader, numberField, varint } from '../../src/net/protobuf.ts'
import { Account, ByteQueue } from '../../src/net/queue.ts'
import { seeded } from './help/memory.ts'

t.test('protobuf fields', async (t) => {
  const message = concat(numberField(1, 300), bytesField(2, Uint8Array.of(1, 2)), numberField(15, 2 ** 40))
  const reader = new FieldReader(message)
  t.ok(reader.next())
  t.match(reader, { field: 1, value: 300 })
  t.ok(reader.next())
  t.same(reader.bytes, Uint8Array.of(1, 2))
  t.ok(reader.next())
  t.equal(reader.value, 2 ** 40)
  t.notOk(reader.next())
  t.ok(reader.ok)
  for (const bad of [[0x0a], [0x0a, 5, 1], [0x08, 0xff], new Array(12).fill(0xff), [0x0b], [0x09, 1]]) {
    const reader = new FieldReader(Uint8Array.from(bad as number[]))
    while (reader.next());
    t.notOk(reader.ok)
  }
  const random = seeded(3)
  for (let i = 0; i < 2_000; i++) {
    const reader = new FieldReader(Uint8Array.from({ length: 40 }, () => random() * 256))
    let fields = 0
    while (reader.next()) fields++
    if (fields > 40) t.fail('more fields than bytes')
  }
  t.same(varint(128), Uint8Array.of(0x80, 1))
})

t.test('multiaddrs', async (t) => {
  const cases = {
    '127.0.0.1:4001': '/ip4/127.0.0.1/tcp/4001',
    '[::1]:65535': '/ip6/::1/tcp/65535',
    '[fe80::1:2]:1': '/ip6/fe80::1:2/tcp/1',
    '[2001:db8:1:2:3:4:5:6]:80': '/ip6/2001:db8:1:2:3:4:5:6/tcp/80',
    '[::ffff:10.0.0.1]:80': '/ip4/10.0.0.1/tcp/80',
  }
  for (const [address, text] of Object.entries(cases)) {
    const bytes = multiaddrBytes(address)!
    t.same(bytes, multiaddr(text).bytes, address)
    t.equal(multiaddrBytes(addressOf(bytes)!)!.length, bytes.length)
  }
  t.equal(addressOf(multiaddr('/ip4/1.2.3.4/tcp/5').bytes), '1.2.3.4:5')
  for (const bad of [
    'wattle.local:80',
    '1.2.3:4',
    '1.2.3.256:4',
    '[1::2::3]:4',
    '[12345::]:1',
    '1.2.3.4:70000',
    '',
    '[::1]',
    '01.2.3.4:5',
  ])
    t.equal(multiaddrBytes(bad), null, bad)
  for (const bad of ['/dns4/example.org/tcp/1', '/ip4/1.2.3.4/udp/5', '/unix/tmp'])
    t.equal(addressOf(multiaddr(bad).bytes), null, bad)
  t.equal(addressBytes('1:2:3:4:5:6:7:8:9'), null)
})

t.test('framed messages in pieces of any size', async (t) => {
  const random = seeded(4)
  const account = new Account(1_000_000)
  for (let round = 0; round < 40; round++) {
    const lengths = Array.from({ length: 20 }, () => 1 + Math.floor(random() ** 4 * 20_000))
    const sent = lengths.map((n) => Uint8Array.from({ length: n }, () => random() * 256))
    const wire = concat(...sent.flatMap((m) => [Uint8Array.of(m.length >> 8, m.length & 255), m]))
    const assembler = new Assembler(account, 65_535)
    let found = 0
    let wrong = 0
    for (let at = 0; at < wire.length; ) {
      const size = round === 0 ? 1 : 1 + Math.floor(random() * 9_000)
      const piece = wire.slice(at, at + size)
      for (let i = 0; i < piece.length; ) {
        const whole = assembler.take(piece, i)
        i += assembler.taken
        if (!whole) continue
        const { source, start, length } = assembler
        if (!equal(source.subarray(start, start + length), sent[found++]!)) wrong++
      }
      at += size
    }
    if (found !== sent.length || wrong > 0 || assembler.waiting) t.fail(`round ${round}: ${found}, ${wrong}`)
    assembler.clear()
  }
  t.equal(account.used, 0, 'everything was given back')
  const assembler = new Assembler(account, 100)
  assembler.take(Uint8Array.of(0, 101, 1, 2, 3), 0)
  t.ok(assembler.broken, 'a message above the limit')
  const none = new Assembler(account, 100)
  none.take(Uint8Array.of(0, 0), 0)
  t.ok(none.broken, 'a message of no bytes')
  const patient = new Assembler(account, 65_535)
  patient.take(Uint8Array.of(255, 255, 1), 0)
  t.ok(patient.held <= 1_024, 'an announcement alone costs no memory')
})

t.test('the byte queue against a plain array', async (t) => {
  const random = seeded(5)
  const account = new Account(1 << 30)
  const queue = new ByteQueue(account)
  const twin: number[] = []
  let wrong = 0
  for (let step = 0; step < 5_000; step++) {
    if (random() < 0.5 && twin.length < 9_000) {
      const bytes = Uint8Array.from({ length: random() * 1_500 }, () => random() * 256)
      queue.push(bytes)
      twin.push(...bytes)
    } else {
      const head = queue.head(Math.floor(random() * 2_000))
      for (let i = 0; i < head.length; i++) if (head[i] !== twin[i]) wrong++
      queue.drop(head.length)
      twin.splice(0, head.length)
    }
    if (random() < 0.05) queue.trim()
    if (queue.length !== twin.length || account.used !== queue.held) wrong++
  }
  t.equal(wrong, 0)
  queue.clear()
  t.equal(account.used, 0)
})
