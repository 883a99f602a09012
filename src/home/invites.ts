// Telling providers where the device is that they may read: tried until they say that they know. An
// invitation carries what proves it (docs/wire.md "Consent protocol"): the device's certificate, its entry
// about the consent, and the owner's event.

import { type Bytes, base64url, equal } from '../base/bytes.ts'
import type { AccessBook } from '../channel/proof.ts'
import type { Host } from '../net/host.ts'
import { Link } from '../node/link.ts'
import type { Loop } from '../node/loop.ts'
import { eventHash } from '../ownership/event.ts'
import { mailboxesOf } from '../ownership/policy/policy.ts'
import { ENTRY, type ReaderEntryText } from '../wire/access.ts'
import { CONSENT, CONSENT_PROTOCOL, encodeInvite, type Mailbox } from '../wire/consent.ts'
import type { OwnedDevice } from './store.ts'

export interface InvitesOptions {
  host: Host
  loop: Loop
  /** Our copy of a device's log of keys. */
  book: (device: OwnedDevice) => AccessBook | null
  /** We keep frames while a device is away; null where we do not. */
  mailbox: Mailbox | null
  report: (event: string, detail: Record<string, unknown>) => void
}

export class Invites {
  readonly #options: InvitesOptions
  /** By grant id. */
  readonly #links: Map<string, Link>
  /** Grant ids of all invitations of this run; no more than there are grants in the logs. */
  readonly #begun: Set<string>

  constructor(options: InvitesOptions) {
    this.#options = options
    this.#links = new Map()
    this.#begun = new Set()
  }

  /** One at a time for each consent; nothing where what proves it is not here yet: it comes with the device's entries. */
  invite(device: OwnedDevice, addresses: readonly string[], grantId: Bytes): void {
    const { host, loop, book, mailbox, report } = this.#options
    const reader = device.log.reader(grantId)
    const id = base64url(grantId)
    const entry = book(device)?.of(grantId, ENTRY.admitted)
    if (!reader || !entry || addresses.length === 0 || this.#links.has(id)) return
    const { event: named } = entry.text as ReaderEntryText
    const event = device.events.find((jws) => equal(eventHash(jws), named))
    if (event === undefined) return
    const { certificate, name } = device
    const link: Link = new Link({
      host,
      loop,
      key: reader.sign,
      protocol: CONSENT_PROTOCOL,
      addresses: () => addresses,
      opening: () => [
        encodeInvite({
          certificate,
          entry: entry.bytes,
          event,
          name,
          addresses: device.addresses,
          mailboxes: [...(mailbox ? [mailbox] : []), ...mailboxesOf(device.log.policy)],
        }),
      ],
      onMessage: (message) => {
        if (message[0] !== CONSENT.inviteDone) return
        over()
        report('invited', { provider: reader.name, device: name })
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
    this.#begun.add(id)
    link.start()
  }

  /** True where this run has begun to invite under this consent, whatever came of it. */
  begun(grantId: Bytes): boolean {
    return this.#begun.has(base64url(grantId))
  }

  stop(): void {
    for (const link of this.#links.values()) link.stop()
    this.#links.clear()
  }
}
