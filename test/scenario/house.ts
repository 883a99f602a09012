// A whole house in virtual time: a device with a simulated meter, My Home, providers, on one simulated
// network. What each of them reports goes into one event log. The seed decides everything.
import { base64url } from '../../src/base/bytes.ts'
import { decodePlaces } from '../../src/channel/place.ts'
import { Signer } from '../../src/crypto/native.ts'
import { Device } from '../../src/device/device.ts'
import type { PageSetting } from '../../src/device/network/page/info.ts'
import { Home } from '../../src/home/home.ts'
import type { Owned } from '../../src/home/owned.ts'
import type { Hardware } from '../../src/hw/hardware.ts'
import { simMeter } from '../../src/hw/sim/meter.ts'
import { type Machine, World } from '../../src/hw/sim/world.ts'
import { Loop } from '../../src/node/loop.ts'
import type { DiscoverySettings } from '../../src/node/peers/config.ts'
import { SnapshotFile } from '../../src/node/snapshot.ts'
import { type Card, readCard } from '../../src/ownership/card.ts'
import { freshCode, makeRecord } from '../../src/ownership/label.ts'
import { ProviderAccess } from '../../src/provider/access.ts'
import { Provider } from '../../src/provider/provider.ts'
import { ProviderStore } from '../../src/provider/store.ts'

export interface Line {
  t: number
  who: string
  event: string
  [detail: string]: unknown
}

export interface Got {
  epoch: number
  index: number
  text: string
}

const PORT = 4001

export class House {
  readonly world: World
  readonly log: Line[]
  readonly code: string
  /** Telegrams as the meter sent them, without the line end behind the CRC. */
  readonly sent: string[]
  /** When each of them was begun, virtual ms. */
  readonly sentAt: number[]
  readonly homeGot: Got[]
  readonly providerGot: Map<string, Got[]>
  readonly providerSealed: Map<string, { epoch: number; index: number }[]>
  /** Payloads of every class as they were released. */
  readonly providerRaw: Map<string, { epoch: number; index: number; class: number; bytes: Uint8Array }[]>
  readonly machines: Map<string, Machine>
  device: Device | null
  home: Home | null
  /** Who signs updates of the device. */
  releaseKey: Uint8Array | null = null
  /** How device and home find each other; without it by address alone. */
  discovery: ((who: string) => DiscoverySettings) | null = null
  devicePort: number = PORT
  /** The page that the device serves, where it serves one. */
  page: ((machine: Machine) => { hardware: Hardware; page: PageSetting }) | null = null
  timeServers: string[] = []
  /** Lists of peers on the device's card. */
  communities: string[] = []
  readonly providers: Map<string, { provider: Provider; card: Card; access: ProviderAccess }>
  readonly signers: Map<string, Signer>
  /** Frames of `raw` that the device keeps. */
  ringFrames = 5_000
  /** Between two telegrams; long histories take a slower meter. */
  everyMs = 1_000
  readonly #record: ReturnType<typeof makeRecord>
  #fed = false

  constructor(seed: number) {
    this.world = new World({ seed })
    this.log = []
    this.sent = []
    this.sentAt = []
    this.homeGot = []
    this.providerGot = new Map()
    this.providerSealed = new Map()
    this.providerRaw = new Map()
    this.machines = new Map()
    this.signers = new Map()
    this.device = null
    this.home = null
    this.providers = new Map()
    const random = (into: Uint8Array): void => this.world.chance.fill(into)
    this.code = freshCode(random)
    const salt = new Uint8Array(16)
    random(salt)
    this.#record = makeRecord(this.code, 0xab12, salt)
  }

  machine(name: string): Machine {
    const machine = this.world.machine(name)
    this.machines.set(name, machine)
    return machine
  }

  get deviceAddress(): string {
    return `${this.machine('device').address}:${this.devicePort}`
  }

  report(who: string, event: string, detail: Record<string, unknown> = {}): void {
    this.log.push({ t: Math.round(this.world.now()), who, event, ...detail })
  }

  events(who: string, event: string): Line[] {
    return this.log.filter((l) => l.who === who && l.event === event)
  }

  /** Switches the device (and, the first time, its meter) on and runs until it listens. */
  startDevice(): Device {
    this.bootDevice()
    this.until(() => this.device !== null)
    return this.device!
  }

  /** The same, without waiting. */
  bootDevice(): void {
    const machine = this.machine('device')
    if (!machine.on) machine.boot()
    this.device = null
    if (!this.#fed) {
      this.#fed = true
      const meter = simMeter('nl50', 7)
      machine.cable.every(this.everyMs, (wall: number) => {
        const bytes = meter.telegramAt(wall)
        this.sent.push(latin(bytes).trimEnd())
        this.sentAt.push(this.world.now())
        return bytes
      })
    }
    Device.start(
      {
        hardware: machine.hardware,
        ...this.page?.(machine),
        record: this.#record,
        listen: this.deviceAddress,
        serial: 'sim',
        ...(this.discovery ? { discovery: this.discovery('device') } : {}),
        ringFrames: this.ringFrames,
        communities: () => this.communities,
        onBoard: { releaseKey: this.releaseKey, timeServers: this.timeServers },
        report: (event, detail) => this.report('device', event, detail),
      },
      (error, device) => {
        if (error) this.report('device', 'died', { text: error.message })
        this.device = device
      },
    )
  }

