// What My Home keeps: it can always be read again, however many devices and addresses there were.
import t from 'tap'
import { base64url } from '../../src/base/bytes.ts'
import { LIMITS } from '../../src/base/limits.ts'
import { Exchange, Signer } from '../../src/crypto/native.ts'
import { Secret } from '../../src/crypto/secret.ts'
import { HomeStore } from '../../src/home/store.ts'
import { World } from '../../src/hw/sim/world.ts'
import { signCard } from '../../src/ownership/card.ts'

function rig() {
  const world = new World({ seed: 5 })
  const machine = world.machine('home')
  const wait = <T>(start: (done: (value: T) => void) => void): T => {
    const got: T[] = []
    start((value) => got.push(value))
    if (!world.runUntil(() => got.length > 0, 10_000)) throw new Error('not done')
    return got[0]!
  }
  const open = (): HomeStore => {
    if (!machine.on) machine.boot()
    const { files, random } = machine.hardware
    return wait<HomeStore>((done) =>
      HomeStore.open(files, random, (error, store) => {
        if (!store) throw error
        done(store)
      }),
    )
  }
  const bytes = (n: number): Uint8Array => {
    const out = new Uint8Array(n)
    world.chance.fill(out)
    return out
  }
  const device = () => ({
    key: bytes(32),
    box: bytes(32),
    name: 'd',
    addresses: ['a:1'],
    certificate: bytes(80),
    owners: {
      m: 1,
      owners: [
        {
          sign: new Signer(new Secret(bytes(32))).publicKey,
          box: new Exchange(new Secret(bytes(32))).publicKey,
          next: null,
        },
      ],
      recovery: null,
    },
    policy: new Uint8Array(0),
  })
  return { machine, wait, open, device }
}

t.test(
  'one device too many is refused before it is written, not found damaged at the next start',
  async (t) => {
    const { machine, wait, open, device } = rig()
    const store = open()
    for (let i = 0; i < LIMITS.home.devices; i++)
      t.equal(await wait((done) => store.addDevice(device(), done)), null)
    t.ok(store.full)
    const error = wait<Error | null>((done) => store.addDevice(device(), done))
    t.match(error?.message, new RegExp(`keeps ${LIMITS.home.devices} devices`))
    machine.kill()
    t.equal(open().devices.length, LIMITS.home.devices)
  },
)

t.test('a journal of old addresses is written anew', async (t) => {
  const { machine, wait, open, device } = rig()
  const store = open()
  wait((done) => store.addDevice(device(), done))
  const [own] = store.devices
  for (let n = 0; n < LIMITS.journal.compactBytes; n += 200 * 1_000) {
    for (let i = 0; i < 200; i++) store.setAddresses(own!, [`${'x'.repeat(970)}:${i}`], () => {})
    wait((done) => store.setAddresses(own!, ['b:2'], done))
  }
  t.ok(machine.disk.peek('home.journal')!.length > LIMITS.journal.compactBytes)
  machine.kill()
  t.same(open().devices[0]!.addresses, ['b:2'])
  t.ok(machine.disk.peek('home.journal')!.length < 1_000)
  machine.kill()
  t.same(open().devices[0]!.addresses, ['b:2'])
})

t.test('a card cannot take the place of another by calling itself like it', async (t) => {
  const { wait, open } = rig()
  const store = open()
  const made = (name: string, domain: string) => {
    const signer = new Signer(Secret.fresh((b) => crypto.getRandomValues(b as Uint8Array<ArrayBuffer>)))
    const card = { name, domain, sign: signer.publicKey, box: new Uint8Array(32).fill(9), addresses: [] }
    wait((done) => store.addCard(signCard(card, signer), done))
    return base64url(signer.publicKey)
  }
  const bob = new Signer(new Secret(new Uint8Array(32).fill(3)))
  const key = base64url(bob.publicKey)
  made(key, 'bob.example')
  const card = { name: 'bob', domain: 'bob.example', sign: bob.publicKey, box: bob.publicKey, addresses: [] }
  wait((done) => store.addCard(signCard(card, bob), done))
  t.equal(base64url(store.card(key)!.sign), key, 'a key means the key')
  t.equal(store.card('bob')!.name, 'bob')
  t.equal(store.card('bob.example'), null, 'two say that they are it: the key must be said')
})

t.test('two devices of one name are told apart', async (t) => {
  const { wait, open, device } = rig()
  const store = open()
  for (const name of ['d', 'd-2']) {
    t.equal(store.freeName('d'), name)
    wait((done) => store.addDevice({ ...device(), name }, done))
  }
  t.equal(store.freeName('d'), 'd-3')
})
