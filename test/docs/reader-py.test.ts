// The reader outside: test/reader-py, written in Python from docs/wire.md alone, opens every published
// vector, and what a whole simulated device sends to a provider through grant, restart and revocation.
// Where Debian's python3-cryptography is not installed, that is said and these tests are skipped.

import { spawnSync } from 'node:child_process'
import { randomFillSync } from 'node:crypto'
import t from 'tap'
import { vectors } from '../../scripts/vectors.ts'
import { hex } from '../../src/base/bytes.ts'
import { Exchange } from '../../src/crypto/native.ts'
import { Secret } from '../../src/crypto/secret.ts'
import type { Card } from '../../src/ownership/card.ts'
import { CHANNEL_PROTOCOL, encodeSubscribe } from '../../src/wire/channel.ts'
import { House } from '../scenario/house.ts'
import { type Talk, Visitor } from '../scenario/visitor.ts'

const DIR = 'test/reader-py'

/** A Python that has `cryptography`: Debian's own, or whatever stands first. */
function python(): string | null {
  for (const command of ['/usr/bin/python3', 'python3'])
    if (spawnSync(command, ['-c', 'import cryptography'], { timeout: 20_000 }).status === 0) return command
  return null
}

const command = python()
const skip = command ? false : 'apt-get install python3-cryptography, and the reader in Python is tried too'
const run = (script: string, input = '', ...args: string[]): { status: number | null; out: string } => {
  const env = { ...process.env, PYTHONDONTWRITEBYTECODE: '1' }
  const options = { input, env, encoding: 'utf8', timeout: 50_000, maxBuffer: 1 << 28 } as const
  const { status, stdout, stderr } = spawnSync(command!, [`${DIR}/${script}`, ...args], options)
  return { status, out: `${stdout}${stderr}` }
}

t.test('the published vectors are what the code makes', async (t) => {
  t.same(vectors(true), [], 'make vectors')
})

t.test('the reader in Python opens every published vector', { skip }, async (t) => {
  const { status, out } = run('run.py', '', 'docs/vectors')
  t.equal(
    status,
    0,
    out
      .split('\n')
      .filter((line) => !line.startsWith('ok'))
      .join('\n'),
  )
  t.ok(out.split('\n').filter((line) => line.startsWith('ok')).length >= 110, 'all of them were there')
})

interface Probe {
  visitor: Visitor
  boxSecret: Uint8Array
  card: Card
}

/** A provider that takes down what it is sent, and opens nothing itself. */
function probe(house: House, name: string): Probe {
  const visitor = new Visitor(house, name)
  const boxSecret = randomFillSync(new Uint8Array(32))
  const box = new Exchange(new Secret(boxSecret.slice())).publicKey
  const card = { name, domain: '', sign: visitor.signer.publicKey, box, addresses: [] }
  house.providers.set(name, { provider: null as never, card, access: null as never })
  return { visitor, boxSecret, card }
}

function subscribe(p: Probe): Talk {
  const talk = p.visitor.open(CHANNEL_PROTOCOL, undefined, true)!
  talk.send(encodeSubscribe({ class: 0, epoch: 0, index: 0, hasKey: false, grantId: new Uint8Array(16) }))
  return talk
}

interface Read {
  telegrams: string[]
  end: { counts: Record<string, number>; gaps: unknown[]; refused: number | null }
}

function read(house: House, p: Probe, messages: Uint8Array[]): Read {
  const { key, box } = house.owned().device
  const capture = {
    device: { sign: hex(key), box: hex(box) },
    reader: { sign: hex(p.card.sign), boxSecret: hex(p.boxSecret) },
    class: 0,
    messages: messages.map(hex),
  }
  const { status, out } = run('capture.py', JSON.stringify(capture))
  if (status !== 0) throw new Error(out)
  const lines = out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
  const end = lines.pop() as unknown as Read['end']
  return { telegrams: lines.map((line) => line['telegram'] as string), end }
}

t.test('a live device is read by it: grant, another reader, restart, revocation', { skip }, async (t) => {
  const house = new House(61)
  house.startDevice()
  house.startHome()
  t.equal(house.claim(), 'ok')
  house.until(() => house.homeGot.length >= 3)
  const p = probe(house, 'probe')
  const before = house.sent.length
  const id = house.grant('probe')
  const talk = subscribe(p)
  house.world.runFor(20_000)
  house.startProvider('alice')
  const alices = house.grant('alice')
  house.world.runFor(70_000)
  t.equal(house.revoke(alices), 'ok', 'somebody else is put out: a new epoch for the probe too')
  house.world.runFor(10_000)
  t.equal(house.revoke(id), 'ok')
  const ended = house.sent.length
  house.world.runFor(20_000)

  const { telegrams, end } = read(house, p, talk.got)
  const sent = new Set(house.sent)
  t.ok(
    telegrams.every((text) => sent.has(text)),
    "byte for byte the meter's own",
  )
  const places = telegrams.map((text) => house.sent.indexOf(text))
  t.same(
    places,
    Array.from(places, (_, i) => places[0]! + i),
    'each one, in order',
  )
  t.ok(places[0]! >= before - 1 && places[0]! <= before + 1, `from ${places[0]}, granted at ${before}`)
  t.ok(places.at(-1)! < ended && places.at(-1)! >= ended - 2, `to ${places.at(-1)}, revoked at ${ended}`)
  t.same([end.gaps, end.refused], [[], null])
  t.match(end.counts, { 'grant taken': 1, 'ended taken': 1, rotated: 1 })
  t.ok(end.counts['closed']! >= 15, `${end.counts['closed']} frames came after that, and stayed closed`)
  t.notOk(end.counts['bad'] ?? end.counts['fork'])
})
