// Who is let in, who is told to leave, and what one of them may cost: the subscribers of one device
// against a ring that answers when the test says so.
import t from 'tap'
import { equal } from '../../src/base/bytes.ts'
import { LIMITS } from '../../src/base/limits.ts'
import type { Publisher } from '../../src/channel/publisher.ts'
import type { Channels } from '../../src/device/publish/channels.ts'
import { type Entitled, Subscribers } from '../../src/device/publish/subscribers.ts'
import type { Stream } from '../../src/net/api.ts'
import type { Place } from '../../src/node/frames/ring.ts'
import type { Outlet } from '../../src/node/frames/subscriber.ts'
import { CHANNEL, ENDING, encodeSubscribe } from '../../src/wire/channel.ts'
import { REASON } from '../../src/wire/frame.ts'
import { device, NO_HEAD, type Person, person } from '../channel/world.ts'

class Door {
  readonly readers: Person[] = []
  readonly d = device()
  readonly finds: (() => void)[] = []
  readonly subscribers: Subscribers
  epoch = 1
  oldest = 0

  constructor() {
    this.rotate()
    const ring = {
      oldest: 0,
      next: 0,
      find: (_place: Place, done: (error: null, n: number) => void) =>
        this.finds.push(() => done(null, this.oldest)),
      read: (_from: number, _into: Uint8Array, done: (error: null, n: number) => void) => done(null, 0),
    }
    const channels = {
      ring: () => ({ ...ring, oldest: this.oldest, next: this.oldest }),
      publisher: () => this.d.publisher as Publisher,
      next: () => this.d.publisher.next(),
      headOf: (_cls: number, done: (parts: null) => void) => done(null),
    } as unknown as Channels
    this.subscribers = new Subscribers({
      channels,
      entitled: (sign) => this.entitled(sign),
      owed: () => [],
      grant: (who, _cls, done) => done(this.d.publisher.grant(who, new Uint8Array(0))),
      entries: () => [],
      witnessed: () => true,
      onWitness: () => {},
      deposits: null,
      wall: () => 0,
      onChange: () => {},
    })
  }

  entitled(sign: Uint8Array): Entitled | null {
    const found = this.readers.find((p) => equal(p.keys.sign, sign))
    return found ? { ...found.keys, owner: false, open: true } : null
  }

  rotate(): void {
    this.d.publisher.openEpoch({
      epoch: this.epoch++,
      reason: REASON.revoked,
      at: 0,
      prev: NO_HEAD,
      readers: [],
      keepStart: false,
    })
  }

  subscribe(p: Person, hasKey: boolean) {
    const sent: Uint8Array[] = []
    let closed = 0
    const outlet: Outlet = {
      stream: { writable: () => 65_536, connection: {} } as Stream,
      send: (m) => sent.push(m.slice()) > 0,
      close: () => closed++,
    }
    const message = encodeSubscribe({
      class: 0,
      epoch: hasKey ? 1 : 0,
      index: 0,
      hasKey,
      grantId: p.keys.grantId,
    })
    const subscriber = this.subscribers.onMessage(message, p.keys.sign, outlet)
    return { sent, subscriber, closed: () => closed > 0 }
  }
}

t.test('revoked while the card looks for its place: no key', async (t) => {
  const door = new Door()
  const p = person()
  door.readers.push(p)
  // Everything it wants has been overwritten: it would begin anew, with a grant.
  door.oldest = 10
  const talk = door.subscribe(p, true)
  door.readers.length = 0
  door.rotate()
  for (const find of door.finds) find()
  t.same(
    talk.sent.filter((m) => m[0] === CHANNEL.grant),
    [],
  )
  t.ok(talk.closed())
})

t.test('revoked and let in again while the card looks: not under the old consent', async (t) => {
  const door = new Door()
  const p = person()
  door.readers.push(p)
  door.oldest = 10
  const talk = door.subscribe(p, true)
  door.readers[0] = { ...p, keys: { ...p.keys, grantId: person().keys.grantId } }
  for (const find of door.finds) find()
  t.same(
    talk.sent.filter((m) => m[0] === CHANNEL.grant),
    [],
  )
})

t.test('a stranger costs no buffer: it is refused before anything is made for it', async (t) => {
  const door = new Door()
  const talk = door.subscribe(person(), false)
  t.same(talk.sent, [Uint8Array.of(CHANNEL.refused, ENDING.notReader)])
  t.equal(talk.subscriber, null)
  t.ok(talk.closed())
})

t.test(
  'one reader cannot take the place of the others: its newest stream replaces the one before',
  async (t) => {
    const door = new Door()
    const [greedy, other] = [person(), person()]
    door.readers.push(greedy, other)
    const talks = Array.from({ length: 3 * LIMITS.channel.readers + 5 }, () => door.subscribe(greedy, false))
    t.equal(door.subscribers.count, 1)
    t.ok(talks.slice(0, -1).every((talk) => talk.closed()))
    t.notOk(talks.at(-1)!.closed())
    const late = door.subscribe(other, false)
    t.ok(late.sent.some((m) => m[0] === CHANNEL.grant))
    t.equal(door.subscribers.count, 2)
  },
)
