// What a device on a card of ours does for itself: feeds the hardware watchdog while it makes progress,
// tells the supervisor how it is, shows the faults that stage 1 found, and lets a new system stay once it
// has proved itself (gate.ts). On other machines there is no board and nothing of this runs.

import { text, utf8 } from '../../base/bytes.ts'
import type { Board, Files, Sockets, TcpSocket } from '../../hw/hardware.ts'
import type { Loop } from '../../node/loop.ts'
import { otherSlot, type Slot } from '../../wire/card/slots.ts'
import type { Lights } from '../lights.ts'
import { readMemory } from '../update/memory.ts'
import { changeSlots } from '../update/slots.ts'
import { type Before, judgeTrial, missing, type Seen } from './gate.ts'
import { FEED_MS, PROBE_MS, Progress } from './progress.ts'

export interface UpkeepOptions {
  board: Board
  loop: Loop
  lights: Lights
  files: Files
  sockets: Sockets
  /** `host:port` that is listened on. */
  address: () => string
  /** Connections that have proved a key so far. */
  peers: () => number
  /** Valid telegrams so far. */
  telegrams: () => number
  report: (event: string, detail?: Record<string, unknown>) => void
}

/** Where it is kept what this device has seen working (docs/wire.md "Files"). */
const BEFORE_FILE = 'worked.json'
/** Names of TASKS' timers. */
const TIMERS = ['feed', 'probe', 'probe-end', 'card'] as const
/** A card that fills up or turns read-only while we run is noticed within this time, ms. */
const CARD_MS = 3_600_000
/** A probe that is not answered by then says nothing, ms. */
const PROBE_END_MS = 5_000

/** The firmware slows the processor down at 85 °C; said from a little below until well below. */
const HOT_C = 82
const COOL_C = 75

export class Upkeep {
  readonly #options: UpkeepOptions
  readonly #progress: Progress
  readonly #startedAt: number
  readonly #seen: Seen
  #before: Before
  /** Our slot has tries instead of `good`. */
  #trial = false
  #settling = false
  #probe: TcpSocket | null = null
  #told = ''
  #hot = false
  /** The last durable write has failed. */
  #cardBad = false

  constructor(options: UpkeepOptions) {
    const now = options.loop.now()
    this.#options = options
    this.#progress = new Progress(now)
    this.#startedAt = now
    this.#seen = { aliveSince: now, writable: false, telegram: false, peer: false }
    this.#before = { telegram: false, peer: false }
    const { board, lights, report } = options
    const fault = Number(board.fact('fault') ?? 0)
    if (fault > 0) {
      lights.raiseFault(fault)
      report('fault', { fault, from: 'stage 1' })
    }
    if (board.fact('safe') !== null) {
      lights.set({ safeMode: true })
      report('safe-mode')
    }
  }

  /** Whether this system is on trial. */
  get trial(): boolean {
    return this.#trial
  }

  get slot(): Slot {
    return this.#options.board.fact('slot') === 'b' ? 'b' : 'a'
  }

