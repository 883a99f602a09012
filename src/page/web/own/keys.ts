// What this phone keeps of a device at first, and how it follows the device to another key (docs/wire/owners.md
// "Device key"): the device shows the events by which its key was replaced to everybody; each is believed
// for the signature of the key before it.

import { type Bytes, base64url, equal, unbase64url } from '../../../base/bytes.ts'
import { splitJws } from '../../../crypto/jws.ts'
import type { Certificate } from '../../../ownership/claim-keys.ts'
import { parsePayload } from '../../../ownership/event.ts'
import { follows } from '../../../ownership/owners/device-key.ts'
import { encodeOwnerSet, type OwnerSet } from '../../../wire/owner-set.ts'
import type { KeptDevice } from './box.ts'

/** Of a device that was just claimed. */
export function keptOf(
  name: string,
  { certificate, bytes, owners }: { certificate: Certificate; bytes: Bytes; owners: OwnerSet },
): KeptDevice {
  return {
    name,
    key: base64url(certificate.device),
    box: base64url(certificate.box),
    certificate: base64url(bytes),
    owners: base64url(encodeOwnerSet(owners)),
    events: [],
    cards: [],
    place: null,
  }
}

/** The device goes by this key; false where that is known. */
export function takeKey(kept: KeptDevice, { after, box }: { after: Bytes; box: Bytes }): boolean {
  if (kept.key === base64url(after)) return false
  kept.key = base64url(after)
  kept.box = base64url(box)
  kept.place = null
  return true
}

/** From the key that is known, as far as the texts lead; false where they lead nowhere. */
export function followKeys(kept: KeptDevice, texts: readonly string[]): boolean {
  let moved = false
  for (const jws of texts) {
    const payload = splitJws(jws)?.payload
    const event = payload && parsePayload(payload)
    const key = unbase64url(kept.key)
    if (event?.body.type !== 'DEVICE_KEY_REPLACED' || !key || !equal(event.device, key)) continue
    const next = follows(event.body.succession, { device: event.device, prev: event.prev })
    if (next && takeKey(kept, { after: next.device, box: next.box })) moved = true
  }
  return moved
}
