// One household, two devices: an owner, a threshold, a paper key, a policy for both in one act; a device that
// is off gets it when it is back; a thief of one device's log can do nothing with it at the other.
import t from 'tap'
import { base64url, equal } from '../../src/base/bytes.ts'
import { Device } from '../../src/device/device.ts'
import type { Owned } from '../../src/home/owned.ts'
import { freshCode, makeRecord } from '../../src/ownership/label.ts'
import { adding, agreeing, recoveringBy } from '../../src/ownership/owners/edits.ts'
import { freshPaper, paperDigest, paperKey } from '../../src/ownership/owners/paper.ts'
import { encodeOwnerSet } from '../../src/wire/owner-set.ts'
import { Family, type Said } from './family.ts'

/** The cellar's meter: a second device on the same network. */
class Cellar {
  readonly code: string
  readonly #family: Family
  readonly #record: ReturnType<typeof makeRecord>
  device: Device | null

  constructor(family: Family) {
    const random = (into: Uint8Array): void => family.house.world.chance.fill(into)
    this.#family = family
    this.code = freshCode(random)
    const salt = new Uint8Array(16)
    random(salt)
    this.#record = makeRecord(this.code, 0xcd34, salt)
    this.device = null
  }

  get address(): string {
    return `${this.#family.house.machine('cellar').address}:4001`
  }

  start(): void {
    const { house } = this.#family
    const machine = house.machine('cellar')
    if (!machine.on) machine.boot()
    Device.start(
      {
        hardware: machine.hardware,
        record: this.#record,
        listen: this.address,
        serial: 'sim',
        ringFrames: 1_000,
        report: (event, detail) => house.report('cellar', event, detail),
      },
      (error, device) => {
        if (error) throw error
        this.device = device
      },
    )
    house.until(() => this.device !== null)
  }

  claim(name: string): string {
    const { house } = this.#family
    house.machine('cellar').button.press()
    house.world.runFor(500)
    let result = ''
    this.#family.home(name).claim({ code: this.code, address: this.address, waitMs: 0 }, (error) => {
      result = error?.code ?? 'ok'
    })
    house.until(() => result !== '')
    return result
  }
}

t.test('one owner set over two devices', async (t) => {
  const family = new Family(2701)
  const { house } = family
  house.everyMs = 60_000
  house.startDevice()
  for (const name of ['anna', 'bram']) family.start(name)
  t.equal(family.claim('anna'), 'ok')
  const cellar = new Cellar(family)
  cellar.start()
  t.equal(cellar.claim('anna'), 'ok')
  const anna = family.home('anna')
  const both = (): readonly Owned[] => anna.owned
  house.until(() => both().length === 2 && both().every((o) => o.ready && o.device.log.added))
  const same = (): boolean => {
    const [a, b] = both().map((o) => encodeOwnerSet(o.device.log.set))
    return equal(a!, b!)
  }
  const ask = (name: string, of: (home: typeof anna) => Parameters<Family['ask']>[0]): Said =>
    family.ask(of(family.home(name)))

  // The press of the cellar's claim counts for the cellar alone: the other one needs its own.
  house.world.runFor(61_000)
  const early = ask(
    'anna',
    (home) => (done) => home.owning.edit(home.owned, adding(family.card('bram')), done),
  )
  t.same(
    early.devices.map((d) => d.state),
    ['waiting', 'waiting'],
  )
  family.hold()
  house.machine('cellar').button.level(true)
  house.world.runFor(4_000)
  house.machine('cellar').button.level(false)
  house.world.runFor(300)
  const added = ask('anna', (home) => (done) => home.owning.apply(home.owned, done))
  t.same(
    added.devices.map((d) => d.state),
    ['done', 'done'],
    'one act, applied by each',
  )
  t.ok(same() && both()[0]!.device.log.owners.length === 2)
  t.equal(family.join('bram'), 'ok')
  let joined = ''
  family.home('bram').joining.join({ address: cellar.address, key: null }, (error) => {
    joined = error?.code ?? 'ok'
  })
  house.until(() => joined === 'ok')

  // The cellar is off while two have to agree from now on: it hears of it when it is back.
  house.machine('cellar').kill()
  house.world.runFor(120_000)
  const two = ask('anna', (home) => (done) => home.owning.edit(home.owned, agreeing(2), done))
  t.same(two.devices.map((d) => d.state).sort(), ['done', 'waiting'])
  t.notOk(same())
  cellar.start()
  house.until(() => same(), 120_000)
  t.same(
    both().map((o) => o.device.log.set.m),
    [2, 2],
  )

  // Two signatures, two devices, one text.
  house.until(() => both().every((o) => o.ready) && family.home('bram').owned.every((o) => o.ready), 120_000)
  house.until(() => family.home('bram').owned.every((o) => o.device.log.set.m === 2), 60_000)
  const paper = freshPaper((into) => house.world.chance.fill(into))
  const edit = recoveringBy(paperDigest(paperKey(paper)!))
  const wanted = ask('anna', (home) => (done) => home.owning.edit(home.owned, edit, done))
  t.same(
    wanted.devices.map((d) => d.state),
    ['needs-signatures', 'needs-signatures'],
  )
  const signed = family.sign('bram', wanted.change!)
  t.same(
    signed.devices.map((d) => d.state),
    ['done', 'done'],
  )
  house.until(() => same() && both().every((o) => o.device.log.set.recovery !== null), 60_000)

  // A policy for both.
  const relaxed = ask(
    'anna',
    (home) => (done) => home.owning.setPolicy(home.owned, (p) => ({ ...p, retention: { days: 3 } }), done),
  )
  t.same(
    relaxed.devices.map((d) => d.state),
    ['done', 'done'],
    'stricter: one is enough',
  )
  t.same(
    [house.device!, cellar.device!].map((d) => d.policy.retention.days),
    [3, 3],
  )

  // A key each: what the one is asked to sign is none of the other's.
  const before = [house.device!, cellar.device!].map((d) => d.key!)
  const [first] = both().filter((o) => equal(o.key, before[0]!))
  const key = family.ask((done) => anna.owning.replaceKey(first!, done))
  t.equal(family.sign('bram', key.change!).devices[0]?.state, 'done')
  t.notOk(equal(house.device!.key!, before[0]!))
  t.ok(equal(cellar.device!.key!, before[1]!))
})

t.test('a name on a card is a name; two of the same say which key', async (t) => {
  const family = new Family(2702)
  family.house.startDevice()
  for (const name of ['anna', 'bram', 'cleo']) family.start(name)
  const { store, owning } = family.home('anna')
  const keep = (line: string): void => {
    let kept = false
    store.addOwnerCard(line, () => {
      kept = true
    })
    family.house.until(() => kept)
  }
  const [bram, cleo] = ['bram', 'cleo'].map((name) => family.home(name))
  keep(bram!.owning.card('bram'))
  t.equal(owning.nameOf(bram!.key), 'bram')
  keep(cleo!.owning.card('bram'))
  for (const home of [bram!, cleo!])
    t.equal(owning.nameOf(home.key), `bram (${base64url(home.key).slice(0, 8)})`, 'nobody passes for another')
})
