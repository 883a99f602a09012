// The device in a process of its own on real sockets and files, its clock running ahead so that an hour
// takes half a minute; its timers (sync of the card, deadlines, keep-alive) run ahead with it. Its
// meter and readers are in the process that started it, which says what to do in messages of one word.

import { Device } from '../../../src/device/device.ts'
import type { Clock } from '../../../src/hw/hardware.ts'
import { LinuxClock, linuxRandom } from '../../../src/hw/linux/clock.ts'
import { LinuxFiles } from '../../../src/hw/linux/files.ts'
import { LinuxHttp } from '../../../src/hw/linux/http.ts'
import { TcpSerial } from '../../../src/hw/linux/serial-sim.ts'
import { LinuxSockets } from '../../../src/hw/linux/sockets.ts'
import { parseRecord } from '../../../src/ownership/label.ts'
import { Probe } from './probe.ts'

/** A Linux machine's clock, `speed` times as fast. */
class FastClock implements Clock {
  readonly #inner = new LinuxClock()
  readonly #wall = Date.now()
  #speed = 1
  #since = 0
  #at = 0
  #wakeAt = Number.POSITIVE_INFINITY
  #onWake: () => void = () => {}
  readonly #fire = (): void => {
    this.#wakeAt = Number.POSITIVE_INFINITY
    this.#onWake()
  }

  now(): number {
    return this.#at + (this.#inner.now() - this.#since) * this.#speed
  }

  wall(): number {
    return Math.floor(this.#wall + this.now())
  }

  wake(at: number, onWake: () => void): void {
    this.#wakeAt = at
    this.#onWake = onWake
    this.#inner.wake(this.#since + (at - this.#at) / this.#speed, this.#fire)
  }

  set speed(speed: number) {
    this.#at = this.now()
    this.#since = this.#inner.now()
    this.#speed = speed
    if (this.#wakeAt < Number.POSITIVE_INFINITY) this.wake(this.#wakeAt, this.#onWake)
  }
}

export interface DeviceJob {
  folder: string
  label: string
  /** `tcp:HOST:PORT` of the meter. */
  serial: string
  warm: number
  hour: number
}

/** Runs until told to stop; says `{ ready }`, `{ readers }` and, after hour and samples, `{ measured }`. */
export function beDevice(job: DeviceJob): void {
  const clock = new FastClock()
  const sockets = new LinuxSockets()
  const probe = new Probe()
  const say = (message: object): void => void process.send?.(message)
  let press: (pressed: boolean) => void = () => {}
  let got = 0
  let measured: object | null = null
  const onReading = (): void => {
    got++
    if (got === job.warm) probe.start()
    else if (got === job.warm + job.hour) measured = probe.stop(job.hour)
    else if (got > job.warm + job.hour && measured && probe.sample()) {
      say({ measured: { ...measured, bufferBytes: probe.bufferBytes } })
      measured = null
    }
  }
  let device: Device | null = null
  Device.start(
    {
      hardware: {
        clock,
        random: linuxRandom,
        serial: new TcpSerial(sockets),
        button: {
          pressed: () => false,
          onChange: (listener) => {
            press = (pressed) => listener(pressed, clock.now())
          },
          close: () => {},
        },
        leds: { show: () => {} },
        sockets,
        http: new LinuxHttp(),
        files: new LinuxFiles(job.folder),
      },
      record: parseRecord(job.label)!,
      listen: '127.0.0.1:0',
      serial: job.serial,
      report: (event, detail) => {
        if (event === 'subscribers') say({ readers: detail!['count'] })
      },
      onReading,
    },
    (error, started) => {
      if (!started) throw error ?? new Error('no device')
      device = started
      say({ ready: started.address })
    },
  )
  process.on('message', (message: { do: string; speed?: number }) => {
    if (message.do === 'press') {
      press(true)
      setTimeout(() => press(false), 300)
    } else if (message.do === 'speed') clock.speed = message.speed!
    else if (message.do === 'stop') device?.stop(() => process.exit(0))
  })
}
