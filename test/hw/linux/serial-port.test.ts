import { mkdirSync, mkdtempSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import type { SerialEvents, SerialLine, SerialState } from '../../../src/hw/hardware.ts'
import { LinuxSerial, type SerialOptions } from '../../../src/hw/linux/serial.ts'
import { listPorts, usedBy } from '../../../src/hw/linux/serial-ports.ts'
import { Framer } from '../../../src/p1/frame/framer.ts'
import { sample } from '../../p1/corpus.ts'
import { Pty } from './pty.ts'

const FULL = process.env['WATTLE_FULL'] !== undefined
const skip = Pty.available() ? false : 'needs python3 for pseudo terminals'
const TELEGRAM = sample('v5.0-iskra-am550').good
const FAST: SerialOptions = { retryMs: 5 }

class Reader implements SerialEvents {
  readonly states: SerialState[] = []
  bytes = 0
  reads = 0
  telegrams = 0
  lastAt = 0
  readonly #framer = new Framer({
    onTelegram: () => {
      this.telegrams++
      this.lastAt = performance.now()
    },
  })
  #waiting: (() => void)[] = []

  buffer(): Uint8Array {
    return this.#framer.room()
  }

  onBytes(n: number): void {
    this.bytes += n
    this.reads++
    this.#framer.onBytes(n, 0)
    this.#wake()
  }

  onState(state: SerialState): void {
    this.states.push(state)
    this.#framer.reset()
    this.#wake()
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake()
  }

  async until(fits: () => boolean): Promise<void> {
    const end = performance.now() + 5_000
    while (!fits()) {
      if (performance.now() > end)
        throw new Error(`waited in vain: ${fits}, ${JSON.stringify(this.states.at(-1))}`)
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve)
        setTimeout(resolve, 100)
      })
    }
  }

  get kinds(): string {
    return this.states.map((s) => (s.kind === 'up' ? 'up' : s.reason)).join(' ')
  }
}

function open(path: string, options: SerialOptions = FAST): { reader: Reader; line: SerialLine } {
  const reader = new Reader()
  return { reader, line: new LinuxSerial(options).open(path, reader) }
}

const descriptors = (): number => readdirSync('/proc/self/fd').length

t.test('telegrams arrive through the ring, at once', { skip }, async (t) => {
  const pty = new Pty()
  await pty.plug()
  const { reader, line } = open(pty.path)
  await reader.until(() => reader.kinds === 'up')
  t.match(reader.states[0], { kind: 'up', path: pty.path, baud: 115_200 })
  await pty.send(TELEGRAM.subarray(0, -10))
  await reader.until(() => reader.bytes === TELEGRAM.length - 10)
  const best = { ms: Number.POSITIVE_INFINITY }
  for (let n = 0; n < 5; n++) {
    const telegrams = reader.telegrams
    const sent = performance.now()
    // The last CRC digit without CR LF, then the beginning of the next one.
    await pty.send(TELEGRAM.subarray(-10, -2))
    await reader.until(() => reader.telegrams === telegrams + 1)
    best.ms = Math.min(best.ms, reader.lastAt - sent)
    await pty.send(TELEGRAM.subarray(-2))
    await pty.send(TELEGRAM.subarray(0, -10))
    await reader.until(() => reader.bytes === (n + 2) * TELEGRAM.length - 10)
  }
  t.ok(best.ms < 5, `${best.ms} ms from the last digit, the other process included`)
  line.close()
  pty.end()
})

t.test('a speed that is wrong is changed on the open line', { skip }, async (t) => {
  const pty = new Pty()
  await pty.plug()
  const { reader, line } = open(pty.path)
  await reader.until(() => reader.kinds === 'up')
  line.hint('good')
  line.hint('wrong')
  await reader.until(() => reader.kinds === 'up up')
  t.match(reader.states[1], { baud: 9_600 })
  line.hint('wrong')
  await reader.until(() => reader.kinds === 'up up up')
  t.match(reader.states[2], { baud: 115_200 })
  await pty.send(TELEGRAM)
  await reader.until(() => reader.telegrams === 1)
  line.close()
  pty.end()
})

t.test('pulled and plugged again: noticed at once, no descriptor lost, no spinning', { skip }, async (t) => {
  const pty = new Pty()
  await pty.plug()
  const { reader, line } = open(pty.path)
  await reader.until(() => reader.kinds === 'up')
  const before = descriptors()
  const cpu = process.cpuUsage()
  const started = performance.now()
  let slowest = 0
  const rounds = FULL ? 100 : 20
  for (let n = 1; n <= rounds; n++) {
    const pulled = performance.now()
    await pty.pull()
    await reader.until(() => reader.states.some((s, i) => i >= 2 * n - 1 && s.kind === 'down'))
    slowest = Math.max(slowest, performance.now() - pulled)
    await pty.plug()
    await reader.until(() => reader.states.at(-1)!.kind === 'up')
    await pty.send(TELEGRAM)
    await reader.until(() => reader.telegrams === n)
  }
  const used = process.cpuUsage(cpu)
  const share = (used.user + used.system) / 1000 / (performance.now() - started)
  t.ok(slowest < 100, `hang-up noticed within ${slowest} ms`)
  t.equal(descriptors(), before, 'descriptors')
  t.ok(share < 1, `CPU share ${share}`)
  t.ok(
    reader.states
      .filter((s) => s.kind === 'down')
      .every((s) => s.kind === 'down' && ['gone', 'missing'].includes(s.reason)),
  )
  // Down for a while: next to no CPU.
  await pty.pull()
  const idle = process.cpuUsage()
  await new Promise((resolve) => setTimeout(resolve, 500))
  const idleUsed = process.cpuUsage(idle)
  t.ok((idleUsed.user + idleUsed.system) / 1000 < 250, 'waits without spinning')
  line.close()
  await new Promise((resolve) => setTimeout(resolve, 50))
  t.ok(descriptors() <= before - 1, 'closed for good')
  pty.end()
})

