// `make interop-dht`: our node with libtorrent (Debian's python3-libtorrent) and bittorrent-dht on
// loopback, both directions, IPv4 and ::1. One line for each check; what is not installed is named and
// skipped. Exit 1 where a check fails.
import { existsSync } from 'node:fs'
import { type Bytes, hex, unhex, utf8 } from '../src/base/bytes.ts'
import { Signer } from '../src/crypto/native.ts'
import { Secret } from '../src/crypto/secret.ts'
import { bencodeBytes, bytesOf, plainItem, signItem, targetOf } from '../src/dht/objects.ts'
import { LinuxClock, linuxRandom } from '../src/hw/linux/clock.ts'
import { LinuxSockets } from '../src/hw/linux/sockets.ts'
import { DhtRunner } from '../src/node/dht-runner.ts'
import { Loop } from '../src/node/loop.ts'
import { type Answer, freePort, Peer } from '../test/peers/dht/drive.ts'

const PEERS = 'test/peers/dht'
const clock = new LinuxClock()
const loop = new Loop(clock)
let checks = 0
let failures = 0

function check(name: string, got: unknown, wanted: unknown): void {
  checks++
  const ok = typeof wanted === 'function' ? (wanted as (x: unknown) => boolean)(got) : got === wanted
  if (!ok) failures++
  console.log(`${ok ? 'ok' : 'not ok'} ${checks} - ${name}${ok ? '' : `: got ${String(got)}`}`)
}

const some = (n: unknown): boolean => typeof n === 'number' && n >= 1

/** `n` nodes of ours on one host, joined. */
async function ours(host: string, n: number): Promise<DhtRunner[]> {
  const out: DhtRunner[] = []
  for (let i = 0; i < n; i++) {
    const runner = new DhtRunner(
      { loop, random: linuxRandom, sockets: new LinuxSockets() },
      {
        listen: [`${host}:0`],
        bootstrap: out.length > 0 ? [{ address: out[0]!.addresses[0]! }] : [],
      },
      `dht ${host} ${i}`,
    )
    await runner.start()
    if (i > 0) await runner.joined(5_000)
    out.push(runner)
  }
  return out
}

function newSigner(): { signer: Signer; seed: Bytes } {
  const seed = new Uint8Array(32)
  linuxRandom(seed)
  return { signer: new Signer(new Secret(seed.slice())), seed }
}

const pause = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms))
const value = (text: string): Bytes => bencodeBytes(utf8(text))

