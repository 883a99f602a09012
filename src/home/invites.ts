// Invitations on their way: a provider is told where a device is that it may read, with what proves it,
// until it says that it knows, or the consent is over.

import { type Bytes, base64url, equal } from '../base/bytes.ts'
import type { Host } from '../net/host.ts'
import { Link } from '../node/link.ts'
import type { Loop } from '../node/loop.ts'
import { eventHash } from '../ownership/event.ts'
import { ENTRY, type ReaderEntryText } from '../wire/access.ts'
import { CONSENT, CONSENT_PROTOCOL, encodeInvite } from '../wire/consent.ts'
import type { DeviceAccess } from './access.ts'
import type { OwnedDevice } from './store.ts'

export interface InvitesOptions {
  host: Host
  loop: Loop
  /** Our copy of a device's log of keys. */
  book: (device: OwnedDevice) => DeviceAccess['book'] | null
  report: (event: string, detail?: Record<string, unknown>) => void
}

export class Invites {
  readonly #options: InvitesOptions
  /** By grant id in base64url. */
  readonly #links: Map<string, Link>

  constructor(options: InvitesOptions) {
    this.#options = options
    this.#links = new Map()
  }

  stop(): void {
    for (const link of this.#links.values()) link.stop()
  }

  /** Tells a provider where the device is; tried until it says that it knows. */
  invite(device: OwnedDevice, addresses: readonly string[], grantId: Bytes): void {
    const { host, loop, book, report } = this.#options
    const reader = device.log.reader(grantId)
    const id = base64url(grantId)
    const entry = book(device)?.of(grantId, ENTRY.admitted)
    // What proves the invitation comes with the device's next entries.
    if (!reader || !entry || addresses.length === 0 || this.#links.has(id)) return
    const { event: named } = entry.text as ReaderEntryText
    const event = device.events.find((jws) => equal(eventHash(jws), named))
    if (event === undefined) return
    const link: Link = new Link({
      host,
      loop,
      key: reader.sign,
      protocol: CONSENT_PROTOCOL,
      addresses: () => addresses,
      opening: () => [
        encodeInvite({
          certificate: device.certificate,
          entry: entry.bytes,
          event,
          name: device.name,
          addresses: device.addresses,
        }),
      ],
      onMessage: (message) => {
        if (message[0] !== CONSENT.inviteDone) return
        over()
        report('invited', { provider: reader.name, device: device.name })
      },
      onState: () => {
        // A consent that has ended meanwhile needs no invitation.
        if (!device.log.reader(grantId)) over()
      },
    })
    const over = (): void => {
      link.stop()
      if (this.#links.get(id) === link) this.#links.delete(id)
    }
    this.#links.set(id, link)
    link.start()
  }
}
