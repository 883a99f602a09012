// Which standard a telegram follows, told from what it says; a label for people and for JSON.
// Nothing is decoded differently because of it (the Belgian order of tariffs hangs on the version
// field alone, reading.ts).

import { text } from '../../base/bytes.ts'
import { KEY } from '../obis.ts'
import { obis, type Telegram } from '../telegram.ts'

/** Version fields: `1-3:0.2.8` of the Netherlands, `0-0:96.1.4` of Belgium. */
const DSMR: Readonly<Record<string, string>> = { '40': 'dsmr-4.0', '42': 'dsmr-4.2', '50': 'dsmr-5.0' }
const EMUCS: Readonly<Record<string, string>> = {
  '50213': 'emucs-1.3',
  '50215': 'emucs-1.5',
  '50216': 'emucs-1.6',
  '50217': 'emucs-1.7.1',
  '50221': 'emucs-2.1.1',
}
const ONE_ZERO = 0x100
const ONE_ONE = 0x101
const ONE_THREE = 0x103

/** First group of the first object with this reference, as text; null where there is none. */
function field(t: Telegram, medium: number, key: number): string | null {
  const i = t.find(medium, key)
  if (i < 0) return null
  const group = t.first[i]!
  return text(t.mem.subarray(t.groupFrom[group]!, t.groupTo[group]!))
}

/** The version field as sent, or null. */
export function versionOf(t: Telegram): string | null {
  return field(t, ONE_THREE, KEY.version) ?? field(t, 0, KEY.versionBe)
}

/** Name of the standard, as the corpus in test/p1 calls it; `unknown` where nothing tells. */
export function variantOf(t: Telegram): string {
  const belgian = field(t, 0, KEY.versionBe)
  if (belgian?.startsWith('502')) return EMUCS[belgian] ?? 'emucs'
  const dutch = field(t, ONE_THREE, KEY.version)
  const luId = t.find(0, KEY.equipmentIdLu) >= 0
  if (dutch !== null) return luId ? 'smarty-1.1' : (DSMR[dutch] ?? 'dsmr')
  if (luId) return 'eon-hu'
  if (t.find(ONE_ONE, obis(1, 8, 1)) >= 0) return 'sagemcom-xt211'
  if (t.count > 0 && t.mem[t.idTo[0]! - 4] === 42) return 'iec62056-21-d0'
  if (t.find(0, KEY.time) < 0) return t.find(ONE_ZERO, obis(1, 8, 1)) >= 0 ? 'dsmr-2-3' : 'unknown'
  return t.find(ONE_ZERO, obis(3, 7, 0)) >= 0 && t.find(0, obis(96, 14, 0)) < 0 ? 'se-h1' : 'unknown'
}
