// DNS messages: what comes back is what went in; what is broken is null; pointers do not run in circles.
import t from 'tap'
import { utf8 } from '../../../src/base/bytes.ts'
import { LIMITS } from '../../../src/base/limits.ts'
import {
  decodeDns,
  decodeTxt,
  emptyMessage,
  encodeDns,
  encodeTxt,
  labelOf,
  sameName,
  splitName,
  TYPE,
} from '../../../src/net/mdns/dns.ts'
import {
  addressText,
  compareRecords,
  hostRecords,
  nsec,
  record,
  serviceRecords,
} from '../../../src/net/mdns/records.ts'

const service = {
  type: '_sovereign._tcp',
  instance: 'Meter. Hall',
  subtypes: ['_p1'],
  port: 4001,
  txt: ['txtvers=1', 'st=c'],
}

t.test('a whole announcement survives the wire', async (t) => {
  const { own, shared } = serviceRecords(service, 'wattle-ab12.local')
  const hosts = hostRecords('wattle-ab12.local', ['192.0.2.7', '2001:db8::7'])
  const message = {
    ...emptyMessage(true),
    answers: [...shared, ...own],
    additionals: [...hosts, nsec('wattle-ab12.local', [TYPE.A, TYPE.AAAA])],
  }
  const bytes = encodeDns(message)!
  t.ok(bytes.length < 400, `${bytes.length} bytes: names are compressed`)
  t.same(decodeDns(bytes), message)
  const query = {
    ...emptyMessage(false),
    id: 7,
    truncated: true,
    questions: [{ name: 'a.local', type: 255, unicast: true }],
  }
  t.same(decodeDns(encodeDns(query)!), query)
})

t.test('names: dots inside labels, case, length', async (t) => {
  t.same(splitName('Meter\\. Hall._sovereign._tcp.local'), ['Meter\\. Hall', '_sovereign', '_tcp', 'local'])
  t.equal(sameName('WATTLE-ab12.Local'), 'wattle-ab12.local')
  t.equal(labelOf('a.b\\c'), 'a\\.b\\\\c')
  t.ok(utf8(labelOf('ö'.repeat(80))).length <= 63)
  const name = `${labelOf('Meter. Hall')}.local`
  const bytes = encodeDns({
    ...emptyMessage(true),
    answers: [record(name, TYPE.A, 9, { data: new Uint8Array(4) })],
  })!
  t.equal(decodeDns(bytes)?.answers[0]?.name, name)
})

t.test('what is broken is null', async (t) => {
  const good = encodeDns({ ...emptyMessage(true), answers: serviceRecords(service, 'h.local').shared })!
  for (let n = 0; n < good.length; n++) t.equal(decodeDns(good.subarray(0, n)), null, `cut at ${n}`)
  const header = (flags: number, ...counts: number[]): Uint8Array =>
    Uint8Array.of(0, 0, flags >> 8, flags & 255, ...counts.flatMap((c) => [c >> 8, c & 255]))
  const with_ = (head: Uint8Array, ...tail: number[]): Uint8Array => Uint8Array.of(...head, ...tail)
  t.equal(decodeDns(header(0x2800, 0, 0, 0, 0)), null, 'another opcode')
  t.equal(decodeDns(header(0x8003, 0, 0, 0, 0)), null, 'a response code')
  t.equal(decodeDns(with_(header(0, 1, 0, 0, 0), 0xc0, 12, 0, 1, 0, 1)), null, 'a pointer to itself')
  t.equal(decodeDns(with_(header(0, 1, 0, 0, 0), 1, 97, 0xc0, 14, 0, 1, 0, 1)), null, 'a pointer forward')
  t.equal(decodeDns(with_(header(0, 1, 0, 0, 0), 0x40, 0, 0, 1, 0, 1)), null, 'a label type there is not')
  t.equal(decodeDns(header(0, 65_535, 65_535, 65_535, 65_535)), null, 'counts out of nowhere')
  t.equal(decodeDns(header(0, LIMITS.mdns.recordsPerMessage + 1, 0, 0, 0)), null)
  const long = new Array<number>(6).fill(0).flatMap(() => [50, ...new Array<number>(50).fill(97)])
  t.equal(
    decodeDns(with_(header(0, 1, 0, 0, 0), ...long, 0, 0, 1, 0, 1)),
    null,
    'a name of more than 255 bytes',
  )
  const a = [1, 97, 0, 0, 1, 0, 1, 0, 0, 0, 9, 0, 3, 1, 2, 3]
  t.equal(decodeDns(with_(header(0x8000, 0, 1, 0, 0), ...a)), null, 'an A record of three bytes')
  t.equal(
    encodeDns({
      ...emptyMessage(true),
      answers: new Array(100).fill(serviceRecords(service, 'h.local').own[1]!),
    }),
    null,
    'more than fits',
  )
})

t.test('random bytes and random damage never throw', async (t) => {
  const good = encodeDns({
    ...emptyMessage(true),
    answers: [...serviceRecords(service, 'h.local').shared, ...serviceRecords(service, 'h.local').own],
    additionals: hostRecords('h.local', ['192.0.2.1']),
  })!
  let seed = 1
  const next = (below: number): number => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0
    return (seed >>> 8) % below
  }
  const rounds = process.env['WATTLE_FULL'] ? 1_000_000 : 20_000
  let whole = 0
  for (let i = 0; i < rounds; i++) {
    const bytes = i % 4 === 0 ? Uint8Array.from({ length: next(80) }, () => next(256)) : good.slice()
    for (let n = next(4); n >= 0 && bytes.length > 0; n--) bytes[next(bytes.length)] = next(256)
    if (decodeDns(bytes)) whole++
  }
  t.ok(whole > 0 && whole < rounds)
})

t.test('TXT data, addresses as text, the order of records', async (t) => {
  t.same(decodeTxt(encodeTxt(['a=1', 'b='])), ['a=1', 'b='])
  t.same(decodeTxt(encodeTxt([])), [])
  t.equal(decodeTxt(Uint8Array.of(3, 97)), null)
  t.throws(() => encodeTxt(['x'.repeat(256)]))
  const v6 = (s: string): string => addressText(hostRecords('h', [s])[0]!.data)
  t.equal(v6('2001:db8:0:0:1:0:0:1'), '2001:db8::1:0:0:1')
  t.equal(v6('fe80::1'), 'fe80::1')
  t.equal(v6('::1'), '::1')
  t.equal(addressText(Uint8Array.of(192, 0, 2, 1)), '192.0.2.1')
  t.same(hostRecords('h', ['nonsense', '300.1.1.1', '1::2::3']), [])
  // RFC 6762 section 8.2.1
  const a = (data: number[]) => record('h.local', TYPE.A, 1, { data: Uint8Array.from(data) })
  t.ok(compareRecords(a([169, 254, 99, 200]), a([169, 254, 200, 50])) < 0)
})
