// The neighbourhood of a device: its owner's other devices, and those of owners who agreed, as the owner's
// list `neighbours` names them. Each is dialled first of all and kept; they tell each other where they are
// and where the others are; who is back, new, or gone for good is told. Both sides have to name each other.

import { type Bytes, base64url, equal, text, utf8 } from '../../../base/bytes.ts'
import { Reader, Writer } from '../../../base/cursor.ts'
import { LIMITS } from '../../../base/limits.ts'
import type { Files } from '../../../hw/hardware.ts'
import type { Connection } from '../../../net/api.ts'
import type { Host } from '../../../net/host.ts'
import { Messages } from '../../../net/messages.ts'
import type { Loop } from '../../../node/loop.ts'
import type { Coordinator } from '../../../node/peers/coordinator.ts'
import type { ListedPeer } from '../../../node/peers/list.ts'
import { SnapshotFile } from '../../../node/snapshot.ts'
import type { NeighbourState, NeighbourWord } from '../../../wire/net/communities.ts'
import { readContact } from '../../../wire/net/contact.ts'
import {
  contactOf,
  encodeContactMessage,
  encodeLookup,
  RENDEZVOUS,
  RENDEZVOUS_PROTOCOL,
} from '../../../wire/net/rendezvous.ts'

export interface NeighboursOptions {
  files: Files
  loop: Loop
  /** Milliseconds since 1970. */
  wall: () => number
  /** Ours; null while nobody owns the device. */
  self: () => Bytes | null
  host: () => Host
  listed: () => readonly ListedPeer[]
  coordinator: () => Coordinator | null
  /** Our signed contact, or null. */
  contact: () => Bytes | null
  report: (event: string, detail: Record<string, unknown>) => void
}

interface Neighbour {
  readonly key: Bytes
  /** Where it worked last, first. */
  addresses: readonly string[]
  state: NeighbourWord
  seen: number
  /** Our stream to its rendezvous. */
  messages: Messages | null
  dialAt: number
  wait: number
  renewAt: number
}

const FILE = { name: 'device.neighbours', kind: 'nbrs', version: 1 } as const
const TIMER = 'neighbours'
const TICK_MS = 2_000
const FIRST_MS = 1_000
const LAST_MS = 300_000
/** Our contact is told anew, so often that it never ends. */
const RENEW_MS = LIMITS.peers.contactMs / 2
/** Not seen for so long: gone for good. */
const GONE_MS = 7 * 86_400_000
const SAVE_MS = 3_600_000

export class Neighbours {
  readonly #options: NeighboursOptions
  readonly #file: SnapshotFile
  /** By key. */
  readonly #all: Map<string, Neighbour>
  #savedAt: number
  /** A write was left out because another was under way. */
  #owed: boolean
  #read: boolean

  constructor(options: NeighboursOptions) {
    const { name, kind, version } = FILE
    this.#options = options
    this.#file = new SnapshotFile(options.files, name, kind, version)
    this.#all = new Map()
    this.#savedAt = 0
    this.#owed = false
    this.#read = false
  }

