// My Home: the owner's keys, devices, consents and readings in one place; what the page and the commands
// call. One Owned for each device keeps its links up. Nothing here trusts a device further than its
// signatures, and nothing is granted without the owner log saying so.

import { type Bytes, equal, hex } from '../base/bytes.ts'
import { WattleError } from '../base/errors.ts'
import { LIMITS } from '../base/limits.ts'
import { decodePlaces, encodePlaces, placeOf, type ReaderPlace } from '../channel/place.ts'
import { Exchange, Signer, Verifier } from '../crypto/native.ts'
import type { Failure, Hardware } from '../hw/hardware.ts'
import { Host } from '../net/host.ts'
import { serveIdentify } from '../net/services/identify.ts'
import { servePing } from '../net/services/ping.ts'
import { attachCircuits, type Circuits } from '../node/circuit/relays.ts'
import type { Loop } from '../node/loop.ts'
import { attachPlane } from '../node/path/attach.ts'
import type { Plane } from '../node/path/plane.ts'
import type { DiscoverySettings } from '../node/peers/config.ts'
import type { Coordinator } from '../node/peers/coordinator.ts'
import { SnapshotFile } from '../node/snapshot.ts'
import type { Card } from '../ownership/card.ts'
import type { EventBody } from '../ownership/event.ts'
import { type Label, parseCode } from '../ownership/label.ts'
import type { Decision } from '../ownership/log.ts'
import { Successors } from '../ownership/owners/successors.ts'
import { signVouch, type VouchKind } from '../ownership/reputation/statement.ts'
import { CHANNEL_PROTOCOL } from '../wire/channel.ts'
import type { ClassId } from '../wire/frame.ts'
import type { PeerOpinion } from '../wire/net/peers.ts'
import { Claiming, policyAtClaim } from './claiming.ts'
import { Invites, invitedBy } from './consent/invites.ts'
import type { OwnedEvents } from './events.ts'
import { homeMailbox } from './mail/home-mail.ts'
import { HomeCommunities } from './network/communities.ts'
import { homeCoordinator, unclaimedAt } from './network/finding.ts'
import { askPeers } from './network/peers.ts'
import { Owned } from './owned.ts'
import { tellReaders } from './owning/device-key.ts'
import { Joining } from './owning/joining.ts'
import { Owning } from './owning/owning.ts'
import { submit } from './owning/submitting.ts'
import { type DeviceAccess, openAccesses } from './proof/access.ts'
import { HomeStore, type OwnedDevice, tooMany, unwritten } from './store.ts'
import { type UpdateOptions, UpdateSender } from './update.ts'

export interface HomeOptions {
  hardware: Hardware
  loop: Loop
  events: OwnedEvents
  /** Keep frames for readers, and where they find us; the caller listens on `host`. */
  mailbox?: { address: string; frames?: number }
  report: (event: string, detail?: Record<string, unknown>) => void
  /** How devices are found; without it only where they were last. */
  discovery?: DiscoverySettings
}

export interface GrantRequest {
  class: ClassId
  /** Milliseconds since 1970. */
  until: number
  purpose: string
}

type Done = (error: WattleError | null) => void

const SAVE_MS = 2_000
const SYNC_MS = 60_000
const ALL_CLASSES: readonly ClassId[] = [0, 1, 2]
const PLACES = { file: 'home.places', kind: 'plac', version: 1 } as const

export class Home {
  readonly host: Host
  readonly store: HomeStore
  readonly owned: Owned[]
  readonly owning: Owning
  /** Our successor keys. */
  readonly successors: Successors
  readonly joining: Joining
  readonly coordinator: Coordinator | null
  readonly communities: HomeCommunities
  /** UDP, where relays are set. */
  readonly plane: Plane | null
  /** Calling through relays of connections, where relays are set. */
  readonly circuits: Circuits | null
  readonly #options: HomeOptions
  readonly #signer: Signer
  readonly #exchange: Exchange
  readonly #claiming: Claiming
  readonly #placesFile: SnapshotFile
  readonly #places: readonly ReaderPlace[]
  readonly #invites: Invites
  readonly #accesses: Map<string, DeviceAccess>
  /** Keeps frames for readers, where this home was told to. */
  readonly mailbox: ReturnType<typeof homeMailbox> | null

