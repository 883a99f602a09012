// The page that the device itself serves: assets, who may ask (page/server.ts), and on each page's
// WebSocket the claim as it is, then a session (page/session.ts) in which the channels and the owner log
// run as over any other connection. Everybody sees what the lights say anyway; the rest needs an
// owner's key. Nothing is decided here.

import { type Bytes, text, unbase64url, utf8 } from '../../../base/bytes.ts'
import { type LedName, METER, type MeterLed, STATUS, type StatusLed } from '../../../base/lights/leds.ts'
import { LIMITS } from '../../../base/limits.ts'
import type { Failure, Hardware, Leds, Listener } from '../../../hw/hardware.ts'
import type { Loop } from '../../../node/loop.ts'
import { keyEvents } from '../../../ownership/event.ts'
import type { DeviceInfo, DeviceLook } from '../../../page/protocol.ts'
import { type PageLink, PageServer } from '../../../page/server.ts'
import { DeviceDoor, type PageSession } from '../../../page/session.ts'
import { readWish } from '../../../page/wish.ts'
import { CHANNEL_PROTOCOL } from '../../../wire/channel.ts'
import { CONSENT_PROTOCOL } from '../../../wire/consent.ts'
import { PAGE_STREAM, type PageStreamId, PLANE } from '../../../wire/page.ts'
import { RawSwitch } from '../../raw/switch.ts'
import { DeviceInvites } from '../invites.ts'
import { DeskStreams } from './desk.ts'
import { fixedRaw, infoOf, type PageParts, type PageSetting } from './info.ts'
import { PageStream, pageConnection, sendPlain } from './page-stream.ts'

export interface DevicePageOptions {
  setting: PageSetting
  /** `wattle-ab12`. */
  name: string
  hardware: Hardware
  loop: Loop
  /** Asked each time: the page is made before the parts are. */
  parts: () => PageParts
}

interface Guest {
  readonly link: PageLink
  /** Number of its claim link; 0 while it has none. */
  claim: number
  door: DeviceDoor | null
  session: PageSession | null
  owner: Bytes | null
  readonly streams: Map<PageStreamId, PageStream>
}

/** Claim links of pages are numbered from here on, those of streams from 1. */
const FIRST_LINK = 2 ** 24
const LOOK_MS = 50
const DRAIN_MS = 100
const INFO_MS = 5_000
/**
 * Names beside the label's under which a router may know the device, or through a tunnel a My Home (which
 * numbers devices of one name); none of them can be a public one.
 */
const SUFFIXES = ['', '.local', '.lan', '.internal', '.home.arpa', '.localhost']
const NUMBERED = [2, 3, 4, 5].map((n) => `-${n}.localhost`)

export class DevicePage {
  readonly server: PageServer
  readonly #options: DevicePageOptions
  readonly #guests: Map<PageLink, Guest>
  #nextLink: number
  /** Made when the parts are there. */
  #invites: DeviceInvites | null
  readonly #startedAt: number
  readonly #listeners: Listener[]
  /** Patterns as they are shown now. */
  readonly #showing: Record<LedName, string>
  #address: string | null
  /** Owners' homes, which have no session but a connection. */
  readonly desk: DeskStreams
  readonly #raw: RawSwitch | null

