// The device's state through many rotations: the journal is written anew before it is full, and says
// the same afterwards.
import t from 'tap'
import { base64url } from '../../src/base/bytes.ts'
import { LIMITS } from '../../src/base/limits.ts'
import { Exchange, Signer } from '../../src/crypto/native.ts'
import { Secret } from '../../src/crypto/secret.ts'
import { DeviceState } from '../../src/device/state.ts'
import { type Machine, World } from '../../src/hw/sim/world.ts'
import { makeCertificate } from '../../src/ownership/claim-keys.ts'
import { type EventBody, signEvent } from '../../src/ownership/event.ts'

class Rig {
  readonly world: World = new World({ seed: 7 })
  readonly machine: Machine = this.world.machine('device')
  readonly owner: Signer = new Signer(Secret.fresh((b) => this.world.chance.fill(b)))

  open(): DeviceState {
    if (!this.machine.on) this.machine.boot()
    let state: DeviceState | null = null
    const { files, random } = this.machine.hardware
    DeviceState.open(files, random, (error, opened) => {
      if (error) throw error
      state = opened
    })
    if (!this.world.runUntil(() => state !== null, 10_000)) throw new Error('not opened')
    return state!
  }

  wait(start: (done: (error: unknown) => void) => void): void {
    let over = false
    start((error) => {
      if (error) throw error
      over = true
    })
    if (!this.world.runUntil(() => over, 10_000)) throw new Error('not done')
  }

  bytes(n: number): Uint8Array {
    const out = new Uint8Array(n)
    this.world.chance.fill(out)
    return out
  }

  event(state: DeviceState, body: EventBody): void {
    const { device, seq, head } = state.log!
    const kid = base64url(this.owner.publicKey)
    const jws = signEvent({ device, seq: seq + 1, prev: head, at: 1, body }, [{ kid, signer: this.owner }])
    const checked = state.log!.check(jws)
    if (checked.refusal !== null) throw new Error(checked.refusal)
    this.wait((done) => state.event(jws, done))
    state.commit(checked)
  }

  grant(state: DeviceState): { grantId: Uint8Array; sign: Uint8Array } {
    const sign = new Signer(new Secret(this.bytes(32))).publicKey
    const grantId = this.bytes(16)
    const keys = { grantId, sign, box: this.bytes(32), class: 0 as const }
    const reader = { ...keys, name: 'a', domain: '', since: 1, until: 2, purpose: '' }
    this.event(state, { type: 'AUTHORIZED', reader })
    return { grantId, sign }
  }
}

function told(state: DeviceState): unknown {
  const { epoch, incarnation, events, owed, log, signer } = state
  return { epoch, incarnation, events, owed, readers: log!.readers, head: log!.head, key: signer!.publicKey }
}

/** No entries to go with them. */
const PLAIN = { atLeast: 0, entries: () => {} }

t.test('a journal of many rotations is written anew when it is opened', async (t) => {
  const rig = new Rig()
  const state = rig.open()
  const box = new Exchange(new Secret(rig.bytes(32))).publicKey
  const owners = { m: 1, owners: [{ sign: rig.owner.publicKey, box, next: null }], recovery: null }
  const seeds = { seed: new Secret(rig.bytes(32)), boxSeed: new Secret(rig.bytes(32)) }
  const certificate = makeCertificate(new Signer(seeds.seed), {
    box: new Exchange(seeds.boxSeed).publicKey,
    incarnation: 3,
    discriminator: 1,
    ownersHash: rig.bytes(32),
    transcript: rig.bytes(32),
  })
  const identity = { owners, incarnation: 3, certificate, policy: new Uint8Array(0) }
  rig.wait((done) => state.claim({ ...seeds, ...identity }, done))
  rig.event(state, { type: 'DEVICE_ADDED', name: 'd' })
  // More consents than there is room for at once: each end makes room for the next.
  for (let i = 0; i < LIMITS.channel.readers + 5; i++) {
    const { grantId } = rig.grant(state)
    rig.wait((done) => state.expired(grantId, done))
  }
  const kept = rig.grant(state)
  const owed = { reader: kept.sign, class: 0 as const, epoch: 4, index: 2, bytes: rig.bytes(300) }
  rig.wait((done) => state.owe(owed, done))
  for (let i = 0; i < 14; i++) {
    for (let j = 0; j < 6_000; j++) state.nextEpochs(3, PLAIN, () => {})
    rig.wait((done) => state.nextEpochs(3, PLAIN, done))
  }
  const before = rig.machine.disk.peek('device.journal')!.length
  t.ok(before > LIMITS.journal.compactBytes / 2, `${before} bytes`)
  for (let j = 0; before + 8 * j < LIMITS.journal.compactBytes + 50_000; j += 6_000) {
    for (let k = 0; k < 6_000; k++) state.nextEpochs(3, PLAIN, () => {})
    rig.wait((done) => state.nextEpochs(3, PLAIN, done))
  }
  const said = told(state)
  rig.machine.kill()
  t.same(told(rig.open()), said)
  const after = rig.machine.disk.peek('device.journal')!.length
  t.ok(after < 60_000, `${after} bytes`)
  rig.machine.kill()
  const again = rig.open()
  t.same(told(again), said, 'and once more')
  t.equal(rig.machine.disk.peek('device.journal')!.length, after, 'which needs no writing')
  rig.wait((done) => again.nextEpochs(1, PLAIN, done))
})
