// Somebody on the house's network who speaks the protocols by hand: a stranger, an owner's second
// phone, a reader who does not behave.

import { base64url } from '../../src/base/bytes.ts'
import { Signer } from '../../src/crypto/native.ts'
import { Secret } from '../../src/crypto/secret.ts'
import type { Stream } from '../../src/net/api.ts'
import { Host } from '../../src/net/host.ts'
import { Messages } from '../../src/net/messages.ts'
import { Loop } from '../../src/node/loop.ts'
import { type EventBody, signEvent } from '../../src/ownership/event.ts'
import type { House } from './house.ts'

export interface Talk {
  readonly stream: Stream
  readonly got: Uint8Array[]
  closed: boolean
  send(message: Uint8Array): void
}

export class Visitor {
  readonly signer: Signer
  readonly host: Host
  readonly #house: House

  constructor(house: House, name: string, signer?: Signer) {
    const machine = house.machine(name)
    if (!machine.on) machine.boot()
    const { sockets, random, clock } = machine.hardware
    this.#house = house
    this.signer = signer ?? new Signer(Secret.fresh(random))
    this.host = new Host({ sockets, timers: new Loop(clock), random, signer: this.signer, agent: name })
  }

  /** A stream of its own on a connection of its own, or on the one there is. */
  open(protocol: string, address: string = this.#house.deviceAddress, fresh = false): Talk | null {
    let talk: Talk | null = null
    let failed = false
    const known = fresh ? undefined : this.host.connections()[0]
    const onStream = (_error: unknown, stream: Stream | null): void => {
      if (!stream) {
        failed = true
        return
      }
      const made: Talk = { stream, got: [], closed: false, send: (message) => void messages.send(message) }
      const messages = new Messages(stream, 'u32', {
        onMessage: (message) => made.got.push(message.slice()),
        onDrain: () => {},
        onEnd: () => {},
        onClose: () => {
          made.closed = true
        },
      })
      talk = made
    }
    if (known) known.open(protocol, onStream)
    else
      this.host.dial(address, null, (_error, connection) => {
        if (connection) connection.open(protocol, onStream)
        else failed = true
      })
    this.#house.until(() => talk !== null || failed)
    return talk
  }
}

/** Somebody who holds the owner's key beside My Home. */
export function ownerOf(house: House): Signer {
  return new Signer(house.home!.store.keys.seed.copy())
}

/** An event that fits on the log as home has it now. */
export function nextEvent(house: House, body: EventBody): string {
  const signer = ownerOf(house)
  const { log } = house.owned().device
  const at = Math.floor(house.world.wallAtStart + house.world.now())
  const event = { device: log.device, seq: log.seq + 1, prev: log.head, at, body }
  return signEvent(event, [{ kid: base64url(signer.publicKey), signer }])
}
