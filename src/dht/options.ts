// What an instance is given and what it gives back. Types of the engine's public face.

import type { Bytes } from '../base/bytes.ts'
import type { Signer } from '../crypto/native.ts'
import type { Family } from './krpc/address.ts'
import type { Reach } from './krpc/reach.ts'
import type { Rates } from './store/limiter.ts'

export interface Overlay {
  /** The overlay's name; its hash tags every datagram, so two networks never merge. */
  readonly name: string
  /** Our identity; the node id is SHA-256(public key)[0..20). */
  readonly signer: Signer
  /** Who may take part, asked once per proof. Default: whoever proves a key. */
  readonly admit?: (publicKey: Bytes) => boolean
}

export interface DhtOptions {
  /** Bytes of the instance's one ArrayBuffer (LIMITS.dht). */
  readonly maxBytes?: number
  /** Fills the whole array with unpredictable bytes. */
  readonly random: (into: Bytes) => void
  /** Hands a datagram to the socket of its family. `bytes` is valid until the call returns. */
  readonly send: (bytes: Bytes, host: string, port: number) => void
  /** Private signed overlay; without it the instance speaks plain Mainline. */
  readonly overlay?: Overlay
  /** Mainline: our id, 20 bytes. Default random, later fitted to the external address (BEP-42). */
  readonly id?: Bytes
  /** BEP-43: ask, never answer. */
  readonly readOnly?: boolean
  /** Which addresses may be talked to. Default `private` for an overlay, `public` for Mainline. */
  readonly reach?: Reach
  /** Subnet limits also for loopback and private addresses. */
  readonly strictLocal?: boolean
  /** Nodes that end a lookup and keep an item (4–16), queries at once of one lookup (1–16). Default 8 and 4. */
  readonly k?: number
  readonly alpha?: number
  /** How long we keep others' items, in ms (10 minutes to a week); own ones are put again after half of it. */
  readonly storeTtl?: number
  /** Default RATES, on loopback LOCAL_RATES (store/limiter.ts). */
  readonly rates?: Partial<Rates>
  /** A node came into the routing table. */
  readonly onContact?: (contact: Contact) => void
}

export interface Contact {
  readonly id: Bytes
  /** `host:port`, IPv6 in brackets. */
  readonly address: string
  /** Overlay: the key it proved. */
  readonly publicKey: Bytes | null
}

/** A BEP-44 item. `value` is bencoded. */
export interface Item {
  readonly target: Bytes
  readonly value: Bytes
  /** Null for an immutable item. */
  readonly publicKey: Bytes | null
  readonly signature: Bytes | null
  readonly seq: bigint
  readonly salt: Bytes
}

/** A mutable item to be stored, signed already (`signItem`), or an immutable one (`plainItem`). */
export interface Put extends Item {
  /** Store only over this seq (compare and swap). */
  readonly cas?: bigint
}

export type Wanted =
  /** Nodes nearest to a target. */
  | { readonly kind: 'find'; readonly target: Bytes }
  /** Peers announced under a topic. */
  | { readonly kind: 'peers'; readonly target: Bytes }
  /** Announces this node under a topic; `port` 0 means the port it is seen from. */
  | { readonly kind: 'announce'; readonly target: Bytes; readonly port: number }
  /** Item under a target; for a mutable one with its salt, of which the target is made. */
  | {
      readonly kind: 'get'
      readonly target: Bytes
      readonly publicKey?: Bytes
      readonly salt?: Bytes
      /** Only what others hold counts, not what this node keeps itself. */
      readonly foreign?: boolean
    }
  /** Stores an item; `keep` republishes it hourly, at most LIMITS.dht.ownItems of them. */
  | { readonly kind: 'put'; readonly item: Put; readonly keep?: boolean }

export interface Found {
  readonly kind: Wanted['kind']
  /** Nodes nearest to the target that answered, nearest first, at most 8. */
  readonly nodes: readonly Contact[]
  /** `host:port` of peers, at most 256. */
  readonly peers: readonly string[]
  readonly item: Item | null
  /** Nodes that confirmed an announcement or a put. */
  readonly stored: number
  /** KRPC error that most refusing nodes gave (301 cas, 302 old seq …); 0 none. */
  readonly refusal: number
  /** Nodes asked, and of those how many did not answer in time. */
  readonly asked: number
  readonly silent: number
  readonly hops: number
  readonly ms: number
  readonly family: Family
}
