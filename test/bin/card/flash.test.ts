import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync, inflateSync } from 'node:zlib'
import t from 'tap'
import { equal } from '../../../src/base/bytes.ts'
import { crc32 } from '../../../src/base/crc32.ts'
import { drawLabel, png, svg } from '../../../src/bin/card/label-png.ts'
import { openImage } from '../../../src/bin/card/source.ts'
import { writeCard } from '../../../src/bin/card/write.ts'
import { Chance } from '../../../src/hw/sim/scheduler.ts'
import { parseCode, parseRecord, stretchCode } from '../../../src/ownership/label.ts'
import { decodeLabelRecord, encodeLabelRecord, LABEL_RECORD_AT } from '../../../src/wire/card/label-record.ts'
import { needWattle } from '../../run/wattle.ts'

needWattle()
const folder = mkdtempSync(join(tmpdir(), 'wattle-flash-'))
t.teardown(() => rmSync(folder, { recursive: true, force: true }))
const MIB = 1_048_576
const BYTES = 5 * MIB + 1_000

/** An image of ours: its table, random systems, and empty places for the records. */
function image(): Uint8Array {
  const bytes = new Uint8Array(BYTES)
  new Chance(4).fill(bytes.subarray(MIB))
  const view = new DataView(bytes.buffer)
  view.setUint32(440, 0x57415454, true)
  ;[
    [1, 2],
    [3, 1],
    [4, 1],
    [5, 0],
  ].forEach(([at, size], n) => {
    view.setUint32(446 + 16 * n + 8, (at! * MIB) / 512, true)
    view.setUint32(446 + 16 * n + 12, (size! * MIB) / 512, true)
  })
  view.setUint16(510, 0xaa55, true)
  return bytes
}

const plain = join(folder, 'wattle-pizero.img')
writeFileSync(plain, image())
const path = (name: string): string => join(folder, name)

/** Runs the program. */
async function run(...args: string[]): Promise<{ code: number; out: string; error: string }> {
  const child = spawn(process.env['WATTLE_NODE'] ?? process.execPath, ['dist/wattle', 'flash', ...args])
  let [out, error] = ['', '']
  child.stdout.on('data', (text) => {
    out += text
  })
  child.stderr.on('data', (text) => {
    error += text
  })
  const [code] = (await once(child, 'close')) as [number]
  return { code, out, error }
}

function withoutRecords(bytes: Uint8Array): Uint8Array {
  const out = bytes.slice()
  for (const at of LABEL_RECORD_AT) out.fill(0, at, at + 4_096)
  return out
}

t.test('label record: reads back, torn and forged ones do not, a shell reads it', async (t) => {
  const json = '{"v":1,"discriminator":"ab12"}'
  const bytes = encodeLabelRecord(json)
  t.equal(bytes.length, 4_096)
  t.equal(decodeLabelRecord(bytes), json)
  let taken = 0
  for (let i = 0; i < 100; i++) {
    const bad = bytes.slice()
    bad[i]! ^= 1
    if (i < 60 && decodeLabelRecord(bad) !== null) taken++
  }
  t.equal(taken, 0)
  t.equal(decodeLabelRecord(bytes.subarray(0, 4_095)), null)
  t.equal(decodeLabelRecord(new Uint8Array(4_096)), null)
  t.throws(() => encodeLabelRecord('{\n}'), RangeError)
  t.throws(() => encodeLabelRecord(`{"x":"${'x'.repeat(4_096)}"}`), RangeError)
})

t.test('image and a new label into a file: whole, compared, and the code opens the record', async (t) => {
  const target = path('card.img')
  const { code, out } = await run(plain, target, '--json', '--png', path('l.png'), '--svg', path('l.svg'))
  t.equal(code, 0)
  const said = JSON.parse(out) as {
    bytes: number
    sha256: string
    label: { code: string; name: string; url: string }
  }
  const card = new Uint8Array(readFileSync(target))
  t.equal(said.bytes, BYTES)
  t.equal(said.sha256, createHash('sha256').update(card).digest('hex'))
  t.ok(equal(withoutRecords(card), image()), 'nothing else was changed')
  const records = LABEL_RECORD_AT.map((at) => decodeLabelRecord(card.slice(at, at + 4_096)))
  t.ok(records[0] !== null && records[0] === records[1])
  const record = parseRecord(records[0]!)
  t.ok(record)
  t.notMatch(records[0], said.label.code.replaceAll('-', ''), 'the code is not on the card')
  t.equal(parseCode(said.label.url)?.code, said.label.code.replaceAll('-', ''))
  const { discriminator, salt, w0 } = record!
  const stretched = stretchCode(said.label.code.replaceAll('-', ''), discriminator, salt)
  t.ok(equal(stretched.w0.bytes(), w0.bytes()), 'and fits')
  t.equal(statSync(path('l.png')).mode & 0o777, 0o600)
  t.match(readFileSync(path('l.svg'), 'utf8'), /^<svg .*<\/svg>\n$/)
  const again = await run(plain, target)
  t.match(again.error, /there is a file of that name already/)
})

