// What a device tells its owners' homes of itself, and what they want of it beside consent: the stream 0
// of a page's session (docs/wire/page.md), over a connection that proved an owner's key instead.

import { type Bytes, utf8 } from '../../../base/bytes.ts'
import { LIMITS } from '../../../base/limits.ts'
import type { Stream } from '../../../net/api.ts'
import { Messages } from '../../../net/messages.ts'
import type { DeviceInfo } from '../../../page/protocol.ts'

export interface DeskOptions {
  isOwner: (sign: Bytes) => boolean
  info: () => DeviceInfo
  /** False for one that is none. */
  onWish: (message: Bytes) => boolean
}

export class DeskStreams {
  readonly #options: DeskOptions
  readonly #open: { readonly messages: Messages; readonly owner: Bytes }[]

  constructor(options: DeskOptions) {
    this.#options = options
    this.#open = []
  }

  /** Nobody listens. */
  get idle(): boolean {
    return this.#open.length === 0
  }

  onStream(stream: Stream): void {
    const owner = stream.connection.remoteKey
    if (!this.#options.isOwner(owner) || this.#open.length >= LIMITS.page.deskStreams) return stream.reset()
    const messages = new Messages(stream, 'u32', {
      onMessage: (message) => {
        if (!this.#options.onWish(message)) stream.reset()
      },
      onDrain: () => {},
      onEnd: () => stream.end(),
      onClose: () => {
        const at = this.#open.indexOf(session)
        if (at >= 0) this.#open.splice(at, 1)
      },
    })
    const session = { messages, owner }
    this.#open.push(session)
    this.#send(session)
  }

  /** The newest, to everybody who has room for it. */
  tell(): void {
    for (const session of this.#open) this.#send(session)
  }

  /** Whoever is no owner any more is put out. */
  recheck(): void {
    for (const { messages, owner } of [...this.#open])
      if (!this.#options.isOwner(owner)) messages.stream.reset()
  }

  #send({ messages }: { messages: Messages }): void {
    const message = utf8(JSON.stringify(this.#options.info()))
    if (messages.stream.writable() > message.length + 8) messages.send(message)
  }
}
