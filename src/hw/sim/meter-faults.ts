// What happens to telegrams on bad cables: bits flip, bytes come from nowhere, a telegram is cut off,
// 7E1 is read as 8N1. For the simulated meter and for tests; chances are shares from 0 to 1.

import type { Bytes } from '../../base/bytes.ts'

export interface Faults {
  /** Share of telegrams that get a burst of wrong bytes inside, and junk behind. */
  noise: number
  /** Share of telegrams that end somewhere in the middle. */
  cut: number
  /** Every byte with even parity in bit 7. */
  parity: boolean
}

/** The bytes that arrive when `telegram` is sent. `random(n)` gives 0 to n-1. */
export function withFaults(telegram: Bytes, faults: Faults, random: (n: number) => number): Bytes {
  const hits = (share: number): boolean => random(1_000_000) < share * 1_000_000
  let out = telegram.slice()
  if (faults.parity)
    out.forEach((c, i) => {
      out[i] = evenParity(c)
    })
  if (hits(faults.cut)) out = out.slice(0, random(out.length))
  if (hits(faults.noise) && out.length > 0) {
    const at = random(out.length)
    const end = Math.min(out.length, at + 1 + random(8))
    for (let i = at; i < end; i++) out[i] = random(256)
    const junk = Uint8Array.from({ length: random(40) }, () => random(256))
    const longer = new Uint8Array(out.length + junk.length)
    longer.set(out)
    longer.set(junk, out.length)
    out = longer
  }
  return out
}

function evenParity(c: number): number {
  const x = c ^ (c >> 4)
  return c | (((0x6996 >> (x & 15)) & 1) << 7)
}
