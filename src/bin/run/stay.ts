// What a home that is kept (`wattle run --state DIR`) must find again at its next start: the device's
// label and where device and providers listen, since the others know them by these addresses.

import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { WattleError } from '../../base/errors.ts'
import { type MadeLabel, makeLabel } from '../label.ts'

export interface Stay {
  label: MadeLabel
  /** `host:port` by name, as given out at the first start. */
  addresses: Record<string, string>
}

const FILE = 'run.json'

/** The earlier start's, or a new one. @throws WattleError `state-damaged`. */
export function openStay(folder: string): Stay {
  const path = join(folder, FILE)
  if (!existsSync(path)) return { label: makeLabel(), addresses: {} }
  try {
    const value = JSON.parse(readFileSync(path, 'utf8')) as Stay
    if (
      typeof value.label.code === 'string' &&
      typeof value.label.record === 'string' &&
      typeof value.addresses === 'object'
    )
      return value
  } catch {
    // Said below, as for any other content.
  }
  throw new WattleError(
    'state-damaged',
    `${path} is not what wattle run wrote there; choose another --state`,
    3,
  )
}

/** Holds the claim code of the simulated label: mode 0600. */
export function keepStay(folder: string, stay: Stay): void {
  writeFileSync(join(folder, FILE), `${JSON.stringify(stay)}\n`, { mode: 0o600 })
}
