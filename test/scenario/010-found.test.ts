// What random histories (006) have found, each as short as it gets.
import t from 'tap'
import { House } from './house.ts'

function claimed(seed: number): House {
  const house = new House(seed)
  house.startDevice()
  house.startHome()
  if (house.claim() !== 'ok') throw new Error('not claimed')
  house.startProvider('alice')
  const { provider } = house.providers.get('alice')!
  house.home!.store.addCard(provider.card([`${house.machine('alice').address}:4001`]), () => {})
  house.until(() => house.owned().ready && house.owned().device.log.added)
  return house
}

t.test(
  'the power goes behind the write of a grant: the answer is lost, the consent stands and is told',
  async (t) => {
    for (let point = 1; point <= 8; point++) {
      const house = claimed(80 + point)
      const { disk } = house.machine('device')
      disk.onCut = () => house.machine('device').cutPower()
      disk.cutAfter(disk.points + point)
      const id = house.grant('alice')
      disk.cutAfter(0)
      if (house.machine('device').on) house.machine('device').cutPower()
      house.world.runFor(2_000)
      house.startDevice()
      house.world.runFor(60_000)
      const stands = house.owned().device.log.readers.length === 1
      const reads = house.sent.slice(-3).includes(house.providerGot.get('alice')!.at(-1)?.text ?? '')
      t.equal(reads, stands, `point ${point}: ${id}, ${stands ? 'stands' : 'does not stand'}`)
    }
  },
)

t.test(
  'home was restarted, then an old card is put in: home is a witness all the same, and reads on',
  async (t) => {
    const house = claimed(84)
    const { disk } = house.machine('device')
    const old = new Map(disk.names().map((name) => [name, disk.peek(name)!.slice()]))
    for (let i = 0; i < 2; i++) {
      house.machine('device').kill()
      house.startDevice()
      house.world.runFor(8_000)
    }
    house.machine('home').kill()
    house.machine('device').kill()
    for (const [name, bytes] of old) disk.poke(name, bytes)
    house.startDevice()
    house.world.runFor(3_000)
    house.startHome()
    house.world.runFor(40_000)
    t.ok(house.sent.slice(-3).includes(house.homeGot.at(-1)!.text), 'the owner reads the newest telegram')
    t.ok(
      house.events('device', 'witness').some((l) => l['verdict'] !== 'confirmed'),
      'the device was shown what it had lost',
    )
  },
)
