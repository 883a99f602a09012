// My Home and communities (docs/wire/discovery.md "Communities"): the owner's own signed list of peers, kept
// here and pushed to each device after its claim and whenever it has an older one; what lists a device has,
// for its owner to see and to remove.

import { type Bytes, text, utf8 } from '../../base/bytes.ts'
import { WattleError } from '../../base/errors.ts'
import type { Failure, Files } from '../../hw/hardware.ts'
import type { Host } from '../../net/host.ts'
import { Messages } from '../../net/messages.ts'
import type { Loop } from '../../node/loop.ts'
import { type ListedPeer, type PeerList, readList } from '../../node/peers/list.ts'
import { SnapshotFile } from '../../node/snapshot.ts'
import {
  COMMUNITIES,
  COMMUNITIES_PROTOCOL,
  decodeList,
  decodeListRefused,
  encodeBareCommunities,
  encodePutList,
  type Origin,
} from '../../wire/net/communities.ts'

export interface HeldList {
  list: PeerList
  jws: string
  origin: Origin
}

export interface HomeCommunitiesOptions {
  files: Files
  host: Host
  loop: Loop
  report: (event: string, detail: Record<string, unknown>) => void
}

type Told = (error: WattleError | null, lists: HeldList[]) => void

const FILE = { name: 'home.list', kind: 'list', version: 1 } as const
const ANSWER_MS = 10_000

/** Questions under way have timers of their own. */
let asked = 0

export class HomeCommunities {
  readonly #options: HomeCommunitiesOptions
  readonly #file: SnapshotFile
  #own: { list: PeerList; jws: string } | null

  constructor(options: HomeCommunitiesOptions) {
    const { name, kind, version } = FILE
    this.#options = options
    this.#file = new SnapshotFile(options.files, name, kind, version)
    this.#own = null
    this.#file.read((error, content) => {
      const jws = content && text(content)
      const { list } = jws ? readList(jws, null) : { list: null }
      if (jws && list) this.#own = { list, jws }
      else if (error || content)
        options.report('failed', {
          what: 'communities',
          text: `${FILE.name} cannot be read; set the list anew`,
        })
    })
  }

  /** The owner's own list, or null. */
  get own(): PeerList | null {
    return this.#own?.list ?? null
  }

  /** Peers of it: this home begins with them too. */
  peers(): readonly ListedPeer[] {
    return this.#own?.list.peers ?? []
  }

  /** Takes the place of the own list; null: none from now on. */
  setOwn(jws: string | null, done: (error: Failure) => void): void {
    const { list, refusal } = jws === null ? { list: null, refusal: null } : readList(jws, null)
    if (refusal !== null) return done(new WattleError('bad-list', `this is no list of peers: ${refusal}`))
    if (jws === null) {
      this.#own = null
      return this.#options.files.remove(FILE.name, done)
    }
    this.#file.write(utf8(jws), (error) => {
      if (!error) this.#own = { list: list!, jws }
      done(error)
    })
  }

  /** A device of ours is up: it gets the own list where it has none, or an older one. */
  onSynced(device: Bytes, name: string): void {
    const own = this.#own
    if (!own) return
    this.ask(device, encodeBareCommunities(COMMUNITIES.show), (error, lists) => {
      if (error || lists.some((held) => held.jws === own.jws)) return
      this.ask(device, encodePutList(own.jws), (refusal) =>
        this.#options.report('community', {
          device: name,
          list: own.list.name,
          ...(refusal ? { refused: refusal.code } : { pushed: own.list.seq }),
        }),
      )
    })
  }

  /** One message to a device that is connected; `done` gets its lists (SHOW only), or why not. */
  ask(device: Bytes, message: Bytes, done: Told): void {
    const { host, loop } = this.#options
    const timer = `communities ${++asked}`
    const lists: HeldList[] = []
    let over = false
    const finish = (error: WattleError | null): void => {
      if (over) return
      over = true
      loop.cancel(timer)
      done(error, lists)
    }
    const connection = host.find(device)
    if (!connection) return finish(new WattleError('device-offline', 'the device cannot be reached now'))
    connection.open(COMMUNITIES_PROTOCOL, (error, stream) => {
      if (!stream) return finish(error)
      const messages = new Messages(stream, 'u32', {
        onMessage: (answer) => {
          const held = answer[0] === COMMUNITIES.list ? decodeList(answer) : null
          const { list } = held ? readList(held.jws, 'kept') : { list: null }
          if (held && list) lists.push({ list, ...held })
          if (answer[0] === COMMUNITIES.list) return
          const word = answer[0] === COMMUNITIES.refused ? (decodeListRefused(answer) ?? 'refused') : null
          finish(word === null ? null : new WattleError(word, `the device refused: ${word}`))
          stream.end()
        },
        onDrain: () => {},
        onEnd: () => stream.end(),
        onClose: () => finish(new WattleError('no-answer', 'the device gave no whole answer')),
      })
      loop.after(timer, ANSWER_MS, () => stream.reset())
      messages.send(message)
    })
  }
}
