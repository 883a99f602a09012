// Items that others send: shapes, sizes, seq, cas, signatures, replays; and the largest answers.
import { randomBytes } from 'node:crypto'
import t from 'tap'
import { type Bytes, concat, equal, text, unhex, utf8 } from '../../../src/base/bytes.ts'
import { bencodeBytes, plainItem, signItem, targetOf } from '../../../src/dht/objects.ts'
import { tagOf } from '../../../src/dht/overlay/proof.ts'
import { encode, message, type Value } from '../help/bencode.ts'
import { type Member, Net } from '../help/net.ts'

import { ID, lone, query } from './help.ts'

t.test('items: shapes, sizes, seq, cas, signatures', async (t) => {
  const { net, node } = lone({ rates: { perSource: 1_000, signatures: 1_000 } })
  const from = '127.1.0.1:7'
  const signer = net.signer()
  const k = signer.publicKey
  const tokenFor = (target: Bytes): Bytes =>
    message(net.say(from, node.address, query('get', { target }))[0]!).r['token']!
  const put = (a: { [key: string]: Value }, target: Bytes): number =>
    message(net.say(from, node.address, query('put', { token: tokenFor(target), ...a }))[0]!).code
  const mutable = (
    v: Bytes,
    seq: bigint,
    more: { [key: string]: Value } = {},
    salt = '',
    encoded = v,
  ): number => {
    const item = signItem(signer, v, { seq, salt: utf8(salt) })
    const raw = query('put', {
      token: tokenFor(targetOf(k, utf8(salt))),
      k,
      sig: item.signature!,
      seq,
      ...(salt ? { salt } : {}),
      ...more,
      v: 'VALUE',
    })
    // The value goes in as it is encoded.
    const marker = Buffer.from(raw).indexOf('5:VALUE')
    const bytes = concat(raw.subarray(0, marker), encoded, raw.subarray(marker + 7))
    return message(net.say(from, node.address, bytes)[0]!).code
  }
  const v = (s: string) => bencodeBytes(utf8(s))
  t.equal(mutable(v('a'), 5n), 0)
  t.equal(mutable(v('a'), 5n), 0, 'the same again')
  t.equal(mutable(v('b'), 5n), 302, 'equal seq, another value')
  t.equal(mutable(v('b'), 4n), 302, 'older')
  t.equal(mutable(v('b'), 6n, { cas: 4 }), 301)
  t.equal(mutable(v('b'), 6n, { cas: 5 }), 0)
  t.equal(mutable(v('c'), 2n ** 53n + 1n), 0)
  t.equal(mutable(v('d'), 2n ** 53n), 302, 'seq is no double')
  t.equal(mutable(v('e'), 2n ** 63n - 1n), 0)
  t.equal(mutable(v('f'), 7n, {}, 's'), 0, 'another salt is another item')
  t.equal(mutable(v('f'), 8n, { sig: randomBytes(64) }, 's'), 206)
  t.equal(mutable(v('f'), 8n, { sig: randomBytes(63) }, 's'), 203)
  t.equal(mutable(v('f'), 8n, { k: new Uint8Array(32) }, 's'), 203, 'a token for another key')
  t.equal(mutable(v('f'), 8n, { seq: -1 }, 's'), 203)
  t.equal(mutable(v('f'), 8n, { seq: '8' }, 's'), 203)
  t.equal(mutable(v('f'), 8n, { salt: ['x'] }, 's'), 203)
  t.equal(mutable(v('f'), 8n, { salt: 'x'.repeat(65) }, 's'), 207)
  t.equal(mutable(v('f'), 9n, {}, 's', utf8('d1:bi1e1:ai1ee')), 203, 'keys out of order')
  const sized = (n: number) => v('x'.repeat(n - 4))
  t.equal(mutable(sized(1_000), 10n, {}, 's'), 0, 'exactly a thousand bytes')
  t.throws(() => signItem(signer, sized(1_001), { seq: 1n }), RangeError)
  for (const [value, code] of [
    ['plain', 0],
    [7, 0],
    [[1, 2], 0],
    [{ a: 1 }, 0],
    ['', 0],
    ['x'.repeat(1_000), 205],
    [['x'.repeat(600), 'y'.repeat(600)], 205],
  ] as const) {
    const value2 = value as Value
    const target = unhex(sha(encode(value2)))!
    t.equal(put({ v: value2 }, target), code, JSON.stringify(value).slice(0, 20))
  }
  t.equal(put({}, ID), 203, 'no value')
  // What was stored comes back byte by byte, and signature with it.
  const got = message(net.say(from, node.address, query('get', { target: targetOf(k) }))[0]!)
  t.ok(equal(got.r['v']!, utf8('e')))
  t.equal(BigInt(got.raw['r'] ? ((got.raw['r'] as { seq: bigint }).seq as bigint) : 0n), 2n ** 63n - 1n)
  const newer = message(
    net.say(from, node.address, query('get', { target: targetOf(k), seq: 2n ** 63n - 1n }))[0]!,
  )
  t.notOk('v' in newer.r, 'nothing newer than what the asker has')
  net.run(2 * 3_600_000 + 3_600_000)
  t.equal(node.dht.stats(net.now).items, 0, 'forgotten after two hours')
})

