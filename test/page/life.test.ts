// The life of a page in a real browser: claim with its refusals, live chart, share, the provider's page
// in its frame, stop. Nothing on the console, nothing asked of another host.
import { readFileSync } from 'node:fs'
import type { Page } from 'playwright-core'
import t from 'tap'
import { text } from '../../src/base/bytes.ts'
import type { GrantAsk } from '../../src/page/protocol.ts'
import {
  accessibilityFaults,
  LAN_NAME,
  openPage,
  quiet,
  seen,
  skipBrowser,
  startBrowser,
  textOf,
} from './browser.ts'
import { buildPages } from './build.ts'
import { type FakeHome, houseHistory, newHome } from './fake-home.ts'

const MOST_GZIP_BYTES = 70_000

/** Telegrams as from a meter of one a second, only faster. */
async function telegrams(home: FakeHome, page: Page, n: number): Promise<void> {
  for (let i = 0; i < n; i++) {
    home.now()
    await page.waitForTimeout(40)
  }
}

t.test('the page in a browser', { skip: skipBrowser }, async (t) => {
  const browser = await startBrowser()
  t.teardown(() => browser.close())

  t.test('claim: from the label to the chart, with every refusal in words', async (t) => {
    const home = await newHome(t)
    const phone = await openPage(browser, 'phone')
    const { page } = phone
    const lan = home.homeUrl.replace('127.0.0.1', LAN_NAME)
    await page.goto(`${lan}#k7qd-m2xa-9rtx`)
    t.equal(await page.evaluate('isSecureContext'), false, 'as on plain http in the house')
    t.equal(new URL(page.url()).hash, '', 'the code leaves the address bar')
    t.equal(await page.inputValue('#code'), 'K7QD-M2XA-9RTX')
    await seen(page, 'Press Enter in the terminal')
    await seen(page, 'winks once every three seconds')
    t.same(await accessibilityFaults(page), [])
    await phone.picture('1-label')

    await page.click('button.big')
    await seen(page, 'Not yet: press the button first')
    await phone.picture('2-too-early')
    home.press()
    await seen(page, 'says that this is not its code')
    t.equal(home.asked.length, 2, 'the page asked again by itself when the window opened')
    t.match(await textOf(page, '.step'), 'The window is open')
    t.match(await textOf(page, '.device'), /(59|60) seconds left/)
    t.match(await textOf(page, '.device'), 'blinks fast')
    t.ok(await page.evaluate("document.activeElement.id === 'code'"), 'the code is where to go on')
    t.same(await accessibilityFaults(page), [])
    await phone.picture('3-wrong-code')

    await page.fill('#code', 'K7QD')
    await page.keyboard.press('Enter')
    await seen(page, 'not the whole code yet')
    t.equal(home.asked.length, 2, 'half a code costs no attempt')
    await page.fill('#code', 'k7qdm2xa9rte')
    t.equal(await page.inputValue('#code'), 'K7QD-M2XA-9RTE')
    home.owner = 'other'
    await page.click('button.big')
    await seen(page, 'has an owner already')
    home.owner = 'nobody'
    home.reachable = false
    home.tell()
    await page.getByLabel('Address of the device').fill('192.168.1.23:4001')
    await page.click('button.big')
    await seen(page, 'does not answer')
    t.match(home.asked[home.asked.length - 1], { address: '192.168.1.23:4001', code: 'K7QDM2XA9RTE' })
    home.reachable = true
    home.closeWindow()
    home.listed = false
    await page.click('button.big')
    await seen(page, 'Not yet: press the button first')
    home.press()
    await seen(page, 'Claimed. It is yours.')
    await seen(page, 'Waiting for the first telegram')

    home.now(428)
    await seen(page, '428')
    t.match(await textOf(page, '.hero'), /using.*428.*W.*just now/s)
    home.now(-1_234)
    await seen(page, '1,234')
    t.match(await textOf(page, '.hero'), /returning.*1,234.*W/s)
    home.now(12_345)
    await seen(page, '12.35')
    home.now(0)
    await seen(page, 'in balance')
    await phone.picture('4-first-telegrams')
    quiet(t, phone)
    await phone.context.close()
  })

  t.test('a home with a past: chart, share, what the provider sees, stop', async (t) => {
    const home = await newHome(t)
    home.own(houseHistory(Date.now()))
    const phone = await openPage(browser, 'phone', 'dark')
    const desk = await openPage(browser, 'desk')
    await phone.page.goto(home.homeUrl)
    await desk.page.goto(home.homeUrl)
    await seen(desk.page, 'Last 10 minutes')
    await telegrams(home, desk.page, 5)
    const before = await desk.page.locator('#now .plot').screenshot()
    await telegrams(home, desk.page, 6)
    await desk.page.waitForTimeout(500)
    await telegrams(home, desk.page, 2)
    const after = await desk.page.locator('#now .plot').screenshot()
    t.notOk(before.equals(after), 'the chart moves')
    t.match(await desk.page.getAttribute('#now .plot', 'aria-label'), /from .* to .*W/)
    t.match(await textOf(desk.page, '#now'), /L1.*231 V.*L3.*233 V.*2,345.678 m³.*Tariff 2 now 5,120.876 kWh/)
    t.same(await accessibilityFaults(phone.page), [])
    t.same(await accessibilityFaults(desk.page), [])
    await phone.picture('5-now')

    const frame = desk.page.frameLocator('iframe')
    await seen(frame, 'No owner has let this provider in yet')
    await phone.page.click('#tabs >> text=Sharing')
    t.match(
      await textOf(phone.page, '#sharing'),
      /EnergieLab energielab\.example Domain not checked Cannot read anything/,
    )
    await phone.page.click('#sharing button:text("Share")')
    t.same(await accessibilityFaults(phone.page), [])
    await phone.picture('6-share')
    await phone.page.getByLabel('For how long').selectOption('week')
    await phone.page.getByLabel('What for').fill('Advice on saving energy')
    await phone.page.click('dialog button[type=submit]')
    await seen(phone.page, 'Shared. EnergieLab reads from the next telegram on.')
    const grant = home.asked[0] as GrantAsk
    t.match(grant, { do: 'grant', class: 'raw', purpose: 'Advice on saving energy' })
    t.ok(Math.abs(grant.until! - Date.now() - 7 * 86_400_000) < 60_000, 'for a week by the clock of home')
    await telegrams(home, desk.page, 12)
    await seen(frame, 'Access open')
    await seen(frame, 'Frame 8,135 opened')
    t.equal(await frame.locator('.cell.open').count(), 12)
    t.match(
      await textOf(desk.page, '#sharing'),
      /Can read your meter.*Every telegram.*Advice on saving energy/,
    )
    await seen(phone.page, 'Can read your meter')
    t.same(await accessibilityFaults(phone.page), [])
    await phone.picture('7-shared')
    await desk.picture('7-shared')

    await desk.page.click('#sharing button:text("Stop")')
    t.same(await accessibilityFaults(desk.page), [])
    await desk.picture('8-stop')
    await desk.page.click('dialog button:text("Keep sharing")')
    t.equal(home.asked.length, 1, 'kept')
    await desk.page.click('#sharing button:text("Stop")')
    await desk.page.click('dialog button:text("Stop sharing")')
    await seen(desk.page, 'Cannot read anything')
    await telegrams(home, desk.page, 6)
    await seen(frame, 'Access ended')
    await seen(frame, 'Frame 8,141 received, cannot open')
    t.equal(await frame.locator('.cell.open').count(), 12, 'not one more')
    t.equal(await frame.locator('.cell.shut').count(), 6)
    home.now(777)
    await seen(desk.page, '777')
    await seen(phone.page, '777 W using')
    t.notMatch(await frame.locator('.latest').innerText(), '777', 'the owner goes on, the provider does not')
    await desk.picture('9-stopped')
    await phone.page.click('#tabs >> text=Events')
    await seen(phone.page, 'Every later telegram is closed to EnergieLab')
    await phone.picture('10-events')
    const own = await openPage(browser, 'phone')
    await own.page.goto(home.providerUrl)
    await seen(own.page, 'Access ended')
    await seen(own.page, 'Advice on saving energy')
    await seen(own.page, 'No frame is missing')
    home.gap('7/8100', '7/8103')
    await own.page.click('summary:text("One gap in the frames")')
    await seen(own.page, 'From 7/8100 to 7/8103')
    t.same(await accessibilityFaults(own.page), [])
    await own.picture('11-provider')

    await phone.page.click('#tabs >> text=Device')
    await phone.page.click('summary:text("Lights and button")')
    t.same(await accessibilityFaults(phone.page), [])
    await phone.picture('12-device')
    await phone.page.click('text=Give this device up')
    await phone.page.click('dialog button:text("Give it up")')
    await seen(phone.page, 'Make this device yours')
    await seen(desk.page, 'Make this device yours')
    quiet(t, phone, desk, own)
    for (const one of [phone, desk, own]) await one.context.close()
  })
})

t.test('the whole page stays small', async (t) => {
  // As it was built for the program (scripts/build.ts; `make test` builds first).
  const { visits } = JSON.parse(readFileSync('build/sizes.json', 'utf8')) as {
    visits: Record<string, number>
  }
  const names = Object.keys(visits)
  for (const page of ['home', 'phone', 'phone/start', 'provider'])
    for (const tag of ['de', 'en', 'fr', 'nl']) t.ok(names.includes(`${page} ${tag}`), `${page} in ${tag}`)
  for (const name of names) t.ok(visits[name]! <= MOST_GZIP_BYTES, `${name}: ${visits[name]} bytes`)
  for (const [name, assets] of Object.entries(await buildPages()))
    for (const [path, asset] of Object.entries(assets))
      t.notMatch(
        text(asset.bytes),
        /https?:\/\/(?!www\.w3\.org\/2000\/svg)[a-z]/,
        `${name}${path}: no foreign address in it`,
      )
})
