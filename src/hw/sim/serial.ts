// The simulated P1 cable: bytes arrive at line speed, in chunks as a USB adapter hands them over, fed
// by hand or by a function of time. At the wrong speed the program sees garbage, as on a real line;
// unplugged, the line goes down until the cable is back.

import type { Bytes } from '../../base/bytes.ts'
import type { Serial, SerialEvents, SerialLine } from '../hardware.ts'
import type { Life, Scheduler } from './scheduler.ts'

/** Speeds that are tried, in this order: DSMR 4 and later, then DSMR 2.2 and 3. */
const SPEEDS = [115_200, 9_600] as const
const CHUNK = 64

interface Line {
  readonly life: Life
  readonly events: SerialEvents
  speed: number
  up: boolean
}

/** The meter's end of the cable; stays when the program on the machine dies. */
export class SimCable {
  readonly path = '/dev/sim'
  /** The speed the meter sends at, bits per second. */
  baud: number = SPEEDS[0]
  readonly #scheduler: Scheduler
  readonly #world: Life
  readonly #wall: () => number
  #plugged = true
  #line: Line | null = null
  /** The meter sends one thing after the other. */
  #busyUntil = 0
  /** Counts up when the source changes, so that the old one ends. */
  #source = 0

  constructor(scheduler: Scheduler, world: Life, wall: () => number) {
    this.#scheduler = scheduler
    this.#world = world
    this.#wall = wall
  }

  /** Sends bytes now (or after what is still being sent), `chunk` at a time. */
  feed(bytes: Bytes, chunk: number = CHUNK): void {
    const now = this.#scheduler.now()
    let at = Math.max(now, this.#busyUntil)
    for (let i = 0; i < bytes.length; i += chunk) {
      const piece = bytes.subarray(i, Math.min(i + chunk, bytes.length))
      at += (piece.length * 10_000) / this.baud
      this.#scheduler.after(at - now, this.#world, arrive, this, piece)
    }
    this.#busyUntil = at
  }

  /** Sends `telegram(wallMs)` every `periodMs`, the first one a period from now; null ends it. */
  every(periodMs: number, telegram: ((wallMs: number) => Bytes) | null): void {
    const source = ++this.#source
    if (!telegram) return
    const round = (): void => {
      if (source !== this.#source) return
      this.feed(telegram(this.#wall()))
      this.#scheduler.after(periodMs, this.#world, round, null, null)
    }
    this.#scheduler.after(periodMs, this.#world, round, null, null)
  }

  unplug(): void {
    this.#plugged = false
    const line = this.#line
    if (!line?.up) return
    line.up = false
    this.#scheduler.after(
      0,
      line.life,
      () =>
        line.events.onState({
          kind: 'down',
          path: this.path,
          reason: 'gone',
          text: 'the cable was pulled out',
        }),
      null,
      null,
    )
  }

  plug(): void {
    this.#plugged = true
    if (this.#line) this.#raise(this.#line)
  }

  receive(piece: Bytes): void {
    const line = this.#line
    if (!line?.up || !line.life.alive) return
    let at = 0
    while (at < piece.length && line.up) {
      const into = line.events.buffer()
      const n = Math.min(into.length, piece.length - at)
      for (let i = 0; i < n; i++) {
        const byte = piece[at + i]!
        into[i] = line.speed === this.baud ? byte : (byte * 167 + 13) & 255
      }
      at += n
      line.events.onBytes(n)
    }
  }

  /** The program's side. */
  serial(life: Life): Serial {
    return {
      open: (_spec, events) => {
        const line: Line = { life, events, speed: SPEEDS[0], up: false }
        this.#line = line
        if (this.#plugged) this.#raise(line)
        else
          this.#scheduler.after(
            0,
            life,
            () =>
              events.onState({
                kind: 'down',
                path: this.path,
                reason: 'missing',
                text: 'no cable is plugged in',
              }),
            null,
            null,
          )
        return this.#handle(line)
      },
    }
  }

  #raise(line: Line): void {
    this.#scheduler.after(
      0,
      line.life,
      () => {
        if (this.#line !== line || !this.#plugged || line.up) return
        line.up = true
        line.events.onState({ kind: 'up', path: this.path, baud: line.speed })
      },
      null,
      null,
    )
  }

  #handle(line: Line): SerialLine {
    return {
      hint: (speed) => {
        if (speed === 'good' || this.#line !== line) return
        line.speed = line.speed === SPEEDS[0] ? SPEEDS[1] : SPEEDS[0]
        line.up = false
        if (this.#plugged) this.#raise(line)
      },
      close: () => {
        line.up = false
        if (this.#line === line) this.#line = null
      },
    }
  }
}

function arrive(cable: SimCable, piece: Bytes): void {
  cable.receive(piece)
}
