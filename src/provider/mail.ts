// What a provider reads while a device is away: its mailboxes keep the frames, as far as they got them
// (docs/wire.md "Mailbox"). They are asked one after the other, from where the provider stands, until the
// device itself is back. Nothing that a mailbox sends is believed without the device's signature.

import { hex } from '../base/bytes.ts'
import type { Follower } from '../channel/follower.ts'
import type { Host } from '../net/host.ts'
import { Link } from '../node/link.ts'
import type { Loop } from '../node/loop.ts'
import { CHANNEL, CHANNEL_PROTOCOL, encodeSigned, encodeSubscribeAt } from '../wire/channel.ts'
import type { ProviderAccess } from './access.ts'
import type { Channel } from './store.ts'

export interface MailOptions {
  host: Host
  loop: Loop
  channel: Channel
  follower: Follower
  access: ProviderAccess
}

/** The device may be starting: so long it is waited for before a mailbox is asked, and one after another. */
const MAIL_MS = 5_000

export class Mail {
  readonly #options: MailOptions
  #link: Link | null
  /** Which of the invitation's mailboxes is asked next. */
  #next: number

  constructor(options: MailOptions) {
    this.#options = options
    this.#link = null
    this.#next = 0
  }

  /** The device cannot be reached: after a while a mailbox is asked, where there is one. */
  soon(): void {
    const { loop, channel } = this.#options
    if (channel.mailboxes.length === 0 || this.#link || loop.left(this.#timer) >= 0) return
    loop.after(this.#timer, MAIL_MS, () => this.#ask())
  }

  /** The device is back, or nothing is wanted any more. */
  stop(): void {
    this.#options.loop.cancel(this.#timer)
    this.#link?.stop()
    this.#link = null
  }

  get #timer(): string {
    const { device, class: cls } = this.#options.channel
    return `mail ${hex(device.subarray(0, 6))} ${cls}`
  }

  #ask(): void {
    const { host, loop, channel, follower, access } = this.#options
    const mailbox = channel.mailboxes[this.#next % channel.mailboxes.length]
    if (!mailbox || this.#link) return
    this.#next++
    const link: Link = new Link({
      host,
      loop,
      key: mailbox.key,
      protocol: CHANNEL_PROTOCOL,
      addresses: () => [mailbox.address],
      opening: () => [
        ...access.showing(channel).map((entry) => encodeSigned(CHANNEL.entry, entry)),
        encodeSubscribeAt(channel.device, follower.request()),
      ],
      onMessage: (message) => follower.onMessage(message),
      onState: (up) => {
        if (up || this.#link !== link) return
        link.stop()
        this.#link = null
        this.soon()
      },
    })
    this.#link = link
    link.start()
  }
}
