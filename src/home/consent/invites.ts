// Telling providers where the device is that they may read: tried until they say that they know. An
// invitation carries what proves it (docs/wire.md "Consent protocol"): the device's certificate, its entry
// about the consent, and the owner's event.

import { type Bytes, base64url, equal } from '../../base/bytes.ts'
import type { AccessBook } from '../../channel/proof.ts'
import type { Host } from '../../net/host.ts'
import { Link } from '../../node/link.ts'
import type { Loop } from '../../node/loop.ts'
import { eventHash, keyEvents, type ReaderEntry } from '../../ownership/event.ts'
import type { Decision } from '../../ownership/log.ts'
import { mailboxesOf } from '../../ownership/policy/policy.ts'
import { ENTRY, type ReaderEntryText } from '../../wire/access.ts'
import { CONSENT, CONSENT_PROTOCOL, encodeInvite, encodeKey, type Mailbox } from '../../wire/consent.ts'
import { certificateOf } from '../owning/device-key.ts'
import type { OwnedDevice } from '../store.ts'

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
  /** By grant id; of those who are told that a key is revoked by their key and its hash. */
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
    const { name } = device
    const link: Link = new Link({
      host,
      loop,
      key: reader.sign,
      protocol: CONSENT_PROTOCOL,
      addresses: () => addresses,
      opening: () => [
        // Where the device's key was replaced, what proves that it is the same device comes first.
        ...keyEvents(device.events).map(encodeKey),
        encodeInvite({
          certificate: certificateOf(device),
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

  /** Tells a provider that a device's key is revoked: tried as long as this runs, or until it says that it knows. */
  tell(jws: string, provider: { sign: Bytes; name: string }, addresses: readonly string[]): void {
    const { host, loop, report } = this.#options
    const id = `${base64url(provider.sign)} ${base64url(eventHash(jws))}`
    if (addresses.length === 0 || this.#links.has(id)) return
    const link: Link = new Link({
      host,
      loop,
      key: provider.sign,
      protocol: CONSENT_PROTOCOL,
      addresses: () => addresses,
      opening: () => [encodeKey(jws)],
      onMessage: (message) => {
        if (message[0] !== CONSENT.inviteDone) return
        link.stop()
        this.#links.delete(id)
        report('told', { provider: provider.name })
      },
      onState: () => {},
    })
    this.#links.set(id, link)
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

/** Who has to be invited after this: who was let in, or, where other mailboxes may be named, everybody. */
export function invitedBy(decision: Decision, readers: readonly ReaderEntry[]): readonly ReaderEntry[] {
  if (decision.kind === 'policy') return readers
  return decision.kind === 'authorized' ? [decision.reader] : []
}
