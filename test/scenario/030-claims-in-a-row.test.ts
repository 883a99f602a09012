// Claimed and given up, again and again: what a life costs the card is the same each time, and what lies on
// it afterwards too. The engine's own count of 10,000 is test/ownership/claim-flood.test.ts.
import t from 'tap'
import { Family } from './family.ts'

/** Devices that one home keeps, those given up among them, are 48. */
const OF_ONE_HOME = 40
const ROUNDS = process.env['WATTLE_FULL'] !== undefined ? 200 : 12

t.test('claim and deletion: writes and files stay the same', async (t) => {
  const family = new Family(3001)
  const { house } = family
  house.everyMs = 60_000
  house.startDevice()
  const { disk } = house.machine('device')
  const writes: number[] = []
  const sizes: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const name = `home${Math.floor(round / OF_ONE_HOME)}`
    if (!family.homes.has(name)) family.start(name)
    const home = family.home(name)
    const before = disk.points
    house.machine('device').button.press()
    house.world.runFor(500)
    let claimed = ''
    home.claim({ code: house.code, address: house.deviceAddress, waitMs: 0 }, (error) => {
      claimed = error?.code ?? 'ok'
    })
    house.until(() => claimed !== '')
    if (claimed !== 'ok') t.fail(`round ${round}: ${claimed}`)
    house.until(() => home.owned.length === 1 && home.owned[0]!.ready && home.owned[0]!.device.log.added)
    let gone = ''
    home.delete(home.owned[0]!, (error) => {
      gone = error?.code ?? 'ok'
    })
    house.until(() => gone !== '')
    if (gone !== 'ok') t.fail(`round ${round}: ${gone}`)
    house.until(() => house.device!.key === null)
    house.world.runFor(3_000)
    writes.push(disk.points - before)
    sizes.push(disk.names().reduce((sum, file) => sum + disk.peek(file)!.length, 0))
  }
  const [early, late] = [writes.slice(1, 5), writes.slice(-4)].map((part) => Math.max(...part))
  t.ok(late! <= early! + 4, `writes of a round: ${early} at first, ${late} at last`)
  t.ok(Math.max(...writes) < 400, `${Math.max(...writes)} at most`)
  t.ok(sizes.at(-1)! <= sizes[1]! + 200, `bytes on the card: ${sizes[1]} at first, ${sizes.at(-1)} at last`)
  t.comment(`${ROUNDS} rounds: ${Math.min(...writes)} to ${Math.max(...writes)} writes each`)
})