async function libtorrent(host: string): Promise<void> {
  const python = existsSync('/usr/bin/python3') ? '/usr/bin/python3' : 'python3'
  const ports: number[] = []
  while (ports.length < 4) ports.push(await freePort(host))
  const peer = new Peer(python, [`${PEERS}/torrent.py`, ...ports.map((p) => `${host}:${p}`)])
  const hello = await peer.next()
  if (hello['missing'] || hello['gone']) {
    console.log(`# skipped: ${host} libtorrent: ${String(hello['missing'] ?? 'no Python')} is not installed`)
    return
  }
  console.log(`# libtorrent ${String(hello['version'])} on ${host}`)
  const family = host === '127.0.0.1' ? 'IPv4' : 'IPv6'
  const plainHost = host.replace(/[[\]]/g, '')
  const nodes = await ours(host, 2)
  const [a] = nodes as [DhtRunner, DhtRunner]
  const [first] = a.addresses
  const ourPort = Number(first!.slice(first!.lastIndexOf(':') + 1))
  for (const p of ports) a.dht.addBootstrap(`${host}:${p}`)
  await peer.ask({ do: 'add', host: plainHost, port: ourPort })
  for (let i = 0; i < 40; i++) {
    await pause(250)
    if (a.dht.stats(loop.now()).good4 + a.dht.stats(loop.now()).good6 >= 4) break
  }
  check(
    `${family} find_node: libtorrent's nodes in our table`,
    a.dht.stats(loop.now()).good4 + a.dht.stats(loop.now()).good6,
    (n: unknown) => Number(n) >= 4,
  )
  const found8 = await a.ask({ kind: 'find', target: targetOf(utf8(`anywhere ${family}`)) })
  const theirNodes = found8.nodes.filter((n) => ports.some((p) => n.address === `${host}:${p}`))
  check(`${family} find_node: a lookup through both`, theirNodes.length, (n: unknown) => Number(n) >= 4)
  const ping = await a.ping(`${host}:${ports[1]}`)
  check(`${family} ping`, ping >= 0, true)

  const plain = plainItem(value(`ours ${family}`))
  const put = await a.ask({ kind: 'put', item: plain })
  check(`${family} immutable: our put`, put.stored, (n: unknown) => Number(n) >= 3)
  const theirs = await peer.ask({ do: 'get_immutable', n: 2, target: hex(plain.target) })
  check(`${family} immutable: libtorrent reads it`, theirs['value'], hex(utf8(`ours ${family}`)))
  const kept = a.dht.stats(loop.now()).items
  const other = await peer.ask({ do: 'put_immutable', n: 1, value: hex(utf8(`theirs ${family}`)) })
  check(`${family} immutable: libtorrent's put`, other['stored'], some)
  check(`${family} immutable: and we keep it for them`, a.dht.stats(loop.now()).items, kept + 1)
  const read = await nodes[1]!.ask({ kind: 'get', target: unhex(String(other['target']))! })
  check(
    `${family} immutable: we read it`,
    read.item ? hex(bytesOf(read.item.value)!) : null,
    hex(utf8(`theirs ${family}`)),
  )

  const { signer, seed } = newSigner()
  const key = signer.publicKey
  const salt = utf8('salt')
  const item = (text: string, seq: bigint, cas?: bigint) =>
    signItem(signer, value(text), { seq, salt, ...(cas === undefined ? {} : { cas }) })
  check(`${family} mutable: our put`, (await a.ask({ kind: 'put', item: item('one', 5n) })).stored, some)
  const got = await peer.ask({ do: 'get_mutable', n: 2, key: hex(key), salt: 'salt' })
  check(
    `${family} mutable: libtorrent reads it`,
    `${String(got['value'])} ${String(got['seq'])}`,
    `${hex(utf8('one'))} 5`,
  )
  const lower = await a.ask({ kind: 'put', item: item('older', 4n) })
  check(`${family} mutable: a lower seq is refused (302)`, lower.refusal, 302)
  const cas = await a.ask({ kind: 'put', item: item('cas', 7n, 4n) })
  check(`${family} mutable: a wrong cas is refused (301)`, cas.refusal, 301)
  const right = await a.ask({ kind: 'put', item: item('cas', 7n, 5n) })
  check(`${family} mutable: the right cas`, right.stored, some)
  const again = await peer.ask({
    do: 'put_mutable',
    n: 1,
    seed: hex(seed),
    key: hex(key),
    value: hex(utf8('by libtorrent')),
    salt: 'salt',
  })
  check(`${family} mutable: libtorrent's put`, again['stored'], some)
  const back = await a.ask({ kind: 'get', target: targetOf(key, salt), publicKey: key, salt })
  check(
    `${family} mutable: we read it, one seq on`,
    back.item ? `${String(back.item.seq)} ${hex(bytesOf(back.item.value)!)}` : null,
    `8 ${hex(utf8('by libtorrent'))}`,
  )
  const bare = signItem(signer, value('no salt'), { seq: 1n })
  check(`${family} mutable: our put without salt`, (await a.ask({ kind: 'put', item: bare })).stored, some)
  const unsalted = await peer.ask({ do: 'get_mutable', n: 2, key: hex(key), salt: '' })
  check(`${family} mutable: libtorrent reads it without salt`, unsalted['value'], hex(utf8('no salt')))
  const last = 2n ** 63n - 1n
  await a.ask({ kind: 'put', item: item('last but one', last - 1n) })
  const top = await peer.ask({
    do: 'put_mutable',
    n: 0,
    seed: hex(seed),
    key: hex(key),
    value: hex(utf8('last by libtorrent')),
    salt: 'salt',
  })
  check(`${family} mutable: libtorrent's put with seq 2^63-1`, `${String(top['seq'])}`, String(last))
  const topBack = await a.ask({ kind: 'get', target: targetOf(key, salt), publicKey: key, salt })
  check(
    `${family} mutable: we read its seq 2^63-1`,
    topBack.item ? `${String(topBack.item.seq)} ${hex(bytesOf(topBack.item.value)!)}` : null,
    `${String(last)} ${hex(utf8('last by libtorrent'))}`,
  )
  const topSalt = utf8('top')
  check(
    `${family} mutable: our put with seq 2^63-1`,
    (await a.ask({ kind: 'put', item: signItem(signer, value('last'), { seq: last, salt: topSalt }) }))
      .stored,
    some,
  )
  const high = await peer.ask({ do: 'get_mutable', n: 3, key: hex(key), salt: 'top' })
  check(`${family} mutable: libtorrent reads seq 2^63-1`, high['seq'], String(last))

  const topic = targetOf(utf8(`topic ${family}`))
  check(
    `${family} announce: ours`,
    (await a.ask({ kind: 'announce', target: topic, port: 4_001 })).stored,
    some,
  )
  const peers = await peer.ask({ do: 'get_peers', n: 2, topic: hex(topic) })
  check(`${family} get_peers: libtorrent finds us`, (peers['peers'] as string[]).length, some)
  const second = targetOf(utf8(`second ${family}`))
  const announced = await peer.ask({ do: 'announce', n: 1, topic: hex(second) })
  const found = await a.ask({ kind: 'peers', target: second })
  check(`${family} get_peers: we find libtorrent`, found.peers.join(), `${host}:${String(announced['port'])}`)
  for (const node of nodes) await node.stop()
  await peer.stop()
}

