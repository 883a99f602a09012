import t from 'tap'
import { base64url, compare, concat, equal, hex, unbase64url, unhex } from '../../src/base/bytes.ts'
import { getU48, putU48, Reader, Writer } from '../../src/base/cursor.ts'

t.test('hex and base64url go both ways and refuse what is neither', async (t) => {
  for (let n = 0; n < 40; n++) {
    const bytes = crypto.getRandomValues(new Uint8Array(n))
    t.ok(equal(unhex(hex(bytes))!, bytes))
    t.equal(base64url(bytes), Buffer.from(bytes).toString('base64url'))
    t.ok(equal(unbase64url(base64url(bytes))!, bytes))
  }
  for (const bad of ['0', 'zz', '0x00']) t.equal(unhex(bad), null, bad)
  for (const bad of ['A', 'AA==', 'A A', 'AB', 'AAB']) t.equal(unbase64url(bad), null, bad)
})

t.test('compare orders as memcmp does', async (t) => {
  t.ok(compare(Uint8Array.of(1), Uint8Array.of(2)) < 0)
  t.ok(compare(Uint8Array.of(1, 0), Uint8Array.of(1)) > 0)
  t.equal(compare(concat(Uint8Array.of(1), Uint8Array.of(2)), Uint8Array.of(1, 2)), 0)
})

t.test('a reader that ran out says so once and reads zeros', async (t) => {
  const w = new Writer(new Uint8Array(64))
    .u8(7)
    .u16(0xabcd)
    .u32(0xdeadbeef)
    .u48(2 ** 47 + 5)
    .block(Uint8Array.of(1, 2, 3))
  const r = new Reader(w.done())
  t.same([r.u8(), r.u16(), r.u32(), r.u48()], [7, 0xabcd, 0xdeadbeef, 2 ** 47 + 5])
  t.same([...r.block(3)], [1, 2, 3])
  t.ok(r.done)
  t.equal(r.u32(), 0)
  t.notOk(r.ok)
  t.equal(new Reader(Uint8Array.of(0, 4, 1, 2, 3, 4)).block(3).length, 0, 'a block over its cap is refused')
  t.throws(() => new Writer(new Uint8Array(1)).u16(1), RangeError)
})

t.test('48-bit numbers are exact', async (t) => {
  const b = new Uint8Array(6)
  for (const v of [0, 1, 2 ** 32 - 1, 2 ** 32, 1_763_634_600_123, 2 ** 48 - 1]) {
    putU48(b, 0, v)
    t.equal(getU48(b, 0), v)
  }
})
