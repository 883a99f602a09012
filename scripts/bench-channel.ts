// `make bench-channel`: what the channel costs, in one run, beside Hypercore with the same payloads.
// CPU is processor time of the process, never the clock on the wall; garbage counts heap and typed
// arrays. CARD_MINUTES=3 says how long writes to the card are counted; 0 leaves that out. Exit 1 where
// a goal of the issue is missed.

import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Bytes, concat, hex } from '../src/base/bytes.ts'
import { Follower } from '../src/channel/follower.ts'
import type { ReaderKeys } from '../src/channel/grant.ts'
import { openGrant } from '../src/channel/grant.ts'
import { Publisher } from '../src/channel/publisher.ts'
import { ChannelReader } from '../src/channel/reader.ts'
import { Exchange, Signer, Verifier } from '../src/crypto/native.ts'
import { Secret } from '../src/crypto/secret.ts'
import { linuxRandom } from '../src/hw/linux/clock.ts'
import { simMeter } from '../src/hw/sim/meter.ts'
import { TEMPLATES, type TemplateName } from '../src/hw/sim/meter-templates.ts'
import { TelegramPacker } from '../src/p1/sequence.ts'
import { CHANNEL, FRAMES_PER_MESSAGE } from '../src/wire/channel.ts'
import { FRAME_BYTES } from '../src/wire/frame.ts'
import { cardWrites } from './bench-channel-card.ts'
import { NO_HEAD } from './vectors/world.ts'

const AT = Date.UTC(2026, 10, 20, 10)
const GOALS = {
  writeMicros: 80,
  garbage: 3_072,
  rotationMs: 10,
  skipMs: 200,
  catchUp: 60_000,
  faster: 6,
  share: 0.4,
}
/** What a frame has around it on a live stream: Noise's length and tag, Yamux's header, our length and type. */
const STREAM_BYTES = 2 + 16 + 12 + 4 + 1
const DAY = 86_400

const failed: string[] = []

function row(name: string, value: string, goal = '', good = true): void {
  if (!good) failed.push(name)
  const note = goal === '' ? '' : `${good ? 'goal met' : 'GOAL MISSED'}: ${goal}`
  process.stdout.write(`${name.padEnd(58)} ${value.padStart(18)}   ${note}\n`)
}

const cpuMicros = (): number => {
  const { user, system } = process.cpuUsage()
  return user + system
}

/** The middle of `rounds` calls that each give a number. */
function median(rounds: number, once: () => number): number {
  const all = Array.from({ length: rounds }, once).sort((a, b) => a - b)
  return all[Math.floor(rounds / 2)]!
}

/** Processor time of `once`, in µs. */
function cpuOf(once: () => void): number {
  const before = cpuMicros()
  once()
  return cpuMicros() - before
}

