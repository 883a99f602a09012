// The same story in the phone, on the page that the device of `wattle run` serves: refused before the
// press, claimed, live; a provider's link narrowed and granted, its plot moves; device, provider and
// browser restarted; stopped, and the provider's page says so while the owner's goes on.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import t from 'tap'
import { freeAddress } from '../../src/bin/run/ports.ts'
import {
  accessibilityFaults,
  openPage,
  quiet,
  SCREENS,
  seen,
  skipBrowser,
  startBrowser,
  textOf,
} from '../page/browser.ts'
import { folder, needWattle, WATTLE, wattle } from './wattle.ts'

const WAIT_MS = 20_000

t.test('the story in the phone', { skip: skipBrowser }, async (t) => {
  needWattle()
  const state = join(folder(t), 'state')
  const providers = join(folder(t), 'provider')
  let run = wattle(t, ['run', '--state', state, '--page', '127.0.0.1:0', '--providers', '0'])
  const browser = await startBrowser()
  t.teardown(() => browser.close())
  const link = (): string => /Phone +(http:\S+#[0-9A-Z]{12})/.exec(run.words)![1]!
  t.ok(await run.until(() => /Press Enter = press the button/.test(run.words)), run.words)

  const phone = await openPage(browser, 'phone')
  let { page } = phone
  page.setDefaultTimeout(WAIT_MS)
  await page.goto(link())
  await page.click('button.big')
  await seen(page, 'Not yet: press the button first')
  t.same(await accessibilityFaults(page), [])
  run.write('\n')
  await seen(page, 'Claimed. It is yours.')
  await seen(page, 'Telegram just now')
  await phone.picture('story-phone-1-live')

  // A provider with a link; the owner gives less than it asks for at first, and all of it then.
  const listen = await freeAddress('127.0.0.1:0')
  const provider = ['--state', providers, '--name', 'SparRat', '--domain', 'sparrat.example']
  const asked = spawnSync(
    process.execPath,
    [
      ...[WATTLE, 'provider', 'request', ...provider, '--address', listen, '--class', 'raw'],
      ...['--purpose', 'Advice on saving energy', '--link', new URL('/', link()).href],
    ],
    { encoding: 'utf8', timeout: WAIT_MS },
  )
  t.equal(asked.status, 0, asked.stderr)
  const serve = ['provider', 'serve', '--state', providers, '--listen', listen]
  let served = wattle(t, [...serve, '--page', '127.0.0.1:0'], { env: { WATTLE_CHILD: '1' } })
  const plot = String((await served.event('ready'))!['page'])
  await page.goto(asked.stdout.trim())
  await seen(page, 'SparRat asks to read your meter')
  await page.check('#ask-15min')
  t.same(await accessibilityFaults(page), [])
  await phone.picture('story-phone-2-narrowed')
  await page.check('#ask-raw')
  await page.click('button:text("Let it read")')
  await seen(page, 'You can stop it under Sharing')
  const other = await openPage(browser, 'desk')
  other.page.setDefaultTimeout(WAIT_MS)
  await other.page.goto(plot)
  await seen(other.page, 'Access open')
  await other.page.locator('.cell.open').nth(2).waitFor()
  await other.picture('story-phone-3-provider')
  quiet(t, phone, other)
  const storage = await phone.context.storageState()
  await phone.context.close()
  await other.context.close()

  // Device, provider and browser come back with what each has kept.
  const before = link()
  run.kill('SIGINT')
  served.kill('SIGTERM')
  t.equal(await run.ended, 0)
  await served.ended
  run = wattle(t, ['run', '--state', state, '--page', '127.0.0.1:0', '--providers', '0'])
  t.ok(await run.until(() => /Press Enter = press the button/.test(run.words)), run.words)
  served = wattle(t, [...serve, '--page', new URL(plot).host], { env: { WATTLE_CHILD: '1' } })
  t.ok(await served.event('ready'), served.words)
  const context = await browser.newContext({
    storageState: storage,
    viewport: SCREENS.phone,
    locale: 'en-GB',
    hasTouch: true,
    isMobile: true,
  })
  page = await context.newPage()
  page.setDefaultTimeout(WAIT_MS)
  const errors: string[] = []
  page.on('pageerror', (error) => errors.push(String(error)))
  page.on('console', (message) => message.type() === 'error' && errors.push(message.text()))
  await page.goto(new URL(before).origin)
  await page.click('#tabs >> text=Now')
  await seen(page, 'Telegram just now')
  const again = await openPage(browser, 'desk')
  again.page.setDefaultTimeout(WAIT_MS)
  await again.page.goto(plot)
  await seen(again.page, 'Access open')
  await again.page.locator('.cell.open').nth(1).waitFor()
  await page.click('#tabs >> text=Sharing')
  t.match(await textOf(page, '#sharing'), /SparRat.*Advice on saving energy/)
  await page.click('#sharing button:text("Stop")')
  await page.click('dialog button:text("Stop sharing")')
  await seen(again.page, 'Access ended')
  await again.picture('story-phone-4-ended')
  await page.click('#tabs >> text=Now')
  await seen(page, 'Telegram just now')
  t.same(errors, [], 'nothing on the console')
  quiet(t, again)
  served.kill('SIGTERM')
  run.kill('SIGINT')
  t.equal(await run.ended, 0)
})
