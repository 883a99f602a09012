// Four languages: each has every word (the compiler sees to the keys, this to what is behind them), says
// it in its own way, and fits into a page of 360 pixels. Days of 23 and 25 hours have 92 and 100 bars.
import t from 'tap'
import type { QuarterRow } from '../../src/page/protocol.ts'
import { words as de } from '../../src/page/web/words/de.ts'
import { more as moreDe } from '../../src/page/web/words/de-more.ts'
import { desk as deskDe } from '../../src/page/web/words/desk/de-desk.ts'
import { desk as deskEn } from '../../src/page/web/words/desk/en-desk.ts'
import { desk as deskFr } from '../../src/page/web/words/desk/fr-desk.ts'
import { desk as deskNl } from '../../src/page/web/words/desk/nl-desk.ts'
import { words as en } from '../../src/page/web/words/en.ts'
import { more as moreEn } from '../../src/page/web/words/en-more.ts'
import { words as fr } from '../../src/page/web/words/fr.ts'
import { more as moreFr } from '../../src/page/web/words/fr-more.ts'
import { words as nl } from '../../src/page/web/words/nl.ts'
import { more as moreNl } from '../../src/page/web/words/nl-more.ts'
import { accessibilityFaults, openPage, quiet, seen, skipBrowser, startBrowser, textOf } from './browser.ts'
import { houseHistory, newHome } from './fake-home.ts'

const TABLES: Record<string, unknown> = {
  en: [en, moreEn, deskEn],
  nl: [nl, moreNl, deskNl],
  de: [de, moreDe, deskDe],
  fr: [fr, moreFr, deskFr],
}

/** Every text of a table by its path; sentences with parts are said with parts that are easy to find. */
function texts(value: unknown, path = ''): Map<string, string> {
  const out = new Map<string, string>()
  if (typeof value === 'string') out.set(path, value)
  else if (typeof value === 'function') {
    const say = value as (...parts: unknown[]) => unknown
    const parts = path.endsWith('span') || path.endsWith('age') ? [7_261_000] : ['«1»', '«2»', '«3»', '«4»']
    out.set(path, String(say(...parts)))
  } else if (typeof value === 'object' && value !== null)
    for (const [key, inner] of Object.entries(value))
      for (const [at, text] of texts(inner, `${path}.${key}`)) out.set(at, text)
  return out
}

t.test('every language says everything', async (t) => {
  const english = texts(TABLES['en'])
  t.ok(english.size > 250, `${english.size} texts`)
  for (const tag of ['nl', 'de', 'fr']) {
    const own = texts(TABLES[tag])
    t.same([...own.keys()].sort(), [...english.keys()].sort(), `${tag}: the same texts`)
    const same: string[] = []
    for (const [path, text] of own) {
      if (text.trim().length < 1) t.fail(`${tag}${path} is empty`)
      if (/[!]|undefined|\[object/.test(text)) t.fail(`${tag}${path}: ${text}`)
      const parts = (from: string): string[] => (from.match(/«\d»/g) ?? []).sort()
      t.same(parts(text), parts(english.get(path)!), `${tag}${path} has the same parts`)
      if (text === english.get(path) && text.length > 12 && !/«/.test(text)) same.push(path)
    }
    t.same(same, [], `${tag}: nothing was left in English`)
  }
})

t.test('four languages in a browser', { skip: skipBrowser }, async (t) => {
  const browser = await startBrowser()
  t.teardown(() => browser.close())
  const spoken: [string, RegExp, string][] = [
    ['nl-NL', /verbruik.*12,35\s?kW.*zojuist/s, 'Delen'],
    ['de-AT', /Bezug.*12,35\s?kW.*gerade eben/s, 'Teilen'],
    ['fr-BE', /consommés.*12,35\s?kW.*à l’instant/s, 'Partage'],
    ['en-GB', /using.*12\.35\s?kW.*just now/s, 'Sharing'],
  ]
  for (const [locale, hero, sharing] of spoken) {
    const home = await newHome(t)
    home.own(houseHistory(Date.now()))
    const phone = await openPage(browser, 'phone', 'dark', { locale, width: 360 })
    await phone.page.goto(home.homeUrl)
    await phone.page.waitForSelector('.hero .figure')
    home.now(12_345)
    await phone.page.waitForTimeout(200)
    t.match(await textOf(phone.page, '.hero'), hero, locale)
    t.equal(await phone.page.getAttribute('html', 'lang'), locale.slice(0, 2))
    t.same(await accessibilityFaults(phone.page), [], `${locale}: now`)
    await phone.page.click(`#tabs >> text=${sharing}`)
    t.same(await accessibilityFaults(phone.page), [], `${locale}: sharing`)
    await phone.picture(`30-${locale}`)
    quiet(t, phone)
    await phone.context.close()
  }
  const home = await newHome(t)
  home.own(houseHistory(Date.now()))
  const chosen = await openPage(browser, 'phone')
  await chosen.page.goto(home.homeUrl)
  await chosen.page.click('#tabs >> text=Device')
  await chosen.page.selectOption('#language', 'fr')
  await seen(chosen.page, 'Maintenant')
  await chosen.page.reload()
  await seen(chosen.page, 'Maintenant')
  await chosen.context.close()
})

t.test('days of 23, 24 and 25 hours', { skip: skipBrowser }, async (t) => {
  const browser = await startBrowser()
  t.teardown(() => browser.close())
  const days: [string, number, string][] = [
    ['2026-03-29', 92, '2026-03-28T23:00:00Z'],
    ['2026-10-25', 100, '2026-10-24T22:00:00Z'],
    ['2026-11-20', 96, '2026-11-19T23:00:00Z'],
  ]
  for (const [day, quarters, midnight] of days) {
    const home = await newHome(t)
    const from = Date.parse(midnight)
    const now = from + quarters * 900_000 - 60_000
    home.clockAt = () => now
    home.own(houseHistory(now))
    const rows: QuarterRow[] = Array.from({ length: quarters }, (_, i) => [from + i * 900_000, 100, 20, null])
    home.quarters = [[from - 900_000, 999, 0, null], ...rows]
    const phone = await openPage(browser, 'phone')
    await phone.page.goto(home.homeUrl)
    const svg = phone.page.locator('#now .bars svg')
    await svg.waitFor()
    t.equal(await svg.getAttribute('data-slots'), String(quarters), day)
    t.equal(await phone.page.locator('#now .bars rect.using').count(), quarters, 'a bar for each, none twice')
    const xs = await phone.page
      .locator('#now .bars rect.using')
      .evaluateAll((bars) => bars.map((bar) => Number(bar.getAttribute('x'))))
    t.equal(new Set(xs).size, quarters, 'each in its own place')
    t.match(
      await textOf(phone.page, '.today'),
      new RegExp(`${(quarters / 10).toFixed(2)} kWh|${(quarters / 10).toFixed(1)} kWh`),
    )
    await phone.picture(`31-day-${quarters}`)
    await phone.page.click('.today button >> nth=0')
    t.match(await textOf(phone.page, '.today'), /Yesterday/)
    t.equal(await phone.page.locator('#now .bars rect.using').count(), 1)
    quiet(t, phone)
    await phone.context.close()
  }
})
