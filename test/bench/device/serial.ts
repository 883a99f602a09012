// The meter's end of the cable in virtual time, which leaves no garbage of its own: telegrams made
// beforehand, handed over in pieces as a USB adapter does.

import type { Bytes } from '../../../src/base/bytes.ts'
import type { Serial, SerialEvents } from '../../../src/hw/hardware.ts'
import { simMeter } from '../../../src/hw/sim/meter.ts'

/** Bytes that an adapter hands over at once. */
export const PIECE = 64

/** `count` telegrams, a second apart. */
export function makeTelegrams(count: number, wall: number): Bytes[] {
  const meter = simMeter('nl50', 7)
  return Array.from({ length: count }, (_, i) => meter.telegramAt(wall + i * 1_000))
}

export class Cable implements Serial {
  #events: SerialEvents | null = null

  open(_spec: string, events: SerialEvents): { hint(): void; close(): void } {
    this.#events = events
    return { hint: () => {}, close: () => {} }
  }

  send(telegram: Bytes): void {
    const events = this.#events
    if (!events) return
    for (let at = 0; at < telegram.length; ) {
      const into = events.buffer()
      const n = Math.min(PIECE, into.length, telegram.length - at)
      for (let i = 0; i < n; i++) into[i] = telegram[at + i]!
      at += n
      events.onBytes(n)
    }
  }
}
