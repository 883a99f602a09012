// What a day costs the card, counted at the block layer: `wattle device` with its state on a file system
// of its own (ext4 in a file, over a loop device), claimed, at one telegram a second, beside Hypercore
// with the same payloads on another. The kernel's own count of sectors written is read before and after;
// growing files, journal, metadata and the daily rotation's share are all in it. Needs root.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import {
  closeSync,
  existsSync,
  ftruncateSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { type Bytes, hex } from '../src/base/bytes.ts'

export type Row = [name: string, value: string, goal: string, good: boolean]

const GOAL_MB = 40
/** Two of what the file system gathers for five minutes. */
const MINUTES = Number(process.env['CARD_MINUTES'] ?? 10)
/** As the device's own image mounts it. */
const MOUNT = process.env['CARD_MOUNT'] ?? 'noatime,commit=300'
const IMAGE_BYTES = 512 << 20
const PEER = 'test/peers/channel/append.mjs'
const pause = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms))

function sh(command: string, ...args: string[]): string {
  const run = spawnSync(command, args, { encoding: 'utf8', timeout: 60_000 })
  if (run.status !== 0) throw new Error(`${command} ${args.join(' ')}: ${run.stderr || run.error?.message}`)
  return run.stdout.trim()
}

/** A card: an image, its loop device, and a program that sees it mounted, in a mount namespace of its own. */
class Card {
  readonly folder: string
  readonly #loop: string
  #child: ChildProcess | null
  output: string

  constructor(base: string, name: string) {
    const image = join(base, `${name}.img`)
    const file = openSync(image, 'w')
    ftruncateSync(file, IMAGE_BYTES)
    closeSync(file)
    this.#loop = sh('losetup', '-f', '--show', image)
    sh('mkfs.ext4', '-q', '-E', 'lazy_itable_init=0,lazy_journal_init=0', this.#loop)
    this.folder = join(base, name)
    mkdirSync(this.folder)
    this.#child = null
    this.output = ''
  }

  /** Starts a program there; words of `args` may name the folder. */
  start(args: readonly string[], input: string | null): ChildProcess {
    const script = 'mount -o "$1" "$2" "$3" && shift 3 && exec "$@"'
    const all = ['-m', 'sh', '-c', script, 'card', MOUNT, this.#loop, this.folder, process.execPath, ...args]
    const child = spawn('unshare', all, { stdio: ['pipe', 'pipe', 'inherit'] })
    child.stdout.on('data', (data: Buffer) => {
      this.output += data.toString()
    })
    if (input !== null) child.stdin.end(input)
    this.#child = child
    return child
  }

  async until(what: string): Promise<void> {
    for (let i = 0; i < 1_800 && !this.output.includes(what); i++) await pause(100)
    if (!this.output.includes(what)) throw new Error(`waited in vain for ${what}: ${this.output.slice(-500)}`)
  }

  /** Bytes that the kernel has written to the device so far: /sys/block/…/stat counts sectors of 512. */
  written(): number {
    return (
      Number(
        readFileSync(`/sys/block/${basename(this.#loop)}/stat`, 'utf8')
          .trim()
          .split(/\s+/)[6],
      ) * 512
    )
  }

  async close(): Promise<void> {
    const child = this.#child
    if (child && child.exitCode === null) {
      const gone = new Promise((done) => child.once('exit', done))
      child.kill('SIGKILL')
      await gone
    }
    for (let i = 0; i < 20; i++) {
      if (spawnSync('losetup', ['-d', this.#loop]).status === 0) return
      await pause(100)
    }
  }
}

/** A device on its card, claimed by a home that is somewhere else. */
async function claimed(card: Card, base: string): Promise<void> {
  const state = join(card.folder, 'state')
  const args = ['dist/wattle', 'device', '--state', state, '--serial', 'sim', '--listen', '127.0.0.1:0']
  const device = card.start(args, null)
  await card.until('"ready"')
  const address = /"address":"([^"]+)"/.exec(card.output)![1]!
  // Only the device sees its card; its code is asked for through its own root folder.
  const code = readFileSync(`/proc/${device.pid}/root${state}/claim-code.txt`, 'utf8').split('\n')[0]!
  device.stdin!.write('{"do":"press"}\n')
  await card.until('"window"')
  sh(
    process.execPath,
    'dist/wattle',
    'home',
    'claim',
    code,
    '--device',
    address,
    '--state',
    join(base, 'home'),
  )
  await card.until('"claimed":true')
  // The ring is laid out once, at the claim: a hundred megabytes that are no day's writes.
  await card.until('"laid-out"')
}

function why(): string | null {
  if (MINUTES <= 0) return 'CARD_MINUTES=0'
  if (process.getuid!() !== 0) return 'needs root, for a loop device'
  if (!existsSync('dist/wattle')) return 'needs make build'
  for (const tool of ['losetup', 'mkfs.ext4', 'unshare'])
    if (spawnSync('sh', ['-c', `command -v ${tool}`]).status !== 0) return `needs ${tool}`
  return null
}

/** Rows for the table: our card, and Hypercore's, over the same minutes. */
export async function cardWrites(payloads: readonly Bytes[]): Promise<Row[]> {
  const missing = why()
  if (missing) return [['card writes', `not counted: ${missing}`, '', true]]
  const base = mkdtempSync(join(tmpdir(), 'wattle-card-'))
  const cards: Card[] = []
  try {
    const ours = new Card(base, 'device')
    cards.push(ours)
    await claimed(ours, base)
    const measured: [string, Card, string][] = [['card writes a day at 1 Hz', ours, `<= ${GOAL_MB} MB`]]
    if (existsSync('test/peers/channel/node_modules/hypercore')) {
      const theirs = new Card(base, 'hypercore')
      cards.push(theirs)
      theirs.start([PEER, theirs.folder, 'drip'], JSON.stringify(payloads.map(hex)))
      await theirs.until('ready')
      measured.push(['Hypercore: card writes a day at 1 Hz', theirs, ''])
    }
    // What making the files cost is written before the count begins.
    await pause(35_000)
    const before = cards.map((card) => card.written())
    await pause(MINUTES * 60_000)
    return measured.map(([name, card, goal], i) => {
      const day = ((card.written() - before[i]!) / MINUTES) * 1_440
      return [name, `${(day / 1e6).toFixed(1)} MB`, goal, goal === '' || day <= GOAL_MB * 1e6]
    })
  } finally {
    for (const card of cards) await card.close()
    rmSync(base, { recursive: true, force: true })
  }
}
