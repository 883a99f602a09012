// The other side of device/linux.ts: meter, owner and readers of a device in another process, over
// loopback. The meter sends a telegram whenever a second has passed on the device's clock.

import { fork } from 'node:child_process'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import type { Bytes } from '../../../src/base/bytes.ts'
import type { Button, Hardware, Leds, Serial } from '../../../src/hw/hardware.ts'
import { LinuxClock, linuxRandom } from '../../../src/hw/linux/clock.ts'
import { LinuxFiles } from '../../../src/hw/linux/files.ts'
import { LinuxHttp } from '../../../src/hw/linux/http.ts'
import { LinuxSockets } from '../../../src/hw/linux/sockets.ts'
import { freshCode, makeRecord, recordJson } from '../../../src/ownership/label.ts'
import { type Claimed, claim, Reader } from './cast.ts'
import type { DeviceJob } from './linux.ts'
import { type Measured, SAMPLED } from './probe.ts'
import { makeTelegrams, PIECE } from './serial.ts'
import { expect } from './sim.ts'

/** How much faster than real time. A reader that stalls for 90 s of the device's time is dropped. */
const SPEED = 150
const WARM = 1_800
/** Each step before and after the hour has this long. */
const READY_MS = 10_000

const parts: Pick<Hardware, 'serial' | 'button' | 'leds'> = {
  serial: {} as Serial,
  button: {} as Button,
  leds: {} as Leds,
}

function machine(folder: string): Hardware {
  return {
    ...parts,
    clock: new LinuxClock(),
    random: linuxRandom,
    sockets: new LinuxSockets(),
    http: new LinuxHttp(),
    files: new LinuxFiles(folder),
  }
}

export interface RealRun {
  measured: Measured
  /** State folder of the device, stopped. */
  folder: string
}

export async function measureReal(hour: number, base: string, execArgv: string[]): Promise<RealRun> {
  const folder = mkdtempSync(join(base, 'device-'))
  const home = mkdtempSync(join(base, 'home-'))
  const code = freshCode(linuxRandom)
  const salt = new Uint8Array(16)
  linuxRandom(salt)
  const label = recordJson(makeRecord(code, 0xab12, salt))
  writeFileSync(join(folder, 'label.json'), label, { mode: 0o600 })
  const telegrams = makeTelegrams(WARM + hour + 2 * SAMPLED, Date.now())
  const meter = new Meter()
  const serial = await meter.listen()

  const job: DeviceJob = { folder, label, serial, warm: WARM, hour }
  const device = fork(process.argv[1]!, ['linux', JSON.stringify(job)], {
    execArgv,
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const exited = new Promise<number>((resolve) => device.once('exit', (status) => resolve(status ?? -1)))
  const heard: Record<string, unknown> = {}
  device.on('message', (message: object) => Object.assign(heard, message))
  const until = async (what: string, ms: number, holds: () => boolean): Promise<void> => {
    const end = performance.now() + ms
    while (!holds()) {
      expect(performance.now() < end && device.exitCode === null, what)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
  try {
    await until('the device is ready', READY_MS, () => 'ready' in heard && meter.connected)
    device.send({ do: 'press' })
    await new Promise((resolve) => setTimeout(resolve, 500))
    const claimed = await new Promise<Claimed>((resolve, reject) =>
      claim(machine(home), code, heard['ready'] as string, (error, value) =>
        value ? resolve(value) : reject(error),
      ),
    )
    const readers = claimed.readers.map((keys) => new Reader(machine(home), claimed, keys))
    await until('eight readers are connected', READY_MS, () => heard['readers'] === readers.length)
    await meter.send(telegrams[0]!)
    await until('every reader has the first telegram', READY_MS, () =>
      readers.every((r) => r.telegrams === 1),
    )
    device.send({ do: 'speed', speed: SPEED })
    await meter.play(telegrams, 1_000 / SPEED, () => 'measured' in heard)
    expect('measured' in heard, 'the device has measured an hour')
    expect(heard['readers'] === readers.length, 'eight readers are connected at the end')
    const sent = meter.sent
    await until(`every reader has opened ${sent} telegrams`, READY_MS, () =>
      readers.every((r) => r.telegrams === sent && r.gaps === 0),
    )
    device.send({ do: 'stop' })
    expect((await exited) === 0, 'the device stops')
    for (const reader of readers) reader.close()
    return { measured: heard['measured'] as Measured, folder }
  } finally {
    device.kill()
    meter.close()
  }
}

/** Sends telegrams to whoever connects, in pieces as a serial adapter would. */
class Meter {
  sent = 0
  #socket: Socket | null = null
  readonly #server = createServer((socket) => {
    socket.setNoDelay(true)
    socket.on('error', () => {})
    this.#socket = socket
  })

  get connected(): boolean {
    return this.#socket !== null
  }

  listen(): Promise<string> {
    return new Promise((resolve) =>
      this.#server.listen(0, '127.0.0.1', () =>
        resolve(`tcp:127.0.0.1:${(this.#server.address() as { port: number }).port}`),
      ),
    )
  }

  async send(telegram: Bytes): Promise<void> {
    this.sent++
    for (let at = 0; at < telegram.length; at += PIECE) {
      this.#socket?.write(telegram.subarray(at, at + PIECE))
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  /** The rest of them, one each `everyMs`, until `enough`. A late one is not made up for by two at once. */
  async play(telegrams: readonly Bytes[], everyMs: number, enough: () => boolean): Promise<void> {
    let next = performance.now()
    while (this.sent < telegrams.length && !enough()) {
      await this.send(telegrams[this.sent]!)
      next = Math.max(next + everyMs, performance.now())
      const ms = next - performance.now()
      if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms))
    }
    for (let i = 0; i < 100 && !enough(); i++) await new Promise((resolve) => setTimeout(resolve, 20))
  }

  close(): void {
    this.#socket?.destroy()
    this.#server.close()
  }
}
