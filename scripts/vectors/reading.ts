// The cases of docs/vectors/reading.json and of rotation.json: joining, losing, forging, forking, one
// story each. Verdicts are written down here by hand; story.ts compares them with our own reader.

import type { Bytes } from '../../src/base/bytes.ts'
import { ENDING } from '../../src/wire/channel.ts'
import { BODY_BYTES, type ClassId, REASON, type Reason, USABLE_BYTES } from '../../src/wire/frame.ts'
import type { Head } from '../../src/wire/rotation.ts'
import { type ReadingCase, Story } from './story.ts'
import {
  AT,
  again,
  Chance,
  type Channel,
  craft,
  device,
  flipped,
  NO_HEAD,
  type Person,
  person,
  resigned,
  say,
  signEnded,
} from './world.ts'

const NONE: Bytes = new Uint8Array(0)

function open(c: Channel, epoch: number, reason: Reason, people: readonly Person[], prev?: Head): Bytes[] {
  c.publisher.openEpoch({
    epoch,
    reason,
    at: AT + epoch * 1_000,
    prev: prev ?? (c.publisher.epoch > 0 ? c.publisher.head() : NO_HEAD),
    readers: people.map((p) => p.keys),
    keepStart: false,
  })
  return c.fresh()
}

function publish(c: Channel, ...payloads: Bytes[]): Bytes[] {
  for (const payload of payloads) c.publisher.publish(payload)
  return c.fresh()
}

/** An owner and two providers, a device in its first epoch, and two frames before anybody joins. */
function house(name: string, cls: ClassId = 0) {
  const d = device(name)
  const [owner, alice, bob] = [person('owner', true), person('alice'), person('bob')]
  const c = d.channel(cls)
  const start = open(c, 1, REASON.added, [owner])
  const before = publish(c, say('one'), say('two'))
  return { d, owner, alice, bob, c, start, before }
}

type House = ReturnType<typeof house>

/** Alice has been granted; her story begins. */
function joined(name: string): House & { story: Story; grant: Bytes } {
  const h = house(name)
  const grant = h.c.publisher.grant(h.alice.keys, say('state'))!
  return { ...h, grant, story: new Story(name, h.d, h.alice).grant(grant) }
}

function joining(): ReadingCase[] {
  const h = house('a joiner reads from its grant on, and nothing earlier')
  const grant = h.c.publisher.grant(h.alice.keys, say('state'))
  const after = publish(h.c, say('three'), NONE, new Uint8Array(USABLE_BYTES).fill(7))
  const story = new Story(h.d.name, h.d, h.alice)
  story.frames(h.start, ...h.start.slice(1).map(() => 'part'), 'closed').frames(h.before, 'closed')
  story.grant(grant).frames(h.before, 'old').frames(after, 'opened')

  const o = house('an owner finds its box in every epoch')
  const owner = new Story(o.d.name, o.d, o.owner).grant(o.c.publisher.grant(o.owner.keys, NONE))
  owner.frames(publish(o.c, say('three')), 'opened')
  const daily = open(o.c, 4, REASON.daily, [o.owner])
  owner.frames(daily, ...daily.slice(1).map(() => 'part'), 'rotated')
  owner.frames(publish(o.c, say('four')), 'opened').payload(say('four'))

  const s = house('a grant for the very beginning of an epoch: KEY_ROTATION is stepped over')
  const first = s.d.channel(0, 'again')
  first.publisher.openEpoch({ epoch: 7, reason: 1, at: AT, prev: NO_HEAD, readers: [], keepStart: true })
  const early = first.publisher.startGrants(s.alice.keys, 0)[0]!.bytes
  const boot = first.fresh()
  const start = new Story(s.d.name, s.d, s.alice).frames(boot, ...boot.slice(1).map(() => 'part'), 'closed')
  start
    .grant(early)
    .frames(boot, 'old')
    .frames(publish(first, say('one')), 'opened')

  const parts = joined('a payload in several frames')
  const long = new Chance('long').bytes(2 * USABLE_BYTES + 5)
  parts.story.frames(publish(parts.c, long), 'part', 'part', 'opened').payload(long)
  const largest = new Chance('largest').bytes(6_144)
  const frames = publish(parts.c, largest)
  parts.story.frames(frames, ...frames.slice(1).map(() => 'part'), 'opened').payload(largest)
  return [story.case, owner.case, start.case, parts.story.case]
}

