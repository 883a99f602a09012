// The encrypted backup: every byte of it counts.
import { gunzipSync, gzipSync } from 'node:zlib'
import t from 'tap'
import { equal } from '../../src/base/bytes.ts'
import { type BackedFile, decodeBackup, encodeBackup } from '../../src/home/backup.ts'

const packing = {
  pack: (bytes: Uint8Array) => gzipSync(bytes),
  unpack: (bytes: Uint8Array, most: number) => gunzipSync(bytes, { maxOutputLength: most }),
}
const passphrase = 'correct horse battery staple'
const salt = new Uint8Array(16).fill(4)
const noise = new Uint8Array(2_500_000)
for (let i = 0, x = 1; i < noise.length; i++) {
  x = (Math.imul(x, 1_103_515_245) + 12_345) >>> 0
  noise[i] = x >>> 16
}
const files: BackedFile[] = [
  { name: 'home.journal', bytes: noise },
  { name: 'home.places', bytes: Uint8Array.of(1, 2, 3) },
  { name: 'empty', bytes: new Uint8Array(0) },
]

t.test('what went in comes out, over several pieces', async (t) => {
  const backup = encodeBackup(files, { passphrase, salt, packing })
  t.ok(backup.length > 2 * 1_048_576)
  const back = decodeBackup(backup, { passphrase, packing })
  t.same(
    back.map((f) => f.name),
    files.map((f) => f.name),
  )
  t.ok(back.every((f, i) => equal(f.bytes, files[i]!.bytes)))
  t.same(decodeBackup(encodeBackup([], { passphrase, salt, packing }), { passphrase, packing }), [])
  t.notOk(
    equal(
      backup.subarray(26),
      encodeBackup(files, { passphrase, salt: salt.map((b) => b + 1), packing }).subarray(26),
    ),
  )
  // The same passphrase typed on another keyboard.
  const composed = encodeBackup([], { passphrase: 'caf\u00e9 caf\u00e9 caf\u00e9', salt, packing })
  t.same(decodeBackup(composed, { passphrase: 'cafe\u0301 cafe\u0301 cafe\u0301', packing }), [])
})

t.test('cut off, changed, turned around, or with the wrong words: nothing', async (t) => {
  const backup = encodeBackup(files.slice(1), { passphrase, salt, packing })
  const code = (bytes: Uint8Array, words = passphrase): string => {
    try {
      decodeBackup(bytes, { passphrase: words, packing })
      return 'opened'
    } catch (error) {
      return (error as { code?: string }).code ?? 'threw'
    }
  }
  t.equal(code(backup, 'wrong'), 'wrong-passphrase')
  for (const n of [0, 7, 25, 26, 30, backup.length - 1])
    t.not(code(backup.subarray(0, n)), 'opened', `cut at ${n}`)
  for (const i of [0, 8, 24, 25, 26, 27, 31, backup.length - 1]) {
    const bad = backup.slice()
    bad[i]! ^= 1
    t.match(code(bad), /^(bad-backup|wrong-passphrase)$/, `byte ${i}`)
  }
  t.equal(code(Uint8Array.of(...backup, 0)), 'bad-backup')
  // Pieces of a large one in another order, or without the last.
  const large = encodeBackup(files, { passphrase, salt, packing })
  const piece = 5 + 1_048_576 + 16
  const swapped = large.slice()
  swapped.set(large.subarray(26 + piece, 26 + 2 * piece), 26)
  swapped.set(large.subarray(26, 26 + piece), 26 + piece)
  t.not(code(swapped), 'opened')
  const shortened = large.slice(0, 26 + 2 * piece)
  shortened[26 + piece] = 1
  t.equal(code(shortened), 'bad-backup')
})

t.test('a name that leads out of the folder is no name', async (t) => {
  for (const name of ['../x', '/etc/passwd', '.ssh', 'a/b', 'a\0b']) {
    const bad = encodeBackup([{ name, bytes: new Uint8Array(1) }], { passphrase, salt, packing })
    t.throws(() => decodeBackup(bad, { passphrase, packing }), { code: 'bad-backup' }, JSON.stringify(name))
  }
})
