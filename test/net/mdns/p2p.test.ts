// libp2p's announcements: our own as js-libp2p reads them, js-libp2p's as they come, and everything that
// is neither.
import { peerIdFromString } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import t from 'tap'
import { equal, unhex, utf8 } from '../../../src/base/bytes.ts'
import { LIMITS } from '../../../src/base/limits.ts'
import { Signer } from '../../../src/crypto/native.ts'
import { Secret } from '../../../src/crypto/secret.ts'
import { decodeDns, decodeTxt, emptyMessage, encodeDns, encodeTxt, TYPE } from '../../../src/net/mdns/dns.ts'
import { P2pBrowser, p2pName, p2pService, readP2p } from '../../../src/net/mdns/p2p.ts'
import { record, serviceRecords } from '../../../src/net/mdns/records.ts'
import { keyOfPeerId, peerId } from '../../../src/net/noise/identity.ts'

const keyOf = (n: number): Uint8Array => new Signer(new Secret(new Uint8Array(32).fill(n))).publicKey
/** An answer of @libp2p/mdns 12.0.32, as it was sent: one PTR, a TXT record for each address. */
const FROM_JS = unhex(
  '000084000000000200000000045f703270045f756470056c6f63616c00000c00010000007800513f7362307279397a6b63366b30793065696e6c6e396661313062796a386c717a767374326a3276636d396d356c6c716f616f326279317872796b703137356e72045f703270045f756470056c6f63616c003f7362307279397a6b63366b30793065696e6c6e396661313062796a386c717a767374326a3276636d396d356c6c716f616f326279317872796b703137356e72045f703270045f756470056c6f63616c000010000100000078005a59646e73616464723d2f6970342f31302e39392e302e312f7463702f34363331332f7032702f313244334b6f6f5745704e71686b634d36344c446f47334c7577477733414a474a4565477833344371367059706b414368737877',
)!

t.test('peer ids, there and back', async (t) => {
  for (let n = 0; n < 50; n++) {
    const id = peerId(keyOf(n))
    t.ok(equal(keyOfPeerId(id)!, keyOf(n)))
    t.ok(equal(peerIdFromString(id).publicKey!.raw, keyOf(n)), 'as libp2p has it')
    const at = 1 + (n % 51)
    const other = keyOfPeerId(`${id.slice(0, at)}${id[at] === 'a' ? 'b' : 'a'}${id.slice(at + 1)}`)
    t.ok(other === null || !equal(other, keyOf(n)))
  }
  const rsa = 'QmcgpsyWgH8Y8ajJz1Cu72KnS5uo2Aa2LpzU7kinSupNKC'
  for (const bad of ['', rsa, '1'.repeat(52), 'z'.repeat(52), '0'.repeat(52), `${peerId(keyOf(1))}a`])
    t.equal(keyOfPeerId(bad), null, bad)
})

t.test('our announcement as libp2p reads it', async (t) => {
  const name = p2pName(() => 0.5)
  t.match(name, /^[a-z2-7]{32}$/)
  const service = p2pService(
    name,
    keyOf(1),
    ['192.168.1.2', 'fe80::1', 'fd00::1', '10.0.0.1', '10.0.0.2', '10.0.0.3'],
    4_001,
  )
  const { own, shared } = serviceRecords(service, 'wattle-0001.local')
  const bytes = encodeDns({ ...emptyMessage(true), answers: [...shared, ...own] })!
  const read = decodeDns(bytes)!
  const ptrs = read.answers.filter((r) => r.type === TYPE.PTR)
  t.equal(ptrs.at(-1)!.name, '_p2p._udp.local', 'the last PTR: js-libp2p takes that one')
  const txt = decodeTxt(read.answers.find((r) => r.type === TYPE.TXT)!.data)!
  t.equal(txt.length, 4)
  for (const string of txt) {
    const address = multiaddr(string.slice('dnsaddr='.length))
    t.equal(address.getComponents().at(-1)!.value, peerId(keyOf(1)))
  }
  t.same(readP2p(txt)!.addresses.slice(0, 2), ['192.168.1.2:4001', '[fd00::1]:4001'])
})

interface Seat {
  browser: P2pBrowser
  found: [string, Uint8Array, readonly string[]][]
  lost: string[]
  sent: Uint8Array[]
}

function seat(): Seat {
  const found: Seat['found'] = []
  const lost: string[] = []
  const sent: Uint8Array[] = []
  const browser = new P2pBrowser(
    {
      chance: () => 0,
      send: (message) => sent.push(message.slice()),
      onFound: (name, key, addresses) => found.push([name, key, addresses]),
      onLost: (name) => lost.push(name),
    },
    0,
  )
  return { browser, found, lost, sent }
}

