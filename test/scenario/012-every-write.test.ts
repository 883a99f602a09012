// The device dies at every single write of a claim, a change of owners, a change of keys and a reset, by a
// killed program and by a power cut. The simulated card numbers its writes; each run dies at the next one,
// until the act goes through untouched. Never a half-claimed device, never an acknowledged change lost,
// never two sets of owners.
import t from 'tap'
import { base64url, hex } from '../../src/base/bytes.ts'
import { adding, agreeing } from '../../src/ownership/owners/edits.ts'
import { encodeOwnerSet, type OwnerSet } from '../../src/wire/owner-set.ts'
import { Family } from './family.ts'

const FULL = process.env['WATTLE_FULL'] !== undefined
const MOST = 200
type How = 'power' | 'kill'

interface Act {
  /** Before the writes that are counted. */
  prepare: (family: Family) => void
  /** Begins; `acknowledged` is called when somebody was told that it is done. */
  begin: (family: Family, acknowledged: () => void) => void
  /** After the device is back; what is wrong, or null. */
  judge: (family: Family, acknowledged: boolean) => string | null
}

/** One life with a death at write `n` of the act; tells whether it was reached, and what went wrong. */
function live(act: Act, how: How, n: number): { reached: boolean; wrong: string | null } {
  const family = new Family(900 + n)
  const { house } = family
  house.startDevice()
  family.start('anna')
  act.prepare(family)
  const machine = house.machine('device')
  const { disk } = machine
  let acknowledged = false
  if (how === 'power') disk.cutAfter(disk.points + n)
  else disk.killAfter(disk.points + n)
  act.begin(family, () => {
    acknowledged = true
  })
  // Frames are written too, one a second: only the first seconds are about the act.
  house.world.runUntil(() => !machine.on, 4_000)
  const reached = !machine.on
  if (reached) {
    house.world.runFor(1_000)
    house.startDevice()
    if (house.events('device', 'died').length > 0) return { reached, wrong: 'it does not start any more' }
  }
  disk.cutAfter(0)
  return { reached, wrong: act.judge(family, acknowledged) }
}

function everyWrite(name: string, act: Act): void {
  t.test(name, async (t) => {
    const wrong: string[] = []
    let writes = 0
    for (const how of ['power', 'kill'] as const) {
      // Without the full count every fifth write, others for the kill.
      for (let n = how === 'kill' && !FULL ? 3 : 1; n < MOST; n += FULL ? 1 : 5) {
        const run = live(act, how, n)
        if (run.wrong) wrong.push(`${how} at write ${n}: ${run.wrong}`)
        if (!run.reached) break
        writes++
      }
    }
    t.ok(writes >= 2, `${writes} deaths`)
    t.same(wrong, [])
  })
}

const setOf = (set: OwnerSet): string => hex(encodeOwnerSet(set))

everyWrite('a claim', {
  prepare: () => {},
  begin: ({ house, homes }, acknowledged) => {
    house.machine('device').button.press()
    house.world.runFor(500)
    const o = { code: house.code, address: house.deviceAddress, waitMs: 0 }
    homes.get('anna')!.claim(o, (error) => {
      if (!error) acknowledged()
    })
  },
  judge: (family, acknowledged) => {
    const { house } = family
    const claimed = house.device!.key !== null
    if (acknowledged && !claimed) return 'an acknowledged claim is lost'
    // Whatever was, the same press and code again end in one claimed device that its owner reads.
    let result = ''
    // What was under way when the device died is given up first.
    if (!acknowledged) house.world.runFor(12_000)
    if (!claimed) house.machine('device').button.press()
    house.world.runFor(500)
    if (!acknowledged) {
      const o = { code: house.code, address: house.deviceAddress, waitMs: 0 }
      family.home('anna').claim(o, (error) => {
        result = error?.code ?? 'ok'
      })
      house.world.runUntil(() => result !== '', 20_000)
      if (result !== 'ok') return `the retry says ${result}`
    }
    const [mine, ...more] = family.home('anna').owned
    if (!mine || more.length > 0) return 'not one device'
    if (base64url(mine.device.key) !== base64url(house.device!.key!)) return 'another device than ours'
    if (!house.world.runUntil(() => mine.ready && (family.got.get('anna') ?? 0) > 0, 60_000))
      return 'its owner does not read it'
    return null
  },
})

