// Serial lines that need no cable: `sim`, a generator of telegrams sent at the speed of a real line,
// and `tcp:HOST:PORT`, a meter's bytes from the network (ser2net, a P1 bridge), dialled again with
// back-off whenever the connection ends.

import type { Bytes } from '../../base/bytes.ts'
import type { Clock, Serial, SerialEvents, SerialLine, Sockets, TcpSocket } from '../hardware.ts'

const BAUD = 115_200
const CHUNK = 64
/** Ten bits a byte. */
const CHUNK_MS: number = (CHUNK * 10_000) / BAUD
const FIRST_RETRY_MS = 500
const LAST_RETRY_MS = 30_000

/** Telegrams from a function, one every `periodMs`. */
export class GeneratedSerial implements Serial {
  readonly #clock: Clock
  readonly #telegram: (wallMs: number) => Bytes
  readonly #periodMs: number

  constructor(clock: Clock, telegram: (wallMs: number) => Bytes, periodMs = 1_000) {
    this.#clock = clock
    this.#telegram = telegram
    this.#periodMs = periodMs
  }

  open(_spec: string, events: SerialEvents): SerialLine {
    let timer: NodeJS.Timeout
    let next = this.#clock.now() + this.#periodMs
    let telegram: Bytes = new Uint8Array(0)
    let at = 0
    const send = (): void => {
      if (at === telegram.length) {
        telegram = this.#telegram(this.#clock.wall())
        at = 0
      }
      const end = Math.min(at + CHUNK, telegram.length)
      hand(telegram.subarray(at, end), events)
      at = end
      if (at < telegram.length) timer = setTimeout(send, CHUNK_MS)
      else {
        // A late round is not made up for.
        next = Math.max(next + this.#periodMs, this.#clock.now())
        timer = setTimeout(send, next - this.#clock.now())
      }
    }
    timer = setTimeout(() => {
      events.onState({ kind: 'up', path: 'sim', baud: BAUD })
      timer = setTimeout(send, this.#periodMs)
    }, 0)
    return { hint: () => {}, close: () => clearTimeout(timer) }
  }
}

/** The meter's bytes from a TCP server; `spec` is `tcp:HOST:PORT`. */
export class TcpSerial implements Serial {
  readonly #sockets: Sockets

  constructor(sockets: Sockets) {
    this.#sockets = sockets
  }

  open(spec: string, events: SerialEvents): SerialLine {
    const address = spec.replace(/^tcp:/, '')
    let open = true
    let retryMs = FIRST_RETRY_MS
    let timer: NodeJS.Timeout | null = null
    let socket: TcpSocket | null = null
    const down = (reason: string, text: string): void => {
      socket = null
      if (!open) return
      events.onState({ kind: 'down', path: spec, reason, text })
      timer = setTimeout(dial, retryMs)
      retryMs = Math.min(2 * retryMs, LAST_RETRY_MS)
    }
    const dial = (): void =>
      this.#sockets.dialTcp(address, (error, dialled) => {
        if (!dialled) {
          down(error?.code ?? 'failed', `${address} does not answer: ${error?.message ?? 'no reason given'}`)
          return
        }
        if (!open) {
          dialled.destroy()
          return
        }
        socket = dialled
        dialled.events = {
          onData: (bytes) => {
            retryMs = FIRST_RETRY_MS
            if (open) hand(bytes, events)
          },
          onDrain: () => {},
          onClose: (e) => down(e?.code ?? 'closed', `${address} closed the connection`),
        }
        events.onState({ kind: 'up', path: spec, baud: 0 })
      })
    dial()
    return {
      hint: () => {},
      close: () => {
        open = false
        if (timer) clearTimeout(timer)
        socket?.destroy()
      },
    }
  }
}

/** Copies bytes into the buffers that the reader offers. */
function hand(bytes: Bytes, events: SerialEvents): void {
  for (let at = 0; at < bytes.length; ) {
    const into = events.buffer()
    const n = Math.min(into.length, bytes.length - at)
    into.set(n === bytes.length ? bytes : bytes.subarray(at, at + n))
    events.onBytes(n)
    at += n
  }
}
