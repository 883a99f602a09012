import t from 'tap'
import { base64url, equal, text, utf8 } from '../../../src/base/bytes.ts'
import { LIMITS } from '../../../src/base/limits.ts'
import { Signer, sha256, Verifier } from '../../../src/crypto/native.ts'
import { Secret } from '../../../src/crypto/secret.ts'
import { Updater } from '../../../src/device/update/updater.ts'
import type { UpdateSource } from '../../../src/home/update.ts'
import type { SimBoard } from '../../../src/hw/sim/board.ts'
import { Chance } from '../../../src/hw/sim/scheduler.ts'
import { World } from '../../../src/hw/sim/world.ts'
import {
  chooseSlot,
  decodeSlots,
  encodeSlots,
  newest,
  type SlotRecord,
} from '../../../src/wire/card/slots.ts'
import {
  decodeData,
  decodeUpdateHead,
  encodeUpdateHead,
  type Manifest,
  peekManifest,
  signManifest,
  UPDATE_PROTOCOL,
  type UpdateRefusal,
  verifyManifest,
} from '../../../src/wire/card/update.ts'
import { House } from '../../scenario/house.ts'

const SLOT_BYTES = 300_000
const release = new Signer(new Secret(new Uint8Array(32).fill(7)))
const releaseKey = Verifier.of(release.publicKey)!
const stranger = new Signer(new Secret(new Uint8Array(32).fill(8)))

function system(seed: number, size = 200_000): Uint8Array {
  const bytes = new Uint8Array(size)
  new Chance(seed).fill(bytes)
  return bytes
}

function manifestOf(bytes: Uint8Array, change: Partial<Manifest> = {}): Manifest {
  return {
    board: 'pizero',
    version: '0.2.0',
    index: 5,
    boot: '',
    size: bytes.length,
    sha256: sha256(bytes),
    ...change,
  }
}

const sign = (manifest: Manifest, signer = release): string =>
  signManifest(manifest, { kid: base64url(signer.publicKey), signer })

function sourceOf(bytes: Uint8Array, jws: string): UpdateSource {
  return { jws, size: bytes.length, read: (at, n, done) => done(bytes.slice(at, at + n)) }
}

interface Rig {
  house: House
  board: SimBoard
  slots: () => SlotRecord
  /** Sends, and says how it ended: `installed`, a code, or `open` after `ms`. */
  send: (source: UpdateSource, ms?: number) => string
}

function rig(seed: number): Rig {
  const house = new House(seed)
  house.releaseKey = release.publicKey
  const board = house.world.machine('device', { board: { kind: 'pizero', slotBytes: SLOT_BYTES } }).board!
  board.facts.set('slot', 'a')
  board.onRestart = () => house.machine('device').kill()
  house.startDevice()
  house.startHome()
  t.equal(house.claim(), 'ok')
  house.world.runFor(5_000)
  return {
    house,
    board,
    slots: () => newest([0, 1].map((copy) => decodeSlots(board.disk.peek(`record-${copy}`)!))).record,
    send: (source, ms = 300_000) => {
      let ended = ''
      const sender = house.home!.update(house.owned(), {
        source,
        onProgress: () => {},
        onDone: (error) => {
          ended = error ? error.code : 'installed'
        },
      })
      house.world.runUntil(() => ended !== '', ms)
      sender.stop()
      return ended || 'open'
    },
  }
}

t.test('manifest: what was signed comes out, a forgery does not', async (t) => {
  const manifest = manifestOf(system(1), { boot: '6.1-a' })
  const jws = sign(manifest)
  t.same(verifyManifest(jws, releaseKey), manifest)
  t.same(peekManifest(jws), manifest)
  t.equal(verifyManifest(jws, Verifier.of(stranger.publicKey)!), 'unsigned')
  let taken = 0
  for (let i = 0; i < jws.length; i++) {
    const bad = `${jws.slice(0, i)}${jws[i] === 'A' ? 'B' : 'A'}${jws.slice(i + 1)}`
    if (typeof verifyManifest(bad, releaseKey) !== 'string') taken++
  }
  t.equal(taken, 0, 'one character changed')
  for (const change of [
    { board: 'a b' },
    { board: '' },
    { version: 'x'.repeat(65) },
    { index: -1 },
    { index: 1.5 },
    { index: 2 ** 32 },
    { size: 0 },
    { size: 2 ** 31 },
    { sha256: new Uint8Array(31) },
    { boot: 'a/b' },
  ])
    t.throws(() => sign(manifestOf(system(1), change)), RangeError, JSON.stringify(change))
  const none = signCompactText('{"v":2}')
  t.equal(verifyManifest(none, releaseKey), 'malformed')
  t.equal(verifyManifest('x'.repeat(5_000), releaseKey), 'malformed')
})

