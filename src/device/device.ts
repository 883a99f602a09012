// The composition root of the firmware: one machine's hardware in, a running device out. Joins the two
// stories (meter.ts, claim.ts) with the network; nothing is decided here. An unclaimed device shows
// itself under a key that it forgets at power-off, a claimed one under its identity.

import { type Bytes, equal } from '../base/bytes.ts'
import { Verifier } from '../crypto/native.ts'
import type { Failure, Hardware } from '../hw/hardware.ts'
import { Loop } from '../node/loop.ts'
import type { DiscoverySettings } from '../node/peers/config.ts'
import { type ClaimRecord, deviceName } from '../ownership/label.ts'
import { FACTORY_POLICY, mailboxesOf, type Policy } from '../ownership/policy/policy.ts'
import type { Reading } from '../p1/reading.ts'
import type { Telegram } from '../p1/telegram.ts'
import type { Witness } from '../wire/channel.ts'
import { type ClassId, REASON, type Reason } from '../wire/frame.ts'
import { ButtonMachine, driveButton } from './button.ts'
import { Claim } from './claim.ts'
import { ConsentServer } from './consent.ts'
import { Lights } from './lights.ts'
import { Meter, type MeterOptions } from './meter.ts'
import { judgeHead, standing } from './network/head.ts'
import type { PageSetting } from './network/page/info.ts'
import { DevicePage } from './network/page/page.ts'
import { DeviceStreams } from './network/streams.ts'
import type { TunnelPort } from './network/tunnels.ts'
import { offerKey } from './owning/next-key.ts'
import { framesKept } from './owning/retention.ts'
import { Access } from './publish/access.ts'
import { ALL_CLASSES, Channels } from './publish/channels.ts'
import { Deposits } from './publish/deposits.ts'
import { forgetFrames } from './publish/ring-files.ts'
import { Subscribers } from './publish/subscribers.ts'
import { DeviceState } from './state.ts'
import { OnBoard, type OnBoardWishes } from './upkeep/onboard.ts'
import { type Judgement, judgeWitness } from './witness.ts'

export interface DeviceOptions {
  hardware: Hardware
  /** What the label's code was made into. */
  record: ClaimRecord
  /** `host:port` to listen on. */
  listen: string
  /** Serial line, as hw/ understands it. */
  serial: string
  /** What happens, for a person or a test: one event and its details; never a secret. */
  report: (event: string, detail?: Record<string, unknown>) => void
  onReading?: (reading: Reading, telegram: Telegram) => void
  /** The policy that holds from now on. */
  onPolicy?: (policy: Policy) => void
  /** How others find it; without it by its address alone. */
  discovery?: DiscoverySettings
  /** Frames that the ring of `raw` holds. */
  ringFrames?: number
  /** On a card of ours. */
  onBoard?: OnBoardWishes
  /** As in MeterOptions. */
  framer?: NonNullable<MeterOptions['framer']>
  /** Texts of signed lists of peers that came with the card. */
  communities?: () => readonly string[]
  /** Ports of this machine that owners reach through tunnels; none where it is left out. */
  tunnel?: () => readonly TunnelPort[]
  /** The page that a phone gets; left out where none is served. */
  page?: PageSetting
}

const SYNC_MS = 60_000
/** Between two pieces of laying out the ring: a card is not held up by it. */
const LAY_OUT_MS = 500
const DAY_MS = 86_400_000

export class Device {
  readonly #options: DeviceOptions
  readonly #loop: Loop
  readonly #state: DeviceState
  readonly #lights: Lights
  readonly #meter: Meter
  readonly #claim: Claim
  readonly #consent: ConsentServer
  readonly #button: ButtonMachine
  readonly #streams: DeviceStreams
  readonly #page: DevicePage | null
  readonly #onBoard: OnBoard | null
  #channels: Channels | null
  #subscribers: Subscribers | null
  /** Confirmed telegram time, UTC in ms. */
  #meterTime: number | null
  /** Somebody outside has confirmed our newest head since our start: new epochs have boxes for every reader. */
  #witnessed: boolean
  /** What is owed to readers since our start is written down: they may be let in. */
  #serving: boolean
  /** A witness has confirmed while keys were being changed. */
  #confirmed: boolean
  #access: Access | null

