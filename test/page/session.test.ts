// The session between an owner's page and its device (docs/wire/page.md): both halves agree; everything
// else (another device, another owner, a replay, a changed byte, a message twice or out of turn) is null.
import t from 'tap'
import { utf8 } from '../../src/base/bytes.ts'
import { Signer, Verifier } from '../../src/crypto/native.ts'
import { Secret } from '../../src/crypto/secret.ts'
import { linuxRandom as random } from '../../src/hw/linux/clock.ts'
import { DeviceDoor, openDoor } from '../../src/page/session.ts'
import { PAGE_HELLO_BYTES, PAGE_OPEN_BYTES, PAGE_STREAM } from '../../src/wire/page.ts'

const device = new Signer(Secret.fresh(random))
const owner = new Signer(Secret.fresh(random))
const verifier = Verifier.of(device.publicKey)!
const isOwner = (sign: Uint8Array): boolean => sign.every((b, i) => b === owner.publicKey[i])

function opened() {
  const door = new DeviceDoor(device, random)
  const page = openDoor(door.hello, verifier, owner, random)!
  const there = door.open(page.message, isOwner)!
  return { door, page, there }
}

t.test('both halves agree, in both directions, on every stream', async (t) => {
  const { door, page, there } = opened()
  t.equal(door.hello.length, PAGE_HELLO_BYTES)
  t.equal(page.message.length, PAGE_OPEN_BYTES)
  t.same(there.owner, owner.publicKey)
  for (const stream of Object.values(PAGE_STREAM)) {
    const up = there.session.open(page.session.seal(stream, utf8(`to the device ${stream}`)))
    t.same(up, { stream, message: utf8(`to the device ${stream}`) })
    const down = page.session.open(there.session.seal(stream, utf8(`to the page ${stream}`)))
    t.same(down, { stream, message: utf8(`to the page ${stream}`) })
  }
})

t.test('another device, another owner, another connection', async (t) => {
  const { page } = opened()
  const door = new DeviceDoor(device, random)
  t.equal(door.open(page.message, isOwner), null, 'an OPEN for an earlier HELLO')
  t.equal(
    new DeviceDoor(device, random).open(page.message, () => true),
    null,
    'even where everybody is an owner',
  )
  const stranger = new Signer(Secret.fresh(random))
  const his = openDoor(door.hello, verifier, stranger, random)!
  t.equal(door.open(his.message, isOwner), null, 'a stranger')
  const other = new DeviceDoor(new Signer(Secret.fresh(random)), random)
  t.equal(openDoor(other.hello, verifier, owner, random), null, 'the HELLO of another device')
  // A device in the middle passes the page's OPEN for itself on to the real one.
  const middle = new Signer(Secret.fresh(random))
  const forMiddle = openDoor(
    new DeviceDoor(middle, random).hello,
    Verifier.of(middle.publicKey)!,
    owner,
    random,
  )!
  t.equal(door.open(forMiddle.message, isOwner), null)
})

t.test('every byte counts', async (t) => {
  const door = new DeviceDoor(device, random)
  for (let i = 0; i < PAGE_HELLO_BYTES; i++) {
    const changed = door.hello.slice()
    changed[i]! ^= 1
    if (openDoor(changed, verifier, owner, random) !== null) t.fail(`HELLO byte ${i}`)
  }
  const { message } = openDoor(door.hello, verifier, owner, random)!
  for (let i = 0; i < PAGE_OPEN_BYTES; i++) {
    const changed = message.slice()
    changed[i]! ^= 1
    if (door.open(changed, isOwner) !== null) t.fail(`OPEN byte ${i}`)
  }
  for (const length of [0, 1, 2, 129, 131, 176, 178, 60_000]) {
    const bytes = new Uint8Array(length).fill(2)
    if (openDoor(bytes, verifier, owner, random) !== null) t.fail(`HELLO of ${length}`)
    if (door.open(bytes, isOwner) !== null) t.fail(`OPEN of ${length}`)
  }
  t.ok(door.open(message, isOwner), 'unchanged it opens')
})

t.test('a sealed message counts once, in its turn, in its direction', async (t) => {
  const { page, there } = opened()
  const first = page.session.seal(PAGE_STREAM.raw, utf8('first'))
  const second = page.session.seal(PAGE_STREAM.raw, utf8('second'))
  t.equal(there.session.open(second), null, 'out of turn')
  t.ok(there.session.open(first))
  t.equal(there.session.open(first), null, 'twice')
  t.ok(there.session.open(second), 'what was refused cost no place')
  t.equal(page.session.open(page.session.seal(PAGE_STREAM.page, utf8('echo'))), null, 'back to its sender')
  const wrong = there.session.seal(9 as never, utf8('no such stream'))
  t.equal(page.session.open(wrong), null)
  for (const bytes of [new Uint8Array(0), Uint8Array.of(3), new Uint8Array(16).fill(3)])
    t.equal(page.session.open(bytes), null)
})
