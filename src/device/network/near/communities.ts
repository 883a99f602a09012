// The device's communities (docs/wire/discovery.md "Communities"): signed lists of peers from its card and
// from its owners, shown to owners, removed by them, renewed from the lists' own peers. An owner's lists
// come before those of the card, which are asked when nobody else answers.

import type { Bytes } from '../../../base/bytes.ts'
import { LIMITS } from '../../../base/limits.ts'
import type { Failure, Files } from '../../../hw/hardware.ts'
import type { Stream } from '../../../net/api.ts'
import type { Host } from '../../../net/host.ts'
import { Messages } from '../../../net/messages.ts'
import type { Loop } from '../../../node/loop.ts'
import { CommunityBook } from '../../../node/peers/community/book.ts'
import { askNewer } from '../../../node/peers/community/exchange.ts'
import { SnapshotFile } from '../../../node/snapshot.ts'
import {
  COMMUNITIES,
  decodePutList,
  decodeRemoveList,
  encodeBareCommunities,
  encodeList,
  encodeListRefused,
  encodeNeighbour,
  type NeighbourState,
  ORIGIN,
} from '../../../wire/net/communities.ts'

export interface CommunitiesOptions {
  files: Files
  loop: Loop
  isOwner: (key: Bytes) => boolean
  host: () => Host
  /** Texts of the card's lists, as far as the card can be read now. */
  card: () => readonly string[]
  /** For owners to see. */
  neighbours: () => readonly NeighbourState[]
  /** Other peers to begin with than before. */
  onChange: () => void
  report: (event: string, detail: Record<string, unknown>) => void
}

const FILE = { name: 'device.lists', kind: 'list', version: 1 } as const
const TIMER = 'communities'
const TICK_MS = 30_000
/** Newer versions are asked for after the first tick and then so often. */
const ASK_TICKS = 720
const STREAMS = 8

type Saved = (error: Failure) => void

export class DeviceCommunities {
  readonly book: CommunityBook
  readonly #options: CommunitiesOptions
  readonly #file: SnapshotFile
  readonly #streams: Set<Messages>
  #started: boolean
  #ticks: number
  #saving: boolean
  readonly #unsaved: Saved[]

  constructor(options: CommunitiesOptions) {
    const { name, kind, version } = FILE
    this.book = new CommunityBook()
    this.#options = options
    this.#file = new SnapshotFile(options.files, name, kind, version)
    this.#streams = new Set()
    this.#started = false
    this.#ticks = 0
    this.#saving = false
    this.#unsaved = []
  }

  /** Reads what was kept, then the card. */
  start(): void {
    const { loop, report } = this.#options
    if (this.#started) return
    this.#started = true
    this.#file.read((error, content) => {
      // It holds no decision that could not be made again: the card has its lists, home pushes the owner's.
      if (error || (content && !this.book.restore(content)))
        report('failed', { what: 'communities', text: `${FILE.name} cannot be read; begun anew` })
      this.#readCard()
      if (this.book.all.length > 0) this.#options.onChange()
    })
    loop.every(TIMER, TICK_MS, () => this.#tick())
  }

  stop(): void {
    this.#options.loop.cancel(TIMER)
  }

  /** A new owner begins with the card's lists, all of them. */
  forget(): void {
    this.book.clear()
    this.#options.files.remove(FILE.name, () => {})
    this.#readCard()
  }

  onStream(stream: Stream): void {
    const owner = this.#options.isOwner(stream.connection.remoteKey)
    if (!owner || this.#streams.size >= STREAMS) return stream.reset()
    const messages = new Messages(stream, 'u32', {
      onMessage: (message) => this.#onMessage(message, messages),
      onDrain: () => {},
      onEnd: () => stream.end(),
      onClose: () => {
        this.#streams.delete(messages)
      },
    })
    this.#streams.add(messages)
    return undefined
  }

  #onMessage(message: Bytes, messages: Messages): void {
    const { book } = this
    if (!this.#options.isOwner(messages.stream.connection.remoteKey)) return messages.stream.reset()
    if (message[0] === COMMUNITIES.show && message.length === 1) {
      for (const { jws, origin } of book.all) messages.send(encodeList(jws, origin))
      messages.send(encodeBareCommunities(COMMUNITIES.end))
      return undefined
    }
    if (message[0] === COMMUNITIES.askNeighbours && message.length === 1) {
      for (const each of this.#options.neighbours()) messages.send(encodeNeighbour(each))
      messages.send(encodeBareCommunities(COMMUNITIES.end))
      return undefined
    }
    const jws = message[0] === COMMUNITIES.put ? decodePutList(message) : null
    const name = message[0] === COMMUNITIES.remove ? decodeRemoveList(message) : null
    if (jws === null && name === null) return messages.stream.reset('badMessages')
    const refusal = jws !== null ? book.put(jws, ORIGIN.owner) : book.remove(name!) ? null : 'unknown'
    if (refusal !== null) {
      messages.send(encodeListRefused(refusal))
      return undefined
    }
    return this.#changed((error) =>
      messages.send(error ? encodeListRefused('storage') : encodeBareCommunities(COMMUNITIES.done)),
    )
  }

  #readCard(): void {
    const { card, report } = this.#options
    for (const jws of card().slice(0, LIMITS.peers.lists)) {
      const known = this.book.all.length
      const refusal = this.book.put(jws.trim(), ORIGIN.card)
      if (refusal !== null && refusal !== 'removed') report('community', { refused: refusal })
      if (this.book.all.length > known) this.#changed(() => {})
    }
  }

  #tick(): void {
    // A card's FAT partition may be mounted after our start.
    if (this.#ticks === 0) this.#readCard()
    const turn = Math.floor(this.#ticks / ASK_TICKS)
    if (this.#ticks++ % ASK_TICKS === 0)
      askNewer(this.#options.host(), this.book, turn, (name) => {
        this.#options.report('community', { renewed: name })
        this.#changed(() => {})
      })
  }

  /** Durable when done; changes that come while one is written go together. */
  #changed(done: Saved): void {
    this.#options.onChange()
    this.#unsaved.push(done)
    if (!this.#saving) this.#save()
  }

  #save(): void {
    const waiting = this.#unsaved.splice(0)
    this.#saving = true
    this.#file.write(this.book.save(), (error) => {
      this.#saving = false
      for (const done of waiting) done(error)
      if (this.#unsaved.length > 0) this.#save()
    })
  }
}