  private constructor(options: DeviceOptions, loop: Loop, state: DeviceState) {
    const { hardware, record, report } = options
    this.#options = options
    this.#loop = loop
    this.#state = state
    this.#channels = null
    this.#subscribers = null
    this.#meterTime = null
    this.#witnessed = false
    this.#serving = false
    this.#confirmed = false
    this.#access = null
    this.#page = this.#makePage()
    this.#lights = new Lights(this.#page?.watching(hardware.leds) ?? hardware.leds, loop)
    this.#meter = new Meter({
      loop,
      lights: this.#lights,
      wall: () => hardware.clock.wall(),
      ...(options.framer ? { framer: options.framer } : {}),
      onMeterTime: (utcMs) => {
        this.#meterTime = utcMs
        this.#claim.onMeterTime(utcMs)
        this.#onBoard?.onMeterTime(utcMs)
      },
      onPeriod: (cls, agoMs) => this.#access?.onPeriod(cls, agoMs),
      onReading: options.onReading ?? (() => {}),
      onTick: (now) => this.#onBoard?.onMeter(now),
      report,
    })
    this.#claim = new Claim({
      loop,
      random: hardware.random,
      record,
      state,
      lights: this.#lights,
      send: (link, message) => this.#linkOf(link).send(link, message),
      close: (link) => this.#linkOf(link).end(link),
      openLinks: () => [...this.#streams.openLinks(), ...(this.#page?.openLinks() ?? [])],
      onOwned: (done) => this.#onOwned(done),
      onDisowned: () => this.#onDisowned(),
      onKey: (done) => this.#onKey(done),
      onRules: (before) => this.#onRules(before),
      onOwnEvent: (jws) => this.#consent.tell(jws),
      wall: () => hardware.clock.wall(),
      report,
    })
    this.#consent = new ConsentServer({
      state,
      isOwner: (sign) => this.#claim.entitled(sign, 0)?.owner === true,
      onEvent: (jws, done) => this.#claim.onEvent(jws, done),
      delivered: () => this.#subscribers?.delivered() ?? [],
      onForged: (connection) => this.#streams.peers?.onForged(connection),
      offer: (done) =>
        offerKey({ state, random: hardware.random, discriminator: record.discriminator }, done),
    })
    state.onEntries = () => this.#consent.onEntries()
    this.#button = new ButtonMachine((gesture, now) => {
      if (this.#onBoard?.onGesture(gesture, now)) return
      this.#claim.onGesture(gesture, now)
      this.#page?.changed()
    })
    this.#onBoard = OnBoard.of(options, {
      loop,
      lights: this.#lights,
      name: this.name,
      address: () => this.#streams.address,
      peers: () => this.#streams.host.counters.get('opened'),
      telegrams: () => this.#meter.counters.get('telegrams'),
      isOwner: (sign) => this.#claim.entitled(sign, 0)?.owner === true,
    })
    this.#streams = new DeviceStreams({
      hardware,
      loop,
      listen: options.listen,
      signer: () => state.signer,
      claim: this.#claim,
      consent: this.#consent,
      update: this.#onBoard && ((stream) => this.#onBoard?.onUpdateStream(stream)),
      desk: this.#page && ((stream) => this.#page?.desk.onStream(stream)),
      subscribers: () => this.#subscribers,
      name: deviceName(record.discriminator),
      discovery: options.discovery ?? null,
      owners: () => state.log?.owners.map(({ sign }) => sign) ?? [],
      communities: options.communities ?? (() => []),
      tunnel: options.tunnel ?? (() => []),
      policy: () => this.policy,
      standing: () => standing(this.#channels, state, this.#meterTime),
      onRemembered: (head) => this.#channels && this.#onJudged(judgeHead(head, this.#channels, state)),
      report,
    })
  }

  /** Reads the state, opens the channels of a claimed device, listens, opens the serial line. */
  static start(options: DeviceOptions, done: (error: Failure, device: Device | null) => void): void {
    const { files, random, clock } = options.hardware
    DeviceState.open(files, random, (error, state) => {
      if (error || !state) return done(error, null)
      const device = new Device(options, new Loop(clock), state)
      device.#start((failure) => done(failure, failure ? null : device))
    })
  }

  /** `host:port` that is really listened on. */
  get address(): string {
    return this.#streams.address
  }

  /** `host:port` of the page, or null where none is served. */
  get pageAddress(): string | null {
    return this.#page?.address ?? null
  }

  get name(): string {
    return deviceName(this.#options.record.discriminator)
  }

  /** Ed25519 key, or null while nobody owns it. */
  get key(): Bytes | null {
    return this.#state.signer?.publicKey ?? null
  }

  /** What the owners have decided in advance; the factory default while nobody owns it. */
  get policy(): Policy {
    return this.#state.log?.policy ?? FACTORY_POLICY
  }

  get status(): { led: string; readers: number; witnessed: boolean; net: unknown; p1: unknown } {
    return {
      led: this.#lights.status,
      readers: this.#subscribers?.count ?? 0,
      witnessed: this.#witnessed,
      net: this.#streams.host.counters.report(),
      p1: this.#meter.counters.report(),
    }
  }

  /** Everything sealed so far goes onto the card; then all is closed. */
  stop(done: () => void): void {
    this.#meter.close()
    this.#onBoard?.stop()
    const close = (): void => {
      this.#subscribers?.deposits?.close()
      this.#streams.close()
      this.#page?.close()
      this.#channels?.close()
      this.#state.close()
      this.#options.hardware.button.close()
      for (const timer of ['sync', 'layout', 'daily', 'button', 'claim', 'lights']) this.#loop.cancel(timer)
      done()
    }
    if (this.#channels) this.#channels.sync(close)
    else close()
  }

  #start(done: (error: Failure) => void): void {
    const { hardware, serial } = this.#options
    const listen = (): void =>
      this.#streams.listen((error) => {
        if (error) return done(error)
        driveButton(this.#button, hardware.button, this.#loop)
        this.#meter.open(hardware.serial, serial)
        this.#onBoard?.start()
        if (this.#page) this.#page.listen(done)
        else done(null)
      })
    if (!this.#state.identity) {
      // A power cut may have left them behind a deletion.
      forgetFrames(this.#options.hardware.files, 0)
      return listen()
    }
    // An event DEVICE_DELETED that a power cut kept from being carried out.
    if (this.#state.log?.deleted)
      return this.#state.erase((error) => (error ? done(error) : this.#restartAsNew(listen)))
    forgetFrames(hardware.files, this.#state.log!.keys.length)
    this.#openChannels(REASON.boot, (error) => (error ? done(error) : listen()))
  }

  #restartAsNew(listen: () => void): void {
    this.#lights.set({ claimed: false })
    forgetFrames(this.#options.hardware.files, 0)
    this.#streams.remake()
    listen()
  }

  #makePage(): DevicePage | null {
    const { page: setting, hardware } = this.#options
    if (!setting) return null
    const parts = () => ({
      claim: this.#claim,
      consent: this.#consent,
      streams: this.#streams,
      state: this.#state,
      lights: this.#lights,
      meter: this.#meter,
      subscribers: this.#subscribers,
    })
    return new DevicePage({ setting, name: this.name, hardware, loop: this.#loop, parts })
  }

  /** Claim links of streams and of pages are numbered apart. */
  #linkOf(link: number): DevicePage | DeviceStreams {
    return this.#page?.owns(link) ? this.#page : this.#streams
  }

  // Having an owner

  #onOwned(done: (error: Failure) => void): void {
    this.#witnessed = true
    this.#serving = true
    this.#openChannels(REASON.added, (error) => {
      // The answer still goes out under the old name.
      if (!error) this.#streams.changeNameSoon()
      this.#page?.changed()
      done(error)
    })
  }

  #openChannels(reason: Reason, done: (error: Failure) => void): void {
    const { hardware, ringFrames } = this.#options
    Channels.open(
      {
        files: hardware.files,
        random: hardware.random,
        state: this.#state,
        readers: (cls) => this.#claim.readers(cls, this.#witnessed),
        unwitnessed: () => !this.#witnessed,
        onFrame: (cls, message) => this.#subscribers?.onFrame(cls, message),
        onEpoch: (cls) => this.#meter.onEpoch(cls),
        onRotated: () => this.#onRotated(),
        wall: () => hardware.clock.wall(),
        ...(ringFrames === undefined ? {} : { ringFrames }),
      },
      (error, channels) => {
        if (error || !channels) return done(error)
        this.#channels = channels
        this.#onRules(null)
        const access = this.#serve(channels)
        const leaving = (epochOf: (cls: ClassId) => number): void => access.closeLost(epochOf)
        channels.rotate(ALL_CLASSES, reason, { leaving }, (failure) => {
          if (!failure) this.#open(channels)
          done(failure)
        })
      },
    )
  }

  /** Other owners, or another policy: whoever has to keep to it hears of it. */
  #onRules(before: Policy | null): void {
    const { policy } = this
    this.#streams.peers?.reputation.judge(policy.reputation)
    this.#streams.onRules()
    for (const cls of ALL_CLASSES) this.#channels?.ring(cls).keep(framesKept(cls, policy))
    this.#subscribers?.deposits?.changed()
    if (before === null) {
      this.#consent.ownersChanged()
      this.#page?.recheck()
    }
    this.#options.onPolicy?.(policy)
  }

  #serve(channels: Channels): Access {
    const { hardware, report } = this.#options
    const state = this.#state
    const subscribers = new Subscribers({
      channels,
      entitled: (sign, cls) => this.#claim.entitled(sign, cls),
      owed: (sign, cls) => this.#state.owed.filter((o) => o.class === cls && equal(o.reader, sign)),
      grant: (who, cls, done) => access.again(who, cls, done),
      entries: (sign, cls) => state.access.of(sign, cls),
      witnessed: () => this.#serving,
      onWitness: (witness) => this.#onWitness(witness),
      deposits: new Deposits({
        ...{ channels, state, loop: this.#loop, witnessed: () => this.#serving },
        host: () => this.#streams.host,
        mailboxes: () => mailboxesOf(this.policy),
      }),
      wall: () => hardware.clock.wall(),
      onChange: () => report('subscribers', { count: this.#subscribers?.count ?? 0 }),
    })
    const access = new Access({
      state,
      signer: state.signer!,
      channels,
      subscribers,
      currentState: (cls) => this.#meter.currentState(cls),
      periodRuns: (cls) => this.#meter.periodRuns(cls),
      now: () => this.#loop.now(),
      wall: () => hardware.clock.wall(),
    })
    this.#access = access
    this.#subscribers = subscribers
    return access
  }

  #open(channels: Channels): void {
    this.#claim.attach(channels, this.#access!)
    this.#meter.attach(channels)
    this.#subscribers?.deposits?.changed()
    this.#loop.every('sync', SYNC_MS, () => channels.sync(() => {}))
    this.#loop.every('layout', LAY_OUT_MS, () => {
      if (channels.layOut()) return
      this.#loop.cancel('layout')
      channels.sync((error) => error ?? this.#options.report('laid-out'))
    })
    this.#loop.every('daily', DAY_MS, () => this.#rotate(REASON.daily, 0))
  }

  #rotate(reason: Reason, atLeast: number): void {
    this.#channels?.rotate(ALL_CLASSES, reason, { atLeast }, (error) => {
      if (error) this.#options.report('failed', { what: 'rotation', text: error.message })
    })
  }

  /** Keys have been changed: telegrams that waited go out, a witness that came meanwhile counts, readers come in. */
  #onRotated(): void {
    this.#meter.onRotated()
    if (this.#channels?.rotating) return
    if (this.#confirmed) this.#confirm(this.#channels!)
    this.#access?.onRotated()
  }

  // Witness

  #onWitness(witness: Witness): void {
    const channels = this.#channels
    const log = this.#state.log
    if (!channels || !log) return
    const device = Verifier.of(this.#state.signer!.publicKey)!
    const judgement = judgeWitness(witness, {
      logSeq: log.seq,
      logHead: (seq) => this.#state.headAt(seq),
      device,
      next: (cls) => ({ ...channels.next(cls), nonce: channels.publisher(cls).nonce() }),
    })
    this.#onJudged(judgement)
  }

  #onJudged({ verdict, atLeast }: Judgement): void {
    this.#options.report('witness', { verdict })
    if (verdict !== 'log-behind' && verdict !== 'log-fork' && !this.#witnessed) this.#confirm(this.#channels!)
    if (atLeast > 0) this.#rotate(REASON.repaired, atLeast)
  }

  /** Everybody who was entitled all along is owed the keys since our start; then they are forgotten. */
  #confirm(channels: Channels): void {
    // An epoch that is about to open was written down without readers: they get its key as well.
    this.#confirmed = channels.rotating
    if (this.#confirmed) return
    this.#witnessed = true
    const readers = (cls: ClassId) => this.#claim.readers(cls, true)
    this.#access?.starts(readers, () => {
      if (channels !== this.#channels) return
      for (const cls of ALL_CLASSES) channels.publisher(cls).dropStarts()
      this.#serving = true
      this.#access?.settle()
      this.#subscribers?.wake()
      this.#options.report('witnessed')
    })
  }

  /** Another key: everything begins anew under it, and whoever reads is let in from its first frame on. */
  #onKey(done: (error: Failure) => void): void {
    this.#closeChannels()
    this.#consent.keyChanged()
    // What wrote the key down is durable; where writing anew fails, the next start does it.
    this.#state.rewrite(() =>
      this.#openChannels(REASON.boot, (error) => {
        if (!error) this.#confirm(this.#channels!)
        done(error)
        this.#streams.changeNameSoon()
        this.#page?.endSessions()
      }),
    )
  }

  #closeChannels(): void {
    for (const timer of ['sync', 'layout', 'daily']) this.#loop.cancel(timer)
    this.#meter.detach()
    this.#subscribers?.closeAll()
    this.#channels?.close()
    this.#channels = null
    this.#subscribers = null
    this.#access = null
    this.#witnessed = false
    this.#serving = false
    this.#confirmed = false
    forgetFrames(this.#options.hardware.files, this.#state.log?.keys.length ?? 0)
  }

  #onDisowned(): void {
    this.#closeChannels()
    this.#page?.recheck()
    this.#streams.changeNameSoon()
  }
}
