// The mailbox of a home: serves owners, and readers whose consent is there and open by the device's word, as
// our copies of the owner log and of the log of keys have it.

import { type Bytes, equal } from '../../base/bytes.ts'
import type { Files } from '../../hw/hardware.ts'
import type { DeviceAccess } from '../proof/access.ts'
import type { HomeStore, OwnedDevice } from '../store.ts'
import { type Asked, Mailbox } from './mailbox.ts'

/** The mailbox of a home: serves owners, and readers whose consent is there and open by the device's word. */
export function homeMailbox(o: {
  files: Files
  frames?: number
  store: HomeStore
  access: (device: OwnedDevice) => DeviceAccess | null
}): Mailbox {
  const consentOf = ({ device: key, reader, class: cls }: Asked): Bytes | null => {
    const device = o.store.devices.find((d) => equal(d.log.device, key))
    if (!device || device.log.deleted) return null
    if (device.log.isOwner(reader)) return new Uint8Array(16)
    const book = o.access(device)?.book
    const consent = device.log.readers.find((r) => {
      if (r.class !== cls || !equal(r.sign, reader) || device.log.paused(r.grantId)) return false
      return (book?.spans(r.grantId).at(-1)?.why ?? null) === null
    })
    return consent?.grantId ?? null
  }
  const { files, frames } = o
  return new Mailbox({ files, consentOf, ...(frames === undefined ? {} : { frames }) })
}
