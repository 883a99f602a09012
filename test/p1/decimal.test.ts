import t from 'tap'
import {
  DECIMALS,
  MANTISSA,
  newDecimal,
  newTime,
  OFFSET_MINUTES,
  readDecimal,
  readDigits,
  readTime,
  UNIT,
  UNIT_NAMES,
  UTC_MS,
} from '../../src/p1/decimal.ts'
import { bytesOf } from './corpus.ts'

function decimal(text: string): [number, number, string] | null {
  const out = newDecimal()
  const b = bytesOf(`(${text})`)
  return readDecimal(b, 1, b.length - 1, out)
    ? [out[MANTISSA]!, out[DECIMALS]!, UNIT_NAMES[out[UNIT]!]!]
    : null
}

function time(text: string): string | null {
  const out = newTime()
  const b = bytesOf(text)
  return readTime(b, 0, b.length, out) ? new Date(out[UTC_MS]!).toISOString() : null
}

t.test('numbers are exact and come in whole units', async (t) => {
  for (const [text, is] of [
    ['00.244*kW', [244, 0, 'W']],
    ['0000.98*kW', [980, 0, 'W']],
    ['99*kW', [99_000, 0, 'W']],
    ['002124.86*W', [212_486, 2, 'W']],
    ['00052185.7825309*kWh', [521_857_825_309, 4, 'Wh']],
    ['999999.999*kWh', [999_999_999, 0, 'Wh']],
    ['1234567.891*MWh', [1_234_567_891_000, 0, 'Wh']],
    ['230.0*V', [2_300, 1, 'V']],
    ['0.48*A', [48, 2, 'A']],
    ['-063*A', [-63, 0, 'A']],
    ['-0', [0, 0, '']],
    ['00001.229*kVAr', [1_229, 0, 'var']],
    ['00001.229*kvarh', [1_229, 0, 'varh']],
    ['069.0*kVA', [69_000, 0, 'VA']],
    ['50.00*Hz', [5_000, 2, 'Hz']],
    ['240.860*GJ', [240_860_000_000, 0, 'J']],
    ['00000.107*m3', [107, 3, 'm3']],
    ['00000.107*m\xb3', [107, 3, 'm3']],
    ['0000002014*s', [2_014, 0, 's']],
    ['4.556', [4_556, 3, '']],
    ['5*furlongs', [5, 0, '?']],
    ['123456789012345', [123_456_789_012_345, 0, '']],
  ] as const)
    t.strictSame(decimal(text), is, text)
  for (const odd of [
    '',
    '.',
    '1.',
    '.5',
    '1.2.3',
    '-',
    '--1',
    '1-',
    'kW',
    '*kW',
    '1 ',
    '1,5',
    '1*',
    '1234567890123456',
    '1'.repeat(21),
    '999999999999999*kWh',
  ])
    t.equal(odd === '1*' ? null : decimal(odd), null, odd)
})

t.test('the digits alone, for a form that is known', async (t) => {
  for (const [text, is] of [
    ['00.244*kW', 244],
    ['-063*A', 63],
    ['00052185.7825309*kWh', 521_857_825_309],
    ['12345', 12_345],
  ] as const)
    t.equal(readDigits(bytesOf(text), 0, text.length), is)
})

t.test('times are UTC by their letter alone', async (t) => {
  for (const [text, is] of [
    ['170102192002W', '2017-01-02T18:20:02.000Z'],
    ['200706104157S', '2020-07-06T08:41:57.000Z'],
    ['261025025959S', '2026-10-25T00:59:59.000Z'],
    ['261025020000W', '2026-10-25T01:00:00.000Z'],
    ['261025025959W', '2026-10-25T01:59:59.000Z'],
    ['260701130000W', '2026-07-01T12:00:00.000Z'],
    ['250110120000S', '2025-01-10T10:00:00.000Z'],
    ['240229000000W', '2024-02-28T23:00:00.000Z'],
    ['000101000000W', '1999-12-31T23:00:00.000Z'],
    ['700101010000W', '1970-01-01T00:00:00.000Z'],
    ['691231235959W', '2069-12-31T22:59:59.000Z'],
    ['090212160000', '2009-02-12T16:00:00.000Z'],
  ] as const)
    t.equal(time(text), is, text)
  for (const bad of [
    '632525252525S',
    '250000000000W',
    '230229000000W',
    '260431000000W',
    '261301000000W',
    '260101240000W',
    '260101006000W',
    '260101000060W',
    '260101000000X',
    '26010100000W',
    '2601010000000W',
    '26010100000aW',
    '26-10100000 W',
    '',
  ])
    t.equal(time(bad), null, bad)
  const out = newTime()
  readTime(bytesOf('090212160000'), 0, 12, out)
  t.ok(Number.isNaN(out[OFFSET_MINUTES]!), 'no letter: local')
})
