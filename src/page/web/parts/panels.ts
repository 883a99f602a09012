// What stands beside "now": sharing, events, the device. A page that has no room for them (start.ts) goes to
// the page that has when they are asked for.

import type { HomeState, PageDevice, PageEvent, PageReading } from '../../protocol.ts'
import type { ServerClock } from '../kit/clock.ts'
import { byId } from '../kit/dom.ts'
import type { AskHome } from '../kit/live.ts'
import { DevicePanel } from './device/device.ts'
import type { KeyPanel } from './device/keys.ts'
import { LogPanel } from './log.ts'
import { SharingPanel } from './share/sharing.ts'

export class Panels {
  readonly #sharing: SharingPanel
  readonly #log: LogPanel
  readonly #device: DevicePanel

  /** @param add another device is to be claimed. */
  constructor(ask: AskHome, clock: ServerClock, add: () => void) {
    this.#sharing = new SharingPanel(byId('sharing'), ask, clock)
    this.#log = new LogPanel(byId('log'))
    this.#device = new DevicePanel(byId('device'), ask, add)
  }

  keys(panel: KeyPanel): void {
    this.#device.more(panel.card())
  }

  /** More cards for the device's section. */
  more(cards: HTMLElement): void {
    this.#device.more(cards)
  }

  show(state: HomeState, device: PageDevice): void {
    this.#sharing.show(state, device)
    this.#device.show(state, device)
  }

  reading(device: string, reading: PageReading): void {
    this.#device.reading(device, reading)
  }

  event(event: PageEvent): void {
    this.#log.add(event)
  }
}
