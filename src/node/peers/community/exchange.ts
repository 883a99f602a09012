// Newer versions of lists between peers: whoever serves lists answers by name, whoever holds some asks a peer
// of each list: one that it is connected to, or it calls one for that. What comes is judged by the list that
// is held, so it does not matter who sends it.

import type { Bytes } from '../../../base/bytes.ts'
import { LIMITS } from '../../../base/limits.ts'
import type { Connection } from '../../../net/api.ts'
import type { Host } from '../../../net/host.ts'
import { Messages } from '../../../net/messages.ts'
import {
  COMMUNITIES,
  COMMUNITIES_PROTOCOL,
  decodeAskList,
  decodeList,
  encodeAskList,
  encodeBareCommunities,
  encodeList,
  ORIGIN,
} from '../../../wire/net/communities.ts'
import { readList } from '../list.ts'
import type { CommunityBook } from './book.ts'

/** Questions on one stream: as many as anybody holds lists. */
const ASKS = LIMITS.peers.lists

/** The answer to ASK out of these texts, by the names in them; null for what is no question. */
export function answerAsk(message: Bytes, texts: readonly string[]): Bytes | null {
  const asked = message[0] === COMMUNITIES.ask ? decodeAskList(message) : null
  if (!asked) return null
  for (const jws of texts) {
    const { list } = readList(jws, 'kept')
    if (list?.name === asked.name && list.seq > asked.seq) return encodeList(jws, ORIGIN.card)
  }
  return encodeBareCommunities(COMMUNITIES.none)
}

/** Hands these lists to everybody who asks for them by name. */
export function serveLists(host: Host, texts: readonly string[]): void {
  let open = 0
  host.handle(COMMUNITIES_PROTOCOL, (stream) => {
    if (open >= LIMITS.peers.rendezvousStreams) return stream.reset()
    open++
    let left = ASKS
    const messages = new Messages(stream, 'u32', {
      onMessage: (message) => {
        const answer = left-- > 0 ? answerAsk(message, texts) : null
        if (answer) messages.send(answer)
        else stream.reset('badMessages')
      },
      onDrain: () => {},
      onEnd: () => stream.end(),
      onClose: () => {
        open--
      },
    })
    return undefined
  })
}

/**
 * Asks a peer of each list for a newer version; `onNewer` when one was taken.
 * @param turn another one of those that would have to be called each time
 */
export function askNewer(
  host: Host,
  book: CommunityBook,
  turn: number,
  onNewer: (name: string) => void,
): void {
  for (const { list } of book.all) {
    const question = { name: list.name, seq: list.seq, onNewer }
    const connected = list.peers.map(({ key }) => host.find(key)).find((connection) => connection !== null)
    const other = list.peers[turn % Math.max(1, list.peers.length)]
    const address = other?.addresses[0]
    if (connected) askOne(connected, book, question, () => {})
    else if (other && address !== undefined)
      host.dial(address, other.key, (_, connection) => {
        if (connection) askOne(connection, book, question, () => connection.close())
      })
  }
}

function askOne(
  connection: Connection,
  book: CommunityBook,
  o: { name: string; seq: number; onNewer: (name: string) => void },
  over: () => void,
): void {
  connection.open(COMMUNITIES_PROTOCOL, (_error, stream) => {
    if (!stream) return over()
    const messages = new Messages(stream, 'u32', {
      onMessage: (message) => {
        const said = message[0] === COMMUNITIES.list ? decodeList(message) : null
        if (said && book.renew(o.name, said.jws) === null) o.onNewer(o.name)
        stream.end()
      },
      onDrain: () => {},
      onEnd: () => stream.end(),
      onClose: over,
    })
    messages.send(encodeAskList(o.name, o.seq))
    return undefined
  })
}
