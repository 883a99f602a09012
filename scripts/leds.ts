// Writes docs/leds.md, the page about LEDs and button that a person prints, from the one table
// (src/base/lights/leds.ts and src/base/lights/legend.ts). A test fails while the page differs from the table.

import { writeFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { type LedPattern, litAt, METER, roundMs, STATUS } from '../src/base/lights/leds.ts'
import { GESTURES, METER_WORDS, type Meaning, STATUS_WORDS } from '../src/base/lights/legend.ts'

const PAGE = 'docs/leds.md'
/** One sign of a drawing, ms; steady ones are drawn for a second, others for a round, short rounds twice. */
const CELL_MS = 100
const STEADY_CELLS = 10
const TWICE_CELLS = 15

/** `█` lit, `·` dark; a shorter flash is drawn as one cell. */
export function drawing(pattern: LedPattern): string {
  let cells = ''
  const round = Math.ceil(roundMs(pattern) / CELL_MS) || STEADY_CELLS
  const shown = pattern.repeat && round <= TWICE_CELLS ? 2 * round : round
  for (let i = 0; i < shown; i++) {
    let lit = false
    for (let ms = 0; ms < CELL_MS; ms += 10) lit ||= litAt(pattern, i * CELL_MS + ms)
    cells += lit ? '█' : '·'
  }
  return pattern.repeat ? `${cells}…` : `${cells} once`
}

function rows(
  patterns: Readonly<Record<string, LedPattern>>,
  words: Readonly<Record<string, Meaning>>,
): string[] {
  return Object.entries(patterns).map(([name, pattern]) => {
    const { says, todo } = words[name]!
    return `| \`${drawing(pattern)}\` | ${says} | ${todo} | \`${pattern.name}\` |`
  })
}

export function ledsPage(): string {
  return `# LEDs and button

Made by \`scripts/leds.ts\` from the table in \`src/base/lights/leds.ts\`: change it there. One sign is ${CELL_MS} ms: █ lit, · dark. The last column is the name in events and logs.

On a Raspberry Pi STATUS (green) is GPIO 17, METER (amber) GPIO 27, each with a resistor of 330 Ω or more to ground; the button goes from GPIO 3 (pin 5 of the header) to ground (pin 6). The board's own LED, ACT, says what STATUS says, so that a bare board can be read.

## STATUS

| looks like | says | what to do | name |
|---|---|---|---|
${rows(STATUS, STATUS_WORDS).join('\n')}

A fault is a number of long flashes (0.6 s), then two seconds of dark: count them.

## METER

| looks like | says | what to do | name |
|---|---|---|---|
${rows(METER, METER_WORDS).join('\n')}

## Button

| hold | when | does |
|---|---|---|
${GESTURES.map((g) => `| ${g.hold} | ${g.when} | ${g.does} |`).join('\n')}

A button that is down for a minute is taken to be stuck, and a press under 25 ms to be a bounce: neither does anything.

## Which drivers

\`wattle device --button onoff\` uses the npm package [onoff](https://www.npmjs.com/package/onoff) and falls back to looking at the pin 50 times a second where the addon does not load or no edge arrives; \`--button poll\` does so from the start. Both take another pin: \`--button poll:17\`, \`--button onoff:pl061/3,high\` (part of the chip's label, line, pressed at high level). \`--leds class\` hands the patterns to the kernel's triggers of \`/sys/class/leds/status\` and \`meter\`, so that nothing wakes for a blink; \`--leds gpio:17,27\` blinks bare pins; \`--leds report\`, the default, only tells on standard output.
`
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href)
  writeFileSync(PAGE, ledsPage())