const used = (): number => {
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

/** Bytes that one call leaves behind, of heap and of typed arrays; rounds in which the collector came are left out. */
function garbageOf(once: () => void): number {
  const rounds: number[] = []
  for (let round = 0; round < 25; round++) {
    globalThis.gc!()
    const before = used()
    for (let i = 0; i < 100; i++) once()
    const left = used() - before
    if (left > 0) rounds.push(left / 100)
  }
  rounds.sort((a, b) => a - b)
  return rounds[Math.floor(rounds.length / 2)] ?? Number.NaN
}

function bytes(n: number): Bytes {
  const out = new Uint8Array(n)
  linuxRandom(out)
  return out
}

interface Person {
  exchange: Exchange
  keys: ReaderKeys
}

function person(): Person {
  const signer = new Signer(new Secret(bytes(32)))
  const exchange = new Exchange(new Secret(bytes(32)))
  return {
    exchange,
    keys: {
      sign: signer.publicKey,
      box: exchange.publicKey,
      grantId: bytes(16),
      until: AT * 2,
      entry: new Uint8Array(32),
    },
  }
}

function house() {
  const signer = new Signer(new Secret(bytes(32)))
  const exchange = new Exchange(new Secret(bytes(32)))
  const out: { onFrame: (frame: Bytes) => void } = { onFrame: () => {} }
  const options = { class: 0 as const, signer, exchange, random: linuxRandom }
  const publisher = new Publisher({ ...options, onFrame: (frame) => out.onFrame(frame) })
  let epoch = 0
  const open = (people: readonly Person[]): void => {
    const prev = epoch === 0 ? NO_HEAD : publisher.head()
    const readers = people.map((p) => p.keys)
    publisher.openEpoch({ epoch: ++epoch, reason: 4, at: AT, prev, readers, keepStart: false })
  }
  const reader = (who: Person): ChannelReader => {
    const device = Verifier.of(signer.publicKey)!
    const events = { onPayload: () => {}, onGap: () => {} }
    const made = new ChannelReader({
      class: 0,
      device,
      deviceBox: exchange.publicKey,
      exchange: who.exchange,
      events,
    })
    const grant = publisher.grant(who.keys, new Uint8Array(0))!
    made.grant(openGrant(grant, { sign: who.keys.sign, exchange: who.exchange }, device)!)
    return made
  }
  /** A reader as home or provider has it, with its grant. */
  const follower = (
    who: Person,
    verify: 'every' | 'batch',
  ): { follower: Follower; opened: { count: number } } => {
    const opened = { count: 0 }
    const nothing = (): void => {}
    const onReject = (what: string): void => {
      throw new Error(`a frame is ${what}`)
    }
    const onPayload = (): void => {
      opened.count++
    }
    const events = {
      onPayload,
      onReject,
      onGap: nothing,
      onAccess: nothing,
      onSealed: nothing,
      onGrant: nothing,
      onFrame: nothing,
    }
    const device = Verifier.of(signer.publicKey)!
    const own = { sign: who.keys.sign, exchange: who.exchange }
    const made = new Follower({ device, deviceBox: exchange.publicKey, class: 0, own, events, verify })
    made.subscribe()
    made.onMessage(concat(Uint8Array.of(CHANNEL.grant), publisher.grant(who.keys, new Uint8Array(0))!))
    return { follower: made, opened }
  }
  return { signer, publisher, out, open, reader, follower }
}

/** Telegrams of a meter from "/" to the last CRC digit, a second or ten apart. */
function telegramsOf(name: TemplateName, count: number): Bytes[] {
  const meter = simMeter(name, 7)
  const step = name === 'nl50' || name === 'be' ? 1_000 : 10_000
  return Array.from({ length: count }, (_, i) => {
    const text = meter.telegramAt(AT + i * step)
    return text.slice(0, text[text.length - 1] === 10 ? -2 : undefined)
  })
}

const telegrams = telegramsOf('nl50', 3_000)

function payloads(): Bytes[] {
  const packer = new TelegramPacker()
  return telegrams.map((telegram, i) => packer.pack(telegram, AT + i * 1_000).slice())
}

function writing(): void {
  const h = house()
  h.open([person()])
  const packer = new TelegramPacker()
  let n = 0
  const write = (): void => {
    h.publisher.publish(packer.pack(telegrams[n % telegrams.length]!, AT + n * 1_000))
    n++
  }
  for (let i = 0; i < 3_000; i++) write()
  let frames = 0
  h.out.onFrame = () => frames++
  const cpu = median(7, () => {
    frames = 0
    const all = cpuOf(() => {
      for (let i = 0; i < 2_000; i++) write()
    })
    return all / frames
  })
  row(
    'frame: pack, seal, link, sign (CPU)',
    `${cpu.toFixed(1)} us`,
    `<= ${GOALS.writeMicros} us`,
    cpu <= GOALS.writeMicros,
  )
  let written = 0
  frames = 0
  const garbage = garbageOf(() => {
    written++
    write()
  })
  const perFrame = (garbage * written) / frames
  row('frame: garbage', `${Math.round(perFrame)} B`, `<= ${GOALS.garbage} B`, perFrame <= GOALS.garbage)
  const people = Array.from({ length: 32 }, person)
  for (let i = 0; i < 10; i++) h.open(people)
  const rotation = median(15, () => cpuOf(() => h.open(people))) / 1_000
  row(
    'rotation to 32 readers (CPU)',
    `${rotation.toFixed(2)} ms`,
    `<= ${GOALS.rotationMs} ms`,
    rotation <= GOALS.rotationMs,
  )
}

function skipping(): void {
  const h = house()
  h.open([person()])
  const empty = new Uint8Array(0)
  const readers = Array.from({ length: 5 }, () => h.reader(person()))
  for (let i = 0; i < DAY; i++) h.publisher.publish(empty)
  let last: Bytes = empty
  h.out.onFrame = (frame) => {
    last = frame.slice()
  }
  h.publisher.publish(empty)
  const ms = median(5, () =>
    cpuOf(() => {
      if (readers.pop()!.onFrame(last) !== 'opened') throw new Error('the day was not skipped')
    }),
  )
  row(
    'a day at 1 Hz skipped (CPU)',
    `${(ms / 1_000).toFixed(1)} ms`,
    `<= ${GOALS.skipMs} ms`,
    ms / 1_000 <= GOALS.skipMs,
  )
}

function catchingUp(all: readonly Bytes[]): void {
  const h = house()
  h.open([person()])
  const frames: Bytes[] = []
  const made = Array.from({ length: 5 }, () =>
    (['every', 'batch'] as const).map((verify) => h.follower(person(), verify)),
  )
  h.out.onFrame = (frame) => frames.push(frame.slice())
  for (let i = 0; i < 4; i++) for (const payload of all) h.publisher.publish(payload)
  const messages: Bytes[] = []
  for (let at = 0; at < frames.length; at += FRAMES_PER_MESSAGE)
    messages.push(concat(Uint8Array.of(CHANNEL.frames), ...frames.slice(at, at + FRAMES_PER_MESSAGE)))
  const rates = [0, 1].map((which) => {
    const micros = median(made.length, () => {
      const { follower, opened } = made.find((pair) => pair[which]!.opened.count === 0)![which]!
      const cpu = cpuOf(() => {
        for (const message of messages) follower.onMessage(message)
      })
      if (opened.count !== 4 * all.length) throw new Error(`${opened.count} payloads came out`)
      return cpu
    })
    return (frames.length * 1e6) / micros
  }) as [number, number]
  const [every, batch] = rates
  const perSecond = (rate: number): string => `${Math.round(rate).toLocaleString('en')} frames/s`
  row('catching up, every signature verified (CPU)', perSecond(every))
  const goal = `>= ${GOALS.catchUp.toLocaleString('en')}/s`
  row('catching up, the newest of a batch (CPU)', perSecond(batch), goal, batch >= GOALS.catchUp)
  const times = batch / every
  row('batch beside every', `${times.toFixed(1)} x`, `>= ${GOALS.faster} x`, times >= GOALS.faster)
}

function onTheWire(): void {
  for (const name of Object.keys(TEMPLATES) as TemplateName[]) {
    const some = telegramsOf(name, 1_200)
    const raw = some.reduce((sum, telegram) => sum + telegram.length + 2, 0)
    const h = house()
    h.open([person()])
    let frames = 0
    h.out.onFrame = () => frames++
    const packer = new TelegramPacker()
    some.forEach((telegram, i) => {
      h.publisher.publish(packer.pack(telegram, AT + i * 1_000))
    })
    const share = (frames * FRAME_BYTES) / raw
    const live = (frames * (FRAME_BYTES + STREAM_BYTES)) / raw
    const per = `${Math.round((frames * FRAME_BYTES) / some.length)} of ${Math.round(raw / some.length)} B`
    const percent = `${(share * 100).toFixed(0)} %, in its stream ${(live * 100).toFixed(0)} %`
    // DSMR 2.2 sends half as much, a sixth as often (docs/decisions/0003-frame.md).
    if (name === 'nl22') row(`bytes beside raw P1: ${name} (${percent})`, per)
    else
      row(`bytes beside raw P1: ${name} (${percent})`, per, `<= ${GOALS.share * 100} %`, share <= GOALS.share)
  }
}

interface Peer {
  cpuMicros: number
  disk: number
  wire: number
}

function hypercore(all: readonly Bytes[]): void {
  if (!existsSync('test/peers/channel/node_modules/hypercore')) {
    row('Hypercore', 'not installed')
    return
  }
  const folder = mkdtempSync(join(tmpdir(), 'wattle-hypercore-'))
  const input = JSON.stringify(all.map(hex))
  const run = spawnSync(process.execPath, ['test/peers/channel/append.mjs', folder], {
    input,
    encoding: 'utf8',
  })
  rmSync(folder, { recursive: true, force: true })
  if (run.status !== 0) throw new Error(`Hypercore: ${run.stderr}`)
  const { cpuMicros, disk, wire } = JSON.parse(run.stdout) as Peer
  row('Hypercore, the same payloads: append (CPU)', `${cpuMicros.toFixed(1)} us`)
  row('Hypercore: bytes to one live follower', `${Math.round(wire)} B`)
  row('Hypercore: files grow by', `${Math.round(disk)} B`)
}

console.log(`Node ${process.version}; a telegram of nl50 unless said`)
const all = payloads()
writing()
skipping()
catchingUp(all)
onTheWire()
hypercore(all)
for (const [name, value, goal, good] of await cardWrites(all)) row(name, value, goal, good)
if (failed.length > 0) {
  console.log(`missed: ${failed.join('; ')}`)
  process.exitCode = 1
}