t.test('a cas race: of two writers that saw the same seq one wins, the other is told', async (t) => {
  const net = new Net(81)
  const all = net.crowd(30)
  const signer = net.signer()
  const item = (s: string, seq: bigint, cas?: bigint) =>
    signItem(signer, bencodeBytes(utf8(s)), { seq, ...(cas === undefined ? {} : { cas }) })
  net.ask(all[1]!, { kind: 'put', item: item('first', 1n) })
  const results: { stored: number; refusal: number }[] = []
  for (const [i, s] of ['left', 'right'].entries()) {
    const from = all[5 + i]!
    from.dht.start({ kind: 'put', item: item(s, 2n + BigInt(i), 1n) }, 4, net.now, (f) => results.push(f))
    from.next = net.now
    // The second begins once the first is done: what was seq 1 for both is seq 2 by now.
    net.run(20_000, () => results.length === i + 1)
  }
  t.ok(results[0]!.stored >= 6, `${results[0]!.stored} kept the first`)
  t.same([results[1]!.stored, results[1]!.refusal], [0, 301])
  const got = net.ask(all[9]!, { kind: 'get', target: targetOf(signer.publicKey) })
  t.equal(text(got.item!.value), '4:left')
})

t.test('a replay of an old signed item does not bring it back', async (t) => {
  const net = new Net(8)
  const all = net.crowd(30)
  const signer = net.signer()
  const put = (s: string, seq: bigint) =>
    net.ask(all[3]!, { kind: 'put', item: signItem(signer, bencodeBytes(utf8(s)), { seq }) })
  put('old', 1n)
  t.equal(put('new', 2n).refusal, 0)
  const replay = put('old', 1n)
  t.same([replay.stored, replay.refusal], [0, 302])
  const got = net.ask(all[9]!, { kind: 'get', target: targetOf(signer.publicKey) })
  t.equal(text(got.item!.value), '3:new')
})

t.test('the largest answers fit, whatever is asked for at once', async (t) => {
  for (const overlay of [false, true])
    for (const host of ['127.0.0.1', 'fd00::1']) {
      const net = new Net(14)
      const options = overlay ? { overlay: { name: 'x', signer: net.signer() } } : {}
      const all: Member[] = []
      for (let i = 0; i < 30; i++) {
        const at = host === '127.0.0.1' ? `127.0.${i}.1` : `fd00:0:0:${i + 1}::1`
        const m = net.add(
          at,
          6881,
          i === 0 ? options : overlay ? { overlay: { name: 'x', signer: net.signer() } } : {},
        )
        if (i > 0) m.dht.addBootstrap(all[0]!.address)
        all.push(m)
        net.run(100)
      }
      net.run(5_000)
      const family = host === '127.0.0.1' ? 4 : 6
      const salt = randomBytes(64)
      const signed = signItem(net.signer(), bencodeBytes(randomBytes(996)), { seq: 2n ** 63n - 1n, salt })
      const plain = plainItem(bencodeBytes(randomBytes(996)))
      for (const item of [signed, plain]) net.ask(all[0]!, { kind: 'put', item }, family)
      let longest = 0
      net.onDatagram = ({ from, bytes }) => {
        if (from === `${all[0]!.host}:6881`) longest = Math.max(longest, bytes.length)
      }
      const tag = overlay ? { w: tagOf('x') } : {}
      const ask = (q: string, target: Bytes): void =>
        all[0]!.dht.onDatagram(
          encode({
            a: {
              id: ID,
              target,
              info_hash: target,
              want: ['n4', 'n6'],
              wc: randomBytes(8),
              pad: randomBytes(900),
            },
            q,
            t: randomBytes(16),
            y: 'q',
            ...tag,
          }),
          family === 4 ? '127.200.1.1' : 'fd00:0:0:ff::1',
          1_000,
          net.now,
        )
      for (const target of [signed.target, plain.target])
        for (const q of ['find_node', 'get_peers', 'get', 'ping']) ask(q, target)
      t.ok(longest > 1_000 && longest <= 1_400, `${longest} bytes`)
    }
})

t.test('bad signatures are checked up to the budget and no further', async (t) => {
  const { net, node } = lone({ rates: { perSource: 1e6, bytes: 1e9, signatures: 30 } })
  const k = net.signer().publicKey
  const [got] = net.say('127.1.0.1:7', node.address, query('get', { target: targetOf(k) }))
  const token = message(got!).r['token']!
  const put = query('put', { token, k, sig: randomBytes(64), seq: 1, v: 'x' })
  for (let i = 0; i < 5_000; i++) node.dht.onDatagram(put, '127.1.0.1', 7, net.now)
  const { badSignature, refused } = node.dht.stats(net.now).counts
  t.ok(badSignature > 0 && badSignature <= 130, `${badSignature} checked`)
  t.equal(refused, 5_000)
})

function sha(bytes: Bytes): string {
  return Buffer.from(targetOf(bytes)).toString('hex')
}
