// The one page that a phone sees in the device's own network: which Wi-Fi, which password. Without
// scripts, because captive browsers often have none. Every other address leads to it, which is how
// phones find out that they should show it. Answers only under the device's own address; what is typed
// travels over an open network, so it is there for ten minutes after a press and never by itself.

import { type Bytes, text, utf8 } from '../../base/bytes.ts'
import type { HttpAnswer, HttpHandlers, HttpRequest } from '../../hw/hardware.ts'
import { checkCountry, checkPassword, checkSsid, type SetupSettings } from './wattle-txt.ts'
import { PORTAL_ADDRESS } from './wpa.ts'

export interface PortalOptions {
  /** The device's name, as on its label. */
  name: string
  country: string
  onSettings: (settings: SetupSettings) => void
}

const ORIGIN = `http://${PORTAL_ADDRESS}`
const FORM_BYTES = 2_048

const HEADERS: Readonly<Record<string, string>> = {
  'content-type': 'text/html; charset=utf-8',
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'content-security-policy':
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
}

export function portal(options: PortalOptions): HttpHandlers {
  return {
    onRequest: (request, answer) => answer(answerTo(request, options)),
    admit: () => 404,
    onSocket: (link) => link.close(),
  }
}

function answerTo(request: HttpRequest, options: PortalOptions): HttpAnswer {
  const ours = request.headers['host'] === PORTAL_ADDRESS
  if (request.method === 'GET' || request.method === 'HEAD') {
    if (ours && request.url === '/')
      return page(200, form(options, { wifi: null, country: options.country, name: '' }, ''))
    return { status: 302, headers: { location: `${ORIGIN}/`, 'cache-control': 'no-store' }, body: utf8('') }
  }
  const { origin } = request.headers
  if (
    request.method !== 'POST' ||
    !ours ||
    request.url !== '/' ||
    (origin !== undefined && origin !== ORIGIN)
  )
    return { status: 403, headers: { 'content-type': 'text/plain' }, body: utf8('not here\n') }
  const settings = readForm(request.body)
  const wrong = settings ? whatIsWrong(settings) : 'the form was not understood: load the page again'
  if (!settings || wrong !== null)
    return page(400, form(options, settings ?? { wifi: null, country: '', name: '' }, wrong ?? ''))
  options.onSettings(settings)
  return page(200, done(options.name, settings.wifi!.ssid))
}

/** The three fields of the form, or null where it is no form. */
export function readForm(body: Bytes): SetupSettings | null {
  if (body.length > FORM_BYTES) return null
  const fields = new Map<string, string>()
  for (const pair of text(body).split('&')) {
    const at = pair.indexOf('=')
    const name = decode(pair.slice(0, at))
    const value = decode(pair.slice(at + 1))
    if (at < 1 || name === null || value === null) return null
    fields.set(name, value)
  }
  const ssid = fields.get('wifi')
  if (ssid === undefined) return null
  return {
    wifi: { ssid, password: fields.get('password') ?? '', hidden: fields.get('hidden') === 'on' },
    country: (fields.get('country') ?? '').trim().toUpperCase(),
    name: '',
  }
}

function decode(value: string): string | null {
  try {
    return decodeURIComponent(value.replaceAll('+', ' '))
  } catch {
    return null
  }
}

function whatIsWrong({ wifi, country }: SetupSettings): string | null {
  return (
    (wifi && (checkSsid(wifi.ssid) ?? checkPassword(wifi.password))) ??
    (country === '' ? null : checkCountry(country))
  )
}

function page(status: number, body: string): HttpAnswer {
  return { status, headers: { ...HEADERS }, body: utf8(body) }
}

function escaped(value: string): string {
  return value.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`)
}

const HEAD = `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>Wattle: Wi-Fi</title><style>
:root{color-scheme:light dark}body{font:1rem/1.5 system-ui,sans-serif;margin:0 auto;max-width:26rem;padding:1.5rem}
h1{font-size:1.35rem;margin:0 0 .5rem}label{display:block;margin:1rem 0 0;font-weight:600}
input:not([type=checkbox]){box-sizing:border-box;width:100%;padding:.65rem;font:inherit;font-weight:400;border:1px solid #8886;border-radius:.4rem}
.row{font-weight:400}.row input{margin:0 .5rem 0 0}small{display:block;font-weight:400;opacity:.75}
button{margin:1.5rem 0 0;width:100%;padding:.8rem;font:inherit;font-weight:600;border:0;border-radius:.4rem;background:#1a6b3c;color:#fff}
[role=alert]{margin:1rem 0;padding:.7rem;border-left:.3rem solid #b3261e;background:#b3261e1f}</style>`

function form({ name }: PortalOptions, { wifi, country }: SetupSettings, wrong: string): string {
  return `${HEAD}<h1>Wi-Fi for ${escaped(name)}</h1><p>Which network shall it join? What you type stays in the device. This page’s own network is open, so do this where nobody listens in, or put <b>wattle.txt</b> on the card instead.</p>${wrong === '' ? '' : `<p role="alert">${escaped(wrong[0]!.toUpperCase() + wrong.slice(1))}.</p>`}
<form method="post" action="/"><label>Network<input name="wifi" required maxlength="32" autocomplete="off" autocapitalize="none" spellcheck="false" value="${escaped(wifi?.ssid ?? '')}"></label>
<label>Password<input name="password" type="password" maxlength="64" autocomplete="off"><small>Empty for an open network.</small></label>
<label>Country<input name="country" maxlength="2" autocapitalize="characters" placeholder="NL" value="${escaped(country)}"><small>Two letters; it decides which channels are allowed.</small></label>
<label class="row"><input type="checkbox" name="hidden"${wifi?.hidden ? ' checked' : ''}>The network hides its name</label>
<button>Join</button></form></html>`
}

function done(name: string, ssid: string): string {
  return `${HEAD}<h1>${escaped(name)} joins ${escaped(ssid)}</h1><p>Its own network ends now; your phone goes back to its usual one.</p><p>Look at the green light: <b>steady</b> or <b>one short flash every three seconds</b> means that it worked. <b>In turn with the amber one</b> means that the password was wrong: hold the button for 3 to 8 seconds and try again.</p></html>`
}