/** The owner change, and with it the change of all keys. */
everyWrite('a change of owners', {
  prepare: (family) => {
    family.start('bram')
    if (family.claim('anna') !== 'ok') throw new Error('not claimed')
    family.edit('anna', adding(family.card('bram')))
    if (family.join('bram') !== 'ok') throw new Error('not joined')
    family.house.world.runFor(2_000)
  },
  begin: (family, acknowledged) => {
    family.home('anna').owning.edit([family.owned('anna')], agreeing(2), (_error, devices) => {
      if (devices[0]?.state === 'done') acknowledged()
    })
  },
  judge: (family, acknowledged) => {
    const { house } = family
    // A dead connection is noticed after its keep-alive.
    const had = new Map(family.got)
    const reads = (): boolean =>
      ['anna', 'bram'].every((name) => (family.got.get(name) ?? 0) > (had.get(name) ?? 0) + 3)
    if (!house.world.runUntil(reads, 120_000)) return 'an owner does not read on'
    const logs = (): OwnerSet[] => ['anna', 'bram'].map((name) => family.owned(name).device.log.set)
    const ready = (): boolean =>
      ['anna', 'bram'].every((name) => family.owned(name).ready && !family.owned(name).device.change)
    if (!house.world.runUntil(ready, 90_000)) return 'its owners do not find back'
    house.world.runFor(3_000)
    const [annas, brams] = logs()
    if (setOf(annas!) !== setOf(brams!)) return 'two sets of owners'
    return acknowledged && annas!.m !== 2 ? 'an acknowledged change is lost' : null
  },
})

everyWrite('another key of the device', {
  prepare: (family) => {
    if (family.claim('anna') !== 'ok') throw new Error('not claimed')
    family.house.world.runFor(2_000)
  },
  begin: (family, acknowledged) => {
    family.home('anna').owning.replaceKey(family.owned('anna'), (_error, devices) => {
      if (devices[0]?.state === 'done') acknowledged()
    })
  },
  judge: (family, acknowledged) => {
    const { house } = family
    const had = family.got.get('anna') ?? 0
    const reads = (): boolean => (family.got.get('anna') ?? 0) > had + 3
    if (!house.world.runUntil(reads, 180_000)) return 'its owner does not read on'
    if (!house.world.runUntil(() => family.owned('anna')?.ready, 60_000))
      return 'its owner does not find back'
    const { keys, device } = family.owned('anna').device.log
    if (base64url(device) !== base64url(house.device!.key!)) return 'two opinions of its key'
    return acknowledged && keys.length !== 2 ? 'an acknowledged key is lost' : null
  },
})

everyWrite('a reset by hand', {
  prepare: (family) => {
    if (family.claim('anna') !== 'ok') throw new Error('not claimed')
    family.house.world.runFor(3_000)
  },
  begin: (family) => {
    family.hold(10_200)
    family.house.machine('device').button.press()
    family.house.world.runFor(1_000)
  },
  judge: (family) => {
    const { house } = family
    const reset = house.events('device', 'reset').length > 0
    if (reset && house.device!.key !== null) return 'it was reset, and has an owner'
    if (house.device!.key !== null) {
      const owned = family.owned('anna')
      return house.world.runUntil(() => owned.ready, 60_000) ? null : 'neither reset nor whole'
    }
    // What it was is gone: a new claim makes another identity.
    const before = base64url(family.owned('anna').device.key)
    const o = { code: house.code, address: house.deviceAddress, waitMs: 0 }
    let result = ''
    house.machine('device').button.press()
    house.world.runFor(500)
    family.home('anna').claim(o, (error) => {
      result = error?.code ?? 'ok'
    })
    house.world.runUntil(() => result !== '', 20_000)
    if (result !== 'ok') return `the new claim says ${result}`
    return base64url(house.device!.key!) === before ? 'the old identity is back' : null
  },
})
