// A device's channel and readers of it, without sockets: what the channel tests share.
import { randomFillSync } from 'node:crypto'
import { signEntry } from '../../src/channel/access.ts'
import { Follower, type FollowerEvents } from '../../src/channel/follower.ts'
import type { ReaderKeys } from '../../src/channel/grant.ts'
import { Publisher } from '../../src/channel/publisher.ts'
import { Exchange, Signer, Verifier } from '../../src/crypto/native.ts'
import { Secret } from '../../src/crypto/secret.ts'
import { ENTRY } from '../../src/wire/access.ts'
import { CHANNEL, type Ending } from '../../src/wire/channel.ts'
import { CLASS, FRAME_BYTES } from '../../src/wire/frame.ts'
import type { Head } from '../../src/wire/rotation.ts'

export const random = (into: Uint8Array): void => {
  randomFillSync(into)
}

export function bytes(n: number): Uint8Array {
  const out = new Uint8Array(n)
  random(out)
  return out
}

export interface Person {
  keys: ReaderKeys
  signer: Signer
  exchange: Exchange
}

export function person(): Person {
  const signer = new Signer(new Secret(bytes(32)))
  const exchange = new Exchange(new Secret(bytes(32)))
  return {
    signer,
    exchange,
    keys: {
      sign: signer.publicKey,
      box: exchange.publicKey,
      grantId: bytes(16),
      until: 4e12,
      entry: bytes(32),
    },
  }
}

/** A signed end of access for one reader. */
export function endedMessage(
  d: Device,
  p: Person,
  place: { epoch: number; why: Ending; at: number },
): Uint8Array {
  const { sign, box, grantId, until } = p.keys
  const zeros = new Uint8Array(32)
  const entry = signEntry(
    {
      kind: ENTRY.taken,
      class: 0,
      sign,
      box,
      grantId,
      until,
      index: 0,
      event: zeros,
      before: zeros,
      previous: zeros,
      ...place,
    },
    d.signer,
  )
  return Uint8Array.of(CHANNEL.ended, ...entry)
}

export interface Device {
  signer: Signer
  exchange: Exchange
  publisher: Publisher
  /** Every frame that was ever sent, in order. */
  frames: Uint8Array[]
}

export function device(): Device {
  const signer = new Signer(new Secret(bytes(32)))
  const exchange = new Exchange(new Secret(bytes(32)))
  const frames: Uint8Array[] = []
  const publisher = new Publisher({
    class: CLASS.raw,
    signer,
    exchange,
    random,
    onFrame: (f) => frames.push(f.slice()),
  })
  return { signer, exchange, publisher, frames }
}

export const NO_HEAD: Head = { epoch: 0, index: 0, hash: new Uint8Array(32) }

export interface Seen {
  payloads: Uint8Array[]
  gaps: unknown[]
  access: string[]
  sealed: { epoch: number; index: number }[]
  rejects: string[]
  states: Uint8Array[]
}

/** A follower and all that it reported. */
export function follow(d: Device, p: Person): { follower: Follower; seen: Seen } {
  const seen: Seen = { payloads: [], gaps: [], access: [], sealed: [], rejects: [], states: [] }
  const events: FollowerEvents = {
    onPayload: (payload) => seen.payloads.push(payload.slice()),
    onGap: (from, to) => seen.gaps.push({ from, to }),
    onAccess: (access) => seen.access.push(access),
    onSealed: (at) => seen.sealed.push(at),
    onReject: (what) => seen.rejects.push(what),
    onGrant: (state) => seen.states.push(state.slice()),
    onFrame: () => {},
  }
  const follower = new Follower({
    device: Verifier.of(d.signer.publicKey)!,
    deviceBox: d.exchange.publicKey,
    class: CLASS.raw,
    own: { sign: p.keys.sign, exchange: p.exchange },
    events,
  })
  follower.subscribe()
  return { follower, seen }
}

/** A FRAMES message of these frames. */
export function framesMessage(frames: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(1 + frames.length * FRAME_BYTES)
  out[0] = CHANNEL.frames
  frames.forEach((f, i) => {
    out.set(f, 1 + i * FRAME_BYTES)
  })
  return out
}

export function grantMessage(grant: Uint8Array | null): Uint8Array {
  if (!grant) throw new Error('no grant')
  return Uint8Array.of(CHANNEL.grant, ...grant)
}
