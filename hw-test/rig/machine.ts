// An emulated board that boots a card image: QEMU with a P1 cable, a network adapter and pins that are
// read and driven from outside. What it cannot emulate is named in hw-test/README.md.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { freeAddress } from '../../src/bin/run/ports.ts'
import { Console } from './console.ts'
import { poke } from './gdb.ts'
import { Lights } from './lights.ts'
import { Qmp } from './qmp.ts'

export interface BoardModel {
  readonly qemu: string
  readonly machine: string
  readonly deviceTree: string
  /** Arguments that stand in for what QEMU lacks. */
  readonly kernelArguments: string
  /** Base of the GPIO block, and its pins. */
  readonly gpio: number
  /** Lower word of the counter of microseconds since power on. */
  readonly microseconds: number
  readonly pins: { readonly status: number; readonly meter: number; readonly button: number }
}

export const PIZERO: BoardModel = {
  qemu: 'qemu-system-arm',
  machine: 'raspi0',
  deviceTree: 'bcm2835-rpi-zero.dtb',
  // The power block is not emulated.
  kernelArguments: 'initcall_blacklist=bcm2835_power_driver_init,bcm2835_pm_driver_init',
  gpio: 0x20200000,
  microseconds: 0x20003004,
  pins: { status: 17, meter: 27, button: 3 },
}

/** The nearest that there is to a Zero 2 W. */
const PIZERO2W: BoardModel = {
  qemu: 'qemu-system-aarch64',
  machine: 'raspi3ap',
  deviceTree: 'bcm2837-rpi-zero-2-w.dtb',
  kernelArguments: 'initcall_blacklist=bcm2835_pm_driver_init console=ttyAMA0,115200',
  gpio: 0x3f200000,
  microseconds: 0x3f003004,
  pins: { status: 17, meter: 27, button: 3 },
}

export const MODELS: Readonly<Record<string, BoardModel>> = { pizero: PIZERO, pizero2w: PIZERO2W }

/** Command: Debian package. */
export const TOOLS = {
  'qemu-system-arm': 'qemu-system-arm',
  'qemu-system-aarch64': 'qemu-system-arm',
  mcopy: 'mtools',
} as const

const SET0 = 0x1c
const CLEAR0 = 0x28
const LEVEL0 = 0x34
const BOOT_FILES = ['kernel.img', 'stage1.img', 'cmdline.txt']
const BOOT_OFFSET = '1M'

export interface MachineOptions {
  readonly model: BoardModel
  /** A copy of the image that this machine may write to. */
  readonly card: string
  /** Folder for sockets and artefacts. */
  readonly folder: string
  /** TCP port of this computer that leads to the guest's 4001. */
  readonly port: number
  /** TCP port of this computer that leads to the page in the guest. */
  readonly page?: number
  readonly extra?: readonly string[]
  /** The button is down when power comes. */
  readonly held?: boolean
  /** An empty file that every write to the card goes into as well (power/log.ts). */
  readonly log?: string
  /** Waiting takes no time of ours: for figures, not where others take part. */
  readonly fast?: boolean
  /** Whether the lights are watched; yes unless said otherwise. */
  readonly watch?: boolean
}

/** Copies an image to a card of `mebibytes`, a power of two, and returns the path. */
export function copyCard(image: string, card: string, mebibytes = 512): string {
  mustRun('cp', ['--sparse=always', image, card])
  truncateSync(card, mebibytes * 1_048_576)
  return card
}

export function mustRun(command: string, args: readonly string[]): string {
  const result = spawnSync(command, args, { encoding: 'utf8' })
  if (result.error || result.status !== 0)
    throw new Error(`${command} ${args.join(' ')}: ${result.error?.message ?? result.stderr}`)
  return result.stdout
}

/** Runs a command that may fail. */
export function runCode(command: string, args: readonly string[]): { code: number; said: string } {
  const env = { ...process.env, LC_ALL: 'C', PATH: `${process.env['PATH']}:/usr/sbin:/sbin` }
  const result = spawnSync(command, args, { encoding: 'utf8', env, maxBuffer: 1 << 26 })
  if (result.error) throw result.error
  return { code: result.status ?? -1, said: `${result.stdout}${result.stderr}`.trim().slice(0, 400) }
}

/** Of this computer, not given to anybody else before the machine listens there. */
export async function freePort(): Promise<number> {
  return Number((await freeAddress('127.0.0.1:0')).split(':')[1])
}

export class Machine {
  readonly console: Console
  readonly lights: Lights
  readonly #options: MachineOptions
  readonly #child: ChildProcess
  readonly #qmp: Qmp
  #exit: Promise<number | null>
  #low = 0
  #wraps = 0

  private constructor(options: MachineOptions, child: ChildProcess, console: Console, qmp: Qmp) {
    this.#options = options
    this.#child = child
    this.#qmp = qmp
    this.console = console
    this.#exit = new Promise((resolve) => child.once('exit', resolve))
    const { model, folder } = options
    const { status, meter } = model.pins
    this.lights = new Lights(
      options.watch === false ? {} : { status, meter },
      async () => ({ at: await this.now(), levels: await this.levels() }),
      join(folder, 'lights.log'),
    )
  }

