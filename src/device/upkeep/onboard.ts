// All that a device on a card of ours does besides being a device: watchdog and trial (upkeep.ts), updates
// (update/), Wi-Fi, time and what is on the card for a person (setup/). One object for the composition
// root; on other machines it is not there.

import type { Bytes } from '../../base/bytes.ts'
import type { Board, Hardware } from '../../hw/hardware.ts'
import type { Stream } from '../../net/api.ts'
import type { Loop } from '../../node/loop.ts'
import type { Gesture } from '../button.ts'
import type { Lights } from '../lights.ts'
import { Setup } from '../setup/setup.ts'
import { Firmware } from '../update/firmware.ts'
import { Upkeep } from './upkeep.ts'

/** What the configuration says. */
export interface OnBoardWishes {
  /** Ed25519 key that signs updates; null: none is taken. */
  releaseKey: Bytes | null
  /** Hosts to ask for the time. */
  timeServers: readonly string[]
}

/** What the composition root has. */
export interface OnBoardParts {
  loop: Loop
  lights: Lights
  name: string
  /** `host:port` that is listened on. */
  address: () => string
  /** Connections that have proved a key so far. */
  peers: () => number
  /** Valid telegrams so far. */
  telegrams: () => number
  isOwner: (sign: Bytes) => boolean
}

interface OnBoardOptions extends OnBoardWishes, OnBoardParts {
  board: Board
  hardware: Hardware
  report: (event: string, detail?: Record<string, unknown>) => void
}

/** Stage 1's fact `fault` where the state folder is in memory only. */
const NO_DATA = '2'

export class OnBoard {
  readonly #options: OnBoardOptions
  readonly #upkeep: Upkeep
  readonly #firmware: Firmware
  readonly #setup: Setup

  /** Null on a machine that is no board of ours. */
  static of(
    {
      hardware,
      onBoard = { releaseKey: null, timeServers: [] },
      report,
    }: Pick<OnBoardOptions, 'hardware' | 'report'> & { onBoard?: OnBoardWishes },
    parts: OnBoardParts,
  ): OnBoard | null {
    const { board } = hardware
    return board ? new OnBoard({ ...onBoard, ...parts, board, hardware, report }) : null
  }

  private constructor(options: OnBoardOptions) {
    const { files, sockets } = options.hardware
    this.#options = options
    this.#upkeep = new Upkeep({ ...options, files, sockets })
    this.#firmware = new Firmware({ ...options, files })
    this.#setup = new Setup(options)
  }

  start(): void {
    this.#upkeep.start()
    this.#setup.start()
  }

  stop(): void {
    this.#upkeep.stop()
    this.#firmware.stop()
    this.#setup.stop()
  }

  /**
   * True where the gesture ends here: without a data partition a claim would be forgotten with the power,
   * and its owner left with the keys of a device that is nobody's.
   */
  onGesture(gesture: Gesture, now: number): boolean {
    const { board, lights, report } = this.#options
    if (gesture === 'short' && board.fact('fault') === NO_DATA) {
      lights.refused()
      report('pairing', { what: 'no-storage' })
      return true
    }
    if (gesture === 'reset-confirmed') this.#setup.forget()
    if (gesture !== 'second') return false
    this.#firmware.allowOlder(now)
    this.#setup.openPortal()
    return false
  }

  /** The meter's task ran. */
  onMeter(now: number): void {
    this.#upkeep.onMeter(now)
  }

  onMeterTime(utcMs: number): void {
    this.#setup.onMeterTime(utcMs)
  }

  onUpdateStream(stream: Stream): void {
    this.#firmware.onStream(stream)
  }
}
