// The device's end of a tunnel (docs/wire/tunnel.md): an owner reaches ports of this machine over the
// connection that proved its key. Only ports that the device was told to carry, only for owners; who stops
// being one is cut off within a second.

import type { Bytes } from '../../base/bytes.ts'
import { LIMITS } from '../../base/limits.ts'
import type { Sockets } from '../../hw/hardware.ts'
import type { Stream } from '../../net/api.ts'
import { FirstMessage, framed } from '../../net/first.ts'
import { Pump } from '../../net/tunnel/pump.ts'
import type { Loop } from '../../node/loop.ts'
import {
  decodeOpen,
  encodeOpened,
  encodeTunnelRefused,
  isTarget,
  TUNNEL_MESSAGE_BYTES,
  type TunnelWord,
} from '../../wire/net/tunnel.ts'

/** A port that is carried. */
export interface TunnelPort {
  /** `page`, `raw`, or a port in digits. */
  readonly name: string
  /** `host:port` that is listened on; a wildcard is dialled at loopback. */
  readonly address: string
}

export interface TunnelsOptions {
  sockets: Sockets
  loop: Loop
  isOwner: (key: Bytes) => boolean
  /** What is carried now. */
  ports: () => readonly TunnelPort[]
  report: (event: string, detail: Record<string, unknown>) => void
}

const TIMER = 'tunnels'
const TICK_MS = 1_000
const DEAF: Stream['events'] = { onData() {}, onDrain() {}, onEnd() {}, onClose() {} }

export class DeviceTunnels {
  readonly #options: TunnelsOptions
  /** Every stream that asks or is carried. */
  readonly #open: Map<Stream, Pump | null>

  constructor(options: TunnelsOptions) {
    this.#options = options
    this.#open = new Map()
  }

  get size(): number {
    return this.#open.size
  }

  /** A stream of TUNNEL_PROTOCOL. */
  onStream(stream: Stream): void {
    const { isOwner, loop } = this.#options
    if (!isOwner(stream.connection.remoteKey)) return this.#refuse(stream, 'owners-only')
    if (this.#open.size >= LIMITS.tunnel.ofDevice) return this.#refuse(stream, 'busy')
    this.#open.set(stream, null)
    if (loop.left(TIMER) < 0) loop.every(TIMER, TICK_MS, (now) => this.#tick(now))
    new FirstMessage(stream, 'u32', TUNNEL_MESSAGE_BYTES, {
      onFirst: (message, rest) => {
        const target = rest.length > 0 ? null : decodeOpen(message)
        if (target === null) this.#refuse(stream, 'malformed')
        else this.#dial(stream, target)
      },
      onFailed: () => this.#drop(stream),
    })
  }

  close(): void {
    this.#options.loop.cancel(TIMER)
    for (const [stream, pump] of [...this.#open]) {
      if (pump) pump.cut()
      else stream.reset()
    }
    this.#open.clear()
  }

  #dial(stream: Stream, target: string): void {
    const { sockets, ports, report } = this.#options
    const port = ports().find(({ name, address }) => name === target || address.endsWith(`:${target}`))
    if (!port) return this.#refuse(stream, 'not-carried')
    // What comes meanwhile waits on the stream.
    stream.pause()
    let gone = false
    stream.events = {
      ...DEAF,
      onClose: () => {
        gone = true
        this.#drop(stream)
      },
    }
    sockets.dialTcp(dialled(port.address), (_error, socket) => {
      if (gone) return socket?.destroy()
      if (!socket) return this.#refuse(stream, 'nobody-listens')
      stream.write(framed('u32', encodeOpened()))
      const none = new Uint8Array(0)
      this.#open.set(stream, new Pump(stream, socket, none, () => this.#drop(stream)))
      stream.resume()
      report('tunnel', { target, open: this.#open.size })
    })
  }

  #refuse(stream: Stream, word: TunnelWord): void {
    this.#drop(stream)
    stream.events = { ...DEAF, onEnd: () => stream.end() }
    stream.resume()
    stream.write(framed('u32', encodeTunnelRefused(word)))
    stream.end()
  }

  #drop(stream: Stream): void {
    this.#open.delete(stream)
    if (this.#open.size === 0) this.#options.loop.cancel(TIMER)
  }

  #tick(now: number): void {
    for (const [stream, pump] of [...this.#open]) {
      if (!this.#options.isOwner(stream.connection.remoteKey)) {
        if (pump) pump.cut()
        else stream.reset()
      } else pump?.tick(now)
    }
  }
}

/**
 * What a device carries: of the `listening` services those that the setting names, and further ports of the
 * machine's loopback by their number. Null where the setting cannot be read.
 * @param setting `off`, or names and ports with commas between; all services where it is not there
 */
export function carriedPorts(
  setting: string | undefined,
  listening: readonly TunnelPort[],
): readonly TunnelPort[] | null {
  if (setting === undefined) return listening
  if (setting === 'off') return []
  const words = setting.split(',').map((word) => word.trim())
  if (words.length > LIMITS.tunnel.ports || !words.every(isTarget)) return null
  return words.flatMap((word) =>
    /^\d/.test(word)
      ? [{ name: word, address: `127.0.0.1:${word}` }]
      : listening.filter(({ name }) => name === word),
  )
}

/** Where a listener is dialled from its own machine. */
function dialled(address: string): string {
  return address.replace(/^0\.0\.0\.0:/, '127.0.0.1:').replace(/^\[::\]:/, '[::1]:')
}
