import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { body, bytesOf, corpus, latin, sample } from '../p1/corpus.ts'

interface Ran {
  code: number
  message: string
  lines: Record<string, unknown>[]
  raw: Buffer
  err: string[]
}

/** Runs commands one after the other in a process of their own, and catches what each prints. */
const PROGRAM = `
const { p1 } = await import(process.cwd() + '/src/bin/p1/p1.ts')
const results = []
const write = process.stdout.write
for (const args of JSON.parse(process.argv[1])) {
  const out = [], err = []
  process.stdout.write = (data) => { out.push(Buffer.from(data)); return true }
  process.stderr.write = (data) => { err.push(Buffer.from(data)); return true }
  const result = { code: -1, message: '' }
  try { result.code = await p1(args) } catch (e) { result.message = e.name + ': ' + e.message; result.code = e.exit ?? -2 }
  results.push({ ...result, out: Buffer.concat(out).toString('base64'), err: Buffer.concat(err).toString() })
}
process.stdout.write = write
process.stdout.write(JSON.stringify(results))
`

function runAll(commands: readonly (readonly string[])[]): Ran[] {
  const node = process.env['WATTLE_NODE'] ?? process.execPath
  const flags = ['--experimental-strip-types', '--no-warnings', '--input-type=module', '-e', PROGRAM]
  const options = { encoding: 'utf8', maxBuffer: 1 << 26, env: { ...process.env, NODE_OPTIONS: '' } } as const
  const child = spawnSync(node, [...flags, JSON.stringify(commands)], options)
  if (child.status !== 0) throw new Error(child.stderr)
  const results = JSON.parse(child.stdout) as { code: number; message: string; out: string; err: string }[]
  return results.map(({ code, message, out, err }) => {
    const raw = Buffer.from(out, 'base64')
    const text = raw.toString('utf8')
    const lines = text.startsWith('{')
      ? text
          .trim()
          .split('\n')
          .map((l) => JSON.parse(l) as Record<string, unknown>)
      : []
    return { code, message, lines, raw, err: err.trim().split('\n') }
  })
}

function run(...args: string[]): Ran {
  return runAll([args])[0]!
}

function file(bytes: Uint8Array): string {
  const path = join(mkdtempSync(join(tmpdir(), 'wattle-p1-')), 'stream')
  writeFileSync(path, bytes)
  return path
}

const TELEGRAMS = 'test/p1/telegrams'

t.test('decode gives the shape of the corpus for each of its telegrams', async (t) => {
  const results = runAll(corpus.map((s) => ['decode', file(s.good)]))
  for (const [i, s] of corpus.entries()) {
    const { code, lines } = results[i]!
    t.equal(code, 0)
    t.equal(lines.length, 1, s.name)
    const { header, meterTime, objects, other, crc } = s.expected
    const valid = s.good === s.bytes ? crc : { ...crc, claimed: crc.computed, valid: true }
    const line = lines[0]!
    t.strictSame(
      {
        header: line['header'],
        meterTime: line['meterTime'],
        objects: line['objects'],
        other: line['other'],
        crc: line['crc'],
      },
      { header, meterTime, objects, other, crc: valid },
      s.name,
    )
    t.equal(line['offset'], 0)
    t.equal(line['bytes'], body(s.good).length)
    t.match(line['reading'], { flags: { crc: crc.digits > 0 } })
  }
})

t.test('--stats: accepted, rejected, skipped; the CR LF of a telegram is not skipped', async (t) => {
  const a = latin(sample('v5.0-iskra-am550').good)
  const stream = `junk${a}${a.replace('00.498', '00.499')}${a}${'x'.repeat(70_000)}${a.slice(0, 400)}`
  const { lines, err } = run('decode', '--stats', file(bytesOf(stream)))
  t.strictSame(
    lines.map((l) => l['offset']),
    [4, 4 + 2 * a.length],
  )
  const stats = JSON.parse(err.at(-1)!) as Record<string, unknown>
  t.match(stats, {
    accepted: 2,
    rejected: { crc: 1 },
    bytes: stream.length,
    bytesSkipped: stream.length - 2 * a.length,
  })
  t.type(stats['seconds'], 'number')
})

t.test('decode of encrypted frames, in each mode', async (t) => {
  const path = `${TELEGRAMS}/encrypted/lu-smarty-encrypted-authenticated.p1`
  const expected = JSON.parse(readFileSync(path.replace('.p1', '.expected.json'), 'utf8')) as {
    key: string
    authenticationKey: string
    objects: unknown
  }
  const keys = ['--key', expected.key, '--auth-key', expected.authenticationKey]
  const { lines } = run('decode', path, ...keys)
  t.equal(lines.length, 1)
  t.strictSame(lines[0]!['objects'], expected.objects)
  t.match(lines[0]!['reading'], { flags: { encrypted: true, authenticated: true, crc: false } })
  t.strictSame(run('decode', path, '--key', expected.key).lines, [], 'another authentication key')
  const { lines: none, err } = run('decode', path, '--stats')
  t.strictSame(none, [])
  t.match(JSON.parse(err.at(-1)!), { accepted: 0, sealed: 1 })
})

t.test('simulate feeds decode, with and without faults', async (t) => {
  const args = ['simulate', '--at', '2026-11-20T10:00:00Z', '--count', '20', '--seed', '3']
  const clean = run(...args, '--meter', 'be')
  const decoded = run('decode', file(clean.raw))
  t.equal(decoded.lines.length, 20)
  t.match(decoded.lines[19], {
    meterTime: { utc: '2026-11-20T10:00:19Z' },
    reading: { variant: 'emucs-1.7.1' },
  })
  t.strictSame(run(...args, '--meter', 'be').raw, clean.raw, 'the same seed, the same bytes')
  const parity = run(...args, '--parity')
  t.equal(run('decode', file(parity.raw)).lines.length, 20)
  const bad = run(...args, '--count', '100', '--noise', '0.3', '--cut', '0.2')
  const { lines, err } = run('decode', '--stats', file(bad.raw))
  t.ok(lines.length >= 40 && lines.length <= 75, `${lines.length} of 100`)
  t.ok((JSON.parse(err.at(-1)!) as { bytesSkipped: number }).bytesSkipped > 1_000)
  const own = run(...args, '--meter', `${TELEGRAMS}/v4.2-kaifa-ma304.p1`)
  t.equal(run('decode', file(own.raw)).lines.length, 20)
})

t.test('ports lists, wrong use is said', async (t) => {
  t.equal(run('ports', '--json').code, 0)
  const wrong = [
    [['nothing'], 2, /no command/],
    [['decode', 'a', 'b'], 2, /one file/],
    [['decode', '--key', 'xyz', '-'], 2, /32 hex digits/],
    [['decode', '--decrypt', 'maybe', '-'], 2, /strict, crc-only/],
    [['decode', '/no/such/file'], 1, /cannot be read/],
    [['simulate', '--meter', 'none'], 1, /neither/],
    [['simulate', '--to', 'nowhere'], 2, /stdout/],
    [['simulate', '--at', 'today'], 2, /takes a time/],
  ] as const
  const results = runAll(wrong.map(([args]) => args))
  for (const [i, [args, code, words]] of wrong.entries()) {
    t.equal(results[i]!.code, code, args.join(' '))
    t.match(results[i]!.message, words)
    t.match(results[i]!.message, /^WattleError/)
  }
})
