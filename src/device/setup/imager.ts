// What Raspberry Pi Imager leaves on the card, as far as it says something about network and name:
// firstrun.sh (up to 1.9), custom.toml, network-config and user-data (cloud-init). Only these few values
// are looked for; nothing of the files is carried out. What is not understood is passed over.

import type { SetupSettings } from './wattle-txt.ts'
import { checkCountry, checkName, checkPassword, checkSsid } from './wattle-txt.ts'

/** Files that are asked for, newest kind first. */
export const IMAGER_FILES = ['network-config', 'user-data', 'custom.toml', 'firstrun.sh'] as const

export type ImagerFiles = Readonly<Partial<Record<(typeof IMAGER_FILES)[number], string>>>

interface Found {
  ssid?: string | undefined
  password?: string | undefined
  hidden?: boolean | undefined
  country?: string | undefined
  name?: string | undefined
}

/** The settings in them, or null where there are none. */
export function parseImager(files: ImagerFiles): SetupSettings | null {
  const found: Found = {
    ...(files['firstrun.sh'] === undefined ? {} : firstRun(files['firstrun.sh'])),
    ...(files['custom.toml'] === undefined ? {} : customToml(files['custom.toml'])),
    ...(files['network-config'] === undefined ? {} : networkConfig(files['network-config'])),
    ...(files['user-data'] === undefined ? {} : userData(files['user-data'])),
  }
  const { ssid, password = '', hidden = false } = found
  const country = found.country?.toUpperCase().trim() ?? ''
  const name = found.name?.toLowerCase() ?? ''
  const wifi =
    ssid !== undefined && checkSsid(ssid) === null && checkPassword(password) === null
      ? { ssid, password, hidden }
      : null
  // The name it puts there unasked is everybody's.
  const own = name !== '' && name !== 'raspberrypi' && checkName(name) === null ? name : ''
  if (!wifi && own === '') return null
  return { wifi, country: checkCountry(country) === null ? country : '', name: own }
}

/** `imager_custom set_wlan [-h] 'SSID' 'PSK' 'NL'`, or the older file of wpa_supplicant in it. */
function firstRun(script: string): Found {
  const out: Found = {}
  const call = /imager_custom\s+set_wlan\s+([^\n]*(?:\n'[^\n]*)?)/.exec(script)
  const words = call ? shellWords(call[1]!) : []
  if (words.length > 0) {
    const rest = words.filter((word) => word !== '-h')
    out.hidden = rest.length < words.length
    ;[out.ssid, out.password, out.country] = rest
  } else {
    out.ssid = /^\s*ssid="([^\n]*)"\s*$/m.exec(script)?.[1]
    out.password = /^\s*psk="?([^"\n]*)"?\s*$/m.exec(script)?.[1]
    out.country = /^country=(\w\w)\s*$/m.exec(script)?.[1]
  }
  const name = /imager_custom\s+set_hostname\s+([^\n]*)/.exec(script)
  if (name) out.name = shellWords(name[1]!)[0]
  return strip(out)
}

/** Words of a POSIX shell: bare, and in single quotes, with a quoted quote written as '\''. */
function shellWords(line: string): string[] {
  const words: string[] = []
  for (const match of line.matchAll(/(?:'[^']*'|\\.|[^\s'\\])+/g))
    words.push(
      match[0].replace(/'([^']*)'|\\(.)/g, (_, quoted?: string, escaped?: string) => quoted ?? escaped ?? ''),
    )
  return words.map((word) => word.replace(/[\r\n]+$/, ''))
}

/** `[wlan] ssid = "…"`, `[system] hostname = "…"`: sections, strings and booleans of TOML, and no more. */
function customToml(toml: string): Found {
  const values = new Map<string, string>()
  let section = ''
  for (const line of toml.split(/\r?\n/)) {
    const head = /^\s*\[([\w.-]+)\]\s*(?:#.*)?$/.exec(line)
    if (head) section = head[1]!
    const pair = /^\s*([\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|(true|false))\s*(?:#.*)?$/.exec(line)
    if (pair) values.set(`${section}.${pair[1]}`, pair[3] ?? pair[4] ?? unescapeQuoted(pair[2]!))
  }
  return strip({
    ssid: values.get('wlan.ssid'),
    password: values.get('wlan.password'),
    hidden: values.get('wlan.hidden') === 'true',
    country: values.get('wlan.country'),
    name: values.get('system.hostname'),
  })
}

/** netplan: the first access point below `access-points:`. */
function networkConfig(yaml: string): Found {
  const lines = yaml.split(/\r?\n/).filter((line) => !/^\s*(#|$)/.test(line))
  const out: Found = { country: scalarOf(lines, /^\s*regulatory-domain:\s*(.*)$/) }
  const from = lines.findIndex((line) => /^\s*access-points:\s*$/.test(line))
  const point = lines[from + 1]
  if (from < 0 || point === undefined || indent(point) <= indent(lines[from]!)) return strip(out)
  out.ssid = scalar(/^\s*(.*?):\s*(?:\{\s*\})?$/.exec(point)?.[1] ?? '')
  const below: string[] = []
  for (let i = from + 2; i < lines.length && indent(lines[i]!) > indent(point); i++) below.push(lines[i]!)
  out.password = scalarOf(below, /^\s*password:\s*(.*)$/)
  out.hidden = scalarOf(below, /^\s*hidden:\s*(.*)$/) === 'true'
  return strip(out)
}

function userData(yaml: string): Found {
  return strip({ name: scalarOf(yaml.split(/\r?\n/), /^hostname:\s*(.*)$/) })
}

function indent(line: string): number {
  return line.length - line.trimStart().length
}

function scalarOf(lines: readonly string[], form: RegExp): string | undefined {
  for (const line of lines) {
    const match = form.exec(line)
    if (match) return scalar(match[1]!)
  }
  return undefined
}

/** One value of YAML: plain, or in quotes of either kind. */
function scalar(given: string): string {
  const value = given.trim()
  if (/^"(?:[^"\\]|\\.)*"$/.test(value)) return unescapeQuoted(value.slice(1, -1))
  if (/^'(?:[^']|'')*'$/.test(value)) return value.slice(1, -1).replaceAll("''", "'")
  return value.replace(/\s+#.*$/, '')
}

function unescapeQuoted(value: string): string {
  return value.replace(/\\(.)/g, '$1')
}

function strip(found: Found): Found {
  return Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined)) as Found
}