t.test('packed images: gzip, xz, zstd; a damaged one is told', async (t) => {
  writeFileSync(path('w.img.gz'), gzipSync(image()))
  const packed = ['w.img.gz']
  for (const [program, name] of [
    ['xz', 'w.img.xz'],
    ['zstd', 'w.img.zst'],
  ] as const) {
    const { status, stdout } = spawnSync(program, ['-c', plain], { maxBuffer: 1 << 26 })
    if (status !== 0) t.comment(`${program} is not installed here`)
    else {
      writeFileSync(path(name), stdout)
      packed.push(name)
    }
  }
  for (const name of packed) {
    const target = path(`${name}.card`)
    t.equal((await run(path(name), target, '--without-label')).code, 0, name)
    t.ok(equal(new Uint8Array(readFileSync(target)), image()), name)
    const half = path(`half-${name}`)
    const bytes = readFileSync(path(name))
    writeFileSync(half, bytes.subarray(0, bytes.length - 1_000))
    const cut = await run(half, path(`${name}.cut`), '--without-label')
    t.equal(cut.code, 1, name)
    t.match(cut.error, /cannot be read/, name)
  }
})

t.test('a program whose output ends before it does', async (t) => {
  const bin = path('bin')
  mkdirSync(bin)
  writeFileSync(join(bin, 'zstd'), '#!/bin/sh\ncat\nexec 1>&-\nsleep 0.2\nexit $END\n', { mode: 0o755 })
  const { PATH, END } = process.env
  t.teardown(() => Object.assign(process.env, { PATH, END: END ?? '0' }))
  process.env['END'] = '0'
  process.env['PATH'] = `${bin}:${PATH}`
  writeFileSync(path('slow.img.zst'), image())
  const read = async (): Promise<number> => {
    let bytes = 0
    for await (const piece of openImage(path('slow.img.zst')).pieces) bytes += piece.length
    return bytes
  }
  t.equal(await read(), BYTES)
  process.env['END'] = '7'
  await t.rejects(read(), { code: 'no-image', message: /zstd ended with exit code 7/ })
})

t.test('what is refused before a byte is written', async (t) => {
  writeFileSync(path('photo.img'), new Uint8Array(3 * MIB))
  writeFileSync(path('empty.img'), '')
  writeFileSync(path('bad.json'), '{}')
  const made = path('made.img')
  const cases: [string[], number, RegExp][] = [
    [[], 2, /expected IMAGE and DISK/],
    [[plain], 2, /expected IMAGE and DISK/],
    [[plain, made, 'more'], 2, /expected/],
    [[path('none.img'), made], 1, /none.img cannot be read/],
    [[folder, made], 1, /it is no file/],
    [[path('empty.img'), made], 1, /the image is empty/],
    [[path('photo.img'), made], 1, /no image of Wattle/],
    [[plain, '/dev/null'], 1, /no disk as a whole/],
    [[plain, '/dev/nosuchdisk'], 1, /no disk as a whole/],
    [[plain, made, '--record', path('bad.json')], 1, /no label record/],
    [[plain, made, '--without-label', '--png', path('x.png')], 2, /made now/],
    [[plain, join(folder, 'no', 'folder', 'x')], 1, /ENOENT/],
  ]
  await Promise.all(
    cases.map(async ([args, code, words]) => {
      const got = await run(...args)
      t.equal(got.code, code, args.join(' '))
      t.match(got.error, words, args.join(' '))
    }),
  )
  t.notOk(existsSync(made))
  t.notOk(readdirSync(folder).includes('x.png'))
})

t.test('a card that does not keep what is written to it', async (t) => {
  const target = path('liar.img')
  const source = openImage(plain)
  const lie = writeCard({
    source,
    target,
    disk: false,
    label: null,
    checkSize: () => {},
    onProgress: (what, part) => {
      // After the last write, before it is compared.
      if (what === 'writing' && part === 1)
        writeFileSync(target, new Uint8Array(100).fill(255), { flag: 'r+' })
    },
  })
  await t.rejects(lie, { code: 'card-differs' })
})

t.test('the label’s picture is a PNG with what it says', async (t) => {
  const picture = drawLabel('http://wattle-ab12.local/#K7QDM2XA9RTE', ['wattle-ab12', 'K7QD-M2XA-9RTE'])
  const bytes = png(picture)
  t.same([...bytes.subarray(0, 8)], [0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10])
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  const chunks: Record<string, Uint8Array> = {}
  for (let at = 8; at < bytes.length; ) {
    const length = view.getUint32(at)
    const name = Buffer.from(bytes.subarray(at + 4, at + 8)).toString()
    chunks[name] = bytes.subarray(at + 8, at + 8 + length)
    t.equal(view.getUint32(at + 8 + length), crc32(bytes, at + 4, at + 8 + length), name)
    at += 12 + length
  }
  t.same(Object.keys(chunks), ['IHDR', 'pHYs', 'IDAT', 'IEND'])
  const rows = inflateSync(chunks['IDAT']!)
  const stride = 1 + Math.ceil(picture.width / 8)
  t.equal(rows.length, stride * picture.height)
  let wrong = 0
  for (let y = 0; y < picture.height; y++)
    for (let x = 0; x < picture.width; x++)
      if (((rows[y * stride + 1 + (x >> 3)]! & (0x80 >> (x & 7))) === 0) !== picture.black(x, y)) wrong++
  t.equal(wrong, 0)
  t.ok(svg(picture).length > 1_000)
})