function ending(): ReadingCase[] {
  const out: ReadingCase[] = []
  for (const [reason, why, name] of [
    [REASON.revoked, ENDING.revoked, 'revoked: the very next frame is closed, all old keys in hand'],
    [REASON.expired, ENDING.expired, 'expired: likewise'],
  ] as const) {
    const h = joined(name)
    const bob = new Story(`${name}; the other reader reads on`, h.d, h.bob)
    bob.grant(h.c.publisher.grant(h.bob.keys, NONE))
    const before = publish(h.c, say('three'))
    h.story.frames(before, 'opened')
    bob.frames(before, 'opened')
    const rotation = open(h.c, 2, reason, [h.owner, h.bob])
    const after = publish(h.c, say('four'), say('five'))
    const verdicts = rotation.slice(1).map(() => 'part')
    const said = { class: 0, why, epoch: 2, index: 0, grantId: h.alice.keys.grantId, at: AT } as const
    const ended = signEnded(said, h.alice.keys, h.d.signer)
    h.story
      .frames(rotation, ...verdicts, 'closed')
      .ended(ended)
      .frames(after, 'closed')
    h.story.grant(h.grant, 'taken') // An old grant opens old frames again, and nothing new.
    h.story
      .frames(before, 'opened')
      .frames(rotation, ...verdicts, 'closed')
      .frames(after, 'closed')
    bob
      .ended(ended, 'refused')
      .frames(rotation, ...verdicts, 'rotated')
      .frames(after, 'opened')
    out.push(h.story.case, bob.case)
  }

  const h = joined('let in again: another grant id, another tag, and nothing of the time between')
  const first = publish(h.c, say('three'))
  const without = open(h.c, 2, REASON.revoked, [h.owner])
  const between = publish(h.c, say('not hers'))
  h.story.frames(first, 'opened').frames(without, ...without.slice(1).map(() => 'part'), 'closed')
  h.story.frames(between, 'closed')
  const back = again(h.alice, 'alice, again')
  h.story.grant(h.c.publisher.grant(back.keys, say('state'))).frames(between, 'old')
  h.story.frames(publish(h.c, say('five')), 'opened')
  const daily = open(h.c, 3, REASON.daily, [h.owner, back])
  h.story.frames(daily, ...daily.slice(1).map(() => 'part'), 'rotated')
  h.story.frames(publish(h.c, say('six')), 'opened')
  return [...out, h.story.case]
}

function gaps(): ReadingCase[] {
  const a = joined('frames are missing within an epoch')
  const [first, , third] = publish(a.c, say('three'), say('lost'), say('five'))
  a.story
    .frames([first!], 'opened')
    .frames([third!], 'opened')
    .gap(1, first3(a) + 1, 1, first3(a) + 2)

  const b = joined('a part of a payload is missing: it is given up, the next one is read')
  const [one, , three] = publish(b.c, new Chance('parts').bytes(2 * USABLE_BYTES + 1))
  b.story.frames([one!, three!], 'part').frames(publish(b.c, say('four')), 'opened')

  const c = joined('the end of an epoch is missing')
  publish(c.c, say('lost'), say('lost'))
  const rotation = open(c.c, 2, REASON.daily, [c.owner, c.alice])
  const lastParts = rotation.slice(1).map(() => 'part')
  c.story.frames(rotation, ...lastParts, 'rotated').gap(1, first3(c), 1, first3(c) + 2)
  c.story.frames(publish(c.c, say('five')), 'opened')

  const d = joined('a KEY_ROTATION is missing, or a part of it: the epoch stays closed until a grant')
  const second = open(d.c, 2, REASON.daily, [d.owner, d.alice])
  d.story.frames([second[0]!], 'part').frames(second.slice(-1), second.length > 2 ? 'part' : 'rotated')
  if (second.length > 2) {
    d.story.frames(publish(d.c, say('three')), 'closed')
    const grant = d.c.publisher.grant(d.alice.keys, NONE)
    d.story
      .grant(grant)
      .gap(1, first3(d), 2, second.length + 1)
      .frames(publish(d.c, say('four')), 'opened')
  }

  const e = joined('an hour is missing: the chain is stepped over it')
  for (let i = 0; i < 3_600; i++) e.c.publisher.publish(NONE)
  e.c.fresh()
  e.story.frames(publish(e.c, say('an hour later')), 'opened').gap(1, first3(e), 1, first3(e) + 3_600)

  const f = joined('more than 700,000 frames are missing: closed, and nothing is stepped')
  const far = craft(
    f.d.signer,
    { type: 1, class: 0, part: 0, parts: 1, epoch: 1, index: first3(f) + 700_001 },
    { nonce: f.c.publisher.nonce(), link: new Uint8Array(16), body: new Uint8Array(BODY_BYTES) },
  )
  f.story.frames([far], 'closed').frames(publish(f.c, say('three')), 'opened')
  return [a, b, c, d, e, f].map((h) => h.story.case)
}

