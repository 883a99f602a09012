// A real Chromium for the page's tests: started once for a test file, watched for console errors and
// for requests to any other host, with the two screens that every picture is taken on.
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { type Browser, type BrowserContext, chromium, type FrameLocator, type Page } from 'playwright-core'
import type { Test } from 'tap'

const CHROMIUM = process.env['WATTLE_CHROMIUM'] ?? '/usr/bin/chromium'
const PICTURES = 'build/screenshots'

/** The reason to skip, or false where a browser is there. */
export const skipBrowser: string | false = existsSync(CHROMIUM) ? false : `no browser at ${CHROMIUM}`

/** This name leads to loopback in the test's browser only: an origin without a secure context. */
export const LAN_NAME = 'wattle-ab12.local'

export async function startBrowser(): Promise<Browser> {
  mkdirSync(PICTURES, { recursive: true })
  return chromium.launch({
    executablePath: CHROMIUM,
    args: [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      `--host-resolver-rules=MAP ${LAN_NAME} 127.0.0.1`,
    ],
  })
}

export const SCREENS = { phone: { width: 390, height: 844 }, desk: { width: 1280, height: 800 } } as const

export interface Watched {
  readonly page: Page
  readonly context: BrowserContext
  /** Console errors and warnings, uncaught errors, failed requests. */
  readonly complaints: string[]
  /** Requests to anything that is not on loopback. */
  readonly foreign: string[]
  picture(name: string): Promise<void>
}

export async function openPage(
  browser: Browser,
  screen: keyof typeof SCREENS,
  scheme: 'light' | 'dark' = 'light',
  speaks: { locale?: string; timezoneId?: string; width?: number } = {},
): Promise<Watched> {
  const viewport = { ...SCREENS[screen], ...(speaks.width ? { width: speaks.width } : {}) }
  const context = await browser.newContext({
    viewport,
    colorScheme: scheme,
    locale: speaks.locale ?? 'en-GB',
    timezoneId: speaks.timezoneId ?? 'Europe/Amsterdam',
    hasTouch: screen === 'phone',
    isMobile: screen === 'phone',
  })
  const page = await context.newPage()
  page.setDefaultTimeout(8_000)
  const complaints: string[] = []
  const foreign: string[] = []
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(String(error)))
  const seen = (url: string): void => {
    const host = new URL(url).hostname
    if (host !== '127.0.0.1' && host !== LAN_NAME) foreign.push(url)
  }
  context.on('request', (request) => seen(request.url()))
  page.on('websocket', (socket) => seen(socket.url()))
  const picture = async (name: string): Promise<void> => {
    await page.screenshot({ path: `${PICTURES}/${viewport.width}x${viewport.height}-${name}-${scheme}.png` })
  }
  return { page, context, complaints, foreign, picture }
}

const FAULTS = readFileSync('test/page/faults.browser.js', 'utf8')
const AXE = readFileSync('node_modules/axe-core/axe.min.js', 'utf8')

/** What stands in a reader's way on the page as it is now: by faults.browser.js and by axe-core; none on a good page. */
export async function accessibilityFaults(page: Page): Promise<string[]> {
  const own = (await page.evaluate(FAULTS)) as string[]
  // The provider's frame is another origin, and a page of its own.
  const run = `axe.run({ exclude: ['iframe'] }, { resultTypes: ['violations'], iframes: false }).then((r) =>
    r.violations.map((v) => 'axe ' + v.id + ': ' + v.nodes.map((n) => n.html.slice(0, 120)).join(' | ')))`
  await page.evaluate(`if (!window.axe) { ${AXE} }`)
  return [...own, ...((await page.evaluate(run)) as string[])]
}

/** Waits until the text can be seen. */
export async function seen(at: Page | FrameLocator, text: string, timeout?: number): Promise<void> {
  await at
    .locator(`:visible:text(${JSON.stringify(text)})`)
    .first()
    .waitFor(timeout === undefined ? {} : { timeout })
}

/** What a person reads there, in one line. */
export async function textOf(page: Page, selector: string): Promise<string> {
  return (await page.locator(selector).first().innerText()).replace(/\s+/g, ' ')
}

/** Nothing on the console, nothing asked of another host. */
export function quiet(t: Test, ...watched: Watched[]): void {
  for (const one of watched) {
    t.same(one.complaints, [], 'nothing on the console')
    t.same(one.foreign, [], 'nothing asked of another host')
  }
}
