// Frames to the mailboxes that the policy names (docs/wire.md "Deposits"): the device itself brings them what
// it seals, from where each of them stands, and the GRANTs of those who may read, so that a reader that was
// away can be served while the device is. A mailbox gets ciphertext, and grant ids; no name and no key.

import { type Bytes, base64url, equal } from '../../base/bytes.ts'
import type { Host } from '../../net/host.ts'
import { type Outlet, Subscriber } from '../../node/frames/subscriber.ts'
import { Link } from '../../node/link.ts'
import type { Loop } from '../../node/loop.ts'
import {
  CHANNEL,
  CHANNEL_PROTOCOL,
  decodeSubscribe,
  encodeDeposit,
  encodeSigned,
} from '../../wire/channel.ts'
import { CLASS_NAMES, type ClassId } from '../../wire/frame.ts'
import type { DeviceState } from '../state.ts'
import type { Channels } from './channels.ts'

export interface MailboxPlace {
  /** Ed25519. */
  key: Bytes
  /** `host:port`. */
  address: string
}

export interface DepositsOptions {
  host: () => Host
  loop: Loop
  channels: Channels
  state: DeviceState
  /** By the policy of now. */
  mailboxes: () => readonly MailboxPlace[]
  /** Somebody outside has confirmed our newest head: GRANTs may go out. */
  witnessed: () => boolean
}

interface Deposit {
  readonly place: MailboxPlace
  readonly link: Link
  /** By class; null until the mailbox has said from where on. */
  readonly subscribers: (Subscriber | null)[]
  /** GRANTs that went out on this stream. */
  readonly given: Set<Bytes>
  /** Consents that were told last, so that nothing is said twice. */
  told: string | null
}

export class Deposits {
  readonly #options: DepositsOptions
  #deposits: Deposit[]

  constructor(options: DepositsOptions) {
    this.#options = options
    this.#deposits = []
  }

  /** The policy, consents or GRANTs may be others than before. */
  changed(): void {
    const wanted = this.#options.mailboxes()
    const same = (a: MailboxPlace, b: MailboxPlace): boolean => equal(a.key, b.key) && a.address === b.address
    for (const deposit of this.#deposits)
      if (!wanted.some((place) => same(place, deposit.place))) deposit.link.stop()
    this.#deposits = this.#deposits.filter(({ place }) => wanted.some((w) => same(w, place)))
    for (const place of wanted) if (!this.#deposits.some((d) => same(d.place, place))) this.#begin(place)
    for (const deposit of this.#deposits) if (deposit.link.up) this.#tell(deposit)
  }

  /** A frame was sealed; `message` is the FRAMES message of it alone. */
  onFrame(cls: ClassId, message: Bytes): void {
    for (let i = 0; i < this.#deposits.length; i++) this.#deposits[i]!.subscribers[cls]?.onFrame(message)
  }

  close(): void {
    for (const { link } of this.#deposits) link.stop()
    this.#deposits = []
  }

  #begin(place: MailboxPlace): void {
    const { host, loop } = this.#options
    const link: Link = new Link({
      host: host(),
      loop,
      key: place.key,
      protocol: CHANNEL_PROTOCOL,
      addresses: () => [place.address],
      opening: () => [],
      onMessage: (message) => this.#onMessage(deposit, message),
      onDrain: () => {
        for (const subscriber of deposit.subscribers) subscriber?.onDrain()
      },
      onState: (up) => {
        deposit.subscribers.fill(null)
        deposit.given.clear()
        deposit.told = null
        if (up) this.#tell(deposit)
      },
    })
    const deposit: Deposit = {
      place,
      link,
      subscribers: CLASS_NAMES.map(() => null),
      given: new Set(),
      told: null,
    }
    this.#deposits.push(deposit)
    link.start()
  }

  /** Who may be served, and the GRANTs that it does not have yet. */
  #tell(deposit: Deposit): void {
    const { link, given } = deposit
    const { state, witnessed } = this.#options
    const open = (state.log?.readers ?? []).filter(({ grantId }) => state.access.given(grantId) !== null)
    const ids = open.map(({ grantId }) => grantId)
    const told = ids.map(base64url).join(' ')
    if (told !== deposit.told && link.send(encodeDeposit(ids))) deposit.told = told
    if (!witnessed()) return
    for (const { reader, class: cls, bytes } of state.owed) {
      const mine = open.some((r) => r.class === cls && equal(r.sign, reader))
      if (!mine || given.has(bytes)) continue
      if (link.send(encodeSigned(CHANNEL.grant, bytes))) given.add(bytes)
    }
  }

  /** It says from where on it wants a class; anything else ends the stream. */
  #onMessage(deposit: Deposit, message: Bytes): void {
    const { channels } = this.#options
    const asked = decodeSubscribe(message)
    const stream = deposit.link.stream
    if (!stream) return
    if (!asked || deposit.subscribers[asked.class]) {
      stream.reset()
      return
    }
    const outlet: Outlet = { stream, send: (m) => deposit.link.send(m), close: () => stream.end() }
    const ring = channels.ring(asked.class)
    const subscriber = new Subscriber({ class: asked.class, reader: deposit.place.key, outlet, ring })
    deposit.subscribers[asked.class] = subscriber
    ring.find(asked, (error, n) => {
      if (deposit.subscribers[asked.class] !== subscriber) return
      if (error) stream.reset()
      else subscriber.start(n, [])
    })
  }
}
