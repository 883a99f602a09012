// A service provider: a key, a card to hand out, invitations from owners, and one follower for each
// device and class it was granted. Readings go to the sink; what it can no longer open is counted and
// said. Holds nothing but its own key, the invitations, and where it stands in each channel.

import { type Bytes, equal, hex } from '../base/bytes.ts'
import { WattleError } from '../base/errors.ts'
import { LIMITS } from '../base/limits.ts'
import { Follower } from '../channel/follower.ts'
import { encodePlaces, placeOf, type ReaderPlace } from '../channel/place.ts'
import { Exchange, Signer, Verifier } from '../crypto/native.ts'
import { locatorOf } from '../dht/overlay/head.ts'
import type { Failure, Hardware, Listener } from '../hw/hardware.ts'
import type { Stream } from '../net/api.ts'
import { Host } from '../net/host.ts'
import { Messages } from '../net/messages.ts'
import { serveIdentify } from '../net/services/identify.ts'
import { servePing } from '../net/services/ping.ts'
import { guestLayer } from '../node/dht/layer.ts'
import { Link } from '../node/link.ts'
import type { Loop } from '../node/loop.ts'
import type { DiscoverySettings } from '../node/peers/config.ts'
import { Coordinator } from '../node/peers/coordinator.ts'
import type { SnapshotFile } from '../node/snapshot.ts'
import { signCard } from '../ownership/card.ts'
import { TelegramUnpacker } from '../p1/sequence.ts'
import type { ReaderEntryText } from '../wire/access.ts'
import {
  CHANNEL,
  CHANNEL_PROTOCOL,
  ENDING,
  type Ending,
  encodeSigned,
  encodeSubscribeAt,
} from '../wire/channel.ts'
import { CONSENT, CONSENT_PROTOCOL, decodeInvite, encodeInviteDone, type Invite } from '../wire/consent.ts'
import { CLASS_NAMES } from '../wire/frame.ts'
import type { ProviderAccess } from './access.ts'
import { readInvite } from './invite.ts'
import type { Channel, ProviderStore } from './store.ts'

export interface ProviderEvents {
  onTelegram(channel: Channel, telegram: Bytes, at: { epoch: number; index: number; wall: number }): void
  onSealed(channel: Channel, at: { epoch: number; index: number }): void
  onGap(channel: Channel, from: { epoch: number; index: number }, to: { epoch: number; index: number }): void
  onAccess(channel: Channel, access: string, why: Ending | null): void
  onInvite(channel: Channel): void
  /** The device says, signed, that access was given or taken. */
  onEntry?(channel: Channel, entry: ReaderEntryText): void
  /** An invitation that led nowhere made room for another. */
  onForget?(channel: Channel): void
}

export interface ProviderOptions {
  hardware: Hardware
  loop: Loop
  store: ProviderStore
  /** What the devices' logs of keys say about us. */
  access: ProviderAccess
  /** Where we stood when we last saved, and the file to save to. */
  places: readonly ReaderPlace[]
  placesFile: SnapshotFile
  events: ProviderEvents
  /** Of frames that came together: every signature, or the newest and the links behind it (the default). */
  verify?: 'every' | 'batch'
  /** How devices are found that are not where they were; without it by their addresses alone. */
  discovery?: DiscoverySettings
}

interface Following {
  channel: Channel
  follower: Follower
  unpacker: TelegramUnpacker
  link: Link
  /** To a mailbox, while the device is away; null where there is none. */
  mail: Link | null
  /** Which of the invitation's mailboxes is asked next. */
  mailAt: number
  /** When an invitation last made us ask the device at once. */
  askedAt: number
}

const SAVE_MS = 2_000
/** The device may be starting: so long it is waited for before its mailbox is asked. */
const MAIL_MS = 5_000
/** Between two invitations that make us ask at once. */
const ASK_MS = 2_000
/** As many as an invitation may name. */
const ADDRESSES = 8

export class Provider {
  readonly #options: ProviderOptions
  readonly #signer: Signer
  readonly #exchange: Exchange
  readonly host: Host
  readonly #following: Following[]
  readonly #coordinator: Coordinator | null