  /** Everything listens: begins to feed, and says so to the supervisor. */
  start(): void {
    const { board, loop, files } = this.#options
    board.feed()
    board.note('ready', `${JSON.stringify({ slot: this.slot, address: this.#options.address() })}\n`)
    loop.after('feed', FEED_MS, (now) => this.#round(now))
    loop.every('probe', PROBE_MS, () => this.#ask())
    this.#ask()
    files.read(BEFORE_FILE, (_, bytes) => {
      const was = bytes === null ? null : parseBefore(bytes)
      if (was) this.#before = was
      this.#readSlots()
    })
  }

  stop(): void {
    for (const timer of TIMERS) this.#options.loop.cancel(timer)
    this.#endProbe()
  }

  /** The meter's task ran. */
  onMeter(now: number): void {
    this.#progress.ran('meter', now)
  }

  /** A trial that nobody lets stay, and a system whose successor failed, are written down at once. */
  #readSlots(): void {
    const { board, lights, report } = this.#options
    if (!board.card) {
      this.#saveBefore()
      this.#probeCard()
      return
    }
    const own = this.slot
    changeSlots(
      board.card,
      (record) => {
        this.#trial = record[own] !== 'good'
        if (record.first === own || record[own] !== 'good') return null
        // We were not meant to run: the other one has used up its tries, or could not be mounted.
        const other = otherSlot(own)
        report('fallback', { slot: own, gaveUp: other })
        return { first: own, [other]: 'none' }
      },
      (error) => {
        if (error) report('failed', { what: 'slot-record', text: error.message })
        lights.set({ trial: this.#trial })
        if (this.#trial) report('trial', { slot: own })
        this.#probeCard()
      },
    )
  }

  /** A write that is durable: a card that has become read-only shows itself here. */
  #probeCard(): void {
    const { files, lights, loop, report } = this.#options
    loop.after('card', CARD_MS, () => this.#probeCard())
    files.replace('probe', utf8('wattle\n'), (error) => {
      const was = this.#seen.writable
      this.#seen.writable = error === null
      if (error) {
        lights.raiseFault(2)
        if (was || !this.#cardBad) report('fault', { fault: 2, text: error.message })
        this.#cardBad = true
      } else if (this.#cardBad) {
        this.#cardBad = false
        lights.clearFault(2)
      }
    })
  }

  #round(now: number): void {
    const { board, lights, loop, peers, telegrams } = this.#options
    const { feed, lag, late, next } = this.#progress.judge(now)
    loop.after('feed', next, (at) => this.#round(at))
    if (peers() > 0) this.#seen.peer = true
    if (telegrams() > 0) this.#seen.telegram = true
    if (feed) board.feed()
    else {
      this.#seen.aliveSince = now
      this.#options.report('stalled', { lag: Math.round(lag), late })
    }
    const health = {
      slot: this.slot,
      trial: this.#trial,
      lag: Math.round(lag),
      late,
      ...this.#seen,
      status: lights.status,
    }
    if (feed) board.note('health', `${JSON.stringify(health)}\n`)
    this.#feel()
    if (this.#trial) this.#judge(now)
    else if (this.#worked()) this.#saveBefore()
  }

  #feel(): void {
    const { board, lights, report } = this.#options
    const degrees = board.temperature()
    if (degrees === null) return
    if (degrees >= HOT_C && !this.#hot) {
      this.#hot = true
      lights.raiseFault(7)
      report('fault', { fault: 7, degrees: Math.round(degrees) })
    } else if (degrees < COOL_C && this.#hot) {
      this.#hot = false
      lights.clearFault(7)
    }
  }

  #judge(now: number): void {
    const { board, report } = this.#options
    if (this.#settling) return
    const verdict = judgeTrial(now, this.#startedAt, this.#seen, this.#before)
    const lacks = missing(now, this.#seen, this.#before).join(', ')
    if (verdict === 'wait') {
      if (lacks !== this.#told) report('trial', { slot: this.slot, waitsFor: lacks })
      this.#told = lacks
      return
    }
    this.#settling = true
    if (verdict === 'good') return this.#stay()
    report('trial', { slot: this.slot, failed: lacks })
    board.restart('fallback')
  }

  /** The rollback index is this system's from now on: what it brought when it was installed. */
  #stay(): void {
    const { board, files, lights, report } = this.#options
    const own = this.slot
    readMemory(files, (memory) => {
      const index = memory?.installed && memory.slot === own ? memory.index : null
      changeSlots(
        board.card!,
        () => ({ [own]: 'good', first: own, ...(index === null ? {} : { index }) }),
        (error, record) => {
          this.#settling = false
          if (error) return report('failed', { what: 'slot-record', text: error.message })
          this.#trial = false
          lights.set({ trial: false })
          report('proved', { slot: own, index: record?.index })
        },
      )
    })
  }

  #worked(): boolean {
    return (this.#seen.telegram && !this.#before.telegram) || (this.#seen.peer && !this.#before.peer)
  }

  #saveBefore(): void {
    const before = {
      telegram: this.#before.telegram || this.#seen.telegram,
      peer: this.#before.peer || this.#seen.peer,
    }
    this.#before = before
    this.#options.files.replace(BEFORE_FILE, utf8(`${JSON.stringify({ v: 1, ...before })}\n`), () => {})
  }

  /** Knocks at our own door: an answer of any kind, a refusal too, comes from a network task that runs. */
  #ask(): void {
    const { sockets, loop } = this.#options
    this.#endProbe()
    sockets.dialTcp(knockAt(this.#options.address()), (error, socket) => {
      if (error || !socket) return
      this.#probe = socket
      const answered = (): void => {
        this.#progress.ran('network', loop.now())
        this.#endProbe()
      }
      socket.events = { onData: answered, onDrain: () => {}, onClose: answered }
      // Not our protocol: the host hangs up, or greets first.
      socket.write(utf8('\u0000'))
      socket.end()
      loop.after('probe-end', PROBE_END_MS, () => this.#endProbe())
    })
  }

  #endProbe(): void {
    const socket = this.#probe
    this.#probe = null
    this.#options.loop.cancel('probe-end')
    if (!socket) return
    socket.events = { onData: () => {}, onDrain: () => {}, onClose: () => {} }
    socket.destroy()
  }
}

/** An address that reaches a listener on this machine. */
export function knockAt(address: string): string {
  return address.replace(/^0\.0\.0\.0:/, '127.0.0.1:').replace(/^\[::\]:/, '[::1]:')
}

function parseBefore(bytes: Uint8Array): Before | null {
  try {
    const value = JSON.parse(text(bytes)) as Record<string, unknown>
    return { telegram: value['telegram'] === true, peer: value['peer'] === true }
  } catch {
    return null
  }
}
