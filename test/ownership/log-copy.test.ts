// The owner's copy of the log takes every event that the device took, also when many consents have ended
// by time meanwhile: only the device takes those out, and only the device counts places.
import t from 'tap'
import { base64url } from '../../src/base/bytes.ts'
import { LIMITS } from '../../src/base/limits.ts'
import { type EventBody, signEvent } from '../../src/ownership/event.ts'
import { OwnerLog } from '../../src/ownership/log.ts'
import { bytes, person } from '../channel/world.ts'

t.test('consents that ended by time do not fill the copy', async (t) => {
  const owner = person()
  const device = person()
  const owners = {
    m: 1,
    owners: [{ sign: owner.keys.sign, box: owner.keys.box, next: null }],
    recovery: null,
  }
  const root = bytes(32)
  const there = new OwnerLog(device.keys.sign, owners, root)
  const here = new OwnerLog(device.keys.sign, owners, root, { copy: true })
  let at = 1_000
  const take = (body: EventBody): string | null => {
    const event = { device: there.device, seq: there.seq + 1, prev: there.head, at, body }
    const jws = signEvent(event, [{ kid: base64url(owner.keys.sign), signer: owner.signer }])
    const checked = there.check(jws)
    if (checked.refusal !== null) return checked.refusal
    there.commit(checked)
    const copied = here.check(jws)
    if (copied.refusal !== null) return `copy: ${copied.refusal}`
    here.commit(copied)
    return null
  }
  const reader = () => {
    const p = person()
    return {
      grantId: bytes(16),
      class: 0 as const,
      name: 'x',
      domain: '',
      sign: p.keys.sign,
      box: p.keys.box,
      since: at,
      until: at + 10,
      purpose: '',
    }
  }
  t.equal(take({ type: 'DEVICE_ADDED', name: 'd' }), null)
  for (let i = 0; i < 2 * LIMITS.channel.readers; i++) {
    t.equal(take({ type: 'AUTHORIZED', reader: reader() }), null)
    at += 20
    for (const over of there.expired(at)) there.expire(over.grantId)
  }
  t.same(here.head, there.head)
  for (let i = there.readers.length + owners.owners.length; i < LIMITS.channel.readers; i++)
    take({ type: 'AUTHORIZED', reader: reader() })
  t.equal(take({ type: 'AUTHORIZED', reader: reader() }), 'too-many-readers', 'the device counts')
})
