// One event of this owner alone, on its way to the device: signed when its turn comes, since an event names
// the one before it. Where more owners have to sign, the refusal carries the change to hand to them.

import { base64url } from '../../base/bytes.ts'
import { WattleError } from '../../base/errors.ts'
import type { Signer } from '../../crypto/native.ts'
import { type EventBody, signEvent } from '../../ownership/event.ts'
import { encodeChange } from '../../ownership/owners/change.ts'
import type { Owned } from '../owned.ts'

/** `wall`: ms since 1970 as we believe. `onTaken`: the device has it, or has refused it. */
export function submit(
  owned: Owned,
  o: { signer: Signer; wall: number; body: EventBody; onTaken: () => void },
  done: (error: WattleError | null) => void,
): void {
  owned.whenFree(() => {
    const { log } = owned.device
    const event = { device: log.device, seq: log.seq + 1, prev: log.head, at: o.wall, body: o.body }
    const jws = signEvent(event, [{ kid: base64url(o.signer.publicKey), signer: o.signer }])
    if (log.check(jws).refusal !== 'needs-signatures')
      return owned.submit(jws, (error) => {
        o.onTaken()
        done(error)
      })
    const change = encodeChange([jws])
    done(new WattleError('needs-signatures', `the policy asks for more owners to sign this: ${change}`))
  })
}
