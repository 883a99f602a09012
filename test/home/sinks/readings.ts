// A meter that tells everything: what the tests of the sinks share.

import type { MeterDevice } from '../../../src/home/sinks/hass.ts'
import type { PageReading } from '../../../src/page/protocol.ts'

export const meter: MeterDevice = {
  key: 'Kq3vZx0T8mX9-pB_4sUuWQeRtYyHhJjLlNnMmOoPp01',
  name: 'wattle-ab12',
  meter: 'KFM5KAIFA-METER',
  version: '0.1.0',
}

const AT = Date.UTC(2026, 10, 20, 12)
const phase = { powerInW: 150, powerOutW: 0, voltage: 230.1, current: 0.7 }

export const full: PageReading = {
  at: AT,
  powerInW: 451,
  powerOutW: 0,
  tariff: 2,
  energyIn: [1_234_567, 2_345_678],
  energyOut: [12_000, 34_000],
  phases: [phase, phase, phase],
  gas: { at: AT - 60_000, m3: '1234.567' },
  others: [
    { kind: 'water', at: AT, value: '321.500', unit: 'm3' },
    { kind: 'heat', at: AT, value: '12.345', unit: 'GJ' },
  ],
  quarter: { nowW: 512, peakW: 4_329, peakAt: AT - 86_400_000 },
}
