// `wattle.txt` on the card: what a person may set without a keyboard at the device (docs/setup.md). One
// `name = value` a line, as forgiving as it can be about how editors write files, and strict about what
// it means: a line that is not understood is named, with what was expected.

import { type Bytes, text, utf8 } from '../../base/bytes.ts'

export interface WifiSettings {
  /** 1 to 32 bytes of UTF-8. */
  ssid: string
  /** 8 to 63 ASCII characters, 64 hexadecimal digits, or empty: an open network. */
  password: string
  hidden: boolean
}

export interface SetupSettings {
  wifi: WifiSettings | null
  /** Two capital letters; empty: not said. */
  country: string
  /** Host name; empty: the device's own. */
  name: string
}

export interface SetupError {
  /** From 1; 0: the file as a whole. */
  line: number
  text: string
}

/** Longest file that is read, bytes. */
export const SETUP_BYTES = 16_384
const NAMES = 'wifi, password, hidden, country, name'
const ALIASES: Readonly<Record<string, string>> = {
  ssid: 'wifi',
  'wi-fi': 'wifi',
  network: 'wifi',
  psk: 'password',
  'wifi-password': 'password',
  hostname: 'name',
}

/** Text of a file as an editor may have left it: UTF-8 or UTF-16, with or without a mark in front. */
export function decodeText(bytes: Bytes): string {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return utf16(bytes.subarray(2), 0)
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return utf16(bytes.subarray(2), 1)
  return text(bytes).replace(/^\uFEFF/, '')
}

/** @param order 0 little-endian, 1 big-endian. */
function utf16(bytes: Bytes, order: 0 | 1): string {
  let out = ''
  for (let i = 0; i + 1 < bytes.length; i += 2)
    out += String.fromCharCode(
      order === 0 ? bytes[i]! | (bytes[i + 1]! << 8) : (bytes[i]! << 8) | bytes[i + 1]!,
    )
  return out
}

/** What the file says, and every line that it says wrong. Nothing throws. */
export function parseWattleTxt(bytes: Bytes): { settings: SetupSettings; errors: SetupError[] } {
  const errors: SetupError[] = []
  const values = new Map<string, { value: string; line: number }>()
  if (bytes.length > SETUP_BYTES)
    errors.push({
      line: 0,
      text: `the file is longer than ${SETUP_BYTES} bytes; only wattle.txt belongs here`,
    })
  const lines = decodeText(bytes.subarray(0, SETUP_BYTES)).split(/\r\n|\r|\n/)
  lines.forEach((raw, i) => {
    const line = raw.trim()
    if (line === '' || line.startsWith('#') || line.startsWith(';') || line.startsWith('//')) return
    const at = line.indexOf('=')
    if (at < 1) {
      errors.push({ line: i + 1, text: `expected "name = value", for instance: wifi = My Network` })
      return
    }
    const given = line.slice(0, at).trim().toLowerCase().replaceAll('_', '-')
    const name = Object.hasOwn(ALIASES, given) ? ALIASES[given]! : given
    if (!NAMES.split(', ').includes(name))
      errors.push({ line: i + 1, text: `no setting "${show(given)}"; there are ${NAMES}` })
    else if (values.has(name)) errors.push({ line: i + 1, text: `"${name}" is there twice` })
    else values.set(name, { value: unquote(line.slice(at + 1).trim()), line: i + 1 })
  })
  const of = (name: string): string => values.get(name)?.value ?? ''
  const settings: SetupSettings = {
    wifi: null,
    country: of('country').toUpperCase(),
    name: of('name').toLowerCase(),
  }
  const wrong = (name: string, what: string | null): void => {
    if (what !== null) errors.push({ line: values.get(name)?.line ?? 0, text: what })
  }
  if (settings.country !== '') wrong('country', checkCountry(settings.country))
  if (settings.name !== '') wrong('name', checkName(settings.name))
  if (values.has('wifi')) {
    settings.wifi = {
      ssid: of('wifi'),
      password: of('password'),
      hidden: /^(yes|true|1|on)$/i.test(of('hidden')),
    }
    wrong('wifi', checkSsid(settings.wifi.ssid))
    wrong('password', checkPassword(settings.wifi.password))
  } else if (values.has('password')) wrong('password', 'a password without "wifi": which network is it for?')
  return { settings, errors }
}

/** Null where it is fine, else what was expected. Used by the portal too. */
export function checkSsid(ssid: string): string | null {
  const length = utf8(ssid).length
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
  if (length >= 1 && length <= 32 && !/[\u0000-\u001f\u007f\uFFFD]/.test(ssid)) return null
  return `the network's name has 1 to 32 bytes, not ${length}`
}

export function checkPassword(password: string): string | null {
  if (password === '' || /^[\x20-\x7e]{8,63}$/.test(password) || /^[0-9a-fA-F]{64}$/.test(password))
    return null
  return `a Wi-Fi password has 8 to 63 letters, digits and signs without accents (this one has ${password.length}); leave it out for an open network`
}

export function checkCountry(country: string): string | null {
  return /^[A-Z]{2}$/.test(country)
    ? null
    : `expected a country of two letters, NL for instance, not "${show(country)}"`
}

export function checkName(name: string): string | null {
  return /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(name)
    ? null
    : `a host name has up to 63 letters, digits and dashes, not "${show(name)}"`
}

/** The file once its password is stored elsewhere: lines that held it are gone, the rest is as it was. */
export function withoutPassword(bytes: Bytes): string {
  const kept = decodeText(bytes.subarray(0, SETUP_BYTES))
    .split(/\r\n|\r|\n/)
    .map((line) => {
      const given = line
        .slice(0, Math.max(0, line.indexOf('=')))
        .trim()
        .toLowerCase()
        .replaceAll('_', '-')
      const name = Object.hasOwn(ALIASES, given) ? ALIASES[given]! : given
      return name === 'wifi' || name === 'password' || name === 'hidden'
        ? `# ${name}: stored in the device; write "${name} = …" here to change it`
        : line
    })
  return `${kept.join('\r\n').trimEnd()}\r\n`
}

/** What is left beside the file when something in it is wrong. */
export function errorPage(file: string, errors: readonly SetupError[]): string {
  const lines = errors.map((e) => (e.line === 0 ? e.text : `line ${e.line}: ${e.text}`))
  return `${[`${file} was not taken:`, '', ...lines, '', 'Change it and start the device again. An example:', '', 'wifi = My Network', 'password = my password', 'country = NL'].join('\r\n')}\r\n`
}

function unquote(value: string): string {
  return value.length >= 2 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value
}

/** A word from outside, short enough for a message. */
function show(word: string): string {
  return word.length > 40 ? `${word.slice(0, 40)}…` : word
}
