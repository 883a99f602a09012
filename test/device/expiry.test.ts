// Telegrams of a start whose time would end a consent wait until the time is known, and not for ever.
import t from 'tap'
import { LIMITS } from '../../src/base/limits.ts'
import { Acts } from '../../src/device/owning/acts.ts'
import { Expiry, type ExpiryOptions } from '../../src/device/owning/expiry.ts'
import type { Channels } from '../../src/device/publish/channels.ts'
import { MeterTime } from '../../src/ownership/meter-time.ts'

const DAY = 86_400_000
const T0 = 1_790_000_000_000

/** A device with one consent; `told`: what happened, in order. */
function house(until: number, floor: number) {
  const time = new MeterTime(floor)
  const told: string[] = []
  let readers = [{ until, grantId: Uint8Array.of(1) }]
  let holds = 0
  const state = {
    log: {
      anyExpired: (now: number) => readers.some((r) => r.until <= now),
      expired: (now: number) => readers.filter((r) => r.until <= now),
    },
    expired: (_id: Uint8Array, done: (error: null) => void) => done(null),
  }
  const owning = {
    onTelegram: (utcMs: number, now: number) => {
      time.onTelegram(utcMs, now)
      return time.now
    },
    ifTrue: (utcMs: number) => time.ifTrue(utcMs),
  }
  const channels = {
    hold: () => {
      holds++
      told.push('hold')
    },
    release: () => {
      holds--
      told.push('release')
    },
  } as unknown as Channels
  const expiry = new Expiry({
    state: state as unknown as ExpiryOptions['state'],
    owning: owning as unknown as ExpiryOptions['owning'],
    acts: new Acts(),
    takeOut: (late, done) => {
      told.push(`out ${late.length}`)
      readers = []
      done(null)
    },
    failed: (what) => told.push(what),
  })
  return { expiry, told, channels, sealing: () => holds === 0 }
}

t.test('over while the device was off: out before anything is sealed', async (t) => {
  const { expiry, told, channels, sealing } = house(T0 - 1, T0 - DAY)
  expiry.onTelegram(T0, 0, channels)
  t.notOk(sealing(), 'the first telegram waits')
  expiry.onTelegram(T0 + 1_000, 1_000, channels)
  t.notOk(sealing())
  expiry.onTelegram(T0 + 2_000, 2_000, channels)
  t.ok(sealing())
  t.same(told, ['hold', 'hold', 'out 1', 'release', 'release'])
})

t.test('over between the second telegram and the third', async (t) => {
  const { expiry, told, channels, sealing } = house(T0 + 1_500, T0 - DAY)
  expiry.onTelegram(T0, 0, channels)
  expiry.onTelegram(T0 + 1_000, 1_000, channels)
  t.same(told, [], 'not over yet: nothing waits')
  expiry.onTelegram(T0 + 2_000, 2_000, channels)
  t.ok(sealing())
  t.same(told, ['hold', 'out 1', 'release'])
})

t.test('one wrong time ends nothing', async (t) => {
  const { expiry, told, channels, sealing } = house(T0 + DAY, T0 - DAY)
  expiry.onTelegram(T0 + 9 * DAY, 0, channels)
  t.notOk(sealing(), 'it would be over, if that were so')
  expiry.onTelegram(T0, 1_000, channels)
  t.ok(sealing())
  for (let i = 1; i < 5; i++) expiry.onTelegram(T0 + i * 1_000, 1_000 + i * 1_000, channels)
  t.same(told, ['hold', 'release'])
})

t.test('a meter that contradicts itself does not keep telegrams for ever', async (t) => {
  const { expiry, told, channels, sealing } = house(T0, T0 - DAY)
  for (let i = 0; i < LIMITS.channel.doubtfulTelegrams; i++) {
    expiry.onTelegram(T0 + (i % 2 ? 50 : 90) * DAY + i * 1_000, i * 1_000, channels)
    t.notOk(sealing())
  }
  for (let i = 6; i < 50; i++) {
    expiry.onTelegram(T0 + (i % 2 ? 50 : 90) * DAY + i * 1_000, i * 1_000, channels)
    t.ok(sealing())
  }
  t.same(told, ['hold', 'release'])
  t.ok(LIMITS.channel.doubtfulTelegrams < LIMITS.channel.heldTelegrams, 'all of them have room')
})

t.test('without a time, and without a device that seals', async (t) => {
  const { expiry, told, channels } = house(T0 - 1, 0)
  expiry.onTelegram(Number.NaN, 0, channels)
  t.same(told, [], 'nothing to judge by')
  expiry.onTelegram(T0, 1_000, null)
  t.same(told, [])
})
