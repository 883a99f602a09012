// Issue 8's story against `wattle run`, on the computer and in the phone: claimed by keyboard alone, the
// provider's request link narrowed and granted, its plot, the stop; device, home and browser restarted in
// between. Nothing on the console, nothing asked of another host, pictures kept in build/screenshots.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createConnection } from 'node:net'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import t from 'tap'
import {
  accessibilityFaults,
  openPage,
  quiet,
  seen,
  skipBrowser,
  startBrowser,
  textOf,
} from '../page/browser.ts'
import { folder, needWattle, wattle } from './wattle.ts'

const WAIT_MS = 15_000

/** Tab until the element has the focus: everything is reached by keyboard. */
async function tabTo(page: Page, selector: string): Promise<void> {
  for (let i = 0; i < 120; i++) {
    await page.keyboard.press('Tab')
    const there = `document.activeElement?.matches(${JSON.stringify(selector)})`
    if (await page.evaluate(there)) return
  }
  throw new Error(`${selector} is not reached by Tab`)
}

/** The story's steps in one browser after another, with what each leaves behind. */
t.test('the story on the computer', { skip: skipBrowser }, async (t) => {
  needWattle()
  const state = join(folder(t), 'state')
  const args = ['run', '--state', state, '--page', '127.0.0.1:0']
  let run = wattle(t, args)
  const browser = await startBrowser()
  t.teardown(() => browser.close())
  const link = (): string | undefined => /Open +(http:\S+#[0-9A-Z]{12}~[\w-]{22})/.exec(run.words)?.[1]
  t.ok(await run.until(() => /Press Enter = press the button/.test(run.words)), run.words)

  const desk = await openPage(browser, 'desk')
  let { page } = desk
  page.setDefaultTimeout(WAIT_MS)
  await page.goto(link()!)
  await page.waitForSelector('button.big')
  t.same(await accessibilityFaults(page), [])
  await tabTo(page, '#code')
  await page.keyboard.press('Enter')
  await seen(page, 'Not yet: press the button first')
  await desk.picture('story-1-too-early')
  run.write('\n')
  await seen(page, 'Claimed. It is yours.')
  await seen(page, 'Telegram just now')
  await seen(page, 'STATUS')
  t.match(await textOf(page, '#device'), /Reached directly, at 127/)
  t.match(await textOf(page, '#device'), /STATUS (is steady|stays on)/, 'the lights of the device')

  // The provider's link, opened in the same browser; less is given than was asked for.
  const asked = spawnSync(
    process.execPath,
    [
      'dist/wattle',
      'provider',
      'request',
      '--state',
      join(folder(t), 'other'),
      '--name',
      'SparRat',
      '--domain',
      'sparrat.example',
      '--class',
      'raw',
      '--purpose',
      'Advice on saving energy',
      '--link',
      new URL('/', page.url()).href,
    ],
    { encoding: 'utf8', timeout: 20_000 },
  )
  t.equal(asked.status, 0, asked.stderr)
  await page.goto(asked.stdout.trim())
  await seen(page, 'SparRat asks to read your meter')
  t.same(await accessibilityFaults(page), [])
  await desk.picture('story-2-request')
  await page.click('button:text("Decide later")')
  await seen(page, 'SparRat asks to read')
  await desk.picture('story-3-waiting')
  await page.click('button:text("Look at it")')
  await tabTo(page, 'input[name=ask-class]')
  await page.keyboard.press('ArrowDown')
  t.ok(await page.isChecked('#ask-15min'), 'narrowed by an arrow key')
  await tabTo(page, '.actions .main')
  await page.keyboard.press('Enter')
  await seen(page, 'SparRat reads from the next telegram on')
  await page.click('#request button:text("Back")')
  await page.waitForSelector('.share.on')
  t.match(
    await textOf(page, '#sharing'),
    /SparRat.*sparrat\.example.*Domain not checked.*Quarter-hours.*Advice on saving energy/,
  )
  t.notMatch(await textOf(page, '#sharing'), /SparRat asks to read/)

  // The provider whose page is in the frame: every telegram, then no longer.
  await page.click('article:has-text("EnergieLab") button:text("Share")')
  await page.click('dialog button[type=submit]')
  const frame = page.frameLocator('iframe')
  await seen(frame, 'Access open')
  await frame.locator('.cell.open').nth(2).waitFor()
  await page
    .locator('#sharing')
    .getByText(/came 1 times/)
    .first()
    .waitFor()
  t.match(await textOf(page, 'article:has-text("EnergieLab")'), /Last read.*This week came 1 times/)
  await page.click('.proof summary')
  await page
    .locator('.proof')
    .getByText(/Frames from/)
    .first()
    .waitFor()
  t.match(await textOf(page, '.proof'), /EnergieLab.*reads now.*Frames from [\d/]+ \(.*\) until now/)
  t.same(await accessibilityFaults(page), [])
  await desk.picture('story-4-shared')

  // Raw P1: off, on by the owner, the meter's bytes, off again.
  await page.click('button:text("Switch it on")')
  await page.click('dialog button[type=submit]')
  await page
    .locator('#device')
    .getByText(/On, at 127/)
    .first()
    .waitFor()
  const address = /On, at (127\.0\.0\.1):(\d+)/.exec(await textOf(page, '#device'))!
  const heard = await new Promise<string>((resolve) => {
    let text = ''
    const socket = createConnection(Number(address[2]), address[1]!)
    const end = (): void => {
      clearTimeout(late)
      socket.destroy()
      resolve(text)
    }
    const late = setTimeout(end, WAIT_MS)
    socket.on('error', end)
    socket.on('data', (bytes) => {
      text += bytes.toString('latin1')
      if (/\/ISK5[\s\S]*![0-9A-F]{4}\r\n/.test(text)) end()
    })
  })
  t.match(heard, /1-0:1\.7\.0\(\d+\.\d+\*kW\)/, 'the meter’s own words')
  await page.click('button:text("Switch it off")')
  await page
    .locator('#device')
    .getByText(/Switched on, programs/)
    .first()
    .waitFor()
  quiet(t, desk)
  const storage = await desk.context.storageState()
  await desk.context.close()

  // Everything restarts; the browser comes back with what it has kept, and needs no link.
  const before = link()!
  run.kill('SIGINT')
  t.equal(await run.ended, 0)
  run = wattle(t, ['run', '--state', state, '--page', new URL(before).host])
  t.ok(await run.until(() => /Press Enter = press the button/.test(run.words)), run.words)
  t.equal(new URL(link()!).hash.slice(13), new URL(before).hash.slice(13), 'the key is the same')
  const context = await browser.newContext({ storageState: storage, viewport: { width: 1280, height: 800 } })
  page = await context.newPage()
  page.setDefaultTimeout(WAIT_MS)
  const errors: string[] = []
  page.on('pageerror', (error) => errors.push(String(error)))
  page.on('console', (message) => message.type() === 'error' && errors.push(message.text()))
  await page.goto(new URL(before).origin)
  await seen(page, 'Telegram just now')
  t.match(await textOf(page, '#sharing'), /EnergieLab.*Can read your meter/)
  await seen(page.frameLocator('iframe'), 'Access open')
  t.ok(Number(await page.getAttribute('#history svg', 'data-slots')) >= 92, 'history is there')
  await page.click('article:has-text("EnergieLab") button:text("Stop")')
  await page.click('dialog button:text("Stop sharing")')
  await seen(page.frameLocator('iframe'), 'Access ended')
  await page.frameLocator('iframe').locator('.cell.shut').nth(1).waitFor()
  await seen(page, 'Telegram just now')
  await page.screenshot({ path: 'build/screenshots/1280x800-story-5-stopped-light.png' })
  t.same(errors, [], 'nothing on the console')
  run.kill('SIGINT')
  t.equal(await run.ended, 0)
  t.ok(existsSync('build/screenshots/1280x800-story-4-shared-light.png'))
})
