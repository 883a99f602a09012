import { randomBytes } from 'node:crypto'
import t from 'tap'
import { type Bytes, concat, hex, text, utf8 } from '../../src/base/bytes.ts'
import * as C from '../../src/dht/counts.ts'
import { Address, addressOf } from '../../src/dht/krpc/address.ts'
import * as F from '../../src/dht/krpc/fields.ts'
import { reachable, sameSubnet } from '../../src/dht/krpc/reach.ts'
import { Reader } from '../../src/dht/krpc/reader.ts'
import { MAX_DATAGRAM, Writer } from '../../src/dht/krpc/writer.ts'

const query = (inner: string, outer = ''): Bytes =>
  utf8(`d1:ad2:id20:abcdefghij0123456789${inner}e1:q4:ping${outer}1:t2:aa1:y1:qe`)

function reads(bytes: Bytes): Reader | null {
  const reader = new Reader()
  return reader.read(bytes) ? reader : null
}

t.test('the example messages of BEP-5 are read', async (t) => {
  const r = reads(
    utf8('d1:ad2:id20:abcdefghij01234567899:info_hash20:mnopqrstuvwxyz123456e1:q9:get_peers1:t2:aa1:y1:qe'),
  )!
  t.equal(r.length(F.id), 20)
  t.equal(text(r.bytes.subarray(r.from[F.info_hash], r.to[F.info_hash])), 'mnopqrstuvwxyz123456')
  t.ok(r.is(F.q, 'get_peers'))
  t.equal(r.first(F.y), 'q'.charCodeAt(0))
  const answer = reads(
    utf8('d1:rd2:id20:abcdefghij01234567895:token8:aoeusnth6:valuesl6:axje.u6:idhtnmee1:t2:aa1:y1:re'),
  )!
  const first = answer.element(answer.from[F.values]!, F.values)
  t.equal(first - answer.stringFrom, 6)
  const second = answer.element(first, F.values)
  t.equal(text(answer.bytes.subarray(answer.stringFrom, second)), 'idhtnm')
  t.equal(answer.element(second, F.values), -1, 'and the list ends')
  const error = reads(utf8('d1:eli201e23:A Generic Error Ocurrede1:t2:aa1:y1:ee'))!
  t.ok(error.has(F.e))
})

t.test('names of fields and counters stand in the order of their numbers', async (t) => {
  const numbers = F as unknown as { [name: string]: number }
  ;[...F.OUTER, ...F.INNER].forEach((name, i) => {
    t.equal(numbers[name], i, name)
  })
  const counters = C as unknown as { [name: string]: number }
  C.COUNTED.forEach((name, i) => {
    t.equal(counters[name], i, name)
  })
})

t.test('what is not exact bencoding is refused', async (t) => {
  const good = 'd1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe'
  t.ok(reads(utf8(good)))
  for (let n = 0; n < good.length; n++) t.equal(reads(utf8(good.slice(0, n))), null, `cut at ${n}`)
  for (const bad of [
    `${good}x`,
    'le',
    'i1e',
    '',
    good.replace('4:ping', '04:ping'),
    good.replace('4:ping', '999999:ping'),
    good.replace('4:ping', '-4:ping'),
    good.replace('1:t2:aa', '1:t2:aa1:t2:aa'),
    good.replace('2:id20', '2:id20:abcdefghij01234567892:id20'),
    good.replace('e1:q', '3:seqi01ee1:q'),
    good.replace('e1:q', '3:seqi-0ee1:q'),
    good.replace('e1:q', '3:seqiee1:q'),
    good.replace('e1:q', `3:seqi${'9'.repeat(21)}ee1:q`),
    good.replace('e1:q', '1:vdi1e1:aee1:q'),
    good.replace('e1:q', '1:vd1:aee1:q'),
    good.replace('1:y1:q', '1:rd2:id20:abcdefghij0123456789e1:y1:q'),
  ])
    t.equal(reads(utf8(bad)), null, bad)
  t.ok(reads(query(`1:v${'l'.repeat(15)}${'e'.repeat(15)}`)), 'fifteen deep')
  t.equal(reads(query(`1:v${'l'.repeat(17)}${'e'.repeat(17)}`)), null, 'seventeen deep')
  t.equal(reads(utf8('d'.repeat(2_000))), null)
  t.equal(reads(utf8(`${'d1:a'.repeat(400)}`)), null)
  t.ok(reads(utf8('d1:y1:q1:t2:aa1:q4:ping1:ad2:id20:abcdefghij0123456789ee')), 'an envelope out of order')
})

t.test('a value is canonical or is not', async (t) => {
  for (const [value, verdict] of [
    ['12:Hello World!', true],
    ['i-7e', true],
    ['0:', true],
    ['de', true],
    ['d1:ai1e1:bi2ee', true],
    ['d1:bi1e1:ai2ee', false],
    ['d1:ai1e1:ai2ee', false],
    ['ld1:bi1e1:ai2eee', false],
    ['d1:ad1:ci1ee1:bi2ee', true],
    ['d2:aai1e1:ai2ee', false],
    ['d1:ai1e2:aai2ee', true],
  ] as const) {
    const r = reads(query(`1:v${value}`))!
    t.equal(r.canonical(F.v), verdict, value)
    t.equal(text(r.bytes.subarray(r.raw[F.v], r.rawEnd(F.v))), value)
  }
})