  /** With a mailbox it keeps frames, and listens for those who want them. */
  startHome({ mailbox = false }: { mailbox?: boolean } = {}): Home {
    const machine = this.machine('home')
    if (!machine.on) machine.boot()
    this.home = null
    Home.start(
      {
        hardware: machine.hardware,
        loop: new Loop(machine.hardware.clock),
        ...(this.discovery ? { discovery: this.discovery('home') } : {}),
        report: (event, detail) => this.report('home', event, detail),
        ...(mailbox ? { mailbox: { address: `${machine.address}:${PORT}`, frames: 5_000 } } : {}),
        events: {
          onTelegram: (_device, telegram, at) =>
            this.homeGot.push({ epoch: at.epoch, index: at.index, text: latin(telegram) }),
          onDigest: (_device, telegram, at) =>
            this.report('home', 'digest', { ...at, text: latin(telegram) }),
          onGap: (_device, from, to) => this.report('home', 'gap', { from, to }),
          onAccess: (_device, access) => this.report('home', 'access', { access }),
          onLog: (_device, decision) => this.report('home', 'log', { kind: decision.kind }),
          onReject: (_device, what) => this.report('home', 'reject', { what }),
        },
      },
      (error, home) => {
        if (error) this.report('home', 'died', { text: error.message })
        this.home = home
      },
    )
    this.until(() => this.home !== null)
    if (mailbox) this.home!.host.listen(`${machine.address}:${PORT}`, () => {})
    return this.home!
  }

  startProvider(name: string): Card {
    const machine = this.machine(name)
    if (!machine.on) machine.boot()
    const { hardware } = machine
    const loop = new Loop(hardware.clock)
    const got = this.providerGot.get(name) ?? []
    const sealed = this.providerSealed.get(name) ?? []
    this.providerGot.set(name, got)
    this.providerSealed.set(name, sealed)
    const raw = this.providerRaw.get(name) ?? []
    this.providerRaw.set(name, raw)
    let card: Card | null = null
    ProviderStore.open(
      hardware.files,
      { name, domain: `${name}.example`, random: hardware.random },
      (error, store) => {
        if (!store) throw error ?? new Error('no store')
        this.signers.set(name, new Signer(store.keys.seed.copy()))
        const placesFile = new SnapshotFile(hardware.files, 'provider.places', 'plac', 1)
        const { files, random } = hardware
        const followed = store.channels.map((c) => c.device)
        placesFile.read((_error, content) =>
          ProviderAccess.open({ files, random, followed }, (_bad, access) => {
            const provider = new Provider({
              hardware,
              loop,
              store,
              access: access!,
              places: (content && decodePlaces(content)) ?? [],
              ...(this.discovery ? { discovery: this.discovery(name) } : {}),
              placesFile,
              events: {
                onTelegram: (channel, telegram, at) => {
                  const { epoch, index } = at
                  raw.push({ epoch, index, class: channel.class, bytes: telegram.slice() })
                  got.push({ epoch, index, text: latin(telegram) })
                },
                onSealed: (_channel, at) => sealed.push(at),
                onGap: (_channel, from, to) => this.report(name, 'gap', { from, to }),
                onAccess: (_channel, access) => this.report(name, 'access', { access }),
                onInvite: () => this.report(name, 'invited'),
              },
            })
            const address = `${machine.address}:${PORT}`
            provider.listen(address, () => {
              card = readCard(provider.card([address]))
              this.providers.set(name, { provider, card: card!, access: access! })
            })
          }),
        )
      },
    )
    this.until(() => card !== null)
    return card!
  }

  /** The Ed25519 key of a provider, for somebody who has it beside that provider. */
  signerOf(name: string): Signer {
    return this.signers.get(name)!
  }

  owned(): Owned {
    return this.home!.owned[0]!
  }

  /** Presses the button and claims; runs until claimed. */
  claim(code: string = this.code): string {
    this.machine('device').button.press()
    this.world.runFor(500)
    return this.tryClaim(code)
  }

  /** What the claim came to: 'ok' or the code of the refusal. */
  tryClaim(code: string = this.code): string {
    let result = ''
    this.home!.claim({ code, address: this.deviceAddress, waitMs: 0 }, (error) => {
      result = error ? error.code : 'ok'
    })
    this.until(() => result !== '')
    return result
  }

  grant(name: string, purpose = 'energy advice', until?: number): string {
    let id = ''
    const { card } = this.providers.get(name)!
    this.home!.grant(
      this.owned(),
      card,
      { class: 0, until: until ?? this.world.wallAtStart + 90 * 86_400_000, purpose },
      (error, grantId) => {
        id = grantId ? base64url(grantId) : `!${error?.code}`
      },
    )
    this.until(() => id !== '')
    return id
  }

  revoke(grantId: string): string {
    let result = ''
    const reader = this.owned().device.log.readers.find((r) => base64url(r.grantId) === grantId)
    this.home!.revoke(this.owned(), reader?.grantId ?? new Uint8Array(16), (error) => {
      result = error ? error.code : 'ok'
    })
    this.until(() => result !== '')
    return result
  }

  until(predicate: () => boolean, maxMs = 30_000): void {
    if (!this.world.runUntil(predicate, maxMs))
      throw new Error(
        `waited ${maxMs} ms in vain:\n${this.log
          .slice(-20)
          .map((l) => JSON.stringify(l))
          .join('\n')}`,
      )
  }
}

export function latin(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1')
}
