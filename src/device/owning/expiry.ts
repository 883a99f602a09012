// Consents whose time is over (docs/wire/owners.md "Time"): their readers are out before the telegram that
// says so is sealed. After a start the time is not known for three telegrams; one of those that would end a
// consent waits until it is, so that nobody reads past his time because the device was off when it came.

import { LIMITS } from '../../base/limits.ts'
import type { Failure } from '../../hw/hardware.ts'
import type { ReaderEntry } from '../../ownership/event.ts'
import type { Channels } from '../publish/channels.ts'
import type { DeviceState } from '../state.ts'
import type { Act, Acts } from './acts.ts'
import type { Owning } from './owners.ts'

export interface ExpiryOptions {
  state: DeviceState
  owning: Owning
  acts: Acts
  /** New epochs without them; done when the next frame is closed to them. */
  takeOut: (readers: readonly ReaderEntry[], done: (error: Failure) => void) => void
  failed: (what: string, error: NonNullable<Failure>) => void
}

export class Expiry {
  readonly #options: ExpiryOptions
  /** Ends of consents are being written down. */
  #expiring: boolean
  /** Where telegrams wait until the time is known, and how many have. */
  #doubtful: Channels | null
  #doubts: number

  constructor(options: ExpiryOptions) {
    this.#options = options
    this.#expiring = false
    this.#doubtful = null
    this.#doubts = 0
  }

  /** A telegram that is about to be sealed; its time, NaN where it has none. `now` is monotonic ms. */
  onTelegram(utcMs: number, now: number, channels: Channels | null): void {
    const { owning, state } = this.#options
    const time = owning.onTelegram(utcMs, now)
    const { log } = state
    if (!channels || !log) return
    if (!this.#expiring && log.anyExpired(time)) this.#begin(time, channels)
    if (Number.isNaN(time) && log.anyExpired(owning.ifTrue(utcMs))) this.#doubt(channels)
    else this.#believe(channels)
  }

  /** Not for ever: a meter that contradicts itself each time ends no consent. */
  #doubt(channels: Channels): void {
    if (this.#doubts >= LIMITS.channel.doubtfulTelegrams) return this.#believe(channels)
    this.#doubts++
    if (this.#doubtful === channels) return
    this.#doubtful = channels
    channels.hold()
  }

  #believe(channels: Channels): void {
    const held = this.#doubtful === channels
    this.#doubtful = null
    if (held) channels.release()
  }

  #begin(time: number, channels: Channels): void {
    this.#expiring = true
    channels.hold()
    this.#options.acts.push((over) => this.#expire(time, channels, over))
  }

  #expire(time: number, channels: Channels, over: Parameters<Act>[0]): void {
    const { state, takeOut, failed } = this.#options
    const late = state.log?.expired(time) ?? []
    const finish = (failure: Failure): void => {
      this.#expiring = false
      // Not written down: nothing more is sealed, and the next start finds them over again.
      if (failure) failed('expiry', failure)
      else channels.release()
      over()
    }
    // An owner's event that was before us in the queue may have ended them already.
    if (late.length === 0) return finish(null)
    let open = late.length
    let failure: Failure = null
    for (const reader of late)
      state.expired(reader.grantId, (error) => {
        failure ??= error
        if (--open > 0) return
        if (failure) return finish(failure)
        takeOut(late, finish)
      })
  }
}