  private constructor(
    options: HomeOptions,
    parts: {
      store: HomeStore
      signer: Signer
      exchange: Exchange
      host: Host
      claiming: Claiming
      places: ReaderPlace[]
      placesFile: SnapshotFile
      successors: Successors
      accesses: Map<string, DeviceAccess>
    },
  ) {
    this.#options = options
    this.store = parts.store
    this.host = parts.host
    this.#signer = parts.signer
    this.#exchange = parts.exchange
    this.#claiming = parts.claiming
    this.#places = parts.places
    this.#placesFile = parts.placesFile
    this.owned = []
    this.plane = attachPlane({
      hardware: options.hardware,
      loop: options.loop,
      host: parts.host,
      signer: parts.signer,
      settings: options.discovery ?? null,
      port: 0,
      loopback: options.discovery?.mdns === 'lo',
      punchSockets: LIMITS.udp.punchSockets,
      report: options.report,
    })
    this.circuits = attachCircuits({ ...options, host: parts.host, reserve: false })
    const { files } = options.hardware
    this.mailbox = options.mailbox
      ? homeMailbox({ files, store: this.store, access: (d) => this.access(d), ...options.mailbox })
      : null
    this.#invites = new Invites({
      host: parts.host,
      loop: options.loop,
      book: (device) => this.access(device)?.book ?? null,
      mailbox: options.mailbox ? { key: this.key, address: options.mailbox.address } : null,
      report: options.report,
    })
    this.#accesses = parts.accesses
    this.successors = parts.successors
    this.owning = new Owning({
      store: parts.store,
      signer: parts.signer,
      exchange: parts.exchange,
      successors: parts.successors,
      owned: () => this.owned,
      host: parts.host,
      loop: options.loop,
      onTaken: (device, decision) => this.#onLog(device, decision),
      wall: () => this.#wall(),
      report: options.report,
    })
    this.joining = new Joining({
      store: parts.store,
      nextDigest: () => this.owning.nextDigest(),
      exchange: parts.exchange,
      visiting: { host: parts.host, loop: options.loop, signer: parts.signer, wall: () => this.#wall() },
      onOlder: ({ name }) => options.report('older-card', { device: name }),
      onJoined: (device, joined) => this.#added(device, joined),
    })
    this.communities = new HomeCommunities({ ...options, ...parts, owned: () => this.owned })
    this.coordinator = options.discovery
      ? homeCoordinator({
          ...options,
          settings: options.discovery,
          host: parts.host,
          listed: () => this.communities.peers(),
          store: parts.store,
          exchange: parts.exchange,
          onReachable: (key) => this.owned.find((o) => equal(o.key, key))?.hurry(),
        })
      : null
    for (const device of parts.store.devices) if (this.#ours(device)) this.#open(device)
    if (this.mailbox) {
      this.host.handle(CHANNEL_PROTOCOL, (stream) => this.mailbox?.onStream(stream))
      options.loop.every('mailbox sync', SYNC_MS, () => this.mailbox?.sync())
    }
    options.loop.every('home save', SAVE_MS, () => this.#save())
    this.coordinator?.start()
  }

  /** Addresses of the unclaimed device of a label; a code without one fits where there is only one device. */
  unclaimedAt(discriminator: number | null): readonly string[] {
    return unclaimedAt(this.coordinator, discriminator)
  }

  static start(options: HomeOptions, done: (error: Failure, home: Home | null) => void): void {
    const { hardware, loop } = options
    const { files, random, sockets } = hardware
    HomeStore.open(files, random, (error, store) => {
      if (error || !store) return done(error, null)
      const signer = new Signer(store.keys.seed)
      const exchange = new Exchange(store.keys.boxSeed)
      const host = new Host({ sockets, timers: loop, random, signer, agent: 'wattle-home' })
      serveIdentify(host)
      servePing(host)
      const successors = new Successors(store.keys.successors)
      const next = (): Bytes => home?.owning.nextDigest() ?? successors.digest(0)
      let home: Home | null = null
      const parts = {
        host,
        loop,
        files,
        random,
        signer,
        exchange,
        policy: policyAtClaim(options.discovery),
        next,
      }
      Claiming.open(parts, (failure, claiming) => {
        if (failure || !claiming) return done(failure, null)
        const placesFile = new SnapshotFile(files, PLACES.file, PLACES.kind, PLACES.version)
        placesFile.read((trouble, content) => {
          if (trouble) return done(trouble, null)
          const places = (content && decodePlaces(content)) ?? []
          openAccesses(hardware, store.devices, (bad, accesses) => {
            if (!accesses) return done(bad, null)
            const all = { store, signer, exchange, host, claiming, places, placesFile, accesses, successors }
            home = new Home(options, all)
            done(null, home)
          })
        })
      })
    })
  }

  /** The owner's Ed25519 key. */
  get key(): Bytes {
    return this.#signer.publicKey
  }

  /** Our copy of a device's log of keys. */
  access(device: OwnedDevice): DeviceAccess | null {
    return this.#accesses.get(hex(device.key)) ?? null
  }

  find(word: string): Owned | null {
    const device = this.store.find(word)
    return (device && this.owned.find((o) => o.device === device)) ?? null
  }

  /** Claims the device at an address; `code` as typed, scanned or as URL. */
  claim(
    o: { code: string; address: string; waitMs: number; onShow?: (what: string) => void },
    done: (error: WattleError | null, device: OwnedDevice | null) => void,
  ): void {
    const label: Label | null = parseCode(o.code)
    if (!label)
      return done(
        new WattleError('bad-code', 'expected a code like K7QD-M2XA-9RTE; its check character does not fit'),
        null,
      )
    if (this.store.full) return done(tooMany(), null)
    const run = { label, address: o.address, waitMs: o.waitMs, onShow: o.onShow ?? (() => {}) }
    this.#claiming.claim(run, (error, claimed) => {
      if (error || !claimed) return done(error, null)
      const { certificate, bytes } = claimed
      // The certificate of an earlier claim, repeated: nothing new to keep, unless it never arrived.
      const known = this.store.device(certificate.device)
      if (known) return done(null, known)
      const name = this.store.freeName(`wattle-${certificate.discriminator.toString(16).padStart(4, '0')}`)
      const device = {
        key: certificate.device,
        box: certificate.box,
        name,
        addresses: [o.address],
        certificate: bytes,
        owners: claimed.owners,
        policy: policyAtClaim(this.#options.discovery),
      }
      this.store.addDevice(device, (failure) => {
        if (failure) return done(unwritten(failure), null)
        const added = this.store.device(certificate.device)!
        this.#added(added, (bad) => done(bad, bad ? null : added))
      })
    })
  }

  /** A device that is written down: its log of keys is opened, and then it is followed. */
  #added(device: OwnedDevice, done: Done): void {
    const followed = this.owned.find((o) => o.device === device)
    if (followed && equal(followed.key, device.log.device)) return done(null)
    if (followed) {
      this.#leave(followed, 'key')
      this.#followKey(device, followed.key)
      return done(null)
    }
    openAccesses(this.#options.hardware, [device], (error, accesses) => {
      if (!accesses) return done(unwritten(error ?? new Error('no file')))
      for (const [key, access] of accesses) this.#accesses.set(key, access)
      this.#open(device, () => done(null))
    })
  }

  #wall(): number {
    return Math.floor(this.#options.hardware.clock.wall())
  }

  /** We are one of its owners, and it has not been given up. */
  #ours(device: OwnedDevice): boolean {
    return !device.log.deleted && device.log.isOwner(this.#signer.publicKey)
  }

  #onLog(device: OwnedDevice, decision: Decision): void {
    const { events, loop } = this.#options
    events.onLog(device, decision)
    // Its entry may have come before the event: after an answer that was lost, or by another owner's hand.
    for (const { grantId } of invitedBy(decision, device.log.readers)) this.#inviteAgain(device, grantId)
    const owned = this.owned.find((o) => o.device === device)
    if (decision.kind === 'deleted' && device.log.revoked)
      tellReaders(
        { home: this, invites: this.#invites, device, wall: this.#wall(), report: this.#options.report },
        decision,
      )
    if (!owned || (this.#ours(device) && decision.kind !== 'key')) return
    // Not ours any more, or by another key; whoever waits for this very event hears of it first.
    loop.after(`gone ${device.name}`, 1, () => {
      this.#leave(owned, decision.kind === 'key' ? 'key' : decision.kind === 'deleted' ? 'deleted' : 'gone')
      if (decision.kind === 'key') this.#followKey(device, owned.key)
    })
  }

  /** The device goes by another key: frames under the old one are not believed any more. */
  #followKey(device: OwnedDevice, before: Bytes): void {
    this.mailbox?.forget(before)
    const key = Verifier.of(device.log.device)
    if (key) this.access(device)?.book.succeed(key)
    this.#open(device)
  }

  #leave(owned: Owned, why: 'gone' | 'deleted' | 'key'): void {
    const at = this.owned.indexOf(owned)
    if (at < 0) return
    owned.stop()
    this.owned.splice(at, 1)
    this.coordinator?.unwant(owned.key)
    this.#options.report(why, { device: owned.device.name })
  }

  look: Claiming['look'] = (address, done) => this.#claiming.look(address, done)

  /** Sends firmware to a device; `stop` of what comes back gives up, and the next one goes on there. */
  update(owned: Owned, o: Pick<UpdateOptions, 'source' | 'onProgress' | 'onDone'>): UpdateSender {
    const sender = new UpdateSender({ ...o, host: this.host, loop: this.#options.loop, device: owned.device })
    sender.start()
    return sender
  }

  /** Lets a provider read one class of a device from now on. */
  grant(
    owned: Owned,
    card: Card,
    request: GrantRequest,
    done: (error: WattleError | null, grantId: Bytes | null) => void,
  ): void {
    const { hardware } = this.#options
    const grantId = new Uint8Array(16)
    hardware.random(grantId)
    const { name, domain, sign, box } = card
    const { class: cls, until, purpose } = request
    const reader = { grantId, name, domain, sign, box, since: this.#wall(), class: cls, until, purpose }
    this.#submit(owned, { type: 'AUTHORIZED', reader }, (error) => {
      if (error) return done(error, null)
      this.#invites.invite(owned.device, card.addresses, grantId)
      done(null, grantId)
    })
  }

  /** Ends one consent; when done, the very next frame is closed to that reader. */
  revoke(owned: Owned, grantId: Bytes, done: Done): void {
    this.#submit(owned, { type: 'AUTHORIZATION_REVOKED', grantId }, done)
  }

  /** Our word that the device belongs to this household, for it to keep and to show. */
  vouchFor(owned: Owned, kind: VouchKind, forMs: number): string {
    const at = Math.floor(this.#options.hardware.clock.wall())
    const by = this.#signer.publicKey
    return signVouch({ by, about: owned.device.log.device, at, kind, until: at + forMs }, this.#signer)
  }

  /** One message of the peers protocol to a device of ours (home/network/peers.ts). */
  askPeers(
    owned: Owned,
    message: Bytes,
    done: (error: WattleError | null, peers: PeerOpinion[]) => void,
  ): void {
    askPeers({ host: this.host, loop: this.#options.loop, device: owned.device.log.device, message }, done)
  }

  /** Lets one consent rest, or (null) all of them; when done, the very next frame is closed to those readers. */
  pause(owned: Owned, grantId: Bytes | null, done: Done): void {
    this.#submit(owned, { type: 'PAUSED', grantId }, done)
  }

  /** Ends the rest: they read again from the next frame (summaries: the next full period) on. */
  resume(owned: Owned, grantId: Bytes | null, done: Done): void {
    this.#submit(owned, { type: 'RESUMED', grantId }, done)
  }

  /** Gives the device up: its identity and keys are destroyed. */
  delete(owned: Owned, done: Done): void {
    this.#submit(owned, { type: 'DEVICE_DELETED' }, (error) => {
      if (!error) {
        this.#leave(owned, 'deleted')
      }
      done(error)
    })
  }

  /** Saves every place and stops. */
  close(done: () => void): void {
    this.#options.loop.cancel('home save')
    this.coordinator?.stop()
    this.plane?.close()
    this.circuits?.close()
    for (const owned of this.owned) owned.stop()
    this.#invites.stop()
    this.#options.loop.cancel('mailbox sync')
    this.#save(() => {
      this.mailbox?.close()
      this.host.close()
      this.store.close()
      for (const access of this.#accesses.values()) access.close()
      done()
    })
  }

  /** Frames go into the mailbox from the first on. */
  #open(device: OwnedDevice, then: () => void = () => {}): void {
    const follow = (error: Failure): void => {
      if (error) this.#options.report('failed', { what: 'mailbox', text: error.message })
      this.#follow(device)
      then()
    }
    if (this.mailbox) this.mailbox.open(device.log.device, follow)
    else follow(null)
  }

  #follow(device: OwnedDevice): void {
    const { loop, events } = this.#options
    const owned = new Owned({
      device,
      store: this.store,
      host: this.host,
      loop,
      own: { sign: this.#signer.publicKey, exchange: this.#exchange },
      classes: this.mailbox ? ALL_CLASSES : [0],
      place: (cls) => placeOf(this.#places, device.log.device, cls),
      onFrame: (frame) => this.mailbox?.onFrame(owned.key, frame),
      events: { ...events, onLog: (changed, decision) => this.#onLog(changed, decision) },
      access: this.#accesses.get(hex(device.key))!,
      onSynced: () => this.#onSynced(owned),
      ...(this.coordinator ? { coordinator: this.coordinator } : {}),
      onEntry: (grantId) => this.#inviteAgain(device, grantId),
      onOtherKey: (address) => this.joining.lookAgain(owned.key, address),
    })
    this.owned.push(owned)
    this.coordinator?.want(owned.key)
    owned.start()
    for (const reader of device.log.readers) this.#inviteAgain(device, reader.grantId)
  }

  #inviteAgain(device: OwnedDevice, grantId: Bytes): void {
    const reader = device.log.reader(grantId)
    const card = reader && this.store.cards.find(({ card: c }) => equal(c.sign, reader.sign))?.card
    if (card) this.#invites.invite(device, card.addresses, grantId)
  }

  /** The first event of every device's log is ours to write. */
  #onSynced(owned: Owned): void {
    this.communities.pushSoon()
    this.mailbox?.drop(owned.key)
    const { log, name } = owned.device
    // The answer to a grant may be lost, and the grant stand; its entry may have come before its event.
    for (const { grantId } of log.readers)
      if (!this.#invites.begun(grantId)) this.#inviteAgain(owned.device, grantId)
    if (log.added) return this.owning.onSynced(owned)
    if (log.deleted) return
    this.#submit(owned, { type: 'DEVICE_ADDED', name }, (error) => {
      if (!error) this.owning.onAdded(owned)
    })
  }

  #submit(owned: Owned, body: EventBody, done: Done): void {
    const onTaken = (): void => this.mailbox?.drop(owned.device.log.device)
    submit(owned, { signer: this.#signer, wall: this.#wall(), body, onTaken }, done)
  }

  #save(done: () => void = () => {}): void {
    const places = this.owned.flatMap((o) => o.places())
    this.#placesFile.write(encodePlaces(places), (error) => {
      if (error) this.#options.report('failed', { what: 'places', text: error.message })
      done()
    })
  }
}
