// From the phone to a real provider, without any other computer of the owner: a request link opened on the
// device's own page is narrowed and granted, the device tells the provider, its readings begin; stop, and
// they end, while the owner's go on.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import t, { type Test } from 'tap'
import { freeAddress } from '../../src/bin/run/ports.ts'
import { openPage, quiet, seen, skipBrowser, startBrowser, textOf } from './browser.ts'
import { openHouse } from './house.ts'

const NODE = process.env['WATTLE_NODE'] ?? process.execPath
const WAIT_MS = 40_000

interface Events {
  readonly child: ChildProcess
  readonly lines: { event: string }[]
  until(event: string, n?: number): Promise<void>
}

/** `wattle provider follow` as a process, and what it says. */
function follow(t: Test, state: string, listen: string): Events {
  const child = spawn(
    NODE,
    ['dist/wattle', 'provider', 'follow', '--page', '127.0.0.1:0', '--state', state, '--listen', listen],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  t.teardown(() => child.kill('SIGKILL'))
  const lines: { event: string }[] = []
  createInterface({ input: child.stdout }).on('line', (line) =>
    lines.push(JSON.parse(line) as { event: string }),
  )
  const until = async (event: string, n = 1): Promise<void> => {
    const end = Date.now() + WAIT_MS
    while (lines.filter((line) => line.event === event).length < n) {
      if (Date.now() > end)
        throw new Error(`no ${event} within ${WAIT_MS} ms: ${JSON.stringify(lines.slice(-3))}`)
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
  return { child, lines, until }
}

t.test('a link, a phone, a provider', { skip: skipBrowser }, async (t) => {
  const browser = await startBrowser()
  t.teardown(() => browser.close())
  const house = await openHouse(t)
  const state = mkdtempSync(join(tmpdir(), 'wattle-grant-'))
  t.teardown(() => rmSync(state, { recursive: true, force: true }))
  const listen = await freeAddress('127.0.0.1:0')
  const run = (...args: string[]): string =>
    execFileSync(NODE, ['dist/wattle', 'provider', ...args, '--state', state], { encoding: 'utf8' })
  run('init', '--name', 'EnergieLab', '--domain', 'energielab.example')
  const link = run(
    'request',
    '--link',
    house.page,
    '--address',
    listen,
    '--purpose',
    'Advice on saving energy',
  ).trim()
  t.match(link, `${house.page}new-policy?card=`)
  const provider = follow(t, state, listen)
  await provider.until('ready')

  const phone = await openPage(browser, 'phone')
  const { page } = phone
  await page.goto(`${house.page}#${house.code}`)
  house.press()
  await page.click('button.big')
  await page.waitForSelector('.hero .figure:not(:text("–"))', { timeout: WAIT_MS })
  await page.goto(link)
  await seen(page, 'EnergieLab asks to read your meter')
  await seen(page, 'could not be checked from here')
  await phone.picture('26-phone-request')
  await page.click('button:text("Let it read")')
  await seen(page, 'You can stop it under Sharing')
  await seen(page, 'You can close this page')
  await provider.until('invited')
  await provider.until('reading', 3)
  await page.click('button:text("Back")')
  await page.click('#tabs >> text=Sharing')
  await seen(page, 'Can read your meter')
  await seen(page, 'came 1 times', WAIT_MS)
  t.match(await textOf(page, '#sharing'), /Domain not checked.*Advice on saving energy.*Last read \d/s)
  await phone.picture('27-phone-sharing')

  await page.click('#sharing button:text("Stop")')
  await page.click('dialog button:text("Stop sharing")')
  await seen(page, 'Stopped. The next telegram is closed to EnergieLab.')
  await provider.until('sealed', 2)
  const read = provider.lines.filter((line) => line.event === 'reading').length
  await page.click('#tabs >> text=Now')
  await page.waitForTimeout(2_500)
  t.equal(provider.lines.filter((line) => line.event === 'reading').length, read, 'not one more')
  await seen(page, 'Telegram just now')
  quiet(t, phone)
  await phone.context.close()
})
