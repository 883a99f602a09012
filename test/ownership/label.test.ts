import t from 'tap'
import { base64url, hex, text } from '../../src/base/bytes.ts'
import type { Random } from '../../src/crypto/secret.ts'
import { spake2plus } from '../../src/crypto/spake2plus.ts'
import {
  deviceName,
  freshCode,
  labelUrl,
  makeRecord,
  parseCode,
  parseRecord,
  recordJson,
  showCode,
  stretchCode,
} from '../../src/ownership/label.ts'

const random: Random = (into) => void crypto.getRandomValues(into as Uint8Array<ArrayBuffer>)
const CODE = 'K7QDM2XA9RTE'
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'

t.test('a code is read however a person writes it', async (t) => {
  for (const input of [
    'K7QD-M2XA-9RTE',
    'k7qd-m2xa-9rte',
    ' K7QD M2XA 9RTE\n',
    'K7QDM2XA9RTE',
    'k7-qd–m2—xa 9r te',
    '#K7QD-M2XA-9RTE',
  ])
    t.same(parseCode(input), { code: CODE, discriminator: null }, input)
  t.same(parseCode('http://wattle-ab12.local/#K7QD-M2XA-9RTE'), { code: CODE, discriminator: 0xab12 })
  t.same(parseCode('HTTP://WATTLE-AB12.LOCAL/#k7qdm2xa9rte'), { code: CODE, discriminator: 0xab12 })
  t.same(parseCode('http://wattle-ab12.local:8080/x?y#K7QDM2XA9RTE')?.discriminator, 0xab12)
  t.same(parseCode('http://192.168.1.7/#K7QD-M2XA-9RTE'), { code: CODE, discriminator: null })
  t.equal(parseCode('https://wattle-ab12.local.example.org/#K7QD-M2XA-9RTE')?.discriminator, null)
})

t.test('letters that look like digits are those digits', async (t) => {
  const zeros = freshCode((into) => into.set([0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0]))
  t.equal(parseCode(zeros.replace(/0/g, 'O').replace(/1/g, 'l'))?.code, zeros)
  t.equal(parseCode(zeros.replace(/0/g, 'o').replace(/1/g, 'I'))?.code, zeros)
})

t.test('every wrong character and every exchange of two is noticed', async (t) => {
  let seen = 0
  for (let n = 0; n < 20; n++) {
    const code = freshCode(random)
    t.equal(parseCode(showCode(code))?.code, code)
    for (let i = 0; i < 12; i++) {
      for (const c of ALPHABET)
        if (c !== code[i] && parseCode(code.slice(0, i) + c + code.slice(i + 1)))
          t.fail(`${code}: ${c} at ${i}`)
        else seen++
      for (let j = i + 1; j < 12; j++) {
        const chars = [...code]
        ;[chars[i], chars[j]] = [chars[j]!, chars[i]!]
        if (code[i] !== code[j] && parseCode(chars.join(''))) t.fail(`${code}: ${i} and ${j} exchanged`)
      }
    }
  }
  t.equal(seen, 20 * 12 * 32)
})

t.test('what is no code is refused', async (t) => {
  for (const input of [
    '',
    'PEAR',
    'K7QD-M2XA-9RT',
    'K7QD-M2XA-9RTEE',
    '0000-0000-0000',
    'K7QD-M2XA-9RT*',
    'U7QD-M2XA-9RTE',
    'http://wattle-ab12.local/',
    'http://wattle-ab12.local/K7QD-M2XA-9RTE',
    '#'.repeat(1e6),
    '\u{1F50C}',
  ])
    t.equal(parseCode(input), null, input.slice(0, 50))
})

