// The page that a device serves, in a real browser against the real firmware: the label's address, the
// press, the claim in the page, the live chart opened with the key in the phone, a reload, a restart of
// the device, a second phone, giving it up. Nothing on the console, nothing asked of another host.
import t from 'tap'
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
import { openHouse } from './house.ts'

t.test('a phone and a device', { skip: skipBrowser }, async (t) => {
  const browser = await startBrowser()
  t.teardown(() => browser.close())
  const house = await openHouse(t)
  const lan = house.page.replace('127.0.0.1', LAN_NAME)
  const phone = await openPage(browser, 'phone')
  const { page } = phone

  await t.test('from the label to the chart', async (t) => {
    await page.goto(`${lan}#${house.code}`)
    t.equal(await page.evaluate('isSecureContext'), false, 'no WebCrypto here')
    await seen(page, 'Press the button on the device')
    await seen(page, 'winks once every three seconds')
    t.equal(await page.inputValue('#code'), house.code)
    t.equal(new URL(page.url()).hash, '')
    t.same(await accessibilityFaults(page), [])
    await phone.picture('20-phone-label')
    await page.click('button.big')
    await seen(page, 'Not yet: press the button first')
    t.equal(house.events.filter((e) => e.event === 'pairing').length, 0, 'nothing was tried before the press')
    await phone.picture('21-phone-too-early')
    house.press()
    await seen(page, 'Claimed. It is yours.')
    await page.waitForSelector('.hero .figure:not(:text("–"))')
    t.match(await textOf(page, '.hero'), /(using|returning|in balance).*\d.*W.*just now/)
    await phone.picture('22-phone-live')
    const first = await page.locator('#now .plot').screenshot()
    await page.waitForTimeout(2_500)
    t.notOk(first.equals(await page.locator('#now .plot').screenshot()), 'the chart moves')
    t.same(await accessibilityFaults(page), [])
  })

  await t.test('a reload, and a restart of the device', async (t) => {
    await page.click('#tabs >> text=Device')
    await seen(page, 'A second phone')
    t.equal(new URL(page.url()).search, '?device', 'the page of an owned device')
    await page.reload()
    await page.click('#tabs >> text=Now')
    await page.waitForSelector('.hero .figure:not(:text("–"))')
    await house.restart()
    await seen(page, 'No connection')
    phone.complaints.length = 0
    await seen(page, 'Live', 8_000)
    const before = house.heard.length
    await page.waitForTimeout(2_200)
    t.ok(house.heard.length > before)
    await seen(page, 'Telegram just now')
    // The browser says on its console that the device was away.
    phone.complaints.length = 0
  })

  await t.test('the device tab: lights as they are, identify', async (t) => {
    await page.click('#tabs >> text=Device')
    await seen(page, 'STATUS is steady: all is well')
    await page.click('text=Make the device wink')
    await seen(page, 'STATUS winks twice a second')
    t.match(await textOf(page, '#device'), /you alone/)
    t.same(await accessibilityFaults(page), [])
    await page.click('summary:text("Lights and button")')
    await page.click('summary:text("What this protects")')
    t.same(await accessibilityFaults(page), [])
    await phone.picture('23-phone-device')
  })

  await t.test('a second phone takes the key from a file', async (t) => {
    await page.click('button:text("Save the key")')
    await page.fill('#key-pass', 'short')
    await page.click('dialog button[type=submit]')
    await seen(page, 'needs at least 10 characters')
    await page.fill('#key-pass', 'correct horse battery')
    await page.fill('#key-again', 'correct horse battery')
    const download = page.waitForEvent('download')
    await page.click('dialog button[type=submit]')
    const file = await (await download).path()
    const second = await openPage(browser, 'phone', 'dark')
    await second.page.goto(lan)
    await seen(second.page, 'This device has an owner')
    t.same(await accessibilityFaults(second.page), [])
    await second.picture('24-phone-stranger')
    await second.page.click('button:text("I have its key")')
    await second.page.setInputFiles('#key-file', file)
    await second.page.fill('#key-pass', 'incorrect horse')
    await second.page.click('dialog button[type=submit]')
    await seen(second.page, 'do not fit together')
    await second.page.fill('#key-pass', 'correct horse battery')
    await second.page.click('dialog button[type=submit]')
    await second.page.waitForSelector('.hero .figure:not(:text("–"))')
    await second.picture('25-phone-second')
    await page.click('#tabs >> text=Now')
    await page.waitForTimeout(2_500)
    await seen(page, 'Telegram just now')
    await seen(second.page, 'Telegram just now')
    quiet(t, second)
    await second.context.close()
  })

  await t.test('given up, it can be claimed again', async (t) => {
    await page.click('#tabs >> text=Device')
    await page.click('text=Give this device up')
    await page.click('dialog button:text("Give it up")')
    await seen(page, 'Make this device yours')
    t.equal(house.device.key, null)
    t.equal(house.events.filter((e) => e.event === 'deleted').length, 1)
    quiet(t, phone)
    await phone.context.close()
  })
})
