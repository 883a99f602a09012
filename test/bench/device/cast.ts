// The people around the measured device: an owner who claims it and grants seven providers its telegrams,
// then eight readers with those keys, on whatever hardware they are given. Readers open and verify every
// frame, or, muted, let the bytes fall where they arrive, so that a process that holds readers and
// device shows the garbage of the device.

import type { Bytes } from '../../../src/base/bytes.ts'
import { Follower } from '../../../src/channel/follower.ts'
import { Exchange, Signer, Verifier } from '../../../src/crypto/native.ts'
import { Secret } from '../../../src/crypto/secret.ts'
import { Home } from '../../../src/home/home.ts'
import type { Hardware, Sockets, TcpEvents } from '../../../src/hw/hardware.ts'
import { Host } from '../../../src/net/host.ts'
import type { Link as Connection } from '../../../src/net/link/connection.ts'
import { TYPE } from '../../../src/net/yamux/frame.ts'
import { Link } from '../../../src/node/link.ts'
import { Loop } from '../../../src/node/loop.ts'
import { TelegramUnpacker } from '../../../src/p1/sequence.ts'
import { CHANNEL_PROTOCOL } from '../../../src/wire/channel.ts'

export const READERS = 8
const GRANT_MS = 90 * 86_400_000
/** Telegrams between two nudges, and the most that the frames of so many are. */
export const NUDGE_EVERY = 20
const NUDGE_BYTES = 16_384

interface Keys {
  seed: Secret
  boxSeed: Secret
}

/** What the readers must know of the device. */
export interface Claimed {
  key: Bytes
  box: Bytes
  address: string
  /** The owner's first. */
  readers: Keys[]
}

type Done<T> = (error: Error | null, value: T | null) => void

const ignore = (): void => {}

/** Claims the device (its button was pressed just now) and grants seven strangers `raw`. */
export function claim(hardware: Hardware, code: string, address: string, done: Done<Claimed>): void {
  const loop = new Loop(hardware.clock)
  const events = { onTelegram: ignore, onGap: ignore, onAccess: ignore, onLog: ignore, onReject: ignore }
  Home.start({ hardware, loop, report: ignore, events }, (error, home) => {
    if (!home) return done(error, null)
    home.claim({ code, address, waitMs: 30_000 }, (refused, device) => {
      if (!device) return done(refused, null)
      const readers: Keys[] = [home.store.keys]
      const next = (): void => {
        if (!home.owned[0]!.ready) return loop.after('grants', 50, next)
        if (readers.length === READERS)
          return home.close(() => done(null, { key: device.key, box: device.box, address, readers }))
        const keys = { seed: Secret.fresh(hardware.random), boxSeed: Secret.fresh(hardware.random) }
        const card = {
          name: `provider ${readers.length}`,
          domain: 'provider.example',
          sign: new Signer(keys.seed).publicKey,
          box: new Exchange(keys.boxSeed).publicKey,
          addresses: [],
        }
        readers.push(keys)
        const until = Math.floor(hardware.clock.wall()) + GRANT_MS
        home.grant(home.owned[0]!, card, { class: 0, until, purpose: 'measuring' }, (trouble) =>
          trouble ? done(trouble, null) : next(),
        )
      }
      next()
    })
  })
}

export class Reader {
  /** Telegrams opened; while muted, pieces that arrived. */
  telegrams = 0
  gaps = 0
  pieces = 0
  /** The newest telegram. */
  readonly last: Bytes = new Uint8Array(8_192)
  lastLength = 0
  readonly #sockets: MutableSockets
  readonly #host: Host
  readonly #link: Link
  readonly #loop: Loop
  #connection: Connection | null = null
  #stream = 0

  constructor(hardware: Pick<Hardware, 'clock' | 'random' | 'sockets'>, device: Claimed, keys: Keys) {
    const { clock, random } = hardware
    const loop = new Loop(clock)
    this.#loop = loop
    const signer = new Signer(keys.seed)
    this.#sockets = new MutableSockets(hardware.sockets)
    this.#host = new Host({ sockets: this.#sockets, timers: loop, random, signer, agent: 'bench' })
    const unpacker = new TelegramUnpacker()
    const follower = new Follower({
      device: Verifier.of(device.key)!,
      deviceBox: device.box,
      class: 0,
      own: { sign: signer.publicKey, exchange: new Exchange(keys.boxSeed) },
      events: {
        onPayload: (payload) => {
          const telegram = unpacker.unpack(payload)
          if (!telegram) return
          this.telegrams++
          this.last.set(telegram)
          this.lastLength = telegram.length
        },
        onGap: () => {
          this.gaps++
          unpacker.lost()
        },
        onGrant: (state) => {
          if (state.length > 0) unpacker.join(state)
        },
        onAccess: ignore,
        onSealed: ignore,
        onReject: ignore,
        onFrame: ignore,
      },
    })
    this.#link = new Link({
      host: this.#host,
      loop,
      key: device.key,
      protocol: CHANNEL_PROTOCOL,
      addresses: () => [device.address],
      opening: () => [follower.subscribe()],
      onMessage: (message) => follower.onMessage(message),
      onState: (up) => {
        if (!up) follower.onDisconnect()
      },
    })
    this.#link.start()
  }

  /** From now on nothing that comes is looked at. Needs `nudge`. */
  mute(): void {
    this.#connection = this.#host.connections()[0] as Connection
    this.#stream = [...this.#connection.session.streams.keys()][0]!
    this.#sockets.onPiece = () => {
      this.pieces++
    }
  }

  /** What a muted reader still does: gives credit for the bytes, so that the device hears of it. */
  nudge(): void {
    if (!this.#connection) return
    this.#connection.heard = this.#loop.now()
    this.#connection.session.sendFrame(TYPE.window, 0, this.#stream, NUDGE_BYTES)
  }

  close(): void {
    this.#link.stop()
    this.#host.close()
  }
}

/** Sockets whose incoming bytes can be kept from their owner. */
class MutableSockets implements Sockets {
  readonly listenTcp: Sockets['listenTcp']
  readonly bindUdp: Sockets['bindUdp']
  readonly networks: Sockets['networks']
  readonly gateways: Sockets['gateways']
  readonly joinGroup: Sockets['joinGroup']
  readonly #inner: Sockets
  onPiece: (() => void) | null = null

  constructor(inner: Sockets) {
    this.#inner = inner
    this.listenTcp = inner.listenTcp.bind(inner)
    this.bindUdp = inner.bindUdp.bind(inner)
    this.networks = inner.networks.bind(inner)
    this.gateways = inner.gateways.bind(inner)
    this.joinGroup = inner.joinGroup.bind(inner)
  }

  dialTcp: Sockets['dialTcp'] = (address, done) =>
    this.#inner.dialTcp(address, (error, socket) => {
      if (!socket) return done(error, null)
      done(null, {
        remote: socket.remote,
        local: socket.local,
        write: (bytes) => socket.write(bytes),
        queued: () => socket.queued(),
        pause: () => socket.pause(),
        resume: () => socket.resume(),
        end: () => socket.end(),
        destroy: () => socket.destroy(),
        set events(events: TcpEvents) {
          socket.events = events
        },
        get events(): TcpEvents {
          return socket.events
        },
      })
      const events = socket.events
      socket.events = {
        onData: (bytes) => (this.onPiece ? this.onPiece() : events.onData(bytes)),
        onDrain: () => events.onDrain(),
        onClose: (failure) => events.onClose(failure),
      }
    })
}
