// What routers say, byte by byte: PCP and NAT-PMP by the layouts of their RFCs, SSDP, HTTP and XML in
// every damaged form.
import t from 'tap'
import { hex, unhex, utf8 } from '../../../../src/base/bytes.ts'
import { LIMITS } from '../../../../src/base/limits.ts'
import { httpRequest, ReplyReader } from '../../../../src/net/udp/mapping/http.ts'
import { decodeGateway, natPmpRequest, pcpRequest } from '../../../../src/net/udp/mapping/pcp.ts'
import { readAnswer, readDescription, readSearchAnswer } from '../../../../src/net/udp/mapping/upnp.ts'
import { escapeXml, readXml } from '../../../../src/net/udp/mapping/xml.ts'
import { World } from '../world.ts'
import { DESCRIPTION } from './router.ts'

const random = new World(5).random
const NONCE = unhex('000102030405060708090a0b')!

t.test('PCP and NAT-PMP as RFC 6887 and RFC 6886 lay them out', async (t) => {
  const ask = {
    client: '192.168.1.2',
    nonce: NONCE,
    internalPort: 4_001,
    externalPort: 4_001,
    lifetime: 1_200,
  }
  t.equal(
    hex(pcpRequest(ask)),
    '02010000000004b000000000000000000000ffffc0a80102000102030405060708090a0b110000000fa10fa100000000000000000000ffff00000000',
  )
  t.equal(hex(natPmpRequest(ask)), '000100000fa10fa1000004b0')
  const answer = unhex(
    '02810000000004b00000004d000000000000000000000000000102030405060708090a0b110000000fa1303900000000000000000000ffff05010002',
  )!
  t.same(decodeGateway(answer), {
    kind: 'pcp',
    nonce: NONCE,
    internalPort: 4_001,
    externalPort: 12_345,
    host: '5.1.0.2',
    lifetime: 1_200,
  })
  t.same(decodeGateway(unhex('00810000000000070fa13039000004b0')!), {
    kind: 'nat-pmp',
    internalPort: 4_001,
    externalPort: 12_345,
    lifetime: 1_200,
  })
  t.same(decodeGateway(unhex('008000000000000705010002')!), { kind: 'address', host: '5.1.0.2' })
  t.same(decodeGateway(unhex('0081000100000007')!), { kind: 'version' })
  t.same(decodeGateway(unhex('0081000200000007')!), { kind: 'refused', protocol: 'nat-pmp', result: 2 })
  for (let n = 0; n < answer.length; n++) t.equal(decodeGateway(answer.subarray(0, n)), null)
  for (let i = 0; i < 20_000; i++) {
    const bytes = new Uint8Array(i % 70)
    random(bytes)
    bytes[0] = i & 2
    decodeGateway(bytes)
  }
})

t.test('what a search brings is believed about its sender alone', async (t) => {
  const answer = (location: string): Uint8Array =>
    utf8(
      `HTTP/1.1 200 OK\r\nst: urn:schemas-upnp-org:device:InternetGatewayDevice:1\r\nLOCATION:${location}\r\n\r\n`,
    )
  const read = (location: string): unknown => readSearchAnswer(answer(location), '192.168.1.1')
  t.same(read('http://192.168.1.1:5000/a.xml'), { port: 5_000, path: '/a.xml' })
  t.same(read('http://192.168.1.1'), { port: 80, path: '/' })
  for (const location of [
    'http://192.168.1.2:5000/a.xml',
    'http://192.168.1.1@192.168.1.2/',
    'http://192.168.1.1:0/',
    'http://192.168.1.1:99999/',
    'http://192.168.1.1:80/a b',
    'ftp://192.168.1.1/',
    `http://192.168.1.1/${'a'.repeat(300)}`,
    '/a.xml',
    '',
  ])
    t.equal(read(location), null, location)
  t.equal(readSearchAnswer(utf8('NOTIFY * HTTP/1.1\r\n\r\n'), '192.168.1.1'), null)
  t.equal(readSearchAnswer(new Uint8Array(4_000), '192.168.1.1'), null)
})

t.test('a description leads to a service of the router itself', async (t) => {
  const at = { port: 5_000, path: '/dir/desc.xml' }
  const read = (xml: string): unknown => readDescription(xml, '192.168.1.1', at)
  const service = 'urn:schemas-upnp-org:service:WANIPConnection:1'
  t.same(read(DESCRIPTION), { service, port: 5_000, path: '/ctl/ip' })
  t.same(read(DESCRIPTION.replace('>/ctl/ip<', '>ctl<')), { service, port: 5_000, path: '/dir/ctl' })
  t.same(read(DESCRIPTION.replace('>/ctl/ip<', '>http://192.168.1.1:99/x<')), {
    service,
    port: 99,
    path: '/x',
  })
  for (const url of ['http://10.0.0.1/x', '//10.0.0.1/x:', 'javascript:x', '/a\r\nX: y', '/a b', ''])
    t.equal(read(DESCRIPTION.replace('>/ctl/ip<', `>${url}<`)), null, url)
  const base = (url: string): string =>
    DESCRIPTION.replace('<specVersion>', `<URLBase>${url}</URLBase><specVersion>`)
  t.same(read(base('http://192.168.1.1:81/')), { service, port: 81, path: '/ctl/ip' })
  t.equal(read(base('http://10.0.0.1/')), null)
  for (let n = 0; n < DESCRIPTION.length; n += 7) t.equal(read(DESCRIPTION.slice(0, n)), null)
})

