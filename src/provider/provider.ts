// A service provider: a key, a card to hand out, invitations from owners, and one follower for each
// device and class it was granted. Readings go to the sink; what it can no longer open is counted and
// said. Holds nothing but its own key, the invitations, and where it stands in each channel.

import { type Bytes, equal } from '../base/bytes.ts'
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
import type { Certificate } from '../ownership/claim-keys.ts'
import { TelegramUnpacker } from '../p1/sequence.ts'
import { CHANNEL_PROTOCOL, ENDING } from '../wire/channel.ts'
import {
  CONSENT,
  CONSENT_PROTOCOL,
  decodeInvite,
  decodeJws,
  encodeInviteDone,
  type Invite,
} from '../wire/consent.ts'
import type { ProviderAccess } from './access.ts'
import type { ProviderEvents } from './events.ts'
import { readInvite } from './invite.ts'
import { isByOneOf, type KeyStep, readKeyStep } from './keys.ts'
import { Mail } from './mail.ts'
import type { Channel, ProviderStore } from './store.ts'

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
  /** What is read while the device is away. */
  mail: Mail
  /** When an invitation last made us ask the device at once. */
  askedAt: number
}

const SAVE_MS = 2_000
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
    for (const { link, mail } of this.#following) {
      link.stop()
      mail.stop()
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
    const steps: KeyStep[] = []
    const answered = (error: Failure): void => {
      // Not kept: the owner's side asks again when its stream breaks.
      if (error) stream.reset()
      else messages.send(encodeInviteDone())
    }
    const messages = new Messages(stream, 'u32', {
      onMessage: (message) => {
        const jws = message[0] === CONSENT.key ? decodeJws(message) : null
        const step = jws === null ? null : readKeyStep(jws)
        if (step?.after === null) return this.#onRevoked(step, (error) => answered(error))
        if (step && steps.length < LIMITS.ownership.keySteps) return void steps.push(step)
        const invite = message[0] === CONSENT.invite ? decodeInvite(message) : null
        if (!invite) {
          stream.reset()
          return
        }
        this.#onInvite(invite, steps, (error) => answered(error))
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
  #onInvite(invite: Invite, steps: readonly KeyStep[], done: (error: Failure) => void): void {
    const { store, events } = this.#options
    const own = { sign: this.#signer.publicKey, box: this.#exchange.publicKey }
    const shown = readInvite(invite, own, steps)
    if (!shown) return done(new WattleError('bad-invite', 'an invitation that proves nothing'))
    const { channel } = shown
    for (const { before, after, jws } of shown.steps) this.#followKey(before, after!, jws)
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

  /** Both keys say that it is the same device: what we read there, we read under the new key from now on. */
  #followKey(before: Bytes, after: Certificate, jws: string): void {
    const { store, access } = this.#options
    const old = this.#following.filter(({ channel }) => equal(channel.device, before))
    for (const following of old) {
      this.#drop(following)
      store.rename(following.channel, after.device, after.box)
    }
    access.succeed({ before, after: after.device, jws })
    for (const { channel } of old) if (store.channels.includes(channel)) this.#follow(channel)
  }

  /** An owner who let us in says that this key is none of its devices any more. */
  #onRevoked({ before, jws }: KeyStep, done: (error: Failure) => void): void {
    const { store, access, events } = this.#options
    const old = this.#following.filter(({ channel }) => equal(channel.device, before))
    if (old.length === 0) return done(null)
    if (!isByOneOf(jws, access.of(before)?.events ?? []))
      return done(new WattleError('bad-invite', 'nobody who let us in says so'))
    for (const following of old) {
      this.#drop(following)
      store.forget(following.channel)
      events.onAccess(following.channel, 'ended', ENDING.deleted)
    }
    access.event(before, jws)
    store.save(done)
  }

  #drop(following: Following): void {
    const { channel, link, mail } = following
    link.stop()
    mail.stop()
    this.#following.splice(this.#following.indexOf(following), 1)
    if (!this.#following.some((f) => equal(f.channel.device, channel.device)))
      this.#coordinator?.unwant(channel.device)
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
    const idle = this.#following.find(({ follower, link }) => !link.up && follower.reader.next() === null)
    if (!idle) return
    this.#drop(idle)
    this.#options.store.forget(idle.channel)
    if (!this.#following.some((f) => equal(f.channel.device, idle.channel.device)))
      this.#options.access.forget(idle.channel.device)
    this.#options.events.onForget?.(idle.channel)
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
        onDigest: (state, at) => {
          const telegram = new TelegramUnpacker().join(state)
          if (telegram) events.onDigest?.(channel, telegram, at)
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
          following.mail.stop()
          return
        }
        follower.onDisconnect()
        following.mail.soon()
        // Access was ended by the owner: nothing to ask for until the next invitation, unless it only rests.
        if (follower.ended && follower.ended.why !== ENDING.paused) link.stop()
      },
    })
    const following: Following = {
      channel,
      follower,
      unpacker,
      link,
      mail: new Mail({ host: this.host, loop, channel, follower, access: this.#options.access }),
      askedAt: Number.NEGATIVE_INFINITY,
    }
    this.#following.push(following)
    this.#coordinator?.want(channel.device)
    link.start()
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

/** The first that was known stays the first; eight at most. */
function merged(known: readonly string[], told: readonly string[]): string[] {
  return [...new Set([...known.slice(0, 1), ...told, ...known.slice(1)])].slice(0, ADDRESSES)
}
