// History in the browser: the steps of each view are those of the local calendar, in the night of a clock
// change too; comparison, table and files say the same figures as the bars. By keyboard as well.
import { readFileSync } from 'node:fs'
import type { Page } from 'playwright-core'
import t from 'tap'
import { type Step, stepsBetween, Zone } from '../../src/home/history/steps.ts'
import type { DeskAsk, HistoryCells, HistoryView } from '../../src/page/desk/desk.ts'
import { accessibilityFaults, openPage, quiet, seen, skipBrowser, startBrowser, textOf } from './browser.ts'
import { type FakeHome, houseHistory, newHome, plainDesk } from './fake-home.ts'

const QUARTER = 900_000

/** 100 Wh and 10 Wh back in every step that is asked for, up to `until`; one of them was not measured whole. */
function history(ask: DeskAsk, until: number): HistoryView {
  const { from, to, step, zone } = ask.with as { from: number; to: number; step: Step; zone: string }
  const begins = stepsBetween(step, from, Math.min(to, until), new Zone(zone)).slice(0, -1)
  const rows = begins.map((at, i): HistoryCells => [at, 100, 10, 1_000, null, 400, i === 3 ? 1 : 0])
  return { known: [Date.parse('2024-01-01'), until], rows }
}

function keepingHome(home: FakeHome, now: number): void {
  home.clockAt = () => now
  home.own(houseHistory(now))
  home.desk = (ask) => {
    if (ask.verb === 'csv') return `${ask.with['head'] === true ? 'time,in_wh\n' : ''}${ask.with['from']},1\n`
    return ask.verb === 'history' ? history(ask, now) : plainDesk(ask)
  }
}

const slots = (page: Page): Promise<string | null> =>
  page.locator('#history .bars svg').getAttribute('data-slots')
const bars = (page: Page): Promise<number> => page.locator('#history .bars rect.using:not(.pale)').count()

t.test('history in a browser', { skip: skipBrowser }, async (t) => {
  const browser = await startBrowser()
  t.teardown(() => browser.close())

  t.test('days of 23 and 25 hours', async (t) => {
    for (const [midnight, quarters] of [
      ['2026-03-28T23:00:00Z', 92],
      ['2026-10-24T22:00:00Z', 100],
    ] as const) {
      const home = await newHome(t)
      keepingHome(home, Date.parse(midnight) + quarters * QUARTER - 60_000)
      const desk = await openPage(browser, 'desk')
      const { page } = desk
      await page.goto(home.homeUrl)
      await page.waitForSelector('#history .bars rect')
      t.equal(await slots(page), String(quarters), midnight)
      t.equal(await bars(page), quarters, 'a bar for each')
      t.match(await textOf(page, '#history .total'), (quarters / 10).toFixed(quarters === 100 ? 1 : 2))
      const [ask] = home.desked.filter((a) => a.verb === 'history')
      t.match(ask, { with: { from: Date.parse(midnight), step: 'quarter', zone: 'Europe/Amsterdam' } })
      await page.click('#history summary')
      await page.locator('#history tbody tr').first().waitFor()
      t.equal(await page.locator('#history tbody tr').count(), quarters, 'a line for each in the table')
      const saved = page.waitForEvent('download')
      await page.click('#history .files button >> nth=0')
      const file = await saved
      const lines = readFileSync(await file.path(), 'utf8')
        .trim()
        .split('\n')
      t.equal(lines.length, quarters + 1)
      t.equal(new Set(lines).size, lines.length, 'no two moments of the day look the same')
      t.equal(lines[0], 'begin,in_wh,out_wh,gas_l,water_l,peak_w,whole')
      t.match(lines[4], /,100,10,1000,,400,no$/)
      t.match(file.suggestedFilename(), /^wattle-ab12-2026-\d\d-\d\d-day-quarter\.csv$/)
      if (quarters === 100) {
        t.match(lines[9], /^2026-10-25T02:00\+02:00,/)
        t.match(lines[13], /^2026-10-25T02:00\+01:00,/)
      }
      quiet(t, desk)
      await desk.context.close()
    }
  })

  t.test('week, month, year; compared; by keyboard', async (t) => {
    const now = Date.parse('2026-11-20T15:00:00Z')
    const home = await newHome(t)
    keepingHome(home, now)
    const phone = await openPage(browser, 'phone')
    const { page } = phone
    await page.goto(home.homeUrl)
    await page.click('#tabs >> text=History')
    await page.waitForSelector('#history .bars rect.using:not(.pale)')
    t.equal(await bars(page), 64, 'sixteen hours of today')
    t.match(await textOf(page, '#history'), /6\.40 kWh taken, 0\.64 kWh returned/)
    t.match(await textOf(page, '#history'), /As much as the same part of the other: 6\.40 kWh/)
    t.match(await textOf(page, '#history'), /Highest average of a minute: 400 W/)
    t.match(await textOf(page, '#history'), /Not all of it was measured/)
    t.same(await accessibilityFaults(page), [])
    await phone.picture('40-history-day')
    for (const [view, all, known, title] of [
      ['week', 7, 5, '16 November 2026 to 22 November 2026'],
      ['month', 30, 20, 'November 2026'],
      ['year', 12, 11, '2026'],
    ] as const) {
      await page.focus(`#history [data-key=${view}]`)
      await page.keyboard.press('Enter')
      await page.waitForSelector(`#history svg[data-slots="${all}"]`)
      t.equal(await bars(page), known, `${view}: up to now`)
      t.match(await textOf(page, '#history h3'), title)
      t.ok(await page.evaluate(`document.activeElement.dataset.key === '${view}'`), 'the focus stays')
      t.same(await accessibilityFaults(page), [], view)
      await phone.picture(`41-history-${view}`)
    }
    await page.getByLabel('Compare with').selectOption('none')
    await page.locator('#history .pale').first().waitFor({ state: 'detached' })
    t.notMatch(await textOf(page, '#history .sums'), /other/)
    await page.click('#history button[aria-label=Earlier]')
    await seen(page, '2025')
    await page.click('#history [data-key=gas]')
    t.match(await textOf(page, '#history .total'), /12\.00 m³|12 m³/)
    t.equal(await page.isDisabled('#history button[aria-label=Later]'), false)
    await page.click('#history button[aria-label=Later]')
    await page.locator('#history button[aria-label=Later]:disabled').waitFor()
    await page.click('#history [data-key=day]')
    await page.waitForSelector('#history svg[data-slots="96"]')
    home.desked.length = 0
    await page.click('#history [data-key=month]')
    await page.waitForSelector('#history svg[data-slots="30"]')
    const saved = page.waitForEvent('download')
    await page.click('#history .files button >> nth=1')
    const lines = readFileSync(await (await saved).path(), 'utf8')
      .trim()
      .split('\n')
    const asked = home.desked.filter((a) => a.verb === 'csv')
    t.equal(asked.length, 20, 'a day at a time')
    t.equal(lines.length, 21, 'one head line')
    t.same(asked[0]?.with, {
      from: Date.parse('2026-10-31T23:00:00Z'),
      to: Date.parse('2026-11-01T23:00:00Z'),
      head: true,
    })
    quiet(t, phone)
    await phone.context.close()
  })

  t.test('nothing kept yet, and a home that does not answer', async (t) => {
    const home = await newHome(t)
    home.own(houseHistory(Date.now()))
    const desk = await openPage(browser, 'desk', 'dark')
    await desk.page.goto(home.homeUrl)
    await seen(desk.page, 'Nothing has been kept yet')
    t.same(await accessibilityFaults(desk.page), [])
    quiet(t, desk)
    await desk.context.close()
  })
})
