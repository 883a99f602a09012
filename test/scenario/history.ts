// One random history of a house: consents are given, some for a while, and taken; the device is killed, loses
// its power at any write, gets an old card; home and readers go and come, connections are lost. Who must be
// able to read which frame of it is the model's to say (model/model.ts).

import { base64url } from '../../src/base/bytes.ts'
import { House } from './house.ts'
import { type Known, Model, type Person } from './model/model.ts'
import { Watch } from './witnessed.ts'

const NAMES = ['alice', 'bob', 'carol'] as const

export class History {
  readonly house: House
  readonly watch: Watch
  readonly model: Model
  readonly people: Person[]
  readonly done: string[]
  #homeOn: boolean
  #rolledBack: boolean
  #card: { files: Map<string, Uint8Array>; known: Known } | null

  constructor(seed: number) {
    this.house = new House(seed)
    const { house } = this
    const key = (): Uint8Array => house.home?.owned[0]?.device.key ?? house.device?.key ?? new Uint8Array(32)
    this.watch = new Watch(key, () => house.world.now())
    this.people = NAMES.map((name) => ({ name, consents: [], current: null, on: true }))
    this.done = []
    this.#homeOn = true
    this.#rolledBack = false
    this.#card = null
    this.model = new Model(house, this.watch)
    house.startDevice()
    house.startHome()
    for (const name of NAMES) house.startProvider(name)
    if (house.claim() !== 'ok') throw new Error('not claimed')
    house.until(() => house.homeGot.length >= 2)
    // As a person does: a card that home keeps is what it invites by after its own restart.
    for (const name of NAMES) {
      const { provider } = house.providers.get(name)!
      house.home!.store.addCard(provider.card([`${house.machine(name).address}:4001`]), () => {})
    }
    house.world.runFor(100)
    house.machine('device').disk.onCut = (how) => this.#stop(how, 'at a write')
  }

  /** Takes the hooks out again. */
  end(): void {
    this.watch.end()
  }