function signCompactText(payload: string): string {
  const head = base64url(utf8('{"alg":"EdDSA","kid":"x"}'))
  const body = base64url(utf8(payload))
  return `${head}.${body}.${base64url(release.sign(utf8(`${head}.${body}`)))}`
}

t.test('the file: head and system; anything else is no update', async (t) => {
  const bytes = system(2, 1_000)
  const jws = sign(manifestOf(bytes))
  const head = encodeUpdateHead(jws)
  const found = decodeUpdateHead(head)!
  t.same([found.jws, found.at, found.manifest.size], [jws, head.length, 1_000])
  for (let n = 0; n < head.length; n += 7) t.equal(decodeUpdateHead(head.subarray(0, n)), null)
  const wrong = head.slice()
  wrong[8] = 2
  t.equal(decodeUpdateHead(wrong), null, 'another version of the file')
  t.equal(decodeData(new Uint8Array(7)), null, 'no bytes')
  t.equal(decodeData(new Uint8Array(8 + LIMITS.update.chunkBytes)), null, 'too many bytes')
})

t.test('an owner sends a good update: it is tried, proves itself, and its index counts', async (t) => {
  const { house, board, slots, send } = rig(21)
  const bytes = system(3)
  t.equal(send(sourceOf(bytes, sign(manifestOf(bytes)))), 'installed')
  t.ok(equal(board.disk.peek('slot-b')!.subarray(0, bytes.length), bytes), 'byte for byte')
  t.ok(
    board.disk.peek('slot-a')!.every((b) => b === 0),
    'our own is not touched',
  )
  t.match(slots(), { first: 'b', a: 'good', b: 3, index: 0 })
  t.ok(house.machine('device').leds.timeline.some((l) => l.name === 'updating'))
  house.world.runFor(5_000)
  t.same(board.restarts, ['update'])
  // Stage 1:
  const { slot, write } = chooseSlot(slots())
  t.equal(slot, 'b')
  board.disk.poke('record-0', encodeSlots(write!))
  board.facts.set('slot', 'b')
  house.startDevice()
  house.world.runFor(80_000)
  t.match(slots(), { first: 'b', a: 'good', b: 'good', index: 5 })
  t.match(house.events('device', 'proved')[0], { slot: 'b', index: 5 })
  const older = system(4)
  t.equal(send(sourceOf(older, sign(manifestOf(older, { index: 4 })))), 'downgrade')
  t.match(slots(), { first: 'b', a: 'good', b: 'good' }, 'and nothing was touched')
  house.machine('device').button.press(4_000)
  house.world.runFor(5_000)
  t.equal(
    send(sourceOf(older, sign(manifestOf(older, { index: 4 })))),
    'installed',
    'unless somebody is at the device',
  )
})

t.test('a connection that breaks: it goes on where it was, over a restart of the device too', async (t) => {
  const { house, board, slots, send } = rig(22)
  const bytes = system(5)
  const source = sourceOf(bytes, sign(manifestOf(bytes)))
  const asked: number[] = []
  let pieces = 0
  const counted: UpdateSource = {
    ...source,
    read: (at, n, done) => {
      asked.push(at)
      if (++pieces === 6) house.world.network.cut('device', 'home')
      source.read(at, n, done)
    },
  }
  t.equal(send(counted), 'installed')
  t.ok(asked.length <= Math.ceil(bytes.length / LIMITS.update.chunkBytes) + 5, `${asked.length} pieces`)
  t.ok(equal(board.disk.peek('slot-b')!.subarray(0, bytes.length), bytes))
  house.world.runFor(5_000)
  // Another one, cut by a restart of the device.
  board.disk.poke('record-0', encodeSlots({ ...slots(), seq: 50, b: 'good', first: 'b' }))
  board.facts.set('slot', 'b')
  house.startDevice()
  house.world.runFor(5_000)
  const next = system(6)
  const again = sourceOf(next, sign(manifestOf(next, { version: '0.3.0', index: 6 })))
  let stop = 0
  const stopping: UpdateSource = {
    ...again,
    read: (at, n, done) => {
      if (++stop === 8) {
        house.machine('device').kill()
        house.world.runFor(10)
      }
      if (stop !== 8) again.read(at, n, done)
    },
  }
  t.equal(send(stopping, 2_000), 'open')
  t.match(slots(), { a: 'none', b: 'good', first: 'b' }, 'half a system is never started')
  house.startDevice()
  house.world.runFor(3_000)
  t.equal(send(again), 'installed')
  t.ok(equal(board.disk.peek('slot-a')!.subarray(0, next.length), next))
})