  constructor(options: DevicePageOptions) {
    this.#options = options
    this.#invites = null
    this.#startedAt = options.loop.now()
    this.#showing = { status: 'off', meter: 'off' }
    this.#address = null
    this.desk = new DeskStreams({
      isOwner: (sign) => this.#isOwner(sign),
      info: () => this.#info(),
      onWish: (message) => this.#onWish(message),
    })
    const { raw } = options.setting
    const { files, sockets } = options.hardware
    this.#raw =
      raw && !raw.fixed ? new RawSwitch({ files, sockets, ...raw, onChange: () => this.#tellInfo() }) : null
    this.#guests = new Map()
    this.#nextLink = FIRST_LINK
    this.#listeners = []
    this.server = new PageServer(
      {
        assets: options.setting.assets,
        front: () => (options.parts().state.identity ? '/' : '/start'),
        hosts: [...SUFFIXES, ...NUMBERED].map((suffix) => options.name + suffix),
      },
      {
        onPage: (tell, link) => {
          this.#guests.set(link, {
            link,
            claim: 0,
            door: null,
            session: null,
            owner: null,
            streams: new Map(),
          })
          tell({ t: 'look', look: this.#look() })
        },
        onBytes: (link, bytes) => this.#onBytes(this.#guests.get(link)!, bytes),
        onGone: (link) => this.#onGone(link),
      },
    )
    options.loop.every('page info', INFO_MS, () => this.#tellInfo())
  }

  listen(done: (error: Failure) => void): void {
    const { hardware, setting, loop, name, parts } = this.#options
    const { state, streams } = parts()
    this.#invites = new DeviceInvites({
      loop,
      state,
      host: () => streams.host,
      name,
      port: () => streams.address.slice(streams.address.lastIndexOf(':') + 1),
    })
    this.server.listen(hardware.http, setting.address, (error, listener) => {
      if (listener) this.#listeners.push(listener)
      this.#address = listener?.address ?? null
      if (!error) this.#raw?.load(state.identity !== null)
      done(error)
    })
  }

  /** `host:port` that it is really served at, or null. */
  get address(): string | null {
    return this.#address
  }

  close(): void {
    for (const timer of ['page info', 'page look', 'page drain']) this.#options.loop.cancel(timer)
    this.#invites?.stop()
    this.#raw?.close()
    for (const listener of this.#listeners.splice(0)) listener.close()
    this.server.close()
  }

  /** The same LEDs; what they show is told to the pages too. */
  watching(leds: Leds): Leds {
    return {
      show: (led, pattern) => {
        leds.show(led, pattern)
        if (pattern.name === 'telegram' || this.#showing[led] === pattern.name) return
        this.#showing[led] = pattern.name
        this.changed()
      },
    }
  }

  /** The look has changed: every page is told, soon. */
  changed(): void {
    const { loop } = this.#options
    if ((this.server.pages() === 0 && this.desk.idle) || loop.left('page look') >= 0) return
    loop.after('page look', LOOK_MS, () => {
      this.server.broadcast({ t: 'look', look: this.#look() })
      this.desk.tell()
    })
  }

  /** Owners have changed, or there is none any more: whoever is none is put out. */
  recheck(): void {
    for (const guest of this.#guests.values())
      if (guest.owner && !this.#isOwner(guest.owner)) this.#endSession(guest)
    this.desk.recheck()
    if (!this.#options.parts().state.identity) this.#raw?.forget()
    this.changed()
  }

  /** Owners come again: the device proves itself by another key now. */
  endSessions(): void {
    for (const guest of this.#guests.values()) if (guest.owner) this.#endSession(guest)
    this.changed()
  }

  #isOwner(sign: Bytes): boolean {
    return this.#options.parts().claim.entitled(sign, 0)?.owner === true
  }

  #look(): DeviceLook {
    const { name, hardware, parts } = this.#options
    const { claim, state } = parts()
    const { status, meter } = this.#showing
    const left = claim.windowLeft
    return {
      name,
      claimed: state.identity !== null,
      led: Object.hasOwn(STATUS, status) ? (status as StatusLed) : null,
      meterLed: Object.hasOwn(METER, meter) ? (meter as MeterLed) : null,
      window: left > 0 ? left : null,
      clock: Math.floor(hardware.clock.wall()),
      ...((state.log?.keys.length ?? 1) > 1 ? { keys: keyEvents(state.events) } : {}),
    }
  }

  #info(): DeviceInfo {
    const { setting, loop, parts } = this.#options
    const { led: status, meterLed: meter } = this.#look()
    const raw = this.#raw?.view ?? fixedRaw(setting)
    return infoOf(setting, parts(), { uptime: loop.now() - this.#startedAt, lights: { status, meter }, raw })
  }

  // Links of the claim

  owns(link: number): boolean {
    return link >= FIRST_LINK
  }

  send(link: number, message: Bytes): void {
    const guest = this.#byLink(link)
    if (guest) sendPlain(guest.link, message)
  }

  end(link: number): void {
    const guest = this.#byLink(link)
    if (!guest) return
    guest.claim = 0
    sendPlain(guest.link, EMPTY)
    this.#options.parts().claim.onLinkClosed(link)
  }

  openLinks(): number[] {
    return [...this.#guests.values()].map((guest) => guest.claim).filter((link) => link > 0)
  }

  #byLink(link: number): Guest | null {
    for (const guest of this.#guests.values()) if (guest.claim === link) return guest
    return null
  }

  #onBytes(guest: Guest, bytes: Bytes): boolean {
    switch (bytes[0]) {
      case PLANE.claim:
        return this.#onClaim(guest, bytes.subarray(1))
      case PLANE.session:
        return this.#onSession(guest, bytes)
      case PLANE.sealed:
        return this.#onSealed(guest, bytes)
      default:
        return false
    }
  }

  /** An empty message begins or ends the claim; any other is one of its messages. */
  #onClaim(guest: Guest, message: Bytes): boolean {
    const { claim } = this.#options.parts()
    if (message.length > 0) {
      if (guest.claim === 0) return false
      claim.onLinkMessage(guest.claim, message)
      return true
    }
    if (guest.claim > 0) {
      const link = guest.claim
      guest.claim = 0
      claim.onLinkClosed(link)
      return true
    }
    guest.claim = this.#nextLink++
    claim.onLink(guest.claim)
    return true
  }

  /** The bare byte asks for HELLO; the answer to it is OPEN. */
  #onSession(guest: Guest, bytes: Bytes): boolean {
    const { parts, hardware } = this.#options
    const identity = parts().state.signer
    if (!identity || bytes.length === 1) {
      this.#endSession(guest)
      if (!identity) guest.link.send(NO_SESSION)
      else {
        guest.door = new DeviceDoor(identity, hardware.random)
        guest.link.send(guest.door.hello)
      }
      return true
    }
    const opened = guest.door?.open(bytes, (sign) => this.#isOwner(sign)) ?? null
    guest.door = null
    if (!opened) {
      guest.link.send(NO_SESSION)
      return false
    }
    guest.session = opened.session
    guest.owner = opened.owner
    this.#tell(guest)
    return true
  }

  #onSealed(guest: Guest, bytes: Bytes): boolean {
    const { session, owner } = guest
    const unsealed = session?.open(bytes)
    if (!unsealed || !owner) {
      this.#endSession(guest)
      return false
    }
    const { stream: id, message } = unsealed
    if (id === PAGE_STREAM.page) return this.#onWish(message)
    const known = guest.streams.get(id)
    if (message.length === 0) {
      known?.onGone()
      guest.streams.delete(id)
      return true
    }
    if (message.length > LIMITS.net.messageBytes) return false
    const stream = known ?? this.#openStream(guest, id, owner)
    stream.onMessage(message)
    return true
  }

  #openStream(guest: Guest, id: PageStreamId, owner: Bytes): PageStream {
    const { consent, streams } = this.#options.parts()
    const isConsent = id === PAGE_STREAM.consent
    const stream: PageStream = new PageStream(
      isConsent ? CONSENT_PROTOCOL : CHANNEL_PROTOCOL,
      pageConnection(owner, () => guest.link.close()),
      {
        send: (message) => {
          if (guest.session) guest.link.send(guest.session.seal(id, message))
          this.#drainSoon(guest)
        },
        queued: () => guest.link.queued(),
        closed: () => {
          if (guest.streams.get(id) !== stream) return
          guest.streams.delete(id)
          if (guest.session) guest.link.send(guest.session.seal(id, EMPTY))
        },
      },
    )
    guest.streams.set(id, stream)
    if (isConsent) consent.onStream(stream)
    else streams.onChannel(stream, 'page')
    return stream
  }

  #onWish(message: Bytes): boolean {
    const wish = readWish(text(message))
    if (!wish) return false
    if (wish.do === 'identify') this.#options.parts().lights.identify()
    else if (wish.do === 'raw') this.#raw?.set(wish.on)
    else this.#invites?.invite(wish, unbase64url(wish.grant)!)
    return true
  }

  /** A WebSocket does not say when it has room again: looked at while somebody waits. */
  #drainSoon(guest: Guest): void {
    const { loop } = this.#options
    if (guest.link.queued() === 0 || loop.left('page drain') >= 0) return
    loop.after('page drain', DRAIN_MS, () => {
      for (const each of this.#guests.values()) {
        for (const stream of [...each.streams.values()]) stream.retry()
        if ([...each.streams.values()].some((stream) => stream.blocked)) this.#drainSoon(each)
      }
    })
  }

  #tellInfo(): void {
    for (const guest of this.#guests.values()) if (guest.session) this.#tell(guest)
    this.desk.tell()
  }

  #tell(guest: Guest): void {
    if (guest.session)
      guest.link.send(guest.session.seal(PAGE_STREAM.page, utf8(JSON.stringify(this.#info()))))
  }

  #endSession(guest: Guest): void {
    const streams = [...guest.streams.values()]
    guest.streams.clear()
    for (const stream of streams) stream.onGone()
    if (guest.session) guest.link.send(NO_SESSION)
    guest.session?.wipe()
    guest.session = null
    guest.owner = null
    guest.door = null
  }

  #onGone(link: PageLink): void {
    const guest = this.#guests.get(link)
    this.#guests.delete(link)
    if (!guest) return
    if (guest.claim > 0) this.#options.parts().claim.onLinkClosed(guest.claim)
    guest.claim = 0
    this.#endSession(guest)
  }
}

const EMPTY: Bytes = new Uint8Array(0)
const NO_SESSION: Bytes = Uint8Array.of(PLANE.session)