function run(browser: P2pBrowser, from: number, to: number): void {
  for (let now = Math.max(from, browser.next()); now < to; now = Math.max(now + 1, browser.next()))
    browser.tick(now)
}

t.test("js-libp2p's answer: found once, asked again before it is over, lost when it is silent", async (t) => {
  const { browser, found, lost, sent } = seat()
  run(browser, 0, 100)
  t.equal(sent.length, 1)
  t.equal(decodeDns(sent[0]!)!.questions[0]!.name, '_p2p._udp.local')
  const message = decodeDns(FROM_JS)!
  browser.onMessage(message, 200)
  browser.onMessage(message, 300)
  t.equal(found.length, 1)
  t.match(found[0]![2][0], /^10\.99\.0\.\d:\d+$/)
  t.equal(peerId(found[0]![1]).slice(0, 8), '12D3KooW')
  run(browser, 300, 100_000)
  const asked = sent.length
  t.ok(asked >= 2 && asked <= 10, `${asked} questions`)
  t.equal(lost.length, 0)
  run(browser, 100_000, 200_000)
  t.equal(lost.length, 1, 'after the 120 s that it had promised')
  run(browser, 200_000, 7_200_000)
  t.ok(sent.length < 24, `${sent.length} questions in two hours`)
})

t.test('a goodbye, and another address', async (t) => {
  const { browser, found, lost } = seat()
  const say = (ttl: number, port: number, now: number): void => {
    const { own, shared } = serviceRecords(p2pService('n', keyOf(1), ['10.0.0.1'], port), 'h.local')
    const answers = [...shared, ...own].map((r) => ({ ...r, ttl }))
    browser.onMessage(decodeDns(encodeDns({ ...emptyMessage(true), answers })!)!, now)
  }
  say(120, 1, 0)
  say(120, 2, 10)
  t.same(
    found.map(([, , addresses]) => addresses),
    [['10.0.0.1:1'], ['10.0.0.1:2']],
  )
  say(0, 2, 20)
  run(browser, 20, 2_000)
  t.same(lost, ['n._p2p._udp.local'])
  t.equal(browser.size, 0)
})

t.test('what names nobody, two, or no literal address, is nobody', async (t) => {
  const [a, b] = [peerId(keyOf(1)), peerId(keyOf(2))]
  t.same(readP2p([`dnsaddr=/ip4/1.2.3.4/tcp/1/p2p/${a}`, 'x=y'])!.addresses, ['1.2.3.4:1'])
  for (const bad of [
    [],
    ['dnsaddr='],
    [`dnsaddr=/ip4/1.2.3.4/tcp/1/p2p/${a}`, `dnsaddr=/ip4/1.2.3.4/tcp/1/p2p/${b}`],
    [`dnsaddr=/dns4/example.org/tcp/1/p2p/${a}`],
    [`dnsaddr=/ip4/1.2.3/tcp/1/p2p/${a}`],
    [`dnsaddr=/ip6/1.2.3.4/tcp/1/p2p/${a}`],
    [`dnsaddr=/ip4/1.2.3.4/tcp/0/p2p/${a}`],
    [`dnsaddr=/ip4/1.2.3.4/tcp/99999/p2p/${a}`],
    [`dnsaddr=/ip4/1.2.3.4/udp/1/quic-v1/p2p/${a}`],
    [`dnsaddr=/ip4/1.2.3.4/tcp/1/p2p/${a}/p2p-circuit`],
    ['dnsaddr=/ip4/1.2.3.4/tcp/1/p2p/QmcgpsyWgH8Y8ajJz1Cu72KnS5uo2Aa2LpzU7kinSupNKC'],
  ])
    t.equal(readP2p(bad), null, bad.join(' '))
})

t.test('a flood stays within the cap, and garbage is nothing', async (t) => {
  const { browser, found } = seat()
  for (let n = 0; n < 1_000; n++) {
    const name = `x${n}._p2p._udp.local`
    const data = encodeTxt([`dnsaddr=/ip4/10.0.0.1/tcp/1/p2p/${peerId(keyOf(n & 255))}`])
    const answers = [
      record('_p2p._udp.local', TYPE.PTR, 4_500, { target: name }),
      record(name, TYPE.TXT, 4_500, { data: n % 3 === 0 ? utf8('\xff\xff') : data }),
    ]
    browser.onMessage({ ...emptyMessage(true), answers }, n)
  }
  t.equal(browser.size, LIMITS.mdns.instances)
  t.equal(found.length, LIMITS.mdns.instances)
  for (let n = 0; n < FROM_JS.length; n++) {
    const bytes = FROM_JS.slice()
    bytes[n]! ^= 0xff
    const message = decodeDns(bytes)
    if (message) browser.onMessage(message, 2_000)
  }
  t.equal(browser.size, LIMITS.mdns.instances)
})
