// The power goes again and again, at any write of any file: while a consent is given or taken, while
// epochs open, while the device starts. Nothing that was acknowledged is lost, no key and no nonce is used
// twice, no epoch number either, and every time the owner reads on.
import t from 'tap'
import { History } from './history.ts'

const CUTS = Number(process.env['WATTLE_CUTS'] ?? (process.env['WATTLE_FULL'] ? 10_000 : 40))
/** Where the seeds begin: parts of a long count may run side by side. */
const FIRST = Number(process.env['WATTLE_SEED'] ?? 1)
/** Cuts that one house lives through. */
const EACH = 20

interface Tally {
  cuts: number
  /** Of these, the ones that came in the middle of a write. */
  atWrites: number
  acknowledged: number
  problems: string[]
}

function live(seed: number, tally: Tally): void {
  const history = new History(seed)
  const { house } = history
  const dice = (n: number): number => house.world.chance.below(n)
  const machine = house.machine('device')
  const { disk } = machine
  let grant: string | null = null
  const fail = (what: string): void => {
    tally.problems.push(`seed ${seed}, cut ${tally.cuts}: ${what}`)
  }
  /** Back again, and in step with home; the power may go again before that. */
  const start = (): boolean => {
    for (let tries = 0; tries < 6; tries++) {
      if (!machine.on) machine.boot()
      // The last try is left alone: the owner has to read on after it.
      if (dice(3) === 0 && tries < 5) disk.cutAfter(disk.points + 1 + dice(8))
      house.bootDevice()
      house.world.runUntil(() => house.device !== null || !machine.on, 10_000)
      if (!machine.on) continue
      disk.cutAfter(0)
      const newest = house.sent.length
      if (house.world.runUntil(() => house.sent.indexOf(house.homeGot.at(-1)!.text) > newest, 60_000))
        return true
      return false
    }
    return false
  }
  disk.onCut = () => {
    tally.cuts++
    tally.atWrites++
    machine.cutPower()
  }
  try {
    for (let n = 0; n < EACH && tally.problems.length < 5; n++) {
      const what = dice(4)
      disk.cutAfter(disk.points + 1 + dice(what === 3 ? 130 : 14))
      if (what === 3) house.world.runUntil(() => !machine.on, 70_000)
      else if (grant === null) {
        const id = house.grant('alice')
        if (!id.startsWith('!')) tally.acknowledged++
        grant = id.startsWith('!') ? null : id
      } else {
        // Where the answer is lost, it may stand or not: the log will say.
        if (house.revoke(grant) === 'ok') tally.acknowledged++
        grant = null
      }
      house.world.runUntil(() => !machine.on, 3_000)
      if (machine.on) {
        tally.cuts++
        machine.cutPower()
      }
      disk.cutAfter(0)
      house.world.runFor(dice(3_000))
      if (!start()) fail(`the owner does not read on: ${JSON.stringify(house.log.slice(-4))}`)
      house.world.runUntil(() => house.owned().ready, 30_000)
      const ids = history.consentsOf('alice')
      if (grant !== null && !ids.includes(grant)) fail('a consent that was acknowledged is gone')
      if (grant === null && ids.length > 0) grant = ids[0]!
    }
    if (house.events('device', 'witness').some((l) => /^log-/.test(String(l['verdict']))))
      fail('the device had lost an event that it had acknowledged')
    if (history.reused() > 0) fail(`${history.reused()} keys used twice`)
    if (history.renumbered() > 0) fail(`${history.renumbered()} epoch numbers used twice`)
    if (house.events('home', 'reject').length > 0) fail('the owner was shown a fork')
  } catch (error) {
    fail(String(error))
  } finally {
    history.end()
  }
}

t.test('the power goes at any write', async (t) => {
  const tally: Tally = { cuts: 0, atWrites: 0, acknowledged: 0, problems: [] }
  for (let seed = FIRST; tally.cuts < CUTS && tally.problems.length < 5; seed++) live(seed, tally)
  t.same(tally.problems, [])
  const { cuts, atWrites, acknowledged } = tally
  t.ok(atWrites > CUTS / 2, `${cuts} cuts, ${atWrites} of them at a write`)
  t.ok(acknowledged > CUTS / 10, `${acknowledged} decisions acknowledged`)
})
