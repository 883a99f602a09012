// /ipfs/id/1.0.0: who we are, what we speak, and under which address the other side is seen.
// https://github.com/libp2p/specs/blob/master/identify/README.md
// What others say of themselves is a hint only; the handshake alone proves a key.

import { type Bytes, concat, equal, text, utf8 } from '../../base/bytes.ts'
import { WattleError } from '../../base/errors.ts'
import type { Connection } from '../api.ts'
import type { Host } from '../host.ts'
import { Messages } from '../messages.ts'
import { addressOf, multiaddrBytes } from '../multiaddr.ts'
import { publicKeyOf, publicKeyProto } from '../noise/identity.ts'
import { bytesField, FieldReader } from '../protobuf.ts'

const IDENTIFY = '/ipfs/id/1.0.0'
const VERSION = 'ipfs/0.1.0'
/** Entries of one list and characters of one text that are kept. */
const MAX_ENTRIES = 64
const MAX_TEXT = 256

/** Fields of the protobuf. */
const PUBLIC_KEY = 1
const LISTEN = 2
const PROTOCOLS = 3
const OBSERVED = 4
const PROTOCOL_VERSION = 5
const AGENT = 6

export interface Identified {
  agent: string
  protocols: string[]
  /** `host:port` on which the other side says it listens. */
  addresses: string[]
  /** `host:port` under which it sees us, or ''. */
  observed: string
}

/** Answers the question who we are. */
export function serveIdentify(host: Host): void {
  host.handle(IDENTIFY, (stream) => {
    const messages = new Messages(stream, 'varint', {
      onMessage: () => {},
      onDrain: () => {},
      onEnd: () => {},
      onClose: () => {},
    })
    messages.send(describe(host, stream.connection))
    stream.end()
  })
}

function describe(host: Host, connection: Connection): Bytes {
  const observed = multiaddrBytes(connection.remote)
  const addresses = host.addresses().map(multiaddrBytes)
  return concat(
    bytesField(PUBLIC_KEY, publicKeyProto(host.shared.identity.publicKey)),
    ...addresses.flatMap((address) => (address ? [bytesField(LISTEN, address)] : [])),
    ...[...host.shared.protocols.keys()].map((protocol) => bytesField(PROTOCOLS, utf8(protocol))),
    observed ? bytesField(OBSERVED, observed) : new Uint8Array(0),
    bytesField(PROTOCOL_VERSION, utf8(VERSION)),
    bytesField(AGENT, utf8(host.agent)),
  )
}

/** Asks the other side; an answer may come in several messages, which are merged. */
export function identify(
  connection: Connection,
  done: (error: WattleError | null, said: Identified | null) => void,
): void {
  connection.open(IDENTIFY, (error, stream) => {
    if (!stream) {
      done(error, null)
      return
    }
    const said: Identified = { agent: '', protocols: [], addresses: [], observed: '' }
    let verdict: WattleError | null = new WattleError('identify-failed', 'no answer')
    new Messages(stream, 'varint', {
      onMessage: (message) => {
        const ok = read(message, connection, said)
        verdict = ok
          ? null
          : new WattleError('identify-failed', 'an answer that cannot be read or names another key')
        if (!ok) stream.reset()
      },
      onDrain: () => {},
      onEnd: () => stream.end(),
      onClose: (error) => done(verdict ?? error, verdict || error ? null : said),
    })
  })
}

function read(message: Bytes, connection: Connection, said: Identified): boolean {
  const reader = new FieldReader(message)
  while (reader.next()) {
    const bytes = reader.bytes
    if (reader.field === PUBLIC_KEY) {
      const key = publicKeyOf(bytes)
      if (!key || !equal(key, connection.remoteKey)) return false
    } else if (reader.field === AGENT) said.agent = text(bytes.subarray(0, MAX_TEXT))
    else if (reader.field === OBSERVED) said.observed = addressOf(bytes) ?? ''
    else if (reader.field === LISTEN) push(said.addresses, addressOf(bytes))
    else if (reader.field === PROTOCOLS && bytes.length <= MAX_TEXT) push(said.protocols, text(bytes))
  }
  return reader.ok
}

function push(list: string[], entry: string | null): void {
  if (entry !== null && list.length < MAX_ENTRIES) list.push(entry)
}