t.test(
  'one program only: the second is told, and gets the port when the first lets go',
  { skip },
  async (t) => {
    const pty = new Pty()
    await pty.plug()
    const first = open(pty.path)
    await first.reader.until(() => first.reader.kinds === 'up')
    const second = open(pty.path)
    await second.reader.until(() => second.reader.states.length > 0)
    t.match(second.reader.states[0], { kind: 'down', reason: 'in-use', text: /one program only/ })
    first.line.close()
    await second.reader.until(() => second.reader.states.at(-1)!.kind === 'up')
    await pty.send(TELEGRAM)
    await second.reader.until(() => second.reader.telegrams === 1)
    t.equal(first.reader.bytes, 0)
    second.line.close()
    pty.end()
  },
)

t.test('what is wrong is said in words', { skip }, async (t) => {
  const missing = open('/dev/no-such-port')
  await missing.reader.until(() => missing.reader.states.length > 1)
  t.match(missing.reader.states[0], { kind: 'down', reason: 'missing', text: /plug the P1 cable in/ })
  missing.line.close()

  const file = join(mkdtempSync(join(tmpdir(), 'wattle-')), 'file')
  writeFileSync(file, 'no port')
  const plain = open(file)
  await plain.reader.until(() => plain.reader.states.length > 0)
  t.match(plain.reader.states[0], { kind: 'down', reason: /not-set|not-serial/ })
  plain.line.close()

  const pty = new Pty()
  await pty.plug()
  const silent = open(pty.path, { retryMs: 5, silentMs: 30 })
  await silent.reader.until(() => silent.reader.kinds.startsWith('up no-data up'))
  t.match(silent.reader.states[1], { text: /cable.*switched on.*invert/ })
  silent.line.close()

  const bare = open(pty.path, { retryMs: 5, stty: 'no-such-program' })
  await bare.reader.until(() => bare.reader.states.length > 0)
  t.match(bare.reader.states[0], { reason: 'not-set', text: /not installed/ })
  bare.line.close()
  pty.end()
})

t.test('ports, adapters and who uses them are read from /dev, /sys and /proc', async (t) => {
  const root = mkdtempSync(join(tmpdir(), 'wattle-root-'))
  const usb = join(root, 'sys/devices/usb1/1-1')
  mkdirSync(join(usb, '1-1:1.0/ttyUSB1'), { recursive: true })
  for (const [name, text] of [
    ['idVendor', '0403'],
    ['idProduct', '6001'],
    ['manufacturer', 'FTDI'],
    ['product', 'P1 Converter Cable'],
  ] as const)
    writeFileSync(join(usb, name), `${text}\n`)
  mkdirSync(join(root, 'sys/class/tty/ttyUSB1'), { recursive: true })
  symlinkSync(join(usb, '1-1:1.0/ttyUSB1'), join(root, 'sys/class/tty/ttyUSB1/device'))
  mkdirSync(join(root, 'dev/serial/by-id'), { recursive: true })
  for (const name of ['ttyUSB1', 'ttyACM0', 'ttyS0', 'tty1']) writeFileSync(join(root, 'dev', name), '')
  symlinkSync('../../ttyUSB1', join(root, 'dev/serial/by-id/usb-FTDI_P1_A1-if00-port0'))
  mkdirSync(join(root, 'proc/4711/fd'), { recursive: true })
  writeFileSync(join(root, 'proc/4711/comm'), 'dsmr_datalogger\n')
  symlinkSync(join(root, 'dev/ttyUSB1'), join(root, 'proc/4711/fd/5'))
  writeFileSync(join(root, 'dev/ttyAMA0'), '')
  mkdirSync(join(root, 'sys/class/tty/console'), { recursive: true })
  writeFileSync(join(root, 'sys/class/tty/console/active'), 'tty0 ttyAMA0\n')
  const [first, second, ...rest] = listPorts(root)
  t.strictSame(first, {
    path: join(root, 'dev/ttyUSB1'),
    stable: join(root, 'dev/serial/by-id/usb-FTDI_P1_A1-if00-port0'),
    usb: '0403:6001',
    text: 'FTDI P1 Converter Cable',
    likely: true,
  })
  t.match(second, { path: join(root, 'dev/ttyACM0'), likely: false })
  t.strictSame(rest, [], 'a console is no cable')
  t.equal(usedBy(join(root, 'dev/ttyUSB1'), root), 'dsmr_datalogger (process 4711)')
  t.equal(usedBy(join(root, 'dev/ttyACM0'), root), null)
  t.strictSame(listPorts(join(root, 'nothing')), [])
})
