// Updates as the rest of the device sees them: which key signs, what the LEDs say, when the board
// restarts, and that a press at the device may let an older version in.

import type { Bytes } from '../../base/bytes.ts'
import { Verifier } from '../../crypto/native.ts'
import type { Board, Files } from '../../hw/hardware.ts'
import type { Stream } from '../../net/api.ts'
import type { Loop } from '../../node/loop.ts'
import type { UpdateRefusal } from '../../wire/card/update.ts'
import type { Lights } from '../lights.ts'
import { UpdateServer } from './server.ts'
import { Updater } from './updater.ts'

export interface FirmwareOptions {
  board: Board
  files: Files
  loop: Loop
  lights: Lights
  /** Ed25519 key that signs updates; null: every update is refused. */
  releaseKey: Bytes | null
  isOwner: (sign: Bytes) => boolean
  report: (event: string, detail?: Record<string, unknown>) => void
}

/** After the second function of the button, ms. */
const OLDER_MS = 600_000
/** How long a refused update is counted out by the LED, ms. */
const FAULT_MS = 600_000
/** The answer goes out first, ms. */
const RESTART_MS = 2_000
const FAULT_TIMER = 'update-fault'

/** What is wrong with the file, not with us: fault 5. */
const BAD_FILE: readonly UpdateRefusal[] = [
  'unsigned',
  'malformed',
  'other-board',
  'other-boot',
  'too-large',
  'damaged',
]

export class Firmware {
  readonly #options: FirmwareOptions
  readonly #server: UpdateServer
  #olderUntil: number = Number.NEGATIVE_INFINITY

  constructor(options: FirmwareOptions) {
    const { board, files, loop, releaseKey, isOwner } = options
    this.#options = options
    const updater = new Updater({
      card: board.card,
      files,
      slot: board.fact('slot') === 'b' ? 'b' : 'a',
      board: board.kind,
      boot: board.fact('boot'),
      key: releaseKey && Verifier.of(releaseKey),
      mayDowngrade: () => loop.now() < this.#olderUntil,
    })
    this.#server = new UpdateServer({
      updater,
      isOwner,
      onRunning: (running) => this.#onRunning(running),
      onRefused: (refusal) => this.#onRefused(refusal),
      onInstalled: () => this.#onInstalled(),
    })
  }

  onStream(stream: Stream): void {
    this.#server.onStream(stream)
  }

  /** The button was held for its second function: an older version may come in. */
  allowOlder(now: number): void {
    this.#olderUntil = now + OLDER_MS
  }

  stop(): void {
    for (const timer of [FAULT_TIMER, 'restart']) this.#options.loop.cancel(timer)
  }

  #onRunning(running: boolean): void {
    const { lights, report, loop } = this.#options
    if (running) {
      loop.cancel(FAULT_TIMER)
      lights.clearFault(5)
    }
    lights.set({ updating: running })
    report('update', { running })
  }

  #onRefused(refusal: UpdateRefusal): void {
    const { lights, report, loop } = this.#options
    report('update', { refused: refusal })
    if (!BAD_FILE.includes(refusal)) return
    lights.raiseFault(5)
    loop.after(FAULT_TIMER, FAULT_MS, () => lights.clearFault(5))
  }

  #onInstalled(): void {
    const { board, loop, report } = this.#options
    report('update', { installed: true })
    loop.after('restart', RESTART_MS, () => board.restart('update'))
  }
}