t.test(
  'what is not right is refused with a word, a light and a way back; nothing of it is started',
  async (t) => {
    const { house, slots, send } = rig(23)
    const bytes = system(7)
    const good = manifestOf(bytes)
    const damaged = bytes.slice()
    damaged[123_456]! ^= 1
    const cases: [string, UpdateSource, string][] = [
      ['unsigned', sourceOf(bytes, sign(good, stranger)), 'fault-5'],
      ['other-board', sourceOf(bytes, sign(manifestOf(bytes, { board: 'pizero2w' }))), 'fault-5'],
      ['too-large', sourceOf(bytes, sign(manifestOf(bytes, { size: SLOT_BYTES + 1 }))), 'fault-5'],
      ['malformed', sourceOf(bytes, signCompactText('{}')), 'fault-5'],
      ['damaged', sourceOf(damaged, sign(good)), 'fault-5'],
    ]
    for (const [word, source, led] of cases) {
      t.equal(send(source), word)
      t.equal(house.machine('device').leds.showing('status'), led, word)
      const { a, b, first } = slots()
      t.equal(a, 'good')
      t.equal(first, 'a')
      t.not(typeof b, 'number', `${word}: not to be tried`)
    }
    t.match(
      house
        .events('device', 'update')
        .filter((l) => l['refused'])
        .map((l) => l['refused']),
      cases.map(([w]) => w),
    )
    t.equal(send(sourceOf(bytes, sign(good))), 'installed', 'a good one after all that')
  },
)

t.test('half of it, and then silence: the card goes on with what it has', async (t) => {
  const { house, slots, send } = rig(24)
  const bytes = system(8)
  const half: UpdateSource = {
    jws: sign(manifestOf(bytes)),
    size: bytes.length,
    read: (at, n, done) => {
      if (at < 100_000) done(bytes.slice(at, at + n))
    },
  }
  t.equal(send(half, 60_000), 'open')
  t.match(slots(), { first: 'a', a: 'good', b: 'none' })
  house.world.runFor(5_000)
  t.equal(house.machine('device').leds.showing('status'), 'paired')
})

t.test('a device without a release key, or on trial, takes nothing', async (t) => {
  const { house, board, send } = rig(25)
  const bytes = system(9)
  const source = sourceOf(bytes, sign(manifestOf(bytes)))
  house.machine('device').kill()
  house.releaseKey = null
  house.startDevice()
  house.world.runFor(3_000)
  t.equal(send(source), 'unsigned')
  house.machine('device').kill()
  house.releaseKey = release.publicKey
  board.facts.set('slot', 'b')
  board.disk.poke('record-0', encodeSlots({ seq: 9, first: 'b', a: 'good', b: 2, index: 0 }))
  house.startDevice()
  house.world.runFor(3_000)
  t.equal(send(source), 'on-trial')
})

t.test('strangers are turned away before anything is read', async (t) => {
  const { house } = rig(26)
  const card = house.startProvider('spy')
  t.ok(card)
  const { provider } = house.providers.get('spy')!
  let ended = ''
  provider.host.dial(house.deviceAddress, house.device!.key!, (error, connection) => {
    if (!connection) throw error ?? new Error('no connection')
    connection.open(UPDATE_PROTOCOL, (_, stream) => {
      if (!stream) {
        ended = 'refused'
        return
      }
      stream.events = {
        onData: () => {
          ended = 'answered'
        },
        onDrain: () => {},
        onEnd: () => {},
        onClose: () => {
          ended ||= 'closed'
        },
      }
      const offer = utf8(`\u0001${sign(manifestOf(system(1)))}`)
      stream.write(Uint8Array.of(0, 0, offer.length >> 8, offer.length & 255, ...offer))
    })
  })
  house.until(() => ended !== '')
  t.not(ended, 'answered')
})