  /** Power on. The machine is held until the button's pin is at rest. */
  static async start(options: MachineOptions): Promise<Machine> {
    const { model, card, folder } = options
    mkdirSync(folder, { recursive: true })
    const file = (name: string): string => join(folder, name)
    for (const name of ['qmp', 'gdb', 'p1']) rmSync(file(name), { force: true })
    for (const name of [...BOOT_FILES, model.deviceTree])
      mustRun('mcopy', ['-n', '-o', '-i', `${card}@@${BOOT_OFFSET}`, `::a/${name}`, file(name)])
    const cmdline = `${readFileSync(file('cmdline.txt'), 'utf8').trim()} ${model.kernelArguments}`
    const drive = options.log
      ? `if=sd,driver=blklogwrites,file.driver=file,file.filename=${card},log.driver=file,log.filename=${options.log}`
      : `if=sd,format=raw,cache=writeback,file=${card}`
    const args = [
      ...[
        '-M',
        model.machine,
        '-S',
        '-display',
        'none',
        '-no-reboot',
        '-serial',
        'stdio',
        '-monitor',
        'none',
      ],
      ...['-kernel', file('kernel.img'), '-initrd', file('stage1.img'), '-dtb', file(model.deviceTree)],
      ...['-append', cmdline],
      ...['-drive', drive],
      ...['-qmp', `unix:${file('qmp')},server=on,wait=off`, '-gdb', `unix:${file('gdb')},server=on,wait=off`],
      ...['-chardev', `socket,id=p1,path=${file('p1')},server=on,wait=off`],
      ...['-device', 'usb-serial,chardev=p1,id=cable'],
      ...[
        '-netdev',
        `user,id=n0,hostfwd=tcp:127.0.0.1:${options.port}-:4001${options.page === undefined ? '' : `,hostfwd=tcp:127.0.0.1:${options.page}-:80`}`,
        '-device',
        'usb-net,netdev=n0',
      ],
      // The machine's time is counted in instructions, 500 million to the second (an ARM1176 at 1 GHz does
      // about one in two cycles): on a busy computer it gets slower for us, and notices nothing itself.
      ...['-icount', `shift=1,sleep=${options.fast ? 'off' : 'on'}`],
      ...(options.extra ?? []),
    ]
    const child = spawn('nice', ['-n', '5', model.qemu, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
    let said = ''
    child.stderr!.on('data', (data: Buffer) => {
      said = `${said}${data.toString()}`.slice(-4_096)
    })
    const console = new Console(child.stdout!, file('console.log'))
    for (let i = 0; i < 200 && !(existsSync(file('qmp')) && existsSync(file('gdb'))); i++) {
      if (child.exitCode !== null) throw new Error(`${model.qemu} ended at once: ${said}`)
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    const machine = new Machine(options, child, console, await Qmp.open(file('qmp')))
    await machine.button(options.held ?? false)
    await machine.#qmp.command('cont')
    return machine
  }

  get p1(): string {
    return join(this.#options.folder, 'p1')
  }

  /** Levels of pins 0 to 31. */
  levels(): Promise<number> {
    return this.#word(this.#options.model.gpio + LEVEL0)
  }

  /** Milliseconds of the machine's own time since power on. */
  async now(): Promise<number> {
    const low = await this.#word(this.#options.model.microseconds)
    if (low < this.#low) this.#wraps++
    this.#low = low
    return (this.#wraps * 2 ** 32 + low) / 1_000
  }

  async #word(address: number): Promise<number> {
    const text = await this.#qmp.human(`xp /1wx 0x${address.toString(16)}`)
    return Number(/: (0x[0-9a-f]+)/.exec(text)![1]) >>> 0
  }

  /** The button pulls its pin low. */
  async button(down: boolean): Promise<void> {
    const { gpio, pins } = this.#options.model
    await poke(join(this.#options.folder, 'gdb'), gpio + (down ? CLEAR0 : SET0), 1 << pins.button)
  }

  /** Holds the button for so long of the machine's own time. */
  async press(ms: number): Promise<void> {
    await this.button(true)
    await this.lights.wait(ms)
    await this.button(false)
  }

  /** Pulls the P1 cable, or plugs it in again. */
  async cable(plugged: boolean): Promise<void> {
    if (plugged) await this.#qmp.command('device_add', { driver: 'usb-serial', chardev: 'p1', id: 'cable' })
    else await this.#qmp.command('device_del', { id: 'cable' })
  }

  /** Ends by itself: a restart of the guest, which this machine takes as its end. */
  get ended(): Promise<number | null> {
    return this.#exit
  }

  /** Power off, without a word to the guest. */
  async off(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#exit
    this.#qmp.close()
    await this.lights.close()
    this.console.close()
  }
}
