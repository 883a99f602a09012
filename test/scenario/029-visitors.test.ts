// Who is no owner, at the door of the owner log: an event that somebody else signed long ago is worth one
// question and no more, and the owner is heard all the while.
import t from 'tap'
import {
  CONSENT,
  CONSENT_PROTOCOL,
  encodeEvent,
  encodeGetNextKey,
  encodeGetOrigin,
} from '../../src/wire/consent.ts'
import { House } from './house.ts'
import { Visitor } from './visitor.ts'

t.test('an old event, again and again', async (t) => {
  const house = new House(2901)
  house.startDevice()
  house.startHome()
  t.equal(house.claim(), 'ok')
  house.startProvider('solar')
  const id = house.grant('solar')
  t.equal(house.revoke(id), 'ok')
  const [, authorized] = house.owned().device.events
  const visitor = new Visitor(house, 'visitor', house.signerOf('solar'))
  let answers = 0
  for (let round = 0; round < 5; round++) {
    const talk = visitor.open(CONSENT_PROTOCOL)!
    for (let i = 0; i < 50; i++) talk.send(encodeEvent(authorized!))
    house.world.runFor(1_000)
    answers += talk.got.filter((m) => m[0] === CONSENT.refused).length
    t.ok(talk.closed, 'one answer, and the stream is over')
  }
  t.ok(answers <= 10, `${answers} answers to 250 events`)
  t.equal(house.owned().device.log.readers.length, 0)
  t.match(house.grant('solar'), /^.{22}$/, 'the owner is heard')
})

t.test('origin, next key and entries are for owners', async (t) => {
  const house = new House(2902)
  house.startDevice()
  house.startHome()
  t.equal(house.claim(), 'ok')
  house.world.runFor(10_000)
  const writes = house.machine('device').disk.peek('device.journal')!.length
  const stranger = new Visitor(house, 'stranger')
  for (const message of [encodeGetOrigin(), encodeGetNextKey()]) {
    const talk = stranger.open(CONSENT_PROTOCOL)!
    talk.send(message)
    house.world.runFor(1_000)
    t.ok(talk.closed)
    t.equal(talk.got.length, 0)
  }
  t.equal(
    house.machine('device').disk.peek('device.journal')!.length,
    writes,
    'and nothing is written for them',
  )
})
