// A browser against a device's page: claim with the label's code, live chart, reload, nothing on the
// console, nothing asked of another host. For a device that somebody else runs, such as the emulated Pi
// Zero: `node --experimental-strip-types scripts/page-check.ts URL CODE [--wait SECONDS] [--pictures DIR]`.
// One JSON line an event on stdout; after {"event":"press"} the button is to be pressed. Exit 1 where
// something is not as it should be.

import { existsSync, mkdirSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { chromium } from 'playwright-core'

const CHROMIUM = process.env['WATTLE_CHROMIUM'] ?? '/usr/bin/chromium'
/** Telegrams that are seen to come before it counts as live. */
const TELEGRAMS = 5

const { values, positionals } = parseArgs({
  options: { wait: { type: 'string' }, pictures: { type: 'string' } },
  allowPositionals: true,
})
const [url, code] = positionals
if (url === undefined || code === undefined || !URL.canParse(url)) {
  console.error('expected: page-check.ts URL CODE [--wait SECONDS] [--pictures DIR]')
  process.exit(2)
}
if (!existsSync(CHROMIUM)) {
  console.error(`no browser at ${CHROMIUM}; apt-get install chromium, or set WATTLE_CHROMIUM`)
  process.exit(2)
}
/** A device that is emulated takes its time for each step. */
const waitMs = Number(values.wait ?? 60) * 1_000
const started = Date.now()
const emit = (event: string, detail: Record<string, unknown> = {}): void =>
  console.log(JSON.stringify({ t: Date.now() - started, event, ...detail }))

const own = new URL(url).host
const browser = await chromium.launch({
  executablePath: CHROMIUM,
  args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-sync'],
})
const context = await browser.newContext({
  viewport: { width: 390, height: 844 },
  locale: 'en-GB',
  hasTouch: true,
  isMobile: true,
})
const page = await context.newPage()
page.setDefaultTimeout(waitMs)
const faults: string[] = []
page.on('console', (m) => ['error', 'warning'].includes(m.type()) && faults.push(m.text()))
page.on('pageerror', (error) => faults.push(String(error)))
context.on('request', (request) => {
  if (new URL(request.url()).host !== own) faults.push(`asked of another host: ${request.url()}`)
})
const picture = async (name: string): Promise<void> => {
  if (values.pictures === undefined) return
  mkdirSync(values.pictures, { recursive: true })
  await page.screenshot({ path: `${values.pictures}/${name}.png` })
}
const visible = (text: string): Promise<void> => page.locator(`:visible:text("${text}")`).first().waitFor()

/** Milliseconds from the navigation to the first contents; the first visit has to find the device as well. */
const firstPaint = async (): Promise<number | null> => {
  const entry = `performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null`
  const paint = await page.evaluate(entry)
  return paint === null ? null : Math.round(Number(paint))
}

try {
  await page.goto(`${url}#${code}`)
  await page.waitForSelector('button.big')
  emit('painted', { firstPaintMs: await firstPaint() })
  await page.click('button.big')
  await visible('Not yet: press the button first')
  await picture('page-1-too-early')
  emit('press')
  const pressed = Date.now()
  await visible('Claimed. It is yours.')
  emit('claimed', { ms: Date.now() - pressed })
  await page.waitForSelector('.hero .figure:not(:text("–"))')
  emit('live', { ms: Date.now() - pressed })
  // Each telegram has another time in its list of values.
  const seen = new Set<string>()
  const end = Date.now() + waitMs
  while (seen.size < TELEGRAMS && Date.now() < end) {
    seen.add((await page.locator('#now .plot').screenshot()).toString('base64'))
    await page.waitForTimeout(500)
  }
  emit('chart', { moved: seen.size })
  if (seen.size < TELEGRAMS) faults.push('the chart does not move')
  await picture('page-2-live')
  await page.reload()
  await page.waitForSelector('.hero .figure:not(:text("–"))')
  await picture('page-3-reloaded')
  emit('reloaded', { firstPaintMs: await firstPaint() })
} catch (error) {
  faults.push(String(error).split('\n')[0]!)
  await picture('page-fault').catch(() => {})
}
await browser.close()
emit('done', { faults })
process.exitCode = faults.length > 0 ? 1 : 0
