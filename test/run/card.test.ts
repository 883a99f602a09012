// A device on a card of ours, with real processes: the card is an image file, the device runs on Node 18.
// Its code lies on the FAT partition until the claim, a broken wattle.txt is answered there, an update
// goes over the network into the other slot, a forged one does not.

import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { base64url, concat } from '../../src/base/bytes.ts'
import { openUpdate } from '../../src/bin/home/update.ts'
import { Signer, sha256 } from '../../src/crypto/native.ts'
import { Secret } from '../../src/crypto/secret.ts'
import {
  decodeSlots,
  encodeSlots,
  newest,
  SLOT_RECORD_AT,
  SLOT_RECORD_BYTES,
} from '../../src/wire/card/slots.ts'
import { encodeUpdateHead, signManifest } from '../../src/wire/card/update.ts'
import { folder, NODE18, needWattle, said, wattle } from './wattle.ts'

needWattle()
const MIB = 1_048_576
const SYSTEM_BYTES = 700_000

function signer(fill: number): Signer {
  return new Signer(new Secret(new Uint8Array(32).fill(fill)))
}

function updateFile(path: string, system: Uint8Array, by: Signer): string {
  const manifest = {
    board: 'pizero',
    version: '0.9.0',
    index: 4,
    boot: '',
    size: system.length,
    sha256: sha256(system),
  }
  const jws = signManifest(manifest, { kid: base64url(by.publicKey), signer: by })
  writeFileSync(path, concat(encodeUpdateHead(jws), system))
  return path
}

