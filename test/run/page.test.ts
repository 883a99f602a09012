// `wattle run` as a newcomer meets it: the address from the terminal in a real browser, Enter for the
// button, the chart that moves, a provider that is let in and shut out again in its own frame.

import type { Page } from 'playwright-core'
import t from 'tap'
import { openPage, quiet, seen, skipBrowser, startBrowser, textOf } from '../page/browser.ts'
import { folder, needWattle, wattle } from './wattle.ts'

const WAIT_MS = 10_000

/** The chart as it looks now. */
const chart = (page: Page): Promise<Buffer> => page.locator('#now .plot').screenshot()

t.test('wattle run in a browser', { skip: skipBrowser }, async (t) => {
  needWattle()
  const run = wattle(t, ['run', '--page', '127.0.0.1:0'], { env: { TMPDIR: folder(t) } })
  const browser = await startBrowser()
  t.teardown(() => browser.close())
  const address = (): string | undefined => /Open +(http:\S+#[0-9A-Z]{12}~[\w-]{22})/.exec(run.words)?.[1]
  t.ok(await run.until(() => /Press Enter = press the button/.test(run.words)), run.words)
  t.ok(address(), 'the address to open, with the code')
  t.match(run.words, 'nobody owns this device')

  const desk = await openPage(browser, 'desk')
  const phone = await openPage(browser, 'phone', 'dark')
  for (const { page } of [desk, phone]) page.setDefaultTimeout(WAIT_MS)
  const { page } = desk
  await page.goto(address()!)
  t.equal(new URL(page.url()).hash, '', 'the code leaves the address bar')
  const code = address()!
    .slice(-35, -23)
    .replace(/(.{4})(?!$)/g, '$1-')
  t.equal(await page.inputValue('#code'), code)
  t.match(run.words, code, 'the terminal shows the same one')
  await page.click('button.big')
  await seen(page, 'Not yet: press the button first')
  await desk.picture('run-1-too-early')

  const pressed = Date.now()
  run.write('\n')
  await seen(page, 'Claimed. It is yours.')
  t.comment(`claimed ${Date.now() - pressed} ms after Enter`)
  t.ok(Date.now() - pressed < WAIT_MS)
  await page.locator('#now .plot').waitFor()
  await seen(page, 'Last minute')
  await seen(page, 'Telegram just now')
  t.match(await textOf(page, '.hero'), /(using|returning).*W/s)
  const before = await chart(page)
  await page.waitForTimeout(2_500)
  t.notOk(before.equals(await chart(page)), 'the chart moves')
  t.match(run.words, 'it has an owner')
  const { origin, hash } = new URL(address()!)
  await phone.page.goto(origin)
  await seen(phone.page, 'This page needs its key')
  await phone.picture('run-0-locked')
  await phone.page.goto(`${origin}/#${hash.slice(13)}`)
  await phone.page.locator('#now .plot').waitFor()
  await phone.picture('run-2-now')

  const frame = page.frameLocator('iframe')
  await seen(frame, 'No owner has let this provider in yet')
  await page.click('#sharing button:text("Share")')
  await page.getByLabel('What for').fill('Advice on saving energy')
  await page.click('dialog button[type=submit]')
  await seen(page, 'Can read your meter')
  await seen(frame, 'Access open')
  await frame.locator('.cell.open').nth(2).waitFor()
  await frame
    .getByText(/Frame [\d,]+ opened/)
    .first()
    .waitFor()
  t.match(await frame.locator('.latest').innerText(), /\d\sW/, 'its frame shows readings')
  await desk.picture('run-3-shared')

  await page.click('#sharing button:text("Stop")')
  await page.click('dialog button:text("Stop sharing")')
  await seen(page, 'Cannot read anything')
  await seen(frame, 'Access ended')
  const open = await frame.locator('.cell.open').count()
  await frame.locator('.cell.shut').nth(2).waitFor()
  await frame
    .getByText(/Frame [\d,]+ received, cannot open/)
    .first()
    .waitFor()
  t.equal(await frame.locator('.cell.open').count(), open, 'not one more was opened')
  const stopped = await chart(page)
  await page.waitForTimeout(2_500)
  t.notOk(stopped.equals(await chart(page)), 'the owner’s goes on')
  t.match(await textOf(page, '.hero'), /just now|1 s|2 s/)
  await desk.picture('run-4-stopped')
  await phone.page.click('#tabs >> text=Events')
  await seen(phone.page, 'Every later telegram is closed to EnergieLab')
  await phone.picture('run-5-events')

  quiet(t, desk, phone)
  run.kill('SIGINT')
  t.equal(await run.ended, 0, 'Ctrl-C ends it in order')
  t.notOk(run.leftBehind)
})
