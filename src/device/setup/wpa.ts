// What wpa_supplicant is told, and what its log tells us. A plain machine: settings in, a configuration
// out; lines in, the state of the radio out. Names and passwords are written so that nothing in them can
// become a line of its own.

import { hex, utf8 } from '../../base/bytes.ts'
import type { SetupSettings, WifiSettings } from './wattle-txt.ts'

/** The access point's own address; the image's script gives it to the radio. */
export const PORTAL_ADDRESS = '192.168.77.1'
/** Channel 6, allowed everywhere, MHz. */
const PORTAL_MHZ = 2_437

/** Configuration for joining a network. */
export function joinConfig({ ssid, password, hidden }: WifiSettings, country: string): string {
  const lines = [...head(country), 'network={', `ssid=${hex(utf8(ssid))}`]
  if (hidden) lines.push('scan_ssid=1')
  if (password === '') lines.push('key_mgmt=NONE')
  else if (/^[0-9a-fA-F]{64}$/.test(password))
    lines.push('key_mgmt=WPA-PSK WPA-PSK-SHA256', `psk=${password}`)
  // The text between the first and the last quotation mark: what is in between may hold more of them.
  else lines.push('key_mgmt=WPA-PSK WPA-PSK-SHA256 SAE', 'ieee80211w=1', `psk="${password}"`)
  return `${[...lines, '}'].join('\n')}\n`
}

/** Configuration for the device's own, open network, which is there for ten minutes after a press. */
export function accessConfig(name: string, { country }: Pick<SetupSettings, 'country'>): string {
  const network = [
    'network={',
    `ssid=${hex(utf8(name))}`,
    'mode=2',
    `frequency=${PORTAL_MHZ}`,
    'key_mgmt=NONE',
    '}',
  ]
  return `${[...head(country), ...network].join('\n')}\n`
}

function head(country: string): string[] {
  return country === '' ? ['ap_scan=1'] : ['ap_scan=1', `country=${country}`]
}

export type RadioState = 'off' | 'joining' | 'joined' | 'wrong-password' | 'not-found' | 'no-radio'

/** After so long without a network of that name it is said to be missing, ms. */
const NOT_FOUND_MS = 45_000

export class RadioMachine {
  #state: RadioState = 'off'
  #since = 0

  get state(): RadioState {
    return this.#state
  }

  /** Joining begins. */
  start(now: number): void {
    this.#set('joining', now)
  }

  stop(now: number): void {
    this.#set('off', now)
  }

  /** One line of the log; true where the state changed. */
  onLine(line: string, now: number): boolean {
    const before = this.#state
    if (before === 'off') return false
    if (line.includes('CTRL-EVENT-CONNECTED')) this.#set('joined', now)
    else if (
      /^no radio\b|Could not read interface \S+ flags|No such device|failed to initialize driver/i.test(line)
    )
      this.#set('no-radio', now)
    else if (/reason=WRONG_KEY|pre-shared key may be incorrect|reason=AUTH_FAILED/.test(line))
      this.#set('wrong-password', now)
    else if (line.includes('CTRL-EVENT-DISCONNECTED') && before === 'joined') this.#set('joining', now)
    return this.#state !== before
  }

  /** True where the state changed: a network that did not come is missing. */
  tick(now: number): boolean {
    if (this.#state !== 'joining' || now - this.#since < NOT_FOUND_MS) return false
    this.#set('not-found', now)
    return true
  }

  #set(state: RadioState, now: number): void {
    if (state !== this.#state) this.#since = now
    this.#state = state
  }
}
