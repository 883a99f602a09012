// `wattle device`: the device on this machine's hardware. Its claim code is made at the first start
// where no label was written for it, and lies in the state folder until the claim.

import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { pages } from 'wattle:page'
import { text, unbase64url } from '../base/bytes.ts'
import { EXIT, type ExitCode, WattleError } from '../base/errors.ts'
import { faultPattern, METER } from '../base/lights/leds.ts'
import { LIMITS } from '../base/limits.ts'
import { Verifier } from '../crypto/native.ts'
import { Device } from '../device/device.ts'
import { carriedPorts, type TunnelPort } from '../device/network/tunnels.ts'
import { RawPort, tapped } from '../device/raw/port.ts'
import type { Board, Leds } from '../hw/hardware.ts'
import { DoorHttp } from '../hw/linux/board/door.ts'
import { LinuxClock, linuxRandom } from '../hw/linux/clock.ts'
import { LinuxHttp } from '../hw/linux/http.ts'
import { DISCOVERY_SETTINGS } from '../node/peers/config.ts'
import {
  type ClaimRecord,
  deviceName,
  freshCode,
  labelUrl,
  makeRecord,
  parseRecord,
  recordJson,
  showCode,
} from '../ownership/label.ts'
import { openBoard, openButton, openLeds } from './board.ts'
import { emit, listenError, parse, say, untilStopped, usage, wait } from './cli.ts'
import { openMachine, serialFor, stateFolder } from './machine.ts'
import { DISCOVERY_OPTIONS, discoveryOf, isLoopback } from './net/discovery.ts'
import { framerFor } from './p1/decrypt.ts'
import { boardName, bytesWritten, cardLists, rawBeside, withRaw } from './setup/self.ts'

const OPTIONS = {
  serial: { type: 'string' },
  state: { type: 'string' },
  config: { type: 'string' },
  listen: { type: 'string' },
  button: { type: 'string' },
  page: { type: 'string' },
  leds: { type: 'string' },
  'ring-frames': { type: 'string' },
  ...DISCOVERY_OPTIONS,
} as const

const SETTINGS: readonly string[] = [
  ...Object.keys(OPTIONS).filter((name) => name !== 'config'),
  ...DISCOVERY_SETTINGS,
  'raw',
  'raw-web',
  'raw-listen',
  'tunnel',
  'communities',
  'meter-key',
  'meter-auth-key',
  'meter-decrypt',
  // On a card of ours (docs/wire/card.md).
  'board',
  'card',
  'run',
  'watchdog',
  'fat',
  'wifi',
  'ntp',
  'clock-file',
  'release-key',
]
const LABEL = 'label.json'
const CODE = 'claim-code.txt'
const FAREWELL_MS = 2_000
/** Is there where the device made its code itself. */
const OWN_LABEL = 'label.own'

