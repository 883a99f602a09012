// A card from before a change of owners is put back: whoever was taken out gets nothing by it, and the
// first owner who meets the device brings it what it has forgotten.
import t from 'tap'
import { hex } from '../../src/base/bytes.ts'
import { adding, agreeing, removing } from '../../src/ownership/owners/edits.ts'
import { encodeOwnerSet } from '../../src/wire/owner-set.ts'
import { Family } from './family.ts'

function snapshot({ house }: Family): Map<string, Uint8Array> {
  const { disk } = house.machine('device')
  return new Map(disk.names().map((name) => [name, disk.peek(name)!.slice()]))
}

function restore({ house }: Family, old: Map<string, Uint8Array>): void {
  house.machine('device').kill()
  const { disk } = house.machine('device')
  for (const name of disk.names()) disk.inodes.delete(name)
  for (const [name, bytes] of old) disk.poke(name, bytes)
  house.startDevice()
}

t.test('several owners: healed by whoever comes first', async (t) => {
  const family = new Family(2801)
  const { house } = family
  house.startDevice()
  for (const name of ['anna', 'bram', 'cleo']) family.start(name)
  t.equal(family.claim('anna'), 'ok')
  for (const name of ['bram', 'cleo']) {
    family.edit('anna', adding(family.card(name)))
    t.equal(family.join(name), 'ok')
  }
  house.world.runFor(70_000)
  const old = snapshot(family)
  t.equal(family.edit('anna', removing(family.home('cleo').key)).devices[0]?.state, 'done')
  t.equal(family.edit('anna', agreeing(2)).devices[0]?.state, 'done')
  house.world.runFor(3_000)
  const set = hex(encodeOwnerSet(family.owned('anna').device.log.set))
  for (const name of ['anna', 'bram']) house.machine(name).kill()
  family.got.delete('cleo')

  restore(family, old)
  // Alone with the old card, who was taken out is an owner to it; there is nobody who could say otherwise.
  house.world.runFor(5_000)
  family.start('anna')
  house.until(() => family.owned('anna')?.ready === true, 120_000)
  t.equal(hex(encodeOwnerSet(family.owned('anna').device.log.set)), set, 'nobody’s copy went back')
  t.equal(family.owned('anna').device.log.owners.length, 2)
  const got = family.got.get('cleo') ?? 0
  house.world.runFor(30_000)
  t.equal(family.got.get('cleo') ?? 0, got, 'taken out again')
  t.equal(family.join('cleo'), 'refused')
  // The card has it now: a restart needs nobody.
  house.machine('anna').kill()
  house.machine('device').kill()
  house.startDevice()
  t.equal(family.join('cleo'), 'refused')
})

t.test('what was signed before the card went back cannot be used after it', async (t) => {
  const family = new Family(2802)
  const { house } = family
  house.startDevice()
  for (const name of ['anna', 'bram', 'cleo']) family.start(name)
  t.equal(family.claim('anna'), 'ok')
  for (const name of ['bram', 'cleo']) {
    family.edit('anna', adding(family.card(name)))
    t.equal(family.join(name), 'ok')
  }
  family.edit('anna', agreeing(2))
  house.world.runFor(70_000)
  const old = snapshot(family)
  // Cleo has a change that would put anna out; bram signed it once, and then it was overtaken.
  const mean = family.edit('cleo', removing(family.home('anna').key))
  t.equal(mean.devices[0]?.state, 'needs-signatures')
  const other = family.edit('anna', removing(family.home('cleo').key))
  t.equal(family.sign('bram', other.change!).devices[0]?.state, 'done')
  house.world.runFor(2_000)
  restore(family, old)
  house.until(() => family.owned('anna')?.ready === true, 120_000)
  house.world.runFor(5_000)
  t.equal(family.sign('bram', mean.change!).code, 'stale-change')
  t.equal(family.owned('anna').device.log.owners.length, 2)
})