/** Index of the first frame behind the two that every house seals: the place of the joiner's grant. */
function first3(h: House): number {
  return h.start.length + h.before.length
}

function forged(): ReadingCase[] {
  const h = joined('forged, truncated, replayed, of another device, of another class')
  const [good] = publish(h.c, say('three'))
  const frame = good!
  const text = frame.subarray(0, frame.length - 64)
  const at = (offset: number, value: number): Bytes => {
    const out = text.slice()
    out[offset] = value
    return resigned(h.d.signer, out)
  }
  const bits = Array.from({ length: 40 }, (_, i) => Math.floor((i * frame.length * 8) / 40) + (i % 8))
  const stranger = device('a stranger')
  const theirs = stranger.channel(0)
  open(theirs, 1, REASON.added, [h.owner])
  const other = h.d.channel(1, 'other class')
  open(other, 1, REASON.added, [h.owner])
  h.story
    // What changes epoch or index to an earlier one is old before its signature is looked at.
    .frames(
      bits.filter((bit) => bit < 32 || bit >= 112).map((bit) => flipped(frame, bit)),
      'bad',
    )
    .frames([frame.subarray(0, frame.length - 1), new Uint8Array([...frame, 0]), NONE], 'bad')
    .frames([at(0, 0), at(0, 3), at(1, 3), at(2, 1), at(3, 0), at(14, 1), at(15, 1)], 'bad')
    .frames([resigned(stranger.signer, text)], 'bad')
    .frames(publish(theirs, say('another device')).slice(-1), 'bad')
    .frames(publish(other, say('another class')).slice(-1), 'bad')
    .frames([frame], 'opened')
    .frames([frame, ...h.before, ...h.start], 'old')

  const g = joined('grants and endings: forged, truncated, replayed, for somebody else, of another class')
  const mine = g.grant
  const bobs = g.c.publisher.grant(g.bob.keys, NONE)!
  const quarter = g.d.channel(1)
  open(quarter, 1, REASON.added, [g.owner])
  const aside = quarter.publisher.grant(g.alice.keys, NONE)
  for (let bit = 3; bit < mine.length * 8; bit += 97) g.story.grant(flipped(mine, bit), 'refused')
  g.story.grant(bobs, 'refused').grant(aside, 'refused').grant(NONE, 'refused')
  g.story.grant(mine.subarray(0, -1), 'refused').grant(new Uint8Array([...mine, 0]), 'refused')
  g.story.frames(publish(g.c, say('three')), 'opened').grant(mine, 'ignored')
  const said = { class: 0, why: ENDING.revoked, epoch: 2, index: 0, at: AT } as const
  const ended = signEnded({ ...said, grantId: g.alice.keys.grantId }, g.alice.keys, g.d.signer)
  const elsewhere = signEnded({ ...said, class: 1, grantId: g.alice.keys.grantId }, g.alice.keys, g.d.signer)
  for (let bit = 3; bit < ended.length * 8; bit += 53) g.story.ended(flipped(ended, bit), 'refused')
  g.story.ended(elsewhere, 'refused').ended(ended.subarray(0, -1), 'refused').ended(ended)
  g.story.ended(signEnded({ ...said, grantId: g.bob.keys.grantId }, g.bob.keys, g.d.signer), 'refused')
  return [h.story.case, g.story.case]
}