t.test('XML: what is read, and what is none', async (t) => {
  t.same(
    readXml('<a><b x="1">t &lt;&#65;&#x42;</b><c/><![CDATA[<]]></a>')?.map(({ path, text }) => [path, text]),
    [
      ['a/b', 't <AB'],
      ['a/c', ''],
    ],
  )
  t.equal(readXml(`<a>${escapeXml('<&>"\'')}</a>`)?.[0]?.text, '<&>"\'')
  for (const bad of [
    '',
    'text',
    '<a>',
    '</a>',
    '<a></b>',
    '<a/><b/>',
    '<a>&b;</a>',
    '<a>&amp</a>',
    '<a>&#0;</a>',
    '<a>&__proto__;</a>',
    '<!DOCTYPE a><a/>',
    '<a><!-- </a>',
    '<a><![CDATA[ </a>',
    '<a x="<b>"></a>',
    '< a/>',
    '<a/>x',
    '<a>'.repeat(17) + '</a>'.repeat(17),
    `<a>${'<b/>'.repeat(3_000)}</a>`,
    `<a ${' '.repeat(2_000)}/>`,
    `<a>${' '.repeat(70_000)}</a>`,
  ])
    t.equal(readXml(bad), null, bad.slice(0, 40))
  const start = performance.now()
  for (let i = 0; i < 3_000; i++) {
    const bytes = new Uint8Array(200)
    random(bytes)
    readXml(String.fromCharCode(...bytes.map((b) => '<>/ab!-[]&#;? '.charCodeAt(b % 14))))
  }
  readXml('<'.repeat(60_000))
  readXml(`<a>${'&'.repeat(60_000)}</a>`)
  readXml(`<a>${'<!--'.repeat(15_000)}`)
  t.ok(performance.now() - start < 10_000, 'in no time')
  const fault = '<Envelope><Body><Fault><detail><errorCode>718</errorCode></detail></Fault></Body></Envelope>'
  t.equal(readAnswer(fault, 'X')!.error, 718)
  t.equal(readAnswer(fault.replace('718', '-1'), 'X')!.error, 501)
  t.equal(readAnswer('<Envelope><Body><YResponse/></Body></Envelope>', 'X'), null)
})

t.test('HTTP answers, whole, in pieces and broken', async (t) => {
  const whole = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello, more'
  const read = (text: string, piece: number): unknown => {
    const reader = new ReplyReader()
    const bytes = utf8(text)
    for (let at = 0; at < bytes.length; at += piece) {
      const reply = reader.push(bytes.subarray(at, at + piece), false)
      if (reply || reader.bad) return reply
    }
    return reader.push(new Uint8Array(0), true)
  }
  for (const piece of [1, 7, 1_000]) {
    t.same(read(whole, piece), { status: 200, body: 'hello' })
    const chunked =
      'HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n'
    t.same(read(chunked, piece), { status: 500, body: 'abcde' })
    t.same(read('HTTP/1.0 200 OK\r\n\r\nto the end', piece), { status: 200, body: 'to the end' })
  }
  for (const bad of [
    '',
    'HTTP/1.1 200 OK\r\n',
    'HTTP/2 200\r\n\r\n',
    'HTTP/1.1 100 Continue\r\n\r\n',
    'HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n',
    'HTTP/1.1 200 OK\r\nContent-Length: 9999999999\r\n\r\n',
    'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc',
    `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${'1'.repeat(60)}`,
    `HTTP/1.1 200 OK\r\n\r\n${'x'.repeat(LIMITS.mapping.httpBytes)}`,
  ])
    t.equal(read(bad, 4_096), null, bad.slice(0, 60))
  t.equal(read(`HTTP/1.1 200 OK\r\n\r\n${'x'.repeat(500)}`, 1), null, 'a byte at a time is too slow')
  const post = httpRequest({ method: 'POST', host: 'h:1', path: '/c', headers: [['A', 'b']], body: 'ü' })
  t.match(
    new TextDecoder().decode(post),
    /^POST \/c HTTP\/1\.1\r\nHost: h:1\r\n.*A: b\r\nContent-Length: 2\r\n\r\nü$/s,
  )
})
