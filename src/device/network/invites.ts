// Invitations that an owner's page asks for: a page in a phone cannot dial a provider, so the device itself
// tells it where it is, with what proves it (docs/wire.md "Consent protocol"). At most a few at once, each
// for some minutes: whoever misses them asks the owner again.

import { type Bytes, base64url, equal } from '../../base/bytes.ts'
import { LIMITS } from '../../base/limits.ts'
import type { Host } from '../../net/host.ts'
import { Link } from '../../node/link.ts'
import type { Loop } from '../../node/loop.ts'
import { eventHash, keyEvents } from '../../ownership/event.ts'
import type { PageInvite } from '../../page/protocol.ts'
import { decodeEntry, ENTRY, ENTRY_SIGNATURE } from '../../wire/access.ts'
import { CONSENT, CONSENT_PROTOCOL, encodeInvite, encodeKey } from '../../wire/consent.ts'
import type { DeviceState } from '../state.ts'

export interface DeviceInvitesOptions {
  loop: Loop
  state: DeviceState
  /** Of the identity of the moment. */
  host: () => Host
  name: string
  /** Port that other parties dial. */
  port: () => string
}

const LONGEST_MS = 10 * 60_000
/** The device's own entry about a consent is durable a moment after the owner's event. */
const ENTRY_MS = 500
const ENTRY_TRIES = 20

export class DeviceInvites {
  readonly #options: DeviceInvitesOptions
  readonly #links: Map<string, Link>

  constructor(options: DeviceInvitesOptions) {
    this.#options = options
    this.#links = new Map()
  }

  invite(wish: PageInvite, grantId: Bytes, tries: number = ENTRY_TRIES): void {
    const { loop, state, name, port } = this.#options
    const id = base64url(grantId)
    const reader = state.log?.reader(grantId)
    if (!reader || !state.identity || this.#links.has(id) || this.#links.size >= LIMITS.page.asksOpen) return
    const entry = admitted(state, grantId)
    if (!entry) {
      if (tries > 0) loop.after(`invite ${id}`, ENTRY_MS, () => this.invite(wish, grantId, tries - 1))
      return
    }
    const event = state.events.find((jws) => equal(eventHash(jws), entry.event))
    if (event === undefined) return
    const certificate = state.log?.replaced?.certificate ?? state.identity.certificate
    const keys = keyEvents(state.events)
    const addresses = [`${wish.here}:${port()}`]
    const link: Link = new Link({
      host: this.#options.host(),
      loop,
      key: reader.sign,
      protocol: CONSENT_PROTOCOL,
      addresses: () => wish.to,
      opening: () => [
        ...keys.map(encodeKey),
        encodeInvite({ certificate, entry: entry.bytes, event, name, addresses, mailboxes: [] }),
      ],
      onMessage: (message) => {
        if (message[0] === CONSENT.inviteDone) this.#end(id)
      },
      onState: () => {
        if (!state.log?.reader(grantId)) this.#end(id)
      },
    })
    this.#links.set(id, link)
    link.start()
    loop.after(`invite ${id}`, LONGEST_MS, () => this.#end(id))
  }

  stop(): void {
    for (const id of [...this.#links.keys()]) this.#end(id)
  }

  #end(id: string): void {
    this.#options.loop.cancel(`invite ${id}`)
    this.#links.get(id)?.stop()
    this.#links.delete(id)
  }
}

/** Our own entry that says who was admitted by which event, or null where there is none yet. */
function admitted(state: DeviceState, grantId: Bytes): { bytes: Bytes; event: Bytes } | null {
  for (const { bytes } of state.access.entries) {
    const text = decodeEntry(bytes.subarray(0, bytes.length - ENTRY_SIGNATURE))
    if (text?.kind === ENTRY.admitted && equal(text.grantId, grantId)) return { bytes, event: text.event }
  }
  return null
}
