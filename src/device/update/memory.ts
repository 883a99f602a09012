// What an update leaves in the state folder (docs/wire/update.md "Memory"): how far a transfer came, so
// that it goes on there, and which rollback index a system brings that is on trial.

import { text, utf8 } from '../../base/bytes.ts'
import type { Failure, Files } from '../../hw/hardware.ts'
import type { Slot } from '../../wire/card/slots.ts'

export interface UpdateMemory {
  /** The manifest, as it was offered. */
  jws: string
  slot: Slot
  /** Bytes of the system that are durable in the slot. */
  at: number
  index: number
  /** Verified, and handed to stage 1. */
  installed: boolean
}

const FILE = 'update.json'

/** Null where nothing is remembered, or nothing that can be read: then a transfer begins anew. */
export function readMemory(files: Files, done: (memory: UpdateMemory | null) => void): void {
  files.read(FILE, (_, bytes) => done(bytes === null ? null : parse(text(bytes))))
}

export function writeMemory(files: Files, memory: UpdateMemory, done: (error: Failure) => void): void {
  files.replace(FILE, utf8(`${JSON.stringify({ v: 1, ...memory })}\n`), done)
}

function parse(json: string): UpdateMemory | null {
  try {
    const m = JSON.parse(json) as Record<string, unknown>
    const { jws, slot, at, index, installed } = m
    const count = (v: unknown): v is number => typeof v === 'number' && Number.isInteger(v) && v >= 0
    if (m['v'] !== 1 || typeof jws !== 'string' || (slot !== 'a' && slot !== 'b')) return null
    if (!count(at) || !count(index) || typeof installed !== 'boolean') return null
    return { jws, slot, at, index, installed }
  } catch {
    return null
  }
}
