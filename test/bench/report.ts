// What a benchmark measures with and says: one NDJSON line a result, read by scripts/bench.ts.

/** One result; over `limit` the run fails. */
export function report(name: string, value: number, unit: string, limit?: number): void {
  console.log(JSON.stringify({ name, value, unit, ...(limit === undefined ? {} : { limit }) }))
}

declare const gc: () => void

/** Collects everything that is garbage now (--expose-gc). */
export function collect(): void {
  gc()
  gc()
}

/**
 * Bytes of heap that one call of `once` leaves as garbage, after `warm` calls. Counted in rounds short
 * enough that the collector does not come between; a round where it came all the same is left out.
 */
export function garbageOf(once: () => void, warm = 5_000, calls = 200): number {
  for (let i = 0; i < warm; i++) once()
  const rounds: number[] = []
  for (let round = 0; round < 15; round++) {
    collect()
    const before = process.memoryUsage().heapUsed
    for (let i = 0; i < calls; i++) once()
    const used = process.memoryUsage().heapUsed - before
    if (used >= 0) rounds.push(used / calls)
  }
  rounds.sort((a, b) => a - b)
  return rounds[Math.floor(rounds.length / 2)] ?? Number.NaN
}

/** Nanoseconds of one call of `once`: the median of five rounds of at least `ms` each. */
export function timeOf(once: () => void, ms = 100): number {
  for (let i = 0; i < 1_000; i++) once()
  const rounds: number[] = []
  for (let round = 0; round < 5; round++) {
    let calls = 0
    const start = performance.now()
    let now = start
    while (now - start < ms) {
      for (let i = 0; i < 100; i++) once()
      calls += 100
      now = performance.now()
    }
    rounds.push(((now - start) * 1e6) / calls)
  }
  return rounds.sort((a, b) => a - b)[2]!
}