t.test('the record opens to the code, does not contain it, and survives its JSON', async (t) => {
  const salt = new Uint8Array(16).fill(3)
  const record = makeRecord(CODE, 0x00b2, salt)
  const line = recordJson(record)
  t.notMatch(line, /K7QD/i)
  t.notMatch(
    JSON.stringify(record),
    new RegExp(base64url(record.w0.bytes())),
    'printed by accident it hides w0',
  )
  const back = parseRecord(line)!
  t.equal(recordJson(back), line)
  t.equal(deviceName(back.discriminator), 'wattle-00b2')
  t.equal(labelUrl(0xb2, CODE), 'http://wattle-00b2.local/#K7QD-M2XA-9RTE')
  const secret = stretchCode(CODE, 0xb2, salt)
  t.equal(hex(spake2plus.record(secret).L), hex(back.L))
  t.equal(hex(secret.w0.bytes()), hex(back.w0.bytes()))
  for (const other of [stretchCode(CODE, 0xb3, salt), stretchCode('0'.repeat(12), 0xb2, salt)])
    t.not(hex(other.w0.bytes()), hex(back.w0.bytes()))
})

t.test('a damaged record is none', async (t) => {
  const good = recordJson(makeRecord(CODE, 0xab12, new Uint8Array(16)))
  const json = JSON.parse(good) as Record<string, unknown>
  t.ok(parseRecord(good))
  for (const [why, bad] of Object.entries({
    empty: '',
    'half written': good.slice(0, 100),
    list: '[]',
    null: 'null',
    version: JSON.stringify({ ...json, v: 2 }),
    'version as text': JSON.stringify({ ...json, v: '1' }),
    kdf: JSON.stringify({ ...json, kdf: 'scrypt 2/8/1' }),
    discriminator: JSON.stringify({ ...json, discriminator: 'AB12' }),
    'discriminator too long': JSON.stringify({ ...json, discriminator: 'ab123' }),
    salt: JSON.stringify({ ...json, salt: 'AAAA' }),
    'w0 zero': JSON.stringify({ ...json, w0: base64url(new Uint8Array(32)) }),
    'w0 too large': JSON.stringify({ ...json, w0: base64url(new Uint8Array(32).fill(255)) }),
    'L off the curve': JSON.stringify({ ...json, L: base64url(new Uint8Array(65).fill(4)) }),
    'L identity': JSON.stringify({ ...json, L: base64url(Uint8Array.of(0)) }),
    'the code beside it': JSON.stringify({ ...json, code: CODE }),
    'a member missing': JSON.stringify({ ...json, salt: undefined }),
    'a member as number': JSON.stringify({ ...json, salt: 5 }),
    huge: `{"x":"${'x'.repeat(1e6)}"}`,
    deep: '['.repeat(1000),
  }))
    t.equal(parseRecord(bad), null, why)
  t.equal(text(new Uint8Array(0)), '')
})

t.test('a record in which anything was changed is none', async (t) => {
  const good = recordJson(makeRecord(CODE, 0xab12, new Uint8Array(16)))
  const other = JSON.parse(recordJson(makeRecord('0'.repeat(12), 0xcd34, new Uint8Array(16).fill(1))))
  const json = JSON.parse(good) as Record<string, unknown>
  // Each member as somebody else's record has it: well-formed, and not this one's.
  for (const name of ['discriminator', 'salt', 'w0', 'L', 'check'])
    t.equal(parseRecord(JSON.stringify({ ...json, [name]: other[name] })), null, name)
  t.equal(parseRecord(JSON.stringify({ ...other, check: json['check'] })), null)
  let taken = 0
  for (let at = 0; at < good.length; at++)
    for (const c of ['A', '0', '"'])
      if (good[at] !== c && parseRecord(good.slice(0, at) + c + good.slice(at + 1))) taken++
  t.equal(taken, 0, 'one character anywhere')
  const again = JSON.stringify(Object.fromEntries(Object.entries(json).reverse()))
  t.ok(parseRecord(good) && (parseRecord(again) === null || recordJson(parseRecord(again)!) === good))
})

t.test('a whole record put in its place: the owner’s code does not fit the device', async (t) => {
  // Who can write to the card can make a record of a code of his own. The label still says the true one.
  const forged = parseRecord(recordJson(makeRecord('0'.repeat(12), 0xab12, new Uint8Array(16))))!
  const secret = stretchCode(CODE, 0xab12, forged.salt)
  t.not(hex(secret.w0.bytes()), hex(forged.w0.bytes()))
  t.not(hex(spake2plus.record(secret).L), hex(forged.L))
})
