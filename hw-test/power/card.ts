// A card as a power cut would have left it: a working copy that follows the log, and cuts of it that miss
// or tear some of what was not yet flushed. Only what a cut can tell is kept apart: the sectors before the
// first partition, and the data partition.

import { closeSync, copyFileSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs'
import type { LoggedWrite } from './log.ts'

export const SECTOR = 512
const CHUNK = 1 << 16
/** A generator of numbers below 2^32 with a seed (xorshift32), so that a failure can be run again. */
export function numbers(seed: number): () => number {
  let state = seed >>> 0 || 1
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    state >>>= 0
    return state
  }
}

export class CutCard {
  readonly #log: number
  readonly #card: number
  readonly #path: string
  #chunk: Uint8Array
  /** Pieces of the card that any write went to. */
  readonly #touched: Set<number>

  /** @param path the card as it was before the first entry; it is written to. */
  constructor(path: string, log: string) {
    this.#path = path
    this.#card = openSync(path, 'r+')
    this.#log = openSync(log, 'r')
    this.#chunk = new Uint8Array(0)
    this.#touched = new Set()
  }

  #dataOf(write: LoggedWrite): Uint8Array {
    if (this.#chunk.length < write.bytes) this.#chunk = new Uint8Array(write.bytes)
    const data = this.#chunk.subarray(0, write.bytes)
    if (write.from < 0) data.fill(0)
    else readSync(this.#log, data, 0, write.bytes, write.from)
    return data
  }

  /** One write, whole or its first `sectors`. */
  apply(write: LoggedWrite, sectors: number = write.bytes / SECTOR): void {
    const data = this.#dataOf(write).subarray(0, sectors * SECTOR)
    writeSync(this.#card, data, 0, data.length, write.at)
    for (let n = Math.floor(write.at / CHUNK); n * CHUNK < write.at + data.length; n++) this.#touched.add(n)
  }

  /** Bytes of the card as it is now. */
  read(at: number, bytes: number): Uint8Array {
    const into = new Uint8Array(bytes)
    readSync(this.#card, into, 0, bytes, at)
    return into
  }

  /** What lies where `writes` go, to be put back after a cut was looked at. */
  save(writes: readonly LoggedWrite[]): () => void {
    const before = writes.map((write) => [write.at, this.read(write.at, write.bytes)] as const)
    return () => {
      for (const [at, bytes] of [...before].reverse()) writeSync(this.#card, bytes, 0, bytes.length, at)
    }
  }

  /** The partition at `at`, of which nothing was written before the log began, as a file of its own. */
  extract(at: number, bytes: number, into: string): void {
    const out = openSync(into, 'w')
    ftruncateSync(out, bytes)
    const part = new Uint8Array(CHUNK)
    for (const chunk of this.#touched) {
      const from = Math.max(chunk * CHUNK, at)
      const end = Math.min((chunk + 1) * CHUNK, at + bytes)
      if (from >= end) continue
      readSync(this.#card, part, 0, end - from, from)
      writeSync(out, part, 0, end - from, from - at)
    }
    closeSync(out)
  }

  /** The whole card, for whoever wants to look at a failure. */
  keep(into: string): void {
    copyFileSync(this.#path, into)
  }

  close(): void {
    closeSync(this.#card)
    closeSync(this.#log)
  }
}
