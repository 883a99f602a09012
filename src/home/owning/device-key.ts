// My Home and the keys of its devices (docs/owners.md "A device's key"): asks a device for its next key, has
// the owners sign for it, and follows it. Where the old key cannot be asked or must not be believed, the
// owners revoke it, and may vouch for a device that was claimed anew in its place.

import { type Bytes, equal } from '../../base/bytes.ts'
import { WattleError } from '../../base/errors.ts'
import type { Host } from '../../net/host.ts'
import { Messages } from '../../net/messages.ts'
import type { Loop } from '../../node/loop.ts'
import type { Card } from '../../ownership/card.ts'
import type { Decision } from '../../ownership/log.ts'
import {
  CONSENT,
  CONSENT_PROTOCOL,
  decodeNextKey,
  encodeGetNextKey,
  type NextKey,
} from '../../wire/consent.ts'
import type { ClassId } from '../../wire/frame.ts'
import type { Owned } from '../owned.ts'
import type { HomeStore, OwnedDevice } from '../store.ts'

const ANSWER_MS = 10_000
/** Questions under way have timers of their own. */
let asked = 0

/**
 * Which key would this device, which is connected, go by next? `device-offline`, `no-answer`, or
 * `stale-change` where its log is not ours.
 */
export function askNextKey(
  o: { host: Host; loop: Loop; device: OwnedDevice },
  done: (error: WattleError | null, next: NextKey | null) => void,
): void {
  const { host, loop, device } = o
  const timer = `next key ${++asked}`
  let over = false
  const finish = (error: WattleError | null, next: NextKey | null): void => {
    if (over) return
    over = true
    loop.cancel(timer)
    done(error, next)
  }
  const connection = host.find(device.log.device)
  if (!connection) return finish(new WattleError('device-offline', 'the device cannot be reached now'), null)
  connection.open(CONSENT_PROTOCOL, (error, stream) => {
    if (!stream) return finish(error, null)
    const messages = new Messages(stream, 'u32', {
      onMessage: (message) => {
        const next = message[0] === CONSENT.nextKey ? decodeNextKey(message) : null
        const { seq, head } = device.log
        const fits = next?.seq === seq && equal(next.head, head)
        if (next && fits) finish(null, next)
        else finish(new WattleError('stale-change', 'the log of the device has gone on; ask again'), null)
        stream.end()
      },
      onDrain: () => {},
      onEnd: () => stream.end(),
      onClose: () => finish(new WattleError('no-answer', 'the device named no key'), null),
    })
    loop.after(timer, ANSWER_MS, () => stream.reset())
    messages.send(encodeGetNextKey())
  })
}

/** Whose certificate a provider or an owner is shown for this device now. */
export function certificateOf(device: OwnedDevice): Bytes {
  return device.log.replaced?.certificate ?? device.certificate
}

/** What is asked of the home here. */
interface Granting {
  readonly store: HomeStore
  readonly owned: readonly Owned[]
  grant(
    owned: Owned,
    card: Card,
    request: { class: ClassId; until: number; purpose: string },
    done: (error: WattleError | null) => void,
  ): void
}

interface Telling {
  tell(jws: string, provider: { sign: Bytes; name: string }, addresses: readonly string[]): void
}

/** A key was revoked: who read by it hears of that, and reads on at the device that follows, where one does. */
export function tellReaders(
  o: {
    home: Granting
    invites: Telling
    device: OwnedDevice
    wall: number
    report: (event: string, detail: Record<string, unknown>) => void
  },
  { readers, successor }: Decision & { kind: 'deleted' },
): void {
  const { home, invites, device, wall, report } = o
  const jws = device.events.at(-1)!
  const next = home.owned.find((x) => successor && equal(certificateOf(x.device), successor))
  for (const reader of readers) {
    const card = home.store.cards.find(({ card: c }) => equal(c.sign, reader.sign))?.card
    if (!card) continue
    invites.tell(jws, reader, card.addresses)
    const there = next?.device.log.readers.some((r) => equal(r.sign, reader.sign) && r.class === reader.class)
    if (!next || there || reader.until <= wall) continue
    home.grant(next, card, reader, (error) =>
      report('granted-again', {
        provider: reader.name,
        device: next.device.name,
        state: error?.code ?? 'done',
      }),
    )
  }
}
