// The slot record as the runtime changes it: both copies are read, the newer whole one counts, and each
// change goes to the other copy and is durable before the next step. One change at a time.

import type { Card, Failure } from '../../hw/hardware.ts'
import { decodeSlots, encodeSlots, newest, nextRecord, type SlotRecord } from '../../wire/card/slots.ts'

export type SlotChange = (record: Readonly<SlotRecord>) => Partial<Omit<SlotRecord, 'seq'>> | null

/** The record that counts now. */
export function readSlots(
  card: Card,
  done: (error: Failure, found: { record: SlotRecord; write: 0 | 1 } | null) => void,
): void {
  card.readRecord(0, (first, one) => {
    card.readRecord(1, (second, two) => {
      // One copy that cannot be read is as good as torn; two are a card that is broken.
      if (first && second) done(first, null)
      else done(null, newest([one && decodeSlots(one), two && decodeSlots(two)]))
    })
  })
}

/** Reads, changes and writes; `change` says null where nothing is to be written. */
export function changeSlots(
  card: Card,
  change: SlotChange,
  done: (error: Failure, record: SlotRecord | null) => void,
): void {
  readSlots(card, (error, found) => {
    if (error || !found) return done(error, null)
    const changes = change(found.record)
    if (changes === null) return done(null, found.record)
    const record = nextRecord(found.record, changes)
    card.writeRecord(found.write, encodeSlots(record), (failure) => done(failure, failure ? null : record))
  })
}
