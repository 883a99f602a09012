// The page's WebSocket to the device that serves it: comes back after a loss with growing pauses, opens
// the owner's session as soon as it knows whose device this is, and sorts what comes into claim, streams
// of the session and the look of the device.

import type { Bytes } from '../../../base/bytes.ts'
import type { Signer, Verifier } from '../../../crypto/native.ts'
import { type PageStreamId, PLANE } from '../../../wire/page.ts'
import type { DeviceLook, DeviceMessage } from '../../protocol.ts'
import { openDoor, type PageSession } from '../../session.ts'
import { random } from './box.ts'

export interface LineEvents {
  onLook(look: DeviceLook): void
  /** The WebSocket is there, or gone. */
  onLink(up: boolean): void
  /** The owner's session: open, gone with the link, or refused by the device. */
  onSession(state: 'open' | 'gone' | 'refused'): void
  /** Empty: the device has ended the stream, or the claim. */
  onStream(id: PageStreamId, message: Bytes): void
  onClaim(message: Bytes): void
}

const FIRST_PAUSE_MS = 300
const LONGEST_PAUSE_MS = 5_000
const QUIET_MS = 15_000
const NONE: Bytes = new Uint8Array(0)

export class Line {
  readonly #events: LineEvents
  #socket: WebSocket | null
  #session: PageSession | null
  #keys: { device: Verifier; owner: Signer } | null
  #pause: number
  #timer: ReturnType<typeof setTimeout> | undefined
  #heard: number

  constructor(events: LineEvents) {
    this.#events = events
    this.#socket = null
    this.#session = null
    this.#keys = null
    this.#pause = FIRST_PAUSE_MS
    this.#timer = undefined
    this.#heard = 0
    document.addEventListener('visibilitychange', () => {
      if (!document.hidden && performance.now() - this.#heard > QUIET_MS) this.connect()
    })
  }

  get up(): boolean {
    return this.#socket?.readyState === WebSocket.OPEN
  }

  get open(): boolean {
    return this.#session !== null
  }

  connect(): void {
    clearTimeout(this.#timer)
    this.#drop()
    const socket = new WebSocket(`${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/live`)
    socket.binaryType = 'arraybuffer'
    this.#socket = socket
    socket.addEventListener('open', () => {
      if (socket !== this.#socket) return
      this.#pause = FIRST_PAUSE_MS
      this.#heard = performance.now()
      this.#events.onLink(true)
      this.#knock()
    })
    socket.addEventListener('message', (event) => {
      if (socket !== this.#socket) return
      this.#heard = performance.now()
      if (typeof event.data === 'string') this.#onText(event.data)
      else this.#onBytes(new Uint8Array(event.data as ArrayBuffer))
    })
    socket.addEventListener('close', () => {
      if (socket === this.#socket) this.#lost()
    })
  }

  /** Whose device this is: the session is opened now, and again after each loss. Null: nobody's that we know. */
  own(keys: { device: Verifier; owner: Signer } | null): void {
    this.#keys = keys
    this.#close()
    this.#knock()
  }

  /** A message of the claim; an empty one begins it, or ends it. */
  sendClaim(message: Bytes): void {
    this.#sendBytes(PLANE.claim, message)
  }

  /** A message on a stream of the session; an empty one ends it. False while there is no session. */
  send(id: PageStreamId, message: Bytes): boolean {
    if (!this.#session || !this.up) return false
    this.#socket!.send(this.#session.seal(id, message) as Uint8Array<ArrayBuffer>)
    return true
  }

  #sendBytes(plane: number, message: Bytes): void {
    if (!this.up) return
    const bytes = new Uint8Array(1 + message.length)
    bytes[0] = plane
    bytes.set(message, 1)
    this.#socket!.send(bytes)
  }

  #knock(): void {
    if (this.#keys) this.#sendBytes(PLANE.session, NONE)
  }

  #onText(text: string): void {
    let message: DeviceMessage
    try {
      message = JSON.parse(text) as DeviceMessage
    } catch {
      return
    }
    if (message.t === 'look') this.#events.onLook(message.look)
  }

  #onBytes(bytes: Bytes): void {
    if (bytes[0] === PLANE.claim) return this.#events.onClaim(bytes.subarray(1))
    if (bytes[0] === PLANE.session) return this.#onHello(bytes)
    const unsealed = this.#session?.open(bytes)
    if (!unsealed) return this.#socket?.close()
    this.#events.onStream(unsealed.stream, unsealed.message)
  }

  /** The bare byte refuses, or ends what was open. */
  #onHello(bytes: Bytes): void {
    const keys = this.#keys
    this.#close()
    if (!keys) return
    const door = bytes.length > 1 ? openDoor(bytes, keys.device, keys.owner, random) : null
    if (!door) return this.#events.onSession('refused')
    this.#session = door.session
    this.#socket?.send(door.message as Uint8Array<ArrayBuffer>)
    this.#events.onSession('open')
  }

  #close(): void {
    if (!this.#session) return
    this.#session.wipe()
    this.#session = null
    this.#events.onSession('gone')
  }

  #drop(): void {
    const old = this.#socket
    this.#socket = null
    old?.close()
    this.#close()
  }

  #lost(): void {
    this.#drop()
    this.#events.onLink(false)
    this.#timer = setTimeout(() => this.connect(), this.#pause * (0.75 + Math.random() / 2))
    this.#pause = Math.min(this.#pause * 2, LONGEST_PAUSE_MS)
  }
}
