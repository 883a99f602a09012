// The device's next pair of keys (docs/wire/owners.md "Device key"): made when an owner asks for it, durable
// before anybody hears of it, and what the owner log follows once the owners have signed. Until then it
// means nothing; afterwards the old pair is nowhere on the card.

import { type Bytes, equal } from '../../base/bytes.ts'
import { Exchange, Signer } from '../../crypto/native.ts'
import type { Random } from '../../hw/hardware.ts'
import { makeSuccession, type Succession } from '../../ownership/owners/device-key.ts'
import type { DeviceState } from '../state.ts'

/** What the owners are asked to sign: the next keys follow those of now, at the log's head of now. */
export function offerKey(
  o: { state: DeviceState; random: Random; discriminator: number },
  done: (succession: Succession | null) => void,
): void {
  const { state, random, discriminator } = o
  state.prepareKey(random, (error) => {
    const { log, signer, next, incarnation } = state
    if (error || !log || !signer || !next) return done(null)
    const keys = { old: signer, next: new Signer(next.seed), box: new Exchange(next.boxSeed).publicKey }
    done(makeSuccession(keys, { prev: log.head, set: log.set }, { incarnation, discriminator }))
  })
}

/** Does this certificate name the keys that the device holds for later? */
export function holdsKey({ next }: DeviceState, certificate: Bytes): boolean {
  return next !== null && equal(new Signer(next.seed).publicKey, certificate.subarray(1, 33))
}
