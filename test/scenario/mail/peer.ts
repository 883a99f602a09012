// A peer that is nobody's home and keeps frames for the device of a house: `wattle peer serve --mailbox on`
// on a simulated machine.
import { base64url } from '../../../src/base/bytes.ts'
import { Signer } from '../../../src/crypto/native.ts'
import { Secret } from '../../../src/crypto/secret.ts'
import { PeerMail } from '../../../src/home/mail/peer-mail.ts'
import { Host } from '../../../src/net/host.ts'
import { Loop } from '../../../src/node/loop.ts'
import { CHANNEL_PROTOCOL } from '../../../src/wire/channel.ts'
import { House } from '../house.ts'

export class MailPeer {
  readonly signer: Signer
  mail: PeerMail | null
  readonly #house: House

  constructor(house: House) {
    this.#house = house
    this.mail = null
    this.signer = new Signer(Secret.fresh((into) => house.world.chance.fill(into)))
    this.start()
  }

  get address(): string {
    return `${this.#house.machine('peer').address}:4010`
  }

  /** As the policy names it. */
  get name(): string {
    return `${base64url(this.signer.publicKey)}@${this.address}`
  }

  start(): void {
    const house = this.#house
    const machine = house.machine('peer')
    if (!machine.on) machine.boot()
    const { files, sockets, random, clock } = machine.hardware
    const loop = new Loop(clock)
    const host = new Host({ sockets, timers: loop, random, signer: this.signer, agent: 'peer' })
    this.mail = null
    PeerMail.open({ files, devices: [house.owned().device.key], frames: 5_000 }, (error, mail) => {
      if (!mail) throw error ?? new Error('no mailbox')
      this.mail = mail
      host.handle(CHANNEL_PROTOCOL, (stream) => mail.mailbox.onStream(stream))
      loop.every('mailbox sync', 60_000, () => mail.mailbox.sync())
      host.listen(this.address, () => {})
    })
    house.until(() => this.mail !== null)
  }

  kill(): void {
    this.#house.machine('peer').kill()
    this.mail = null
  }
}

/** A house whose device brings its frames to a peer, and nobody's home has a mailbox. */
export function withPeer(seed: number): { house: House; peer: MailPeer } {
  const house = makeHouse(seed)
  const peer = new MailPeer(house)
  name(house, [peer.name])
  return { house, peer }
}

function makeHouse(seed: number): House {
  const house = new House(seed)
  house.startDevice()
  house.startHome()
  if (house.claim() !== 'ok') throw new Error('not claimed')
  house.until(() => house.owned().ready && house.owned().device.log.added)
  return house
}

/** The owner's policy names these. */
export function name(house: House, mailboxes: readonly string[]): void {
  let result = ''
  house.home!.owning.setPolicy(
    [house.owned()],
    (before) => ({ ...before, mailboxes }),
    (error) => {
      result = error?.code ?? 'ok'
    },
  )
  house.until(() => result !== '')
  house.world.runFor(2_000)
  if ((house.device!.policy.mailboxes ?? []).join() !== mailboxes.join())
    throw new Error(`policy not set: ${result}`)
}