t.test('a card’s life with real processes', { timeout: 60_000 }, async (t) => {
  const root = folder(t)
  const path = (...names: string[]): string => join(root, ...names)
  const release = signer(3)
  const card = new Uint8Array(6 * MIB)
  const view = new DataView(card.buffer)
  for (const [n, at, size] of [
    [0, 1, 1],
    [1, 2, 2],
    [2, 4, 2],
  ] as const) {
    view.setUint32(446 + 16 * n + 8, (at * MIB) / 512, true)
    view.setUint32(446 + 16 * n + 12, (size * MIB) / 512, true)
  }
  view.setUint16(510, 0xaa55, true)
  writeFileSync(path('card.img'), card)
  for (const name of ['fat', 'run']) mkdirSync(path(name))
  writeFileSync(path('fat', 'config.txt'), '')
  writeFileSync(path('fat', 'wattle.txt'), 'wiffi = x\r\n')
  writeFileSync(path('run', 'slot'), 'a\n')
  writeFileSync(path('watchdog'), '')
  const config = path('wattle.json')
  const settings = {
    board: 'pizero',
    card: path('card.img'),
    run: path('run'),
    fat: path('fat'),
    watchdog: path('watchdog'),
    'release-key': base64url(release.publicKey),
    'clock-file': path('clock'),
    serial: 'sim',
    listen: '127.0.0.1:0',
    state: path('device'),
  }
  writeFileSync(config, JSON.stringify(settings))
  const node = existsSync(NODE18) ? { node: NODE18 } : {}
  const device = wattle(t, ['device', '--config', config], { ...node, stdin: true })
  const ready = await device.event('ready')
  if (!ready) return t.fail(device.words)
  t.match(JSON.parse(readFileSync(path('run', 'ready'), 'utf8')), { slot: 'a' })
  await device.until(
    () => existsSync(path('fat', 'claim-code.txt')) && existsSync(path('fat', 'wattle-error.txt')),
  )
  t.match(readFileSync(path('fat', 'wattle-error.txt'), 'utf8'), /line 1: no setting "wiffi"/)
  t.ok(await device.event('led', { led: 'status', pattern: 'fault-8' }))
  const [code] = readFileSync(path('fat', 'claim-code.txt'), 'utf8').split('\n')

  device.write('{"do":"press"}\n')
  await device.event('window', { open: true })
  const home = ['--state', path('home')]
  const claimed = await said(t, ['home', 'claim', code!, '--device', String(ready['address']), ...home])
  t.equal(claimed.code, 0, claimed.words)
  await device.until(() => !existsSync(path('fat', 'claim-code.txt')))
  t.notOk(existsSync(path('fat', 'claim-code.txt')), 'the code leaves the card with the claim')

  const system = new Uint8Array(randomBytes(SYSTEM_BYTES))
  const name = String(ready['name'])
  const forged = await said(t, [
    'home',
    'update',
    name,
    updateFile(path('forged.update'), system, signer(4)),
    ...home,
  ])
  t.equal(forged.code, 1)
  t.match(forged.words, /not signed by the key that this device trusts/)
  writeFileSync(path('half.update'), readFileSync(path('forged.update')).subarray(0, 300_000))
  t.throws(() => openUpdate(path('half.update')), {
    code: 'no-update',
    message: /not whole: expected 700000 bytes/,
  })
  t.throws(() => openUpdate(config), { code: 'no-update', message: /no update of Wattle/ })
  t.throws(() => openUpdate(path('none.update')), { code: 'no-update', message: /ENOENT/ })

  const good = await said(t, [
    'home',
    'update',
    name,
    updateFile(path('good.update'), system, release),
    ...home,
  ])
  t.equal(good.code, 0, good.words)
  t.match(good.words, /0\.7 of 0\.7 MB/)
  t.equal(await device.ended, 75, 'it asks for a restart')
  t.equal(readFileSync(path('run', 'reboot'), 'utf8'), 'update\n')
  t.match(readFileSync(path('watchdog'), 'utf8'), /^\.+$/)
  const after = new Uint8Array(readFileSync(path('card.img')))
  t.same(after.subarray(4 * MIB, 4 * MIB + SYSTEM_BYTES), system)
  const copies = SLOT_RECORD_AT.map((at) => decodeSlots(after.slice(at, at + SLOT_RECORD_BYTES)))
  const { record } = newest(copies)
  t.match(record, { first: 'b', a: 'good', b: 3, index: 0 })

  // Stage 1 counts a try and starts the other one, which is on trial.
  after.set(
    encodeSlots({ ...record, seq: record.seq + 1, b: 2 }),
    SLOT_RECORD_AT[copies[0] === record ? 1 : 0],
  )
  writeFileSync(path('card.img'), after)
  writeFileSync(path('run', 'slot'), 'b\n')
  // Where home knows it to be.
  writeFileSync(config, JSON.stringify({ ...settings, listen: ready['address'] }))
  const next = wattle(t, ['device', '--config', config], { ...node, stdin: true })
  t.ok(await next.event('trial', { slot: 'b' }), next.words)

  // Deleted: a code of its own is replaced, since the one of before has left the card.
  const deleted = await said(t, ['home', 'delete', name, ...home])
  t.equal(deleted.code, 0, deleted.words)
  t.equal(await next.ended, 75)
  t.equal(readFileSync(path('run', 'reboot'), 'utf8'), 'reset\n')
  const third = wattle(t, ['device', '--config', config], { ...node, stdin: true })
  t.match(await third.event('ready'), { claimed: false })
  await third.until(() => existsSync(path('fat', 'claim-code.txt')))
  const [another] = readFileSync(path('fat', 'claim-code.txt'), 'utf8').split('\n')
  t.match(another, /^[0-9A-Z]{4}(-[0-9A-Z]{4}){2}$/)
  t.not(another, code)
  return undefined
})

t.test('what keeps a board from starting: a fault for the supervisor, and no restart', async (t) => {
  const root = folder(t)
  mkdirSync(join(root, 'device'), { mode: 0o700 })
  writeFileSync(join(root, 'device', 'device.journal'), 'not a journal at all', { mode: 0o600 })
  writeFileSync(
    join(root, 'label.json'),
    spawnSync(process.execPath, ['dist/wattle', 'label', '--record', join(root, 'device', 'label.json')])
      .stdout,
  )
  const config = join(root, 'c.json')
  writeFileSync(
    config,
    JSON.stringify({
      board: 'pizero',
      run: join(root, 'run'),
      serial: 'sim',
      listen: '127.0.0.1:0',
      state: join(root, 'device'),
    }),
  )
  const { code, words } = await said(t, ['device', '--config', config])
  t.equal(code, 3, words)
  t.equal(readFileSync(join(root, 'run', 'fault'), 'utf8'), '3\n')
})