  /** Who was known before comes first; again after a change of name. */
  start(): void {
    const { loop } = this.#options
    for (const each of this.#all.values()) each.messages = null
    loop.every(TIMER, TICK_MS, (now) => this.#tick(now))
    if (this.#read) return
    this.#read = true
    this.#file.read((error, content) => {
      if (error || !content || !this.#restore(content)) return
      this.#tick(loop.now())
    })
  }

  stop(): void {
    this.#options.loop.cancel(TIMER)
    if (this.#all.size > 0) this.#save()
  }

  /** The owner is gone, and whom its devices knew with it. */
  forget(): void {
    this.#all.clear()
    this.#options.files.remove(FILE.name, () => {})
  }

  /** Is it one that our owner named? */
  has(key: Bytes): boolean {
    return this.#options.listed().some((peer) => equal(peer.key, key))
  }

  states(): NeighbourState[] {
    return [...this.#all.values()].map(({ key, state, seen }) => ({
      key,
      state,
      seen,
      path: state === 'up' ? (this.#options.host().find(key)?.remote ?? '') : '',
    }))
  }

  #tick(now: number): void {
    const wall = this.#options.wall()
    this.#follow(now)
    for (const each of this.#all.values()) {
      const connection = this.#options.host().find(each.key)
      if (each.messages && each.messages.stream.connection !== connection) {
        each.messages.stream.end()
        each.messages = null
      }
      if (connection) this.#keep(each, connection, now, wall)
      else this.#reach(each, now, wall)
    }
    if (this.#owed || (this.#all.size > 0 && now - this.#savedAt >= SAVE_MS)) this.#save()
  }

  /** Whoever the list names, and nobody else. */
  #follow(now: number): void {
    const { listed, self, coordinator, report } = this.#options
    const own = self()
    const named = own ? listed().filter(({ key }) => !equal(key, own)) : []
    for (const { key, addresses } of named.slice(0, LIMITS.peers.neighbours)) {
      coordinator()?.want(key)
      const name = base64url(key)
      const known = this.#all.get(name)
      if (known) {
        known.addresses = [...new Set([...known.addresses, ...addresses])].slice(
          0,
          LIMITS.peers.addressesOfOne,
        )
        continue
      }
      this.#all.set(name, {
        key,
        addresses: addresses.slice(0, LIMITS.peers.addressesOfOne),
        state: 'asked',
        seen: 0,
        messages: null,
        dialAt: now,
        wait: FIRST_MS,
        renewAt: 0,
      })
    }
    for (const [name, each] of this.#all) {
      if (named.some(({ key }) => equal(key, each.key))) continue
      this.#all.delete(name)
      coordinator()?.unwant(each.key)
      each.messages?.stream.end()
      const connection = this.#options.host().find(each.key)
      if (connection) connection.keep = false
      report('neighbourhood', { peer: name, what: 'removed' })
      this.#save()
    }
  }

  #keep(each: Neighbour, connection: Connection, now: number, wall: number): void {
    connection.keep = true
    if (each.state === 'up') each.seen = wall
    if (!each.messages && now >= each.dialAt) this.#ask(each, connection, now)
    if (each.messages && now >= each.renewAt) {
      const contact = this.#options.contact()
      each.renewAt = now + RENEW_MS
      if (contact) each.messages.send(encodeContactMessage(RENDEZVOUS.register, contact))
    }
  }

  #reach(each: Neighbour, now: number, wall: number): void {
    if (each.state === 'up') {
      this.#tell(each, 'away')
      each.wait = FIRST_MS
      each.dialAt = now
    }
    if (each.state === 'away' && wall - each.seen >= GONE_MS) this.#tell(each, 'gone')
    if (now < each.dialAt) return
    each.dialAt = now + each.wait
    each.wait = Math.min(LAST_MS, each.wait * 2)
    const { coordinator, host } = this.#options
    const addresses = coordinator()?.addressesOf(each.key, each.addresses) ?? each.addresses
    // Those that are there may know where it is now.
    for (const other of this.#all.values())
      if (other.state === 'up') other.messages?.send(encodeLookup(each.key))
    for (const address of addresses.slice(0, 3))
      host().dial(address, each.key, (error) => {
        if (error) return coordinator()?.didNotWork(address)
        coordinator()?.worked(each.key, address)
        each.addresses = [...new Set([address, ...each.addresses])].slice(0, LIMITS.peers.addressesOfOne)
      })
  }

  /** Its rendezvous takes our contact where its owner has named us as well. */
  #ask(each: Neighbour, connection: Connection, now: number): void {
    each.dialAt = now + each.wait
    each.wait = Math.min(LAST_MS, each.wait * 2)
    connection.open(RENDEZVOUS_PROTOCOL, (_, stream) => {
      let agreed = false
      const refused = (): void => {
        // Not where the connection itself was lost.
        if (agreed || each.state === 'refused' || this.#options.host().find(each.key) !== connection) return
        this.#tell(each, 'refused')
      }
      if (!stream) return refused()
      const messages: Messages = new Messages(stream, 'u32', {
        onMessage: (message) => {
          agreed ||= message[0] === RENDEZVOUS.registered
          this.#onMessage(each, message, messages)
        },
        onDrain: () => {},
        onEnd: () => stream.end(),
        onClose: () => {
          if (each.messages === messages) each.messages = null
          refused()
        },
      })
      each.messages = messages
      each.renewAt = 0
      return undefined
    })
  }

  #onMessage(each: Neighbour, message: Bytes, messages: Messages): void {
    const { coordinator, wall, loop } = this.#options
    if (message[0] === RENDEZVOUS.registered) {
      each.wait = FIRST_MS
      each.dialAt = loop.now()
      if (each.state !== 'up') this.#tell(each, 'up')
      return
    }
    if (message[0] === RENDEZVOUS.found) {
      const bytes = contactOf(message)
      const contact = bytes && readContact(bytes)
      if (!contact) return messages.stream.reset('badMessages')
      if (contact.expires > wall() && this.#all.has(base64url(contact.key)))
        coordinator()?.introduced(contact)
      return
    }
    if (message[0] !== RENDEZVOUS.none && message[0] !== RENDEZVOUS.refused)
      messages.stream.reset('badMessages')
  }

  /** `entered` the first time, then `back`, `away`, `refused`, `gone`. */
  #tell(each: Neighbour, state: NeighbourWord): void {
    const what = state !== 'up' ? state : each.seen === 0 ? 'entered' : 'back'
    each.state = state
    if (state === 'up') each.seen = this.#options.wall()
    this.#options.report('neighbourhood', { peer: base64url(each.key), what })
    this.#save()
  }

  #save(): void {
    this.#savedAt = this.#options.loop.now()
    const kept = [...this.#all.values()].filter(({ seen }) => seen > 0)
    const texts = kept.map(({ addresses }) => utf8(addresses.join(' ')))
    const length = 1 + texts.reduce((sum, each) => sum + 40 + each.length, 0)
    const w = new Writer(new Uint8Array(length)).u8(kept.length)
    kept.forEach(({ key, seen }, i) => {
      w.put(key).u48(seen).block(texts[i]!)
    })
    this.#owed = false
    this.#file.write(w.bytes, (error, written) => {
      this.#owed ||= error === null && !written
    })
  }

  /** Only whom the list still names will stay. */
  #restore(bytes: Bytes): boolean {
    const r = new Reader(bytes)
    const n = r.u8()
    for (let i = 0; i < n && n <= LIMITS.peers.neighbours; i++) {
      const key = r.take(32).slice()
      const seen = r.u48()
      const addresses = text(r.block(LIMITS.peers.addressesOfOne * (LIMITS.peers.addressChars + 1))).split(
        ' ',
      )
      const fresh = { messages: null, dialAt: 0, wait: FIRST_MS, renewAt: 0 }
      if (r.ok && this.has(key))
        this.#all.set(base64url(key), { key, addresses, state: 'away', seen, ...fresh })
    }
    return r.done
  }
}