  #dice(n: number): number {
    return this.house.world.chance.below(n)
  }

  #say(what: string): void {
    this.done.push(`${Math.round(this.house.world.now())} ${what}`)
  }

  step(): void {
    const person = this.people[this.#dice(this.people.length)]!
    const reader = this.people.find((p) => p.current !== null)
    const what = this.#dice(20)
    if (what <= 4) this.#grant(person, this.#dice(3) === 0)
    else if (what <= 8 && reader) this.#revoke(reader)
    else if (what <= 11) this.#restart(what === 9 ? 'kill' : 'power')
    else if (what === 12) this.#cutAtWrite(person)
    else if (what === 13) this.#rollBack()
    else if (what === 14) this.#toggleHome()
    else if (what <= 16) this.#toggle(person)
    else if (what === 17) this.#lose(person)
    this.house.world.runFor(300 + this.#dice(6_000))
  }

  /** Everybody back, and time to catch up. */
  settle(): void {
    if (!this.house.machine('device').on) this.#start()
    if (!this.#homeOn) this.#toggleHome()
    for (const person of this.people) if (!person.on) this.#toggle(person)
    this.#ready()
    this.house.world.runFor(75_000)
    // A revocation without an answer that the log does not have by now has never come to the device, unless
    // an old card has forgotten it again.
    if (this.#ready() && !this.#rolledBack)
      for (const { current } of this.people) if (current) current.taking = Number.POSITIVE_INFINITY
  }

  // What people do

  #ready(): boolean {
    if (!this.house.machine('device').on) this.#start()
    if (!this.#homeOn || !this.house.world.runUntil(() => this.house.owned()?.ready ?? false, 40_000))
      return false
    for (const person of this.people) this.#lookUp(person)
    return true
  }

  /** An answer was lost: home is in step now, and its log knows what stands. */
  #lookUp(person: Person): void {
    const { consents } = person
    const sign = base64url(this.house.providers.get(person.name)!.card.sign)
    // Home's copy keeps those whose time is over.
    const mine = this.house.owned().device.log.readers.filter((r) => base64url(r.sign) === sign)
    for (const { grantId, until } of mine) {
      const id = base64url(grantId)
      const found = consents.some((c) => c.id === id) ? null : consents.find((c) => c.until === until)
      if (!found) continue
      found.id = id
      this.model.learn('letIn', id)
    }
    const ids = mine.map(({ grantId }) => base64url(grantId))
    person.current =
      consents.findLast((c) => ids.includes(c.id) && c.taken === Number.POSITIVE_INFINITY) ?? null
  }

  #grant(person: Person, short: boolean): void {
    if (person.current !== null || !this.#ready()) return
    const { world } = this.house
    const asked = world.now()
    const until = Math.floor(world.wallAtStart + asked) + (short ? 2_000 + this.#dice(20_000) : 7_776_000_000)
    const id = this.house.grant(person.name, 'energy advice', until)
    this.#say(`grant ${person.name}${short ? ' for a while' : ''}: ${id}`)
    const [taking, taken] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]
    // Refused, or the answer was lost: then it may stand, and need not.
    const good = !id.startsWith('!')
    const consent = { id: good ? id : '', asked, taking, taken, until }
    person.consents.push(consent)
    if (!good) return
    person.current = consent
    this.model.learn('letIn', id)
  }

  #revoke(person: Person): void {
    const consent = person.current
    if (!consent || !this.#ready()) return
    consent.taking = Math.min(consent.taking, this.house.world.now())
    const result = this.house.revoke(consent.id)
    this.#say(`revoke ${person.name}: ${result}`)
    if (result === 'ok') consent.taken = this.house.world.now()
    if (result === 'ok' || result.endsWith('unknown-grant')) person.current = null
  }

  // What happens to the device, and on the way to it

  #stop(how: 'power' | 'kill', when = ''): void {
    const machine = this.house.machine('device')
    this.#say(`${how} ${when}`)
    if (!machine.on) return
    if (how === 'power') machine.cutPower()
    else machine.kill()
  }

  #restart(how: 'power' | 'kill'): void {
    this.#stop(how)
    this.house.world.runFor(this.#dice(4_000))
    this.#start()
    // Home notices after a while that nobody answers any more.
    if (this.#dice(2) === 0) this.house.world.runFor(8_000)
  }

  #start(): void {
    this.model.onStart()
    this.house.startDevice()
  }

  /** The power goes at one of the next writes, whatever that is part of. */
  #cutAtWrite(person: Person): void {
    const { disk } = this.house.machine('device')
    if (!this.#ready()) return
    disk.cutAfter(disk.points + 1 + this.#dice(12))
    if (person.current) this.#revoke(person)
    else this.#grant(person, false)
    this.house.world.runFor(this.#dice(20_000))
    disk.cutAfter(0)
    if (!this.house.machine('device').on) this.#start()
  }

  /** The card of some time ago is put in; the first time it is only copied. */
  #rollBack(): void {
    const machine = this.house.machine('device')
    if (!this.#card) {
      const files = new Map(machine.disk.names().map((name) => [name, machine.disk.peek(name)!.slice()]))
      this.#card = { files, known: this.model.card }
      return
    }
    this.#stop('kill', 'and an old card is put in')
    for (const name of machine.disk.names()) machine.disk.inodes.delete(name)
    for (const [name, bytes] of this.#card.files) machine.disk.poke(name, bytes)
    this.model.card = this.#card.known
    this.#rolledBack = true
    this.#card = null
    this.#start()
  }

  #toggleHome(): void {
    this.#say(`home ${this.#homeOn ? 'off' : 'on'}`)
    if (this.#homeOn) this.house.machine('home').kill()
    else this.house.startHome()
    this.#homeOn = !this.#homeOn
  }

  #toggle(person: Person): void {
    this.#say(`${person.name} ${person.on ? 'off' : 'on'}`)
    if (person.on) this.house.machine(person.name).kill()
    else this.house.startProvider(person.name)
    person.on = !person.on
  }

  /** Nothing passes between the two for a while; then their connection is gone, with what was in it. */
  #lose(person: Person): void {
    const { network } = this.house.world
    this.#say(`${person.name} is cut off`)
    network.partition(person.name, 'device')
    this.house.world.runFor(this.#dice(20_000))
    network.cut(person.name, 'device')
    network.heal(person.name, 'device')
  }

  /** Two frames under one key: the same epoch nonce and index, and not the same bytes. */
  reused(): number {
    const seen = new Map<string, string>()
    let reused = 0
    for (const { frame, bytes } of this.watch.sealed) {
      const place = `${Buffer.from(frame.nonce).toString('hex')}/${frame.index}`
      const text = Buffer.from(bytes).toString('hex')
      if ((seen.get(place) ?? text) !== text) reused++
      seen.set(place, text)
    }
    return reused
  }

  /** Epoch numbers that stand for two epochs; where no old card was put in, there are none. */
  renumbered(): number {
    const seen = new Map<number, string>()
    let renumbered = 0
    for (const { frame } of this.watch.sealed) {
      const nonce = Buffer.from(frame.nonce).toString('hex')
      if ((seen.get(frame.epoch) ?? nonce) !== nonce) renumbered++
      seen.set(frame.epoch, nonce)
    }
    return renumbered
  }

  /** Grant ids of somebody's consents, as home's copy of the log has them. */
  consentsOf(name: string): string[] {
    const sign = base64url(this.house.providers.get(name)!.card.sign)
    const { readers } = this.house.owned().device.log
    return readers.filter((r) => base64url(r.sign) === sign).map((r) => base64url(r.grantId))
  }

  // At the end

  /** Whose consent stands at the end, and who does not read the newest telegrams all the same. */
  standing(): string[] {
    const newest = new Set(this.house.sent.slice(-3))
    const time = this.model.meterTime(this.house.world.now())
    const late = this.people
      .filter((p) => p.current && p.current.until > time && p.current.taking === Number.POSITIVE_INFINITY)
      .filter((p) => !newest.has(this.house.providerGot.get(p.name)!.at(-1)?.text ?? ''))
      .map((p) => p.name)
    return newest.has(this.house.homeGot.at(-1)?.text ?? '') ? late : ['home', ...late]
  }
}
