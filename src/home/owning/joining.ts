// My Home becomes an owner of a device that others own (docs/owners.md): let in by them, or with the paper
// key when they are gone. What the device has proven of itself (visiting.ts) is written down, its origin
// and its whole log, before anything follows from it.

import { type Bytes, equal, hex } from '../../base/bytes.ts'
import { WattleError } from '../../base/errors.ts'
import type { Exchange } from '../../crypto/native.ts'
import { paperDigest, paperKey } from '../../ownership/owners/paper.ts'
import { type HomeStore, type OwnedDevice, tooMany, unwritten } from '../store.ts'
import {
  finishRecovery,
  type Joined,
  join,
  startRecovery,
  type Visit,
  type VisitOptions,
} from './visiting.ts'

export interface JoiningOptions {
  store: HomeStore
  exchange: Exchange
  nextDigest: () => Bytes
  visiting: VisitOptions
  /** A device came back under a key that it has replaced since: its card is an older one. */
  onOlder: (device: OwnedDevice) => void
  /** It is ours, and written down: follow it. */
  onJoined: (device: OwnedDevice, done: (error: WattleError | null) => void) => void
}

/** Between two looks at who answers in a device's place. */
const AGAIN_MS = 30_000

/** `name`: what the device is called here; empty with an error. */
type Done = (error: WattleError | null, name: string) => void

export class Joining {
  readonly #options: JoiningOptions

  constructor(options: JoiningOptions) {
    this.#options = options
  }

  /** Keeps a copy of a device whose owners have let us in. */
  join(visit: Visit, done: Done): void {
    const { store, visiting } = this.#options
    if (store.full) return done(tooMany(), '')
    join(visiting, visit, (error, joined) => this.#keep(visit.address, error, joined, done))
  }

  /** Another key answers where a device of ours was: its own next one, perhaps, which its log proves. */
  lookAgain(before: Bytes, address: string): void {
    const { store, visiting } = this.#options
    const { loop } = visiting
    const timer = `look again ${hex(before.subarray(0, 6))}`
    if (loop.left(timer) >= 0) return
    loop.after(timer, AGAIN_MS, () => {})
    join(visiting, { address, key: null }, (error, joined) => {
      // Whoever else answers there, and calls us an owner, is not asked for.
      if (joined && store.device(joined.key)) this.#keep(address, error, joined, () => {})
    })
  }

  /**
   * With the paper key of a device whose owners are gone: `next` is the code of a new one, since the old is
   * used up. This home becomes its only owner when the delay is over, by `finishRecovery`.
   */
  startRecovery(
    o: { address: string; paper: string; next: string },
    done: (error: WattleError | null) => void,
  ): void {
    const { exchange, nextDigest, visiting } = this.#options
    const [paper, next] = [paperKey(o.paper), paperKey(o.next)]
    if (!paper || !next)
      return done(new WattleError('bad-paper', 'expected the code of a paper key: R-XXXX-…, nine groups'))
    const me = { sign: visiting.signer.publicKey, box: exchange.publicKey, next: nextDigest() }
    const set = { m: 1, owners: [me], recovery: paperDigest(next) }
    startRecovery(visiting, { address: o.address, key: null }, { paper, set }, (error) => done(error))
  }

  finishRecovery(address: string, done: Done): void {
    const { store, visiting } = this.#options
    if (store.full) return done(tooMany(), '')
    finishRecovery(visiting, { address, key: null }, (error, joined) =>
      this.#keep(address, error, joined, done),
    )
  }

  /** Origin, then each event that we do not have, one after the other. */
  #keep(address: string, error: WattleError | null, joined: Joined | null, done: Done): void {
    if (!joined) return done(error, '')
    const { store, onJoined } = this.#options
    const { key, box, origin, events } = joined
    const next = (device: OwnedDevice): void => {
      const jws = events[device.log.seq]
      if (jws === undefined) return onJoined(device, (failure) => done(failure, device.name))
      store.addEvent(device, jws, (failure) => (failure ? done(unwritten(failure), '') : next(device)))
    }
    const known = store.device(key)
    if (known && events.length < known.log.seq && !equal(joined.now, known.log.device)) {
      this.#options.onOlder(known)
      return done(
        new WattleError(
          'older-card',
          `${known.name} goes by a key that was replaced: its card is an older one`,
        ),
        '',
      )
    }
    if (known) return next(known)
    const { certificate, owners, policy } = origin
    const name = store.freeName(joined.name)
    const device = { key, box, name, addresses: [address], certificate, owners, policy }
    store.addDevice(device, (failure) => (failure ? done(unwritten(failure), '') : next(store.device(key)!)))
  }
}