  constructor(options: ProviderOptions) {
    const { hardware, loop, store } = options
    this.#options = options
    this.#signer = new Signer(store.keys.seed)
    this.#exchange = new Exchange(store.keys.boxSeed)
    this.host = new Host({
      sockets: hardware.sockets,
      timers: loop,
      random: hardware.random,
      signer: this.#signer,
      agent: 'wattle-provider',
    })
    serveIdentify(this.host)
    servePing(this.host)
    this.host.handle(CONSENT_PROTOCOL, (stream) => this.#onConsentStream(stream))
    this.#following = []
    this.#coordinator = options.discovery ? this.#makeCoordinator(options.discovery) : null
    for (const channel of store.channels) this.#follow(channel)
    loop.every('provider save', SAVE_MS, () => this.#save())
    this.#coordinator?.start()
  }

  #makeCoordinator({ mdns, bootstrap, dht }: DiscoverySettings): Coordinator {
    const { hardware, loop } = this.#options
    const { sockets, random, clock } = hardware
    const listen = { sockets, random, host: 'provider', announcement: () => null, signer: () => null }
    const coordinator: Coordinator = new Coordinator({
      loop,
      host: this.host,
      wall: () => clock.wall(),
      lan: mdns === 'off' ? null : { ...listen, loopback: mdns === 'lo' },
      bootstrap: bootstrap.enabled
        ? { peers: () => bootstrap.peers, contact: () => null, timeoutMs: bootstrap.timeoutMs }
        : null,
      layers: dht
        ? [
            guestLayer({ loop, random, sockets }, dht, {
              onPeer: (key, at) => coordinator.heard('dht', key, at),
              locator: (key) => {
                const following = this.#following.find(({ channel }) => equal(channel.device, key))
                return following ? locatorOf(this.#exchange, following.channel.deviceBox, key) : null
              },
            }),
          ]
        : [],
      onReachable: (key) => {
        for (const { channel, link } of this.#following) if (equal(channel.device, key)) link.hurry()
      },
    })
    return coordinator
  }

  /** Devices times classes that are followed. */
  get channels(): number {
    return this.#following.length
  }

  /** The line of text that an owner grants to. */
  card(addresses: string[]): string {
    const { name, domain } = this.#options.store.keys
    return signCard(
      { name, domain, sign: this.#signer.publicKey, box: this.#exchange.publicKey, addresses },
      this.#signer,
    )
  }

  listen(address: string, done: (error: Failure, listener: Listener | null) => void): void {
    this.host.listen(address, done)
  }

  /** Saves every place and stops. */
  close(done: () => void): void {
    for (const { link, mail, channel } of this.#following) {
      link.stop()
      mail?.stop()
      this.#options.loop.cancel(mailTimerOf(channel))
    }
    this.#options.loop.cancel('provider save')
    this.#coordinator?.stop()
    this.#save(() => {
      this.#options.access.close()
      done()
    })
    this.host.close()
  }

  #onConsentStream(stream: Stream): void {
    const messages = new Messages(stream, 'u32', {
      onMessage: (message) => {
        const invite = message[0] === CONSENT.invite ? decodeInvite(message) : null
        if (!invite) {
          stream.reset()
          return
        }
        this.#onInvite(invite, (error) => {
          // Not kept: the owner's side asks again when its stream breaks.
          if (error) stream.reset()
          else messages.send(encodeInviteDone())
        })
      },
      onDrain: () => {},
      onEnd: () => stream.end(),
      onClose: () => {},
    })
  }

  /**
   * It proves that this device has a consent for us. All it does is make us ask that device for frames,
   * which it will only give when its own reader set has our key. Their number is capped.
   */
  #onInvite(invite: Invite, done: (error: Failure) => void): void {
    const { store, events } = this.#options
    const shown = readInvite(invite, { sign: this.#signer.publicKey, box: this.#exchange.publicKey })
    if (!shown) return done(new WattleError('bad-invite', 'an invitation that proves nothing'))
    const { channel } = shown
    const before = this.#find(channel)
    // Once the device itself has let us in, nobody else can turn us away from it.
    if (before && before.follower.reader.next() !== null) {
      channel.addresses = merged(before.channel.addresses, invite.addresses)
    }
    if (!before && store.channels.length >= LIMITS.provider.channels) this.#makeRoom()
    store.invite(channel, (error) => {
      done(error)
      if (error) return
      this.#options.access.event(channel.device, invite.event)
      this.#options.access.entry(channel.device, invite.entry)
      const known = this.#find(channel)
      if (known) {
        Object.assign(known.channel, {
          addresses: channel.addresses,
          grantId: channel.grantId,
          until: channel.until,
          mailboxes: channel.mailboxes,
        })
        this.#askAnew(known)
      } else this.#follow(channel)
      events.onInvite(known?.channel ?? channel)
    })
  }

  /** Not while we read, and not again and again: anyone may send an invitation. */
  #askAnew(following: Following): void {
    const now = this.#options.loop.now()
    const { follower, link } = following
    if ((follower.reader.open && !follower.ended) || now - following.askedAt < ASK_MS) return
    following.askedAt = now
    follower.invited()
    link.renew()
  }

  #find(channel: Channel): Following | undefined {
    return this.#following.find(
      (f) => equal(f.channel.device, channel.device) && f.channel.class === channel.class,
    )
  }

  /** The oldest invitation that never led to a grant, and to no device either, goes. */
  #makeRoom(): void {
    const i = this.#following.findIndex(({ follower, link }) => !link.up && follower.reader.next() === null)
    const idle = this.#following[i]
    if (!idle) return
    idle.link.stop()
    idle.mail?.stop()
    this.#options.loop.cancel(mailTimerOf(idle.channel))
    this.#following.splice(i, 1)
    this.#options.store.forget(idle.channel)
    if (!this.#following.some((f) => equal(f.channel.device, idle.channel.device)))
      this.#options.access.forget(idle.channel.device)
    this.#options.events.onForget?.(idle.channel)
    if (!this.#following.some(({ channel }) => equal(channel.device, idle.channel.device)))
      this.#coordinator?.unwant(idle.channel.device)
  }

  #follow(channel: Channel): void {
    const { loop, events } = this.#options
    const device = Verifier.of(channel.device)
    if (!device) return
    const unpacker = new TelegramUnpacker()
    const follower = new Follower({
      device,
      deviceBox: channel.deviceBox,
      class: channel.class,
      verify: this.#options.verify ?? 'batch',
      own: { sign: this.#signer.publicKey, exchange: this.#exchange },
      events: {
        onPayload: (payload, at) => {
          const telegram = channel.class === 0 ? unpacker.unpack(payload) : payload
          if (telegram) events.onTelegram(channel, telegram, { ...at, wall: unpacker.wall })
        },
        onGap: (from, to) => {
          unpacker.lost()
          events.onGap(channel, from, to)
        },
        onAccess: (access, why) => events.onAccess(channel, access, why),
        onSealed: (at) => events.onSealed(channel, at),
        onGrant: (state) => {
          if (state.length > 0) unpacker.join(state)
        },
        onEntry: (bytes, entry) => {
          const added = this.#options.access.entry(channel.device, bytes)
          if (added === 'new' || added === 'branch') events.onEntry?.(channel, entry)
        },
        onReject: () => {},
        onFrame: () => {},
      },
    })
    const place = placeOf(this.#options.places, channel.device, channel.class)
    if (place) {
      follower.restore(place.state)
      unpacker.restore(place.context)
    }
    const mailTimer = mailTimerOf(channel)
    const link = new Link({
      host: this.host,
      loop,
      key: channel.device,
      protocol: CHANNEL_PROTOCOL,
      addresses: () => this.#coordinator?.addressesOf(channel.device, channel.addresses) ?? channel.addresses,
      onDial: (address, error) => {
        if (error) this.#coordinator?.didNotWork(address)
        else this.#coordinator?.worked(channel.device, address)
      },
      opening: () => [follower.subscribe()],
      onMessage: (message) => follower.onMessage(message),
      onState: (up) => {
        if (up) {
          loop.cancel(mailTimer)
          following.mail?.stop()
          following.mail = null
          return
        }
        follower.onDisconnect()
        if (channel.mailboxes.length > 0 && !following.mail && loop.left(mailTimer) < 0)
          loop.after(mailTimer, MAIL_MS, () => this.#mail(following))
        // Access was ended by the owner: nothing to ask for until the next invitation, unless it only rests.
        if (follower.ended && follower.ended.why !== ENDING.paused) link.stop()
      },
    })
    const following: Following = {
      channel,
      follower,
      unpacker,
      link,
      mail: null,
      mailAt: 0,
      askedAt: Number.NEGATIVE_INFINITY,
    }
    this.#following.push(following)
    this.#coordinator?.want(channel.device)
    link.start()
  }

  /** The device has been away for a while: its mailboxes are asked, one after the other. */
  #mail(following: Following): void {
    const { channel, follower, link } = following
    const mailbox = channel.mailboxes[following.mailAt % channel.mailboxes.length]
    if (!mailbox || link.up || following.mail) return
    const { loop } = this.#options
    following.mailAt++
    const mail: Link = new Link({
      host: this.host,
      loop,
      key: mailbox.key,
      protocol: CHANNEL_PROTOCOL,
      addresses: () => [mailbox.address],
      opening: () => [
        ...this.#options.access.showing(channel).map((entry) => encodeSigned(CHANNEL.entry, entry)),
        encodeSubscribeAt(channel.device, follower.request()),
      ],
      onMessage: (message) => follower.onMessage(message),
      onState: (up) => {
        if (up || following.mail !== mail) return
        mail.stop()
        following.mail = null
        loop.after(mailTimerOf(channel), MAIL_MS, () => this.#mail(following))
      },
    })
    following.mail = mail
    mail.start()
  }

  #save(done: () => void = () => {}): void {
    const places: ReaderPlace[] = []
    for (const { channel, follower, unpacker } of this.#following) {
      const state = follower.reader.state()
      if (state)
        places.push({ device: channel.device, class: channel.class, state, context: unpacker.save() })
    }
    this.#options.placesFile.write(encodePlaces(places), done)
  }
}

function mailTimerOf(channel: Channel): string {
  return `mail ${hex(channel.device.subarray(0, 6))} ${channel.class}`
}

/** The first that was known stays the first; eight at most. */
function merged(known: readonly string[], told: readonly string[]): string[] {
  return [...new Set([...known.slice(0, 1), ...told, ...known.slice(1)])].slice(0, ADDRESSES)
}

/** How a channel is named to people and in events. */
export function channelName(channel: Channel): string {
  return `${hex(channel.device.subarray(0, 4))} ${CLASS_NAMES[channel.class]}`
}