export async function device(args: string[]): Promise<ExitCode> {
  const given = parse(args, OPTIONS)
  if (given.words.length > 0) throw usage(`device takes options only, not ${given.words[0]}`)
  const config = readConfig(given.text('config'))
  const setting = (name: string): string | undefined => given.text(name) ?? config[name]
  const serial = setting('serial') ?? process.env['P1_SERIAL_PORT'] ?? 'sim'
  const listen = setting('listen') ?? '0.0.0.0:4001'
  // On loopback nobody else is there to find us, unless it is asked for.
  const discovery = discoveryOf(given, (name) => config[name], isLoopback(listen) ? 'off' : 'on')
  const clock = new LinuxClock()
  const buttonSpec = setting('button') ?? 'sim'
  const tell = (event: string, detail: Record<string, unknown>): void => emit('device', event, detail)
  const button = openButton(buttonSpec, clock, buttonSpec === 'sim' ? process.stdin : null, tell)
  const leds = openLeds(setting('leds') ?? 'report', tell)
  // On a board of ours the cable's driver may come after us.
  if (config['board'] === undefined) checkSerial(serial)
  const ringFrames = ringFramesOf(setting('ring-frames'))
  // An encrypted meter: `meter-key`, `meter-auth-key` and `meter-decrypt` in the configuration.
  const meterSetting = (name: string): string | undefined => config[`meter-${name}`]
  checkKeys(meterSetting)
  // Raw P1 for other programs in the house: only where the configuration names addresses for it.
  const { raw: rawAddress, 'raw-web': rawWeb } = config
  const rawFixed = rawAddress !== undefined || rawWeb !== undefined
  const raw = new RawPort({ report: (what, remote) => emit('device', 'raw', { what, remote }) })
  // What owners reach through tunnels: filled when it listens.
  const listening: TunnelPort[] = []
  if (carriedPorts(config['tunnel'], []) === null)
    throw new WattleError(
      'bad-config',
      `"tunnel" of --config: expected off, or page, raw, raw-web and ports with commas between, found ${config['tunnel']}`,
      EXIT.stay,
    )
  const page = setting('page')
  const line = serialFor(serial, clock)
  let rebooting = false
  const door = new DoorHttp(new LinuxHttp())
  const board = openBoard(
    {
      board: config['board'],
      card: config['card'],
      run: config['run'],
      watchdog: config['watchdog'],
      fat: config['fat'],
      wifi: config['wifi'],
      'clock-file': config['clock-file'],
    },
    door,
    () => {
      rebooting = true
      process.kill(process.pid, 'SIGTERM')
    },
    tell,
  )
  const machine = await openMachine(
    stateFolder(setting('state'), 'device'),
    {
      serial: rawFixed || page !== undefined ? tapped(line, (bytes) => raw.onBytes(bytes)) : line,
      button,
      leds,
    },
    clock,
  )
  const record = openLabel(machine.folder, board?.fact('label.json') ?? null)
  showCodeOnCard(machine.folder, board)
  const running = await wait<Device>((done) =>
    Device.start(
      {
        hardware: board ? { ...machine.hardware, http: door, board } : machine.hardware,
        record,
        listen,
        serial,
        ringFrames,
        ...(page === undefined
          ? {}
          : {
              page: {
                assets: pages.phone,
                address: page,
                version: WATTLE_VERSION,
                board: boardName(),
                written: bytesWritten,
                raw: {
                  port: raw,
                  address: rawAddress ?? rawWeb ?? config['raw-listen'] ?? rawBeside(listen),
                  fixed: rawFixed,
                },
              },
            }),
        discovery,
        communities: () => cardLists(config['communities'], board),
        tunnel: () => carriedPorts(config['tunnel'], rawFixed ? listening : withRaw(listening, raw)) ?? [],
        onBoard: {
          releaseKey: releaseKeyOf(config['release-key']),
          timeServers: (config['ntp'] ?? '').split(',').flatMap((host) => host.trim() || []),
        },
        framer: (events) => framerFor(meterSetting, events),
        report: (event, detail) => {
          emit('device', event, detail)
          if (event === 'reset' || event === 'deleted') newCodeNext(machine.folder, board)
          if (event !== 'claimed') return
          rmSync(join(machine.folder, CODE), { force: true })
          if (board?.boot?.read(CODE)) board.boot.write(CODE, null, () => {})
        },
        onReading: (reading) =>
          emit('device', 'telegram', {
            at: reading.meterTimeMs,
            inW: reading.powerInW,
            outW: reading.powerOutW,
          }),
      },
      done,
    ),
  ).catch((error: Error & { code?: string }) => {
    if (board) throw showFault(error, leds, board)
    if (
      page !== undefined &&
      (error.code === 'EADDRINUSE' || error.code === 'EACCES' || error.code === 'EADDRNOTAVAIL')
    )
      throw listenError('device --page', page, error)
    throw error.code === 'port-in-use' ? listenError('device --listen', listen, error) : error
  })
  const stopped = untilStopped({
    stdin: buttonSpec === 'sim' && !process.stdin.isTTY && process.env['WATTLE_CHILD'] === '1',
  })
  const { sockets, http } = machine.hardware
  if (running.pageAddress !== null) listening.push({ name: 'page', address: running.pageAddress })
  if (rawAddress !== undefined)
    listening.push(await openRaw('raw', rawAddress, (done) => raw.open(sockets, rawAddress, done)))
  if (rawWeb !== undefined)
    listening.push(await openRaw('raw-web', rawWeb, (done) => raw.openWeb(http, rawWeb, done)))
  emit('device', 'ready', {
    name: running.name,
    address: running.address,
    page: running.pageAddress === null ? null : `http://${running.pageAddress}/`,
    claimed: running.key !== null,
    node: process.version,
    // Seconds since this machine was started.
    up: Number(process.hrtime.bigint() / 1_000_000n) / 1_000,
  })
  await stopped
  emit('device', 'status', running.status)
  raw.close()
  await new Promise<void>((resolve) => running.stop(resolve))
  machine.release()
  return rebooting ? EXIT.reboot : EXIT.done
}

/** @throws WattleError `bad-config`. */
function releaseKeyOf(given: string | undefined): Uint8Array | null {
  if (given === undefined) return null
  const releaseKey = unbase64url(given)
  if (releaseKey && Verifier.of(releaseKey)) return releaseKey
  throw new WattleError(
    'bad-config',
    `"release-key" of --config: expected base64url of an Ed25519 key, found ${given}`,
    EXIT.stay,
  )
}

/** What the device cannot start with stays visible: LED, a note for the supervisor, and no restart. */
function showFault(error: Error & { code?: string }, leds: Leds, board: Board): Error {
  const code = error.code ?? ''
  const fault = code === 'state-damaged' ? 3 : ['EROFS', 'ENOSPC', 'EIO', 'EDQUOT'].includes(code) ? 2 : 0
  if (fault === 0) return error
  leds.show('status', faultPattern(fault))
  leds.show('meter', METER.fault)
  board.note('fault', `${fault}\n`)
  emit('device', 'fault', { fault, text: error.message })
  return error instanceof WattleError
    ? error
    : new WattleError('storage', `the card cannot be written: ${error.message}`, EXIT.stay)
}

function ringFramesOf(text: string | undefined): number {
  const [least, most] = [LIMITS.channel.ringTailFrames, LIMITS.channel.ringFrames]
  const frames = Number(text ?? most)
  if (Number.isInteger(frames) && frames >= least && frames <= most) return frames
  throw usage(`--ring-frames ${text}: expected a whole number from ${least} to ${most}`)
}

