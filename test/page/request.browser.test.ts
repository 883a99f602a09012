// A provider's request in a real browser: read, narrowed, granted, refused; what is shown as checked and
// what not; hostile links shown as what they are. Nothing on the console, no way on without a press.
import t from 'tap'
import { base64url, utf8 } from '../../src/base/bytes.ts'
import { signCompact } from '../../src/crypto/jws.ts'
import { Exchange, Signer } from '../../src/crypto/native.ts'
import { Secret } from '../../src/crypto/secret.ts'
import { linuxRandom as random } from '../../src/hw/linux/clock.ts'
import { signCard } from '../../src/ownership/card.ts'
import type { GrantAsk } from '../../src/page/protocol.ts'
import { signRequest } from '../../src/page/request.ts'
import { accessibilityFaults, openPage, quiet, seen, skipBrowser, startBrowser, textOf } from './browser.ts'
import { houseHistory, newHome } from './fake-home.ts'

const DAY = 86_400_000
const signer = new Signer(Secret.fresh(random))
const card = {
  name: '<img src=x onerror=alert(1)>',
  domain: 'energielab.example',
  sign: signer.publicKey,
  box: new Exchange(Secret.fresh(random)).publicKey,
  addresses: [],
}
const cardLine = signCard(card, signer)

function link(members: Partial<Parameters<typeof signRequest>[0]> = {}): string {
  const now = Date.now()
  const wish = {
    cardLine,
    class: 'raw' as const,
    purpose: 'Advice <script>alert(1)</script>',
    retentionDays: 30,
    until: now + 40 * DAY,
    state: 'xyz',
    redirect: 'https://energielab.example/back',
    at: now,
    ...members,
  }
  return `new-policy?${signRequest(wish, signer)}`
}

t.test('requests in a browser', { skip: skipBrowser }, async (t) => {
  const browser = await startBrowser()
  t.teardown(() => browser.close())

  await t.test('read, narrowed, granted', async (t) => {
    const home = await newHome(t)
    home.own(houseHistory(Date.now()))
    const phone = await openPage(browser, 'phone')
    const { page } = phone
    let away = ''
    await phone.context.route(/^https:/, (route) => {
      away = route.request().url()
      return route.fulfill({ body: 'the provider' })
    })
    await page.goto(home.homeUrl + link())
    await seen(page, '<img src=x onerror=alert(1)> asks to read your meter')
    t.match(await textOf(page, '#request'), /could not be checked from here/)
    t.match(
      await textOf(page, '#request'),
      /Advice <script>alert\(1\)<\/script>.*Every telegram.*for 30 days/s,
    )
    t.same(await accessibilityFaults(page), [])
    await phone.picture('40-request')
    t.equal(
      await page.locator('#ask-until option').count(),
      5,
      'hour, day, week, month, and what was asked for',
    )
    await page.check('#ask-day')
    await page.selectOption('#ask-until', { label: 'One week' })
    await page.click('button:text("Let it read")')
    await seen(page, 'You can stop it under Sharing')
    const grant = home.asked.find((ask) => ask.do === 'grant') as GrantAsk
    t.match(grant, { class: 'day', purpose: 'Advice <script>alert(1)</script>' })
    t.ok(Math.abs(grant.until! - Date.now() - 7 * DAY) < 60_000, 'for a week, not for forty days')
    t.equal(new URL(page.url()).pathname, '/', 'the link is used up')
    t.match(await textOf(page, '#request'), /Nobody has checked that this is the provider’s own place/)
    t.same(await accessibilityFaults(page), [])
    await phone.picture('41-request-granted')
    t.equal(away, '', 'nobody was sent anywhere yet')
    await page.click('button:text("Go there")')
    await page.waitForURL(/^https:\/\/energielab/)
    t.equal(away, 'https://energielab.example/back?state=xyz&policy=g1')
    t.same(phone.complaints, [])
    await phone.context.close()
  })

  await t.test('a coarse request cannot be made finer; refused; checked', async (t) => {
    const home = await newHome(t)
    home.own(houseHistory(Date.now()))
    home.verified = true
    const desk = await openPage(browser, 'desk', 'dark')
    const { page } = desk
    await page.goto(home.homeUrl + link({ class: '15min' }))
    await seen(page, 'energielab.example confirms that this key is its own')
    t.equal(await page.locator('input[name="ask-class"]').count(), 2)
    await desk.picture('42-request-checked')
    await page.click('button:text("Refuse")')
    await seen(page, 'was not let in')
    t.match(await textOf(page, '#request'), /You can go back to energielab\.example now/)
    t.notOk(home.asked.some((ask) => ask.do === 'grant' || ask.do === 'introduce'))
    await page.click('button:text("Back")')
    await page.locator('#now .plot').waitFor()
    quiet(t, desk)
    await desk.context.close()
  })

  await t.test('a redirect outside of the domain is never shown as the provider’s', async (t) => {
    const home = await newHome(t)
    home.own(houseHistory(Date.now()))
    home.verified = true
    const phone = await openPage(browser, 'phone')
    await phone.page.goto(home.homeUrl + link({ redirect: 'https://evil.example/energielab.example' }))
    await seen(phone.page, 'confirms that this key is its own')
    await phone.page.click('button:text("Refuse")')
    await seen(phone.page, 'Nobody has checked')
    t.match(await textOf(phone.page, '#request'), /evil\.example/)
    quiet(t, phone)
    await phone.context.close()
  })

  await t.test('hostile links', async (t) => {
    const home = await newHome(t)
    home.own(houseHistory(Date.now()))
    const phone = await openPage(browser, 'phone')
    const { page } = phone
    const good = link()
    const json = {
      v: 1,
      class: 'raw',
      purpose: 'x',
      retention: null,
      until: Date.now() + DAY,
      state: 's',
      at: Date.now(),
    }
    const signed = (members: object): string =>
      `new-policy?card=${encodeURIComponent(cardLine)}&request=${signCompact(
        utf8(JSON.stringify({ ...json, ...members })),
        { kid: base64url(signer.publicKey), signer },
      )}`
    for (const [url, words] of [
      ['new-policy', 'not a request to read'],
      ['new-policy?card=<script>alert(1)</script>&request=1', 'not a request to read'],
      [`${good}x`, 'signature does not fit'],
      [good.replace('request=', 'request=A'), 'signature does not fit'],
      [signed({ redirect: 'javascript:alert(document.domain)' }), 'no plain https address'],
      [signed({ redirect: 'https://a@evil.example/' }), 'no plain https address'],
      [signed({ redirect: null, at: 1 }), 'Its time is over'],
      [signed({ redirect: null, class: 'everything' }), 'not a request to read'],
    ] as const) {
      await page.goto(home.homeUrl + url)
      await seen(page, words)
      t.equal(await page.locator('#request button').count(), 0, 'nothing to press')
      t.notMatch(await textOf(page, '#request'), 'onerror', 'nothing of it is shown')
    }
    t.notOk(home.asked.some((ask) => ask.do !== 'verify'))
    quiet(t, phone)
    await phone.context.close()
  })
})
