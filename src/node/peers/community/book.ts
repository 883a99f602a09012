// The communities of one party: signed lists of peers that came with the card or from an owner, newest
// version of each, and the names of those that an owner removed, so that the card does not bring them
// back. A plain machine; what it holds is kept by its owner in a file (docs/wire/discovery.md "Communities").

import { type Bytes, text, utf8 } from '../../../base/bytes.ts'
import { Reader, Writer } from '../../../base/cursor.ts'
import { LIMITS } from '../../../base/limits.ts'
import { ORIGIN, type Origin } from '../../../wire/net/communities.ts'
import { type ListedPeer, type ListRefusal, type PeerList, readList } from '../list.ts'

/** The list of an owner's with devices to keep a relation with: its own, and those of owners who agreed. */
export const NEIGHBOURS = 'neighbours'

export interface Community {
  readonly list: PeerList
  readonly jws: string
  readonly origin: Origin
}

/** Why a list was not taken. */
export type CommunityRefusal = ListRefusal | 'full' | 'removed' | 'unknown'

export class CommunityBook {
  readonly #lists: Map<string, Community>
  readonly #removed: Set<string>

  constructor() {
    this.#lists = new Map()
    this.#removed = new Set()
  }

  get all(): readonly Community[] {
    return [...this.#lists.values()]
  }

  find(name: string): Community | null {
    return this.#lists.get(name) ?? null
  }

  /**
   * A text from the card or from an owner: a first version is believed, a further one as its signers say. What
   * an owner brings may come back after it was removed; what lies on the card may not.
   * @returns null where it was taken, or is held in this or a newer version already
   */
  put(jws: string, origin: Origin): CommunityRefusal | null {
    const first = readList(jws, null)
    const name = first.list?.name ?? nameOf(jws)
    const held = name === null ? null : this.find(name)
    if (held?.jws === jws) return null
    const { list, refusal } = held ? readList(jws, held.list) : first
    if (!list) return refusal === 'older' && origin === ORIGIN.card ? null : refusal
    if (origin === ORIGIN.card && this.#removed.has(list.name)) return 'removed'
    if (!held && this.#lists.size >= LIMITS.peers.lists) return 'full'
    this.#removed.delete(list.name)
    this.#lists.set(list.name, { list, jws, origin: held?.origin ?? origin })
    return null
  }

  /** A newer version of a list that is held, from whoever had it. */
  renew(name: string, jws: string): CommunityRefusal | null {
    const held = this.find(name)
    if (!held) return 'unknown'
    const { list, refusal } = readList(jws, held.list)
    if (!list) return refusal
    this.#lists.set(name, { ...held, list, jws })
    return null
  }

  /** False: there is no such list. */
  remove(name: string): boolean {
    const held = this.find(name)
    if (!held) return false
    this.#lists.delete(name)
    if (held.origin === ORIGIN.card) {
      // Of more removals than lists, the oldest is forgotten.
      if (this.#removed.size >= LIMITS.peers.lists) this.#removed.delete(this.#removed.values().next().value!)
      this.#removed.add(name)
    }
    return true
  }

  /** Peers to begin with, of all lists of this origin, each key once; neighbours are looked after elsewhere. */
  peers(origin: Origin): ListedPeer[] {
    const peers = new Map<string, ListedPeer>()
    for (const { list, origin: from } of this.#lists.values())
      if (from === origin && list.name !== NEIGHBOURS)
        for (const peer of list.peers) peers.set(String(peer.key), peer)
    return [...peers.values()]
  }

  /** Devices to keep a relation with. */
  get neighbours(): readonly ListedPeer[] {
    const held = this.find(NEIGHBOURS)
    return held?.origin === ORIGIN.owner ? held.list.peers : []
  }

  save(): Bytes {
    const texts = this.all.map(({ jws, origin }) => ({ origin, bytes: utf8(jws) }))
    const names = [...this.#removed].map(utf8)
    const length = 2 + sum(texts.map(({ bytes }) => 3 + bytes.length)) + sum(names.map((n) => 2 + n.length))
    const w = new Writer(new Uint8Array(length)).u8(texts.length)
    for (const { origin, bytes } of texts) w.u8(origin).block(bytes)
    w.u8(names.length)
    for (const name of names) w.block(name)
    return w.bytes
  }

  /** Instead of what it held. False: not what `save` writes; then it holds nothing. */
  restore(bytes: Bytes): boolean {
    this.clear()
    const r = new Reader(bytes)
    const lists = r.u8()
    for (let i = 0; i < lists && r.ok; i++) {
      const origin = r.u8()
      const jws = text(r.block(LIMITS.peers.listBytes))
      // Whoever signed its versions before is not known here: it was checked when it came.
      const list = readList(jws, 'kept').list
      if (!list || origin > ORIGIN.owner) r.ok = false
      else this.#lists.set(list.name, { list, jws, origin: origin as Origin })
    }
    const names = r.u8()
    for (let i = 0; i < names && r.ok; i++) this.#removed.add(text(r.block(64)))
    const good = r.done && this.#lists.size <= LIMITS.peers.lists && this.#removed.size <= LIMITS.peers.lists
    if (!good) this.clear()
    return good
  }

  clear(): void {
    this.#lists.clear()
    this.#removed.clear()
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => a + b, 0)
}

/** What a text calls itself, though its signatures are not enough for a first version. */
function nameOf(jws: string): string | null {
  return readList(jws, 'kept').list?.name ?? null
}