/** @throws WattleError `port-in-use`, `listen`. */
async function openRaw(
  setting: string,
  address: string,
  open: (done: (error: Error | null, address: string | null) => void) => void,
): Promise<TunnelPort> {
  const bound = await wait<string>(open).catch((error: Error) => {
    throw listenError(`"${setting}" of --config`, address, error)
  })
  emit('device', 'raw', { what: 'open', setting, address: bound })
  return { name: setting, address: bound }
}

function checkSerial(spec: string): void {
  // `auto` waits for a cable.
  if (spec === 'sim' || spec === 'auto') return
  if (spec.startsWith('tcp:')) {
    if (/^tcp:.+:\d{1,5}$/.test(spec)) return
    throw new WattleError('no-serial', `--serial ${spec}: expected tcp:HOST:PORT`, 3)
  }
  if (!existsSync(spec))
    throw new WattleError(
      'no-serial',
      `--serial ${spec}: there is no such port; is the P1 cable plugged in? wattle p1 ports lists what is there`,
      3,
    )
  if (!statSync(spec).isCharacterDevice())
    throw new WattleError('no-serial', `--serial ${spec}: this is no serial port but an ordinary file`, 3)
}

/** @throws WattleError `bad-config`, before anything is opened. */
function checkKeys(setting: (name: string) => string | undefined): void {
  try {
    framerFor(setting, { onTelegram: () => {} })
  } catch (error) {
    throw new WattleError('bad-config', `the meter's keys in --config: ${(error as Error).message}`, 3)
  }
}

/** The same names as the options, without dashes in front, each with a text. */
function readConfig(file: string | undefined): Record<string, string> {
  if (file === undefined) return {}
  const bad = (what: string): WattleError => new WattleError('bad-config', `--config ${file}: ${what}`, 3)
  let value: unknown
  try {
    value = JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    throw bad((error as Error).message)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw bad('expected a JSON object')
  for (const [name, setting] of Object.entries(value)) {
    if (!SETTINGS.includes(name)) throw bad(`no setting ${name}; there are ${SETTINGS.join(', ')}`)
    if (typeof setting !== 'string') throw bad(`${name}: expected a text, found ${JSON.stringify(setting)}`)
  }
  return value as Record<string, string>
}

/** The code of before left the card with the claim, and its owner may have lost it: a board makes another one. */
function newCodeNext(folder: string, board: Board | null): void {
  if (!board || !existsSync(join(folder, OWN_LABEL))) return
  rmSync(join(folder, LABEL), { force: true })
  rmSync(join(folder, OWN_LABEL), { force: true })
  // Whoever asked for it hears first that it is done.
  setTimeout(() => board.restart('reset'), FAREWELL_MS)
}

/** A code that the device made itself is where its owner can read it without a keyboard: on the FAT partition. */
function showCodeOnCard(folder: string, board: Board | null): void {
  const path = join(folder, CODE)
  if (!board?.boot || !existsSync(path)) return
  const content = readFileSync(path, 'utf8')
  if (board.boot.read(CODE) !== null && text(board.boot.read(CODE)!) === content) return
  board.boot.write(CODE, content, (error) => {
    if (error) emit('device', 'trouble', { what: 'fat', text: error.message })
  })
}

/**
 * The verifier record of the label: what was written onto the card beside the image, or what lies in the
 * state folder; where there is none yet, a code is made and left for its owner.
 */
function openLabel(folder: string, onCard: string | null): ClaimRecord {
  const path = join(folder, LABEL)
  const written = onCard === null ? null : parseRecord(onCard)
  if (written) return written
  if (existsSync(path)) {
    const record = parseRecord(readFileSync(path, 'utf8'))
    if (record) return record
    throw new WattleError(
      'state-damaged',
      `${path} is no label record; make one with wattle label --record ${path}`,
      3,
    )
  }
  const code = freshCode(linuxRandom)
  const random = new Uint8Array(18)
  linuxRandom(random)
  const discriminator = random[16]! * 256 + random[17]!
  const record = makeRecord(code, discriminator, random.slice(0, 16))
  // The record last: whoever finds it finds its code too, even when the power goes in between.
  writeDurably(join(folder, OWN_LABEL), '')
  writeDurably(join(folder, CODE), `${showCode(code)}\n${labelUrl(discriminator, code)}\n`)
  writeDurably(path, recordJson(record))
  say(
    `${deviceName(discriminator)}: no label was written for this device; its claim code is in ${join(folder, CODE)}`,
  )
  return record
}

/** All of it or nothing, and on the medium when this returns; mode 0600. */
function writeDurably(path: string, content: string): void {
  const fresh = `${path}.new`
  writeFileSync(fresh, content, { mode: 0o600 })
  for (const [place, move] of [
    [fresh, true],
    [dirname(path), false],
  ] as const) {
    const fd = openSync(place, 'r')
    fsyncSync(fd)
    closeSync(fd)
    if (move) renameSync(fresh, path)
  }
}
