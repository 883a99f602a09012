// A new computer, by the page alone: a copy is saved on the old one and brought back on the new one, with
// the devices, the rules and the history that were there; what is no copy, no update or the wrong
// pass-phrase is refused with words.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
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

const WAIT_MS = 20_000
const PHRASE = 'correct horse battery'

t.test('a copy, and a new computer', { skip: skipBrowser }, async (t) => {
  needWattle()
  const dir = folder(t)
  const run = wattle(t, ['run', '--state', join(dir, 'old'), '--page', '127.0.0.1:0', '--providers', '0'])
  const browser = await startBrowser()
  t.teardown(() => browser.close())
  t.ok(await run.until(() => /Press Enter = press the button/.test(run.words)), run.words)
  const link = /Open +(http:\S+#[0-9A-Z]{12}~[\w-]{22})/.exec(run.words)![1]!

  const old = await openPage(browser, 'desk')
  old.page.setDefaultTimeout(WAIT_MS)
  await old.page.goto(link)
  await old.page.waitForSelector('button.big')
  run.write('\n')
  await old.page.click('button.big')
  await seen(old.page, 'Telegram just now', WAIT_MS)

  // A rule, as an owner changes it.
  await seen(old.page, 'Rules')
  await old.page.click('button:text("Change a rule")')
  await old.page.selectOption('#policy-member', 'grants.days')
  t.equal(await old.page.inputValue('#policy-value'), '90')
  await old.page.fill('#policy-value', 'many')
  await old.page.click('dialog button[type=submit]')
  await seen(old.page, 'grants.days does not fit')
  await old.page.fill('#policy-value', '30')
  t.same(await accessibilityFaults(old.page), [])
  await old.page.click('dialog button[type=submit]')
  await seen(old.page, 'Done: it holds from now on.')
  await old.page
    .locator('#device')
    .getByText(/grants\.days: 90 → 30/)
    .first()
    .waitFor()
  await old.page.click('button:text("Card of this home")')
  t.match(await old.page.inputValue('dialog textarea'), /^wattle-owner:/)
  await old.page.keyboard.press('Escape')

  // What is no update does not get to the device.
  const wrong = join(dir, 'wrong.update')
  writeFileSync(wrong, Buffer.alloc(200_000, 7))
  await old.page.click('button:text("Update the device")')
  await old.page.setInputFiles('#update-file', wrong)
  await old.page.click('dialog button[type=submit]')
  await seen(old.page, 'this is no update of Wattle')

  await old.page.click('button:text("Save a copy")')
  await old.page.fill('#copy-pass', 'short')
  await old.page.click('dialog button[type=submit]')
  await seen(old.page, 'needs at least 10 characters')
  await old.page.fill('#copy-pass', PHRASE)
  await old.page.fill('#copy-again', PHRASE)
  const saving = old.page.waitForEvent('download')
  await old.page.click('dialog button[type=submit]')
  const copy = await (await saving).path()
  const name = await textOf(old.page, '#device dd')
  quiet(t, old)

  const fresh = wattle(
    t,
    ['home', 'serve', '--state', join(dir, 'new'), '--listen', '127.0.0.1:0', '--gateway', 'off'],
    {
      env: { WATTLE_LAN: 'off' },
    },
  )
  t.ok(await fresh.event('ready'), fresh.words)
  const said = wattle(t, ['home', 'link', '--state', join(dir, 'new')])
  t.equal(await said.ended, 0, said.words)
  t.notMatch(fresh.words + JSON.stringify(fresh.lines), said.plain[0]!.split('~')[1]!, 'the key is in no log')
  const desk = await openPage(browser, 'desk')
  desk.page.setDefaultTimeout(WAIT_MS)
  await desk.page.goto(said.plain[0]!)
  await seen(desk.page, 'Make this device yours')
  await desk.page.click('button:text("Bring a copy back")')
  t.same(await accessibilityFaults(desk.page), [])
  await desk.picture('run-6-restore')
  await desk.page.setInputFiles('#copy-file', wrong)
  await desk.page.fill('#copy-pass', PHRASE)
  await desk.page.click('dialog button[type=submit]')
  await seen(desk.page, 'do not fit together')
  await desk.page.setInputFiles('#copy-file', copy)
  await desk.page.fill('#copy-pass', 'incorrect horse battery')
  await desk.page.click('dialog button[type=submit]')
  await seen(desk.page, 'do not fit together')
  await desk.page.fill('#copy-pass', PHRASE)
  await desk.page.click('dialog button[type=submit]')
  await seen(desk.page, 'Telegram just now', WAIT_MS)
  t.equal(await textOf(desk.page, '#device dd'), name, 'the device is here')
  await desk.page
    .locator('#device')
    .getByText(/grants\.days: 90 → 30/)
    .first()
    .waitFor()
  t.match(await textOf(desk.page, '#history'), /taken/, 'its history too')
  await desk.picture('run-7-restored')
  // The browser says on its console that the home was away while it started anew.
  t.same(desk.foreign, [])
  t.same(
    desk.complaints.filter((text) => !/WebSocket connection|ERR_CONNECTION_REFUSED/.test(text)),
    [],
  )
  fresh.kill('SIGTERM')
  t.equal(await fresh.ended, 0)
  run.kill('SIGINT')
  t.equal(await run.ended, 0)
})
