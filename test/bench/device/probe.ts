// What a process says of itself while it is measured: garbage, collections and their pauses, resident
// memory, CPU. Heap garbage is counted without disturbing: the collector's own figures before and after
// each collection. Memory of typed arrays lies outside the heap; what is given back comes in jumps, so
// it is sampled once a telegram and only growth is counted.

import { GCProfiler } from 'node:v8'
import { collect } from '../report.ts'

/** Telegrams over which typed arrays are sampled; asking costs garbage, so not during the hour. */
export const SAMPLED = 300

export interface Measured {
  telegrams: number
  /** Bytes each telegram leaves behind: on the heap, and in typed arrays outside it. */
  heapBytes: number
  bufferBytes: number
  collections: number
  longestPauseMs: number
  allPausesMs: number
  /** After a forced collection, before and after the hour. */
  residentStart: number
  residentEnd: number
  cpuMicros: number
}

export class Probe {
  #profiler = new GCProfiler()
  #resident = 0
  #heap = 0
  #cpu = process.cpuUsage()
  #last = -1
  #grown = 0
  #samples = 0

  start(): void {
    collect()
    this.#resident = process.memoryUsage.rss()
    this.#heap = process.memoryUsage().heapUsed
    this.#profiler.start()
    this.#cpu = process.cpuUsage()
  }

  /** The hour is over. Typed arrays come in later, through `sample`. */
  stop(telegrams: number): Measured {
    const { user, system } = process.cpuUsage(this.#cpu)
    let heap = process.memoryUsage().heapUsed
    let before = this.#heap
    let allocated = 0
    const pauses: number[] = []
    for (const { beforeGC, afterGC, cost } of this.#profiler.stop().statistics) {
      allocated += beforeGC.heapStatistics.usedHeapSize - before
      before = afterGC.heapStatistics.usedHeapSize
      pauses.push(cost / 1_000)
    }
    allocated += heap - before
    collect()
    heap = process.memoryUsage.rss()
    return {
      telegrams,
      heapBytes: allocated / telegrams,
      bufferBytes: Number.NaN,
      collections: pauses.length,
      longestPauseMs: Math.max(0, ...pauses),
      allPausesMs: pauses.reduce((sum, ms) => sum + ms, 0),
      residentStart: this.#resident,
      residentEnd: heap,
      cpuMicros: (user + system) / telegrams,
    }
  }

  /** Once a telegram, SAMPLED times and once more; true when that is enough. */
  sample(): boolean {
    const now = process.memoryUsage().arrayBuffers
    if (this.#last >= 0 && now >= this.#last) {
      this.#grown += now - this.#last
      this.#samples++
    }
    this.#last = now
    return this.#samples >= SAMPLED
  }

  get bufferBytes(): number {
    return this.#grown / this.#samples
  }
}
