// What My Home keeps: it can always be read again, however many devices and addresses there were.
import t from 'tap'
import { LIMITS } from '../../src/base/limits.ts'
import { HomeStore } from '../../src/home/store.ts'
import { World } from '../../src/hw/sim/world.ts'

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
    owners: [{ sign: bytes(32), box: bytes(32) }],
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