async function bittorrent(): Promise<void> {
  if (!existsSync(`${PEERS}/node_modules/bittorrent-dht`)) {
    console.log(`# skipped: bittorrent-dht is not installed (npm i in ${PEERS})`)
    return
  }
  console.log('# bittorrent-dht on 127.0.0.1')
  const nodes = await ours('127.0.0.1', 2)
  const [a] = nodes as [DhtRunner, DhtRunner]
  const peerPort = await freePort('127.0.0.1')
  const peer = new Peer(process.execPath, [
    `${PEERS}/bittorrent.mjs`,
    `127.0.0.1:${peerPort}`,
    a.addresses[0]!,
  ])
  await peer.next()
  await pause(1_000)
  check('find_node: it is in our table', a.dht.stats(loop.now()).good4, (n: unknown) => Number(n) >= 2)
  check('find_node: we are in its table', (await peer.ask({ do: 'nodes' }))['nodes'], some)
  const plain = plainItem(value('ours'))
  check(
    'immutable: our put',
    (await a.ask({ kind: 'put', item: plain })).stored,
    (n: unknown) => Number(n) >= 2,
  )
  const seen: Answer = await peer.ask({ do: 'get', target: hex(plain.target) })
  check('immutable: it reads it', seen['value'], hex(utf8('ours')))
  const theirs = await peer.ask({ do: 'put_immutable', value: hex(utf8('theirs')) })
  check('immutable: its put', theirs['error'], undefined)
  const read = await nodes[1]!.ask({ kind: 'get', target: unhex(String(theirs['target']))! })
  check('immutable: we read it', read.item ? hex(bytesOf(read.item.value)!) : null, hex(utf8('theirs')))
  const { signer, seed } = newSigner()
  const key = hex(signer.publicKey)
  const mine = { seed: hex(seed), key, salt: 's' }
  await peer.ask({ do: 'put_mutable', ...mine, value: hex(utf8('seven')), seq: 7 })
  const target = targetOf(signer.publicKey, utf8('s'))
  const mutable = await a.ask({ kind: 'get', target, salt: utf8('s') })
  check('mutable, salted: we read its seq 7', String(mutable.item?.seq), '7')
  await a.ask({ kind: 'put', item: signItem(signer, value('eight'), { seq: 8n, salt: utf8('s') }) })
  const eight = await peer.ask({ do: 'get', target: hex(target), salt: 's' })
  check(
    'mutable, salted: it reads our seq 8',
    `${String(eight['seq'])} ${String(eight['value'])}`,
    `8 ${hex(utf8('eight'))}`,
  )
  const cas = await peer.ask({ do: 'put_mutable', ...mine, value: hex(utf8('nine')), seq: 9, cas: 7 })
  check('mutable, salted: its put with a wrong cas is refused', /301/.test(String(cas['error'])), true)
  const right = await peer.ask({ do: 'put_mutable', ...mine, value: hex(utf8('nine')), seq: 9, cas: 8 })
  check('mutable, salted: its put with the right cas', right['error'], undefined)
  const nine = await nodes[1]!.ask({ kind: 'get', target, salt: utf8('s') })
  check('mutable, salted: we read its seq 9', String(nine.item?.seq), '9')
  const topic = targetOf(utf8('topic'))
  await peer.ask({ do: 'announce', topic: hex(topic), port: 5_001 })
  check(
    'announce: we find it',
    (await a.ask({ kind: 'peers', target: topic })).peers.join(),
    '127.0.0.1:5001',
  )
  const second = targetOf(utf8('second'))
  await a.ask({ kind: 'announce', target: second, port: 5_002 })
  const peers = await peer.ask({ do: 'get_peers', topic: hex(second) })
  check('announce: it finds us', (peers['peers'] as string[]).join(), '127.0.0.1:5002')
  for (const node of nodes) await node.stop()
  await peer.stop()
}

await bittorrent()
await libtorrent('127.0.0.1')
await libtorrent('[::1]')
clock.stop()
console.log(`# ${checks} checks, ${failures} failed`)
process.exit(failures > 0 ? 1 : 0)
