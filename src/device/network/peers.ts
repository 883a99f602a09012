// What the device thinks of others: fed by its own connections, kept over a restart, told to whoever asks
// (ownership/reputation/desk.ts has the rules). Gone with the identity: a new owner begins without
// anybody's opinions.

import type { Bytes } from '../../base/bytes.ts'
import type { WattleError } from '../../base/errors.ts'
import { LIMITS } from '../../base/limits.ts'
import { hostOf, prefixOf } from '../../base/prefix.ts'
import type { Signer } from '../../crypto/native.ts'
import type { Clock, Files } from '../../hw/hardware.ts'
import type { Connection, Stream } from '../../net/api.ts'
import { Messages } from '../../net/messages.ts'
import type { OnEvidence } from '../../node/peers/evidence.ts'
import { SnapshotFile } from '../../node/snapshot.ts'
import { Desk } from '../../ownership/reputation/desk.ts'
import { type Opinion, Reputation } from '../../ownership/reputation/reputation.ts'
import { Vouches } from '../../ownership/reputation/vouches.ts'
import { type Measure, THRESHOLD } from '../../ownership/reputation/weights.ts'

export interface DevicePeersOptions {
  files: Files
  clock: Clock
  signer: Signer
  isOwner: (key: Bytes) => boolean
}

const OPINIONS = { file: 'device.opinions', kind: 'opin', version: 1 } as const
const VOUCHES = { file: 'device.vouches', kind: 'vouc', version: 1 } as const

/** How a connection that ended with this code speaks of the other side. */
const FAULTS: Readonly<Record<string, Measure>> = {
  'bad-tag': 'malformed',
  'protocol-error': 'malformed',
  flooded: 'malformed',
  silent: 'timed-out',
}

export class DevicePeers {
  readonly reputation: Reputation
  readonly vouches: Vouches
  readonly #options: DevicePeersOptions
  readonly #desk: Desk
  readonly #opinionsFile: SnapshotFile
  readonly #vouchesFile: SnapshotFile
  readonly #streams: Set<Messages>
  #dirty: boolean

  constructor(options: DevicePeersOptions) {
    const { files, clock, signer, isOwner } = options
    this.#options = options
    this.reputation = new Reputation()
    this.vouches = new Vouches(signer.publicKey)
    const onChange = (): void => {
      this.#dirty = true
      this.save()
    }
    this.#desk = new Desk(
      { signer, reputation: this.reputation, vouches: this.vouches, isOwner, onChange },
      clock.wall(),
    )
    this.#opinionsFile = new SnapshotFile(files, OPINIONS.file, OPINIONS.kind, OPINIONS.version)
    this.#vouchesFile = new SnapshotFile(files, VOUCHES.file, VOUCHES.kind, VOUCHES.version)
    this.#streams = new Set()
    this.#dirty = false
  }

  get opinion(): Opinion {
    return this.reputation.score
  }

  /** What was kept; a damaged file is told of and begun anew, since it holds no decision of an owner. */
  load(report: (event: string, detail?: Record<string, unknown>) => void): void {
    const told = (file: string): void =>
      report('failed', { what: 'opinions', text: `${file} cannot be read; begun anew` })
    this.#opinionsFile.read((error, content) => {
      if (error || (content && !this.reputation.restore(content))) told(OPINIONS.file)
    })
    this.#vouchesFile.read((error, content) => {
      if (error) told(VOUCHES.file)
      else if (content) this.vouches.restore(content, this.#options.clock.wall())
    })
  }

  /** Writes what has changed; called once an hour and at the end. */
  save(): void {
    if (!this.#dirty) return
    this.#dirty = false
    this.#opinionsFile.write(this.reputation.save(), () => {})
    this.#vouchesFile.write(this.vouches.save(), () => {})
  }

  forget(): void {
    for (const { file } of [OPINIONS, VOUCHES]) this.#options.files.remove(file, () => {})
  }

  measure(key: Bytes, what: Measure, remote = '', times = 1): void {
    this.#dirty = true
    const prefix = remote === '' ? 0 : prefixOf(hostOf(remote))
    this.reputation.measure(key, what, this.#options.clock.wall(), prefix, times)
  }

  /** To call us says nothing for a stranger: anybody can. Who is not dealt with is turned away. */
  onConnection(connection: Connection): void {
    const { remoteKey, remote, inbound } = connection
    const owner = this.#options.isOwner(remoteKey)
    if (!inbound || owner) this.measure(remoteKey, 'answered', remote)
    const score = this.reputation.score(remoteKey, this.#options.clock.wall())
    if (score < THRESHOLD.ignore && !owner) connection.close()
  }

  /** Who helps us, and how: what is seen of relays, bootstrap peers, contacts. */
  readonly onEvidence: OnEvidence = (key, what, times = 1) => this.measure(key, what, '', times)

  /** `relay`: the connection ran through it. What comes altered through a relay is the relay's doing. */
  onDisconnect(connection: Connection, error: WattleError | null, relay: Bytes | null = null): void {
    const fault = error && FAULTS[error.code]
    if (!fault) return
    if (relay && error.code === 'bad-tag') this.measure(relay, 'relay-lied')
    else this.measure(connection.remoteKey, fault, connection.remote)
  }

  /** An event, say, that nobody who may has signed. */
  onForged(connection: Connection): void {
    this.measure(connection.remoteKey, 'bad-signature', connection.remote)
  }

  onStream(stream: Stream): void {
    if (this.#streams.size >= LIMITS.reputation.streams) {
      stream.reset()
      return
    }
    const from = stream.connection.remoteKey
    const messages = new Messages(stream, 'u32', {
      onMessage: (message) => {
        const answers = this.#desk.onMessage(message, from, this.#options.clock.wall())
        if (!answers) return stream.reset('badMessages')
        for (const answer of answers) messages.send(answer)
      },
      onDrain: () => {},
      onEnd: () => stream.end(),
      onClose: () => {
        this.#streams.delete(messages)
      },
    })
    this.#streams.add(messages)
  }
}
