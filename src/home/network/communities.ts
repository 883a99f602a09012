// My Home and communities (docs/wire/discovery.md "Communities"): the owner's own signed list of peers and
// the list `neighbours` of its devices and of those it agreed to, pushed to each device after its claim and
// whenever it has another one; what a device has and whom it meets, for its owner to see.

import { type Bytes, base64url, text, utf8 } from '../../base/bytes.ts'
import { WattleError } from '../../base/errors.ts'
import { LIMITS } from '../../base/limits.ts'
import type { Signer } from '../../crypto/native.ts'
import type { Failure, Hardware } from '../../hw/hardware.ts'
import type { Host } from '../../net/host.ts'
import { Messages } from '../../net/messages.ts'
import { makeInvite } from '../../net/udp/relay/rules.ts'
import type { Loop } from '../../node/loop.ts'
import { NEIGHBOURS } from '../../node/peers/community/book.ts'
import { type ListedPeer, type PeerList, readList, signList } from '../../node/peers/list.ts'
import { SnapshotFile } from '../../node/snapshot.ts'
import {
  COMMUNITIES,
  COMMUNITIES_PROTOCOL,
  decodeList,
  decodeListRefused,
  decodeNeighbour,
  encodeBareCommunities,
  encodePutList,
  type NeighbourState,
  type Origin,
} from '../../wire/net/communities.ts'
import type { Owned } from '../owned.ts'

export interface HeldList {
  list: PeerList
  jws: string
  origin: Origin
}

export interface HomeCommunitiesOptions {
  hardware: Pick<Hardware, 'files' | 'clock'>
  host: Host
  loop: Loop
  /** The owner's key. */
  signer: Signer
  /** Devices of ours. */
  owned: () => readonly Owned[]
  report: (event: string, detail: Record<string, unknown>) => void
}

type Told = (error: WattleError | null, lists: HeldList[], neighbours: NeighbourState[]) => void
type ListFile = 'home.list' | 'home.agreed'

const TIMER = 'communities'
/** After a device is up, its neighbours may be soon. */
const PUSH_MS = 1_000
const ANSWER_MS = 10_000

/** Questions under way have timers of their own. */
let asked = 0

export class HomeCommunities {
  readonly #options: HomeCommunitiesOptions
  #own: { list: PeerList; jws: string } | null
  #agreed: readonly ListedPeer[]

