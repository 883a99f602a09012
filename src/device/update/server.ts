// The device's side of `/wattle/update/1.0.0`: an owner offers a manifest, sends the system, and hears
// what became of it. Believed for the key that the connection proved; everybody else is turned away
// before anything is read. One transfer at a time, and never more in memory than the window.

import { type Bytes, text } from '../../base/bytes.ts'
import { LIMITS } from '../../base/limits.ts'
import type { Stream } from '../../net/api.ts'
import { Messages } from '../../net/messages.ts'
import {
  decodeData,
  encodeInstalled,
  encodePlaceOf,
  encodeUpdateRefused,
  UPDATE,
  type UpdateRefusal,
} from '../../wire/card/update.ts'
import type { Updater } from './updater.ts'

export interface UpdateServerOptions {
  updater: Updater
  isOwner: (sign: Bytes) => boolean
  /** The new system waits in its slot: restart. */
  onInstalled: () => void
  onRunning: (running: boolean) => void
  onRefused: (refusal: UpdateRefusal) => void
}

export class UpdateServer {
  readonly #options: UpdateServerOptions
  #messages: Messages | null = null
  /** Bytes that were handed to the card and not taken yet. */
  #waiting = 0
  #accepted = false

  constructor(options: UpdateServerOptions) {
    this.#options = options
  }

  onStream(stream: Stream): void {
    if (!this.#options.isOwner(stream.connection.remoteKey)) return stream.reset()
    if (this.#messages) {
      // The newer one counts: a link that has broken may look alive for long.
      this.#messages.stream.reset()
      this.#end()
    }
    stream.connection.keep = true
    const messages: Messages = new Messages(stream, 'u32', {
      onMessage: (message) => {
        if (this.#messages === messages) this.#onMessage(messages, message)
      },
      onDrain: () => {},
      onEnd: () => stream.end(),
      onClose: () => {
        if (this.#messages === messages) this.#end()
      },
    })
    this.#messages = messages
    this.#waiting = 0
  }

  #onMessage(messages: Messages, message: Bytes): void {
    if (message[0] === UPDATE.offer && !this.#accepted) return this.#onOffer(messages, message)
    const data = message[0] === UPDATE.data && this.#accepted ? decodeData(message) : null
    if (!data || this.#waiting + data.bytes.length > LIMITS.update.windowBytes) return messages.stream.reset()
    const { updater, onInstalled } = this.#options
    const length = data.bytes.length
    this.#waiting += length
    updater.data(
      data.at,
      data.bytes,
      (at) => {
        if (this.#messages !== messages) return
        this.#waiting -= length
        messages.send(encodePlaceOf(UPDATE.taken, at))
      },
      (refusal) => {
        if (refusal) return this.#refuse(messages, refusal)
        messages.send(encodeInstalled())
        onInstalled()
      },
    )
  }

  #onOffer(messages: Messages, message: Bytes): void {
    const { updater, onRunning } = this.#options
    this.#accepted = true
    updater.offer(text(message.subarray(1)), (refusal, at) => {
      if (refusal) return this.#refuse(messages, refusal)
      if (this.#messages !== messages) return
      onRunning(true)
      messages.send(encodePlaceOf(UPDATE.accept, at))
    })
  }

  #refuse(messages: Messages, refusal: UpdateRefusal): void {
    this.#options.onRunning(false)
    this.#options.onRefused(refusal)
    if (this.#messages !== messages) return
    messages.send(encodeUpdateRefused(refusal))
    // Another offer may follow on this stream.
    this.#accepted = false
    this.#waiting = 0
  }

  #end(): void {
    const { updater, onRunning } = this.#options
    this.#messages = null
    this.#accepted = false
    this.#waiting = 0
    updater.pause()
    // While it is verified and installed the LEDs go on saying "do not unplug".
    if (!updater.busy) onRunning(false)
  }
}