/** The engine by itself, fed in one go; the board loses its power at point `cut` of its card. */
function cutRun(
  cut: number,
  seed: number,
): { points: number; record: SlotRecord; slot: Uint8Array; bytes: Uint8Array } {
  const world = new World({ seed })
  const machine = world.machine('device', { board: { kind: 'pizero', slotBytes: 40_000 }, syncMs: 1 })
  const board = machine.board!
  board.disk.poke('record-0', encodeSlots({ seq: 1, first: 'a', a: 'good', b: 'good', index: 0 }))
  // An older system lies there already: half of it must not be started either.
  board.disk.poke('slot-b', system(seed + 1, 40_000))
  board.disk.onCut = () => machine.cutPower()
  if (cut > 0) board.disk.cutAfter(cut)
  const bytes = system(seed + 2, 36_000)
  const { hardware } = machine
  const updater = new Updater({
    card: hardware.board!.card,
    files: hardware.files,
    slot: 'a',
    board: 'pizero',
    boot: null,
    key: releaseKey,
    mayDowngrade: () => false,
  })
  let refused: UpdateRefusal | null = null
  updater.offer(sign(manifestOf(bytes)), (refusal, at) => {
    refused = refusal
    if (refusal) return
    const next = (from: number): void => {
      const end = Math.min(bytes.length, from + 9_000)
      updater.data(from, bytes.subarray(from, end), next, () => {})
    }
    next(at)
  })
  world.runFor(5_000)
  if (cut === 0 && refused) throw new Error(refused)
  const record = newest([0, 1].map((copy) => decodeSlots(board.disk.peek(`record-${copy}`)!))).record
  return { points: board.disk.points, record, slot: board.disk.peek('slot-b')!, bytes }
}

t.test('the power goes at every write of the card: what is started is always whole', async (t) => {
  const whole = cutRun(0, 100)
  t.match(whole.record, { first: 'b', b: 3 })
  t.ok(equal(whole.slot.subarray(0, 36_000), whole.bytes))
  let started = 0
  let wrong = 0
  const rounds = process.env['WATTLE_FULL'] ? 200 : 12
  for (let round = 0; round < rounds; round++)
    for (let cut = 1; cut <= whole.points; cut++) {
      const { record, slot, bytes } = cutRun(cut, 1_000 * round + 200)
      const old = system(1_000 * round + 201, 40_000)
      if (record.a !== 'good') wrong++
      if (record.b === 'none') continue
      started++
      const isNew = equal(slot.subarray(0, bytes.length), bytes)
      const isOld = equal(slot, old)
      if (record.b === 'good' ? !isOld || record.first !== 'a' : !isNew || record.first !== 'b') wrong++
    }
  t.equal(wrong, 0, `${rounds * whole.points} cuts, ${started} with something in the other slot`)
  t.ok(started > rounds)
})

t.test('memory that is damaged costs the place, and nothing else', async (t) => {
  const { house, send } = rig(27)
  const bytes = system(11)
  for (const junk of ['', '{', '{"v":1}', '{"v":1,"jws":1}', text(new Uint8Array(100))]) {
    house.machine('device').disk.poke('update.json', utf8(junk))
  }
  t.equal(send(sourceOf(bytes, sign(manifestOf(bytes)))), 'installed')
})

t.test('a device that is off, and one that is no board of ours: said within half a minute', async (t) => {
  const { house, send } = rig(28)
  const bytes = system(12)
  house.machine('device').kill()
  t.equal(send(sourceOf(bytes, sign(manifestOf(bytes))), 40_000), 'device-offline')
  const plain = new House(29)
  plain.startDevice()
  plain.startHome()
  t.equal(plain.claim(), 'ok')
  plain.world.runFor(3_000)
  let code = ''
  plain.home!.update(plain.owned(), {
    source: sourceOf(bytes, sign(manifestOf(bytes))),
    onProgress: () => {},
    onDone: (error) => {
      code = error?.code ?? 'installed'
    },
  })
  plain.world.runUntil(() => code !== '', 40_000)
  t.equal(code, 'device-offline')
})