function forks(): ReadingCase[] {
  const a = joined('fork: one epoch number, another nonce')
  const copy = a.d.channel(0, 'a copy of the card')
  open(copy, 1, REASON.boot, [a.owner])
  a.story.frames(publish(a.c, say('three')), 'opened')
  a.story.frames(publish(copy, say('from the copy')), 'fork')
  a.story.frames(publish(a.c, say('four')), 'opened')

  const b = joined('fork: a link that is not that of the frame before')
  const [real] = publish(b.c, say('three'))
  const text = real!.slice(0, real!.length - 64)
  text.fill(9, 32, 48)
  b.story.frames([resigned(b.d.signer, text)], 'fork').frames([real!], 'opened')

  const c = joined('fork: signed, linked, and sealed with another key')
  const [sealed] = publish(c.c, say('three'))
  const body = sealed!.slice(0, sealed!.length - 64)
  body.fill(9, 48)
  c.story.frames([resigned(c.d.signer, body)], 'fork').frames([sealed!], 'opened')

  const d = joined('fork: a new epoch behind a frame that is not the one the reader has')
  d.story.frames(publish(d.c, say('three'), say('four')), 'opened')
  const elsewhere: Head = { epoch: 1, index: first3(d), hash: new Uint8Array(32).fill(5) }
  const branch = open(d.d.channel(0, 'branch'), 2, REASON.boot, [d.owner, d.alice], elsewhere)
  d.story.frames(branch, ...branch.slice(1).map(() => 'part'), 'fork')
  const repair = d.d.channel(0, 'repair')
  const repaired = open(repair, 3, REASON.repaired, [d.owner, d.alice], elsewhere)
  d.story.frames(repaired, ...repaired.slice(1).map(() => 'part'), 'rotated')
  d.story.gap(1, first3(d) + 2, 3, 0).frames(publish(repair, say('begun anew')), 'opened')

  const e = joined('no fork: a power cut took frames from the device that the reader has')
  const kept = publish(e.c, say('three'))
  const durable = e.c.publisher.head()
  e.story.frames([...kept, ...publish(e.c, say('four, lost by the device'))], 'opened')
  const boot = e.d.channel(0, 'after the cut')
  const start = open(boot, 2, REASON.boot, [e.owner, e.alice], durable)
  e.story.frames(start, ...start.slice(1).map(() => 'part'), 'rotated')
  e.story.frames(publish(boot, say('five')), 'opened')

  const f = joined('a KEY_ROTATION whose parts do not link, or are not as the text has them')
  const rotation = open(f.c, 2, REASON.daily, [f.owner, f.alice])
  const last = rotation.at(-1)!.slice(0, -64)
  const unlinked = last.slice()
  unlinked.fill(3, 32, 48)
  const misplaced = last.slice()
  misplaced[13]! += 1
  f.story.frames(rotation.slice(0, -1), 'part')
  f.story.frames([resigned(f.d.signer, unlinked)], 'fork').frames([resigned(f.d.signer, misplaced)], 'bad')
  f.story.frames(rotation.slice(-1), 'rotated').frames(publish(f.c, say('three')), 'opened')
  return [a, b, c, d, e, f].map((h) => h.story.case)
}

export function readingCases(): ReadingCase[] {
  return [...joining(), ...ending(), ...gaps(), ...forged(), ...forks(), ...classes()]
}

function classes(): ReadingCase[] {
  const d = device('three classes')
  const owner = person('owner', true)
  const alice = person('alice')
  const channels = ([0, 1, 2] as const).map((cls) => d.channel(cls))
  channels.forEach((c, cls) => {
    open(c, cls + 1, REASON.added, cls === 1 ? [owner, alice] : [owner])
  })
  const quarter = new Story('a reader of 15min opens neither raw nor day', d, alice, 1)
  quarter.grant(channels[1]!.publisher.grant(alice.keys, NONE))
  channels.forEach((c, cls) => {
    quarter.frames(publish(c, say(`class ${cls}`)), cls === 1 ? 'opened' : 'bad')
  })
  return [quarter.case]
}

/** KEY_ROTATION for so many readers: one case for the first, the last, and somebody without a box. */
export function rotationCases(): ReadingCase[] {
  return [1, 2, 4, 5, 16, 32].flatMap((n) => {
    const people = Array.from({ length: n }, (_, i) => person(`reader ${i + 1}`))
    const stranger = person('nobody')
    return [...new Set([people[0]!, people.at(-1)!]), stranger].map((who) => {
      const d = device(`a rotation with ${n}`)
      const c = d.channel(0)
      open(c, 1, REASON.added, [])
      const story = new Story(`${n} readers, ${who.name}`, d, who)
      story.grant(c.publisher.grant(who.keys, NONE))
      const rotation = open(c, 2, REASON.daily, people)
      const closed = who === stranger
      story.frames(rotation, ...rotation.slice(1).map(() => 'part'), closed ? 'closed' : 'rotated')
      story.frames(publish(c, say(`for ${n}`)), closed ? 'closed' : 'opened')
      return story.case
    })
  })
}