t.test('64-bit numbers are read and written exactly', async (t) => {
  const numbers = new Uint32Array(2)
  for (const n of [0n, 1n, 9n, 10n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 53n + 1n, 10n ** 18n, 2n ** 63n - 1n]) {
    const r = reads(query(`3:seqi${n}e`))!
    t.ok(r.u64(F.seq, numbers, 0), `${n}`)
    t.equal((BigInt(numbers[0]!) << 32n) | BigInt(numbers[1]!), n)
    const w = new Writer(new Uint8Array(MAX_DATAGRAM))
    t.equal(text(w.u64(numbers[0]!, numbers[1]!).done()), `i${n}e`)
  }
  for (const bad of ['-1', `${2n ** 63n}`, '9'.repeat(20)])
    t.notOk(reads(query(`3:seqi${bad}e`))!.u64(F.seq, numbers, 0), bad)
  t.equal(reads(query('4:porti-1e'))!.int(F.port), -1)
  t.equal(reads(query('4:port2:99'))!.int(F.port), -1, 'a string is no number')
})

t.test('mutated messages neither throw nor are misread', async (t) => {
  const rounds = process.env['WATTLE_FULL'] ? 1_000_000 : 20_000
  const seed = query('1:vd1:ai1e1:bl2:aai-3eee3:seqi77e5:token8:12345678')
  const reader = new Reader()
  let well = 0
  for (let i = 0; i < rounds; i++) {
    const bytes = Uint8Array.from(seed)
    const n = 1 + (i % 4)
    const noise = randomBytes(2 * n)
    for (let j = 0; j < n; j++) bytes[noise[2 * j]! % bytes.length] = noise[2 * j + 1]!
    const cut = i % 7 === 0 ? bytes.subarray(0, noise[0]! % bytes.length) : bytes
    if (!reader.read(cut)) continue
    well++
    for (let f = 0; f < 28; f++)
      if (reader.has(f) && !(reader.from[f]! >= 0 && reader.to[f]! <= cut.length)) t.fail('outside')
    if (reader.has(F.v)) reader.canonical(F.v)
  }
  t.ok(well > 0 && well < rounds)
})

t.test('addresses go both ways', async (t) => {
  for (const [host, canonical] of [
    ['1.2.3.4', '1.2.3.4'],
    ['255.255.255.255', '255.255.255.255'],
    ['::1', '::1'],
    ['::', '::'],
    ['fe80::1%eth0', 'fe80::1'],
    ['2001:db8::ff00:42:8329', '2001:db8::ff00:42:8329'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7:8'],
    ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
    ['::ffff:1.2.3.4', '1.2.3.4'],
    ['64:ff9b::1.2.3.4', '64:ff9b::102:304'],
    ['ABCD::', 'abcd::'],
  ] as const) {
    const a = new Address()
    t.ok(a.parse(host, 5), host)
    t.equal(a.host(), canonical)
    const compact = new Uint8Array(18)
    const end = a.store(compact, 0)
    const b = new Address()
    b.load(compact, 0, a.family)
    t.ok(b.same(a), `${host} ${hex(compact.subarray(0, end))}`)
  }
  for (const bad of [
    '',
    '1.2.3',
    '1.2.3.4.5',
    '256.1.1.1',
    '1.2.3.',
    'a.b.c.d',
    ':',
    ':::',
    '1:2',
    '1::2::3',
    '::g',
    '12345::',
    '1:2:3:4:5:6:7:8:9',
    '::1:',
    'localhost',
    '1.2.3.4::',
    '::1.2.3',
    '%',
  ])
    t.notOk(new Address().parse(bad, 1), bad)
  for (const bad of ['1.2.3.4', '1.2.3.4:', '1.2.3.4:70000', '::1:5', '[::1]', ':5'])
    t.equal(addressOf(bad), null, bad)
  t.equal(addressOf('[::1]:5')!.text(), '[::1]:5')
})

t.test('addresses that must not be talked to', async (t) => {
  const at = (s: string) => addressOf(s)!
  for (const [address, least] of [
    ['0.1.2.3:5', 'never'],
    ['224.0.0.1:5', 'never'],
    ['255.255.255.255:5', 'never'],
    ['8.8.8.8:0', 'never'],
    ['[::]:5', 'never'],
    ['[ff02::1]:5', 'never'],
    ['[100::1]:5', 'never'],
    ['127.0.0.1:5', 'loopback'],
    ['[::1]:5', 'loopback'],
    ['10.1.2.3:5', 'private'],
    ['172.31.0.1:5', 'private'],
    ['192.168.0.1:5', 'private'],
    ['169.254.0.1:5', 'private'],
    ['100.64.0.1:5', 'private'],
    ['[fe80::1]:5', 'private'],
    ['[fd00::1]:5', 'private'],
    ['172.32.0.1:5', 'public'],
    ['100.128.0.1:5', 'public'],
    ['8.8.8.8:5', 'public'],
    ['[2a00::1]:5', 'public'],
  ] as const) {
    const order = ['public', 'private', 'loopback', 'never']
    for (const reach of ['public', 'private', 'loopback'] as const)
      t.equal(
        reachable(at(address), reach),
        order.indexOf(reach) >= order.indexOf(least),
        `${address} ${reach}`,
      )
  }
  t.ok(sameSubnet(at('1.2.3.4:1'), at('1.2.3.9:2')))
  t.notOk(sameSubnet(at('1.2.3.4:1'), at('1.2.4.4:1')))
  t.ok(sameSubnet(at('[2a00:1:2:3::1]:1'), at('[2a00:1:2:3:9::]:1')))
  t.notOk(sameSubnet(at('[2a00:1:2:3::1]:1'), at('[2a00:1:2:4::1]:1')))
})

t.test('a writer that is overrun says so', async (t) => {
  const w = new Writer(new Uint8Array(MAX_DATAGRAM))
  w.string(randomBytes(1_300), 0, 1_300)
  t.equal(w.done().length, 1_305)
  w.put(concat(randomBytes(60), randomBytes(60)))
  t.throws(() => w.done(), RangeError)
})
