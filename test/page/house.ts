// A real device on this machine for the page's tests: the firmware in this process, a simulated meter and
// button, its page on loopback, its state in a folder that goes away with the test.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { openMachine, serialFor } from '../../src/bin/machine.ts'
import { Device } from '../../src/device/device.ts'
import { LinuxClock, linuxRandom } from '../../src/hw/linux/clock.ts'
import { LineButton } from '../../src/hw/linux/panel.ts'
import { type ClaimRecord, freshCode, makeRecord, showCode } from '../../src/ownership/label.ts'
import { buildPages } from './build.ts'

export interface House {
  readonly code: string
  readonly page: string
  readonly device: Device
  readonly events: { event: string; detail: Record<string, unknown> }[]
  /** When each telegram was whole, by this machine's clock. */
  readonly heard: number[]
  press(ms?: number): void
  /** Switches it off and on again: the same card, the same address. */
  restart(): Promise<void>
}

const DISCRIMINATOR = 0xab12

export async function openHouse(t: Pick<Test, 'teardown'>): Promise<House> {
  const folder = mkdtempSync(join(tmpdir(), 'wattle-page-'))
  const code = freshCode(linuxRandom)
  const salt = new Uint8Array(16)
  linuxRandom(salt)
  const record = makeRecord(code, DISCRIMINATOR, salt)
  const events: House['events'] = []
  const heard: number[] = []
  let running = await start(folder, record, { events, heard, page: '127.0.0.1:0' })
  t.teardown(async () => {
    await running.stop()
    rmSync(folder, { recursive: true, force: true })
  })
  return {
    code: showCode(code),
    page: `http://${running.device.pageAddress}/`,
    events,
    heard,
    get device() {
      return running.device
    },
    press: (ms) => running.button.press(ms),
    async restart() {
      const page = running.device.pageAddress!
      await running.stop()
      running = await start(folder, record, { events, heard, page })
    },
  }
}

interface Running {
  device: Device
  button: LineButton
  stop(): Promise<void>
}

async function start(
  folder: string,
  record: ClaimRecord,
  o: { events: House['events']; heard: number[]; page: string },
): Promise<Running> {
  const clock = new LinuxClock()
  const button = new LineButton(clock)
  const machine = await openMachine(folder, { serial: serialFor('sim', clock), button }, clock)
  const assets = (await buildPages())['phone']!
  const device = await new Promise<Device>((resolve, reject) =>
    Device.start(
      {
        hardware: machine.hardware,
        record,
        listen: '127.0.0.1:0',
        serial: 'sim',
        ringFrames: 2_000,
        page: { assets, address: o.page, version: '0.0.0', board: 'test' },
        report: (event, detail = {}) => o.events.push({ event, detail }),
        onReading: () => o.heard.push(Date.now()),
      },
      (error, made) => (made ? resolve(made) : reject(error)),
    ),
  )
  const stop = async (): Promise<void> => {
    await new Promise<void>((resolve) => device.stop(resolve))
    machine.release()
  }
  return { device, button, stop }
}
