// The page that a device serves, as a person meets it: first paint over a slow line to a slow phone,
// telegram to page, and what ten open pages do to the device. Needs a browser; without one it says so.
import type { Page } from 'playwright-core'
import { openPage, skipBrowser, startBrowser } from '../page/browser.ts'
import { openHouse } from '../page/house.ts'
import { report } from './report.ts'

const PAGES = 10
const WATCH_MS = 20_000
/** 5 Mbit/s with 30 ms there and back: a Pi Zero over a Wi-Fi that is not its best day. */
const LINE = { offline: false, latency: 30, downloadThroughput: 625_000, uploadThroughput: 125_000 }
/** A phone of the middle class, as against this computer. */
const SLOWER = 4

const p95 = (values: number[]): number =>
  values.sort((a, b) => a - b)[Math.floor(values.length * 0.95)] ?? Number.NaN

/** Notes when the page has shown something new. */
const WATCH = `window.shown = []
new MutationObserver(() => window.shown.push(Date.now())).observe(document.querySelector('#now .details'), { childList: true, subtree: true })`

async function latencies(page: Page, heard: readonly number[]): Promise<number[]> {
  const shown = (await page.evaluate('window.shown')) as number[]
  const firsts = heard.map((at) => [at, shown.find((s) => s >= at)] as const)
  return firsts.flatMap(([at, s]) => (s !== undefined && s - at < 1_000 ? [s - at] : []))
}

if (skipBrowser) console.error(skipBrowser)
else {
  const browser = await startBrowser()
  const ends: (() => unknown)[] = []
  const house = await openHouse({ teardown: (end) => ends.push(end) } as Parameters<typeof openHouse>[0])
  const first = await openPage(browser, 'phone')
  const wire = await first.context.newCDPSession(first.page)
  await wire.send('Network.enable')
  await wire.send('Network.emulateNetworkConditions', LINE)
  await wire.send('Emulation.setCPUThrottlingRate', { rate: SLOWER })
  await first.page.goto(`${house.page}#${house.code}`)
  await first.page.waitForSelector('button.big')
  const paint = await first.page.evaluate(
    `performance.getEntriesByName('first-contentful-paint')[0].startTime`,
  )
  await wire.send('Network.emulateNetworkConditions', {
    ...LINE,
    latency: 0,
    downloadThroughput: -1,
    uploadThroughput: -1,
  })
  await wire.send('Emulation.setCPUThrottlingRate', { rate: 1 })
  house.press()
  await first.page.waitForTimeout(500)
  const pressed = Date.now()
  await first.page.click('button.big')
  await first.page.waitForSelector('.hero .figure:not(:text("–"))')
  const claimed = Date.now() - pressed
  await first.page.evaluate(WATCH)
  const alone = house.heard.length
  await first.page.waitForTimeout(WATCH_MS)
  const one = await latencies(first.page, house.heard.slice(alone))

  const storageState = await first.context.storageState()
  const others: Page[] = []
  for (let n = 1; n < PAGES; n++) {
    const context = await browser.newContext({ storageState })
    const page = await context.newPage()
    await page.goto(house.page)
    await page.waitForSelector('.hero .figure:not(:text("–"))')
    others.push(page)
  }
  await first.page.evaluate('window.shown.length = 0')
  for (const page of others) await page.evaluate(WATCH)
  const crowd = house.heard.length
  const before = process.cpuUsage()
  await first.page.waitForTimeout(WATCH_MS)
  const used = process.cpuUsage(before)
  const heard = house.heard.slice(crowd)
  const all = (await Promise.all([first.page, ...others].map((page) => latencies(page, heard)))).flat()
  const gaps = heard.slice(1).map((at, i) => Math.abs(at - heard[i]! - 1_000))

  report('first contentful paint, slow line and phone', Number(paint), 'ms', 1_000)
  report('claim, press to first number', claimed, 'ms')
  report('telegram to page p95, one page', p95(one), 'ms', 250)
  report(`telegram to page p95, ${PAGES} pages`, p95(all), 'ms')
  report(`telegrams later than their second p95, ${PAGES} pages`, p95(gaps), 'ms', 250)
  report(`shown of those sent, ${PAGES} pages`, (100 * all.length) / (heard.length * PAGES), '%')
  report(`CPU of the device, ${PAGES} pages`, (used.user + used.system) / 10 / WATCH_MS, '%')
  await browser.close()
  for (const end of ends) await end()
}