  constructor(options: HomeCommunitiesOptions) {
    this.#options = options
    this.#own = null
    this.#agreed = []
    this.#read('home.list', (list, jws) => {
      this.#own = { list, jws }
    })
    this.#read('home.agreed', (list) => {
      this.#agreed = list.peers
    })
  }

  #file(name: ListFile): SnapshotFile {
    return new SnapshotFile(this.#options.hardware.files, name, 'list', 1)
  }

  #read(name: ListFile, take: (list: PeerList, jws: string) => void): void {
    this.#file(name).read((error, content) => {
      const jws = content && text(content)
      const { list } = jws ? readList(jws, null) : { list: null }
      if (jws && list) take(list, jws)
      else if (error || content)
        this.#options.report('failed', {
          what: 'communities',
          text: `${name} cannot be read; set the list anew`,
        })
    })
  }

  /** The owner's own list, or null. */
  get own(): PeerList | null {
    return this.#own?.list ?? null
  }

  /** A list of peers of this owner's, for its devices. */
  sign(name: string, peers: readonly ListedPeer[]): string {
    const { signer, hardware } = this.#options
    const seq = Math.floor(hardware.clock.wall())
    const by = [{ kid: base64url(signer.publicKey), signer }]
    return signList({ name, seq, m: 1, signers: [signer.publicKey], peers }, by)
  }

  /** Our word that the holder of `guest` may use a relay of ours until then (milliseconds since 1970). */
  invite(relay: Bytes, guest: Bytes, until: number): string {
    return `${base64url(relay)}=${base64url(makeInvite(this.#options.signer, relay, guest, until))}`
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
      return this.#options.hardware.files.remove('home.list', done)
    }
    this.#file('home.list').write(utf8(jws), (error) => {
      if (!error) this.#own = { list: list!, jws }
      this.pushSoon()
      done(error)
    })
  }

  /** Devices of other owners that ours keep a relation with, where those agree. */
  get agreed(): readonly ListedPeer[] {
    return this.#agreed
  }

  setAgreed(peers: readonly ListedPeer[], done: (error: Failure) => void): void {
    if (peers.length > LIMITS.peers.neighbours)
      return done(new WattleError('too-many', `at most ${LIMITS.peers.neighbours} neighbours`))
    this.#file('home.agreed').write(utf8(this.sign('agreed', peers)), (error) => {
      if (!error) this.#agreed = [...peers]
      this.pushSoon()
      done(error)
    })
  }

  /** A device of ours is up, or what they are to know has changed: whoever is up gets what it lacks. */
  pushSoon(): void {
    this.#options.loop.after(TIMER, PUSH_MS, () => {
      for (const { key, device, online } of this.#options.owned()) if (online) this.#push(key, device.name)
    })
  }

  #push(device: Bytes, name: string): void {
    const ours = this.#options.owned().map((owned) => peerOf(owned))
    const around = [...ours, ...this.#agreed].slice(0, LIMITS.peers.neighbours)
    const own = this.#own
    this.ask(device, encodeBareCommunities(COMMUNITIES.show), (error, lists) => {
      if (error) return
      if (own && !lists.some((held) => held.jws === own.jws)) this.#put(device, name, own.jws, own.list.name)
      const held = lists.find(({ list }) => list.name === NEIGHBOURS)?.list.peers ?? []
      // Who is alone has no neighbours, and needs no list that says so.
      const alone = held.length === 0 && around.length < 2
      if (!alone && !alike(held, around)) this.#put(device, name, this.sign(NEIGHBOURS, around), NEIGHBOURS)
    })
  }

  #put(device: Bytes, name: string, jws: string, list: string): void {
    this.ask(device, encodePutList(jws), (refusal) =>
      this.#options.report('community', {
        device: name,
        list,
        ...(refusal ? { refused: refusal.code } : { pushed: true }),
      }),
    )
  }

  /** One message to a device that is connected; `done` gets its lists (SHOW only), or why not. */
  ask(device: Bytes, message: Bytes, done: Told): void {
    const { host, loop } = this.#options
    const timer = `communities ${++asked}`
    const lists: HeldList[] = []
    const neighbours: NeighbourState[] = []
    let over = false
    const finish = (error: WattleError | null): void => {
      if (over) return
      over = true
      loop.cancel(timer)
      done(error, lists, neighbours)
    }
    const connection = host.find(device)
    if (!connection) return finish(new WattleError('device-offline', 'the device cannot be reached now'))
    connection.open(COMMUNITIES_PROTOCOL, (error, stream) => {
      if (!stream) return finish(error)
      const messages = new Messages(stream, 'u32', {
        onMessage: (answer) => {
          const neighbour = answer[0] === COMMUNITIES.neighbour ? decodeNeighbour(answer) : null
          if (neighbour) neighbours.push(neighbour)
          if (answer[0] === COMMUNITIES.neighbour) return
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

/** The same keys at the same addresses, in whatever order. */
function alike(a: readonly ListedPeer[], b: readonly ListedPeer[]): boolean {
  const words = (peers: readonly ListedPeer[]): string =>
    peers
      .map(({ key, addresses }) => `${base64url(key)}@${addresses.join(' ')}`)
      .sort()
      .join()
  return words(a) === words(b)
}

/** Of many addresses the first ones: the list has to fit into a message. */
function peerOf({ key, device }: Owned): ListedPeer {
  return { key, addresses: device.addresses.slice(0, 4) }
}
