// What the devices of this home tell of themselves (docs/wire/page.md, stream 0, over DESK_PROTOCOL): one
// conversation with each that is owned here, kept up; the newest of each goes to whoever shows it. A
// device without a page has no such protocol, and then nothing is told.

import { type Bytes, equal, text, utf8 } from '../../base/bytes.ts'
import { Link } from '../../node/link.ts'
import type { Loop } from '../../node/loop.ts'
import type { DeviceInfo, DeviceWish } from '../../page/protocol.ts'
import { readInfo } from '../../page/view/info.ts'
import { DESK_PROTOCOL } from '../../wire/page.ts'
import type { Home } from '../home.ts'
import type { OwnedDevice } from '../store.ts'

interface Talk {
  readonly device: OwnedDevice
  /** Its key may be replaced by another. */
  readonly key: Bytes
  readonly link: Link
}

export interface DesksOptions {
  home: Home
  loop: Loop
  onInfo: (device: OwnedDevice, info: DeviceInfo | null) => void
}

const SYNC_MS = 1_000
const TIMER = 'desks'

export class Desks {
  readonly #options: DesksOptions
  #talks: Talk[]

  constructor(options: DesksOptions) {
    this.#options = options
    this.#talks = []
    options.loop.every(TIMER, SYNC_MS, () => this.#sync())
    this.#sync()
  }

  /** False where the device cannot be told now. */
  wish(device: OwnedDevice, wish: DeviceWish): boolean {
    const talk = this.#talks.find((t) => t.device === device)
    return talk?.link.send(utf8(JSON.stringify(wish))) ?? false
  }

  stop(): void {
    this.#options.loop.cancel(TIMER)
    for (const { link } of this.#talks) link.stop()
    this.#talks = []
  }

  /** A conversation with each device that is ours now, and with no other. */
  #sync(): void {
    const { home } = this.#options
    this.#talks = this.#talks.filter((talk) => {
      const ours = home.owned.some((o) => o.device === talk.device && equal(o.device.log.device, talk.key))
      if (!ours) talk.link.stop()
      return ours
    })
    for (const { device } of home.owned)
      if (!this.#talks.some((t) => t.device === device)) this.#begin(device)
  }

  #begin(device: OwnedDevice): void {
    const { home, loop, onInfo } = this.#options
    const key = device.log.device
    const talk: Talk = {
      device,
      key,
      link: new Link({
        host: home.host,
        loop,
        key,
        protocol: DESK_PROTOCOL,
        addresses: () => home.coordinator?.addressesOf(key, device.addresses) ?? device.addresses,
        opening: () => [],
        onMessage: (message) => {
          const info = readInfo(text(message))
          if (info) onInfo(device, info)
        },
        onState: (up) => {
          if (!up) onInfo(device, null)
        },
      }),
    }
    this.#talks.push(talk)
    talk.link.start()
  }
}
