// What the vectors are made of: a chance that always falls the same way, people with keys, devices whose
// frames are kept, and frames made by hand for what an honest device never sends.
// Used by scripts/vectors.ts alone; nothing here may read a clock or draw at random.

import { type Bytes, concat, hex, utf8 } from '../../src/base/bytes.ts'
import { Writer } from '../../src/base/cursor.ts'
import { signEntry } from '../../src/channel/access.ts'
import type { ReaderKeys } from '../../src/channel/grant.ts'
import { Publisher } from '../../src/channel/publisher.ts'
import { Exchange, Signer, sha256 } from '../../src/crypto/native.ts'
import { Secret } from '../../src/crypto/secret.ts'
import { ENTRY } from '../../src/wire/access.ts'
import type { Ending } from '../../src/wire/channel.ts'
import { BODY_BYTES, type ClassId, FRAME_DOMAIN, type FrameHead } from '../../src/wire/frame.ts'
import type { Head } from '../../src/wire/rotation.ts'

/** 2026-01-01T12:00:00Z: when everything in the vectors happens. */
export const AT = 1_767_268_800_000

/** SHA-256 of a name and a counter, over and over. */
export class Chance {
  readonly #name: Bytes
  #count: number

  constructor(name: string) {
    this.#name = utf8(name)
    this.#count = 0
  }

  readonly fill = (into: Bytes): void => {
    for (let at = 0; at < into.length; at += 32) {
      const block = sha256(this.#name, new Writer(new Uint8Array(4)).u32(this.#count++).bytes)
      into.set(block.subarray(0, into.length - at), at)
    }
  }

  bytes(n: number): Bytes {
    const out = new Uint8Array(n)
    this.fill(out)
    return out
  }
}

export interface Person {
  name: string
  signSeed: Bytes
  boxSecret: Bytes
  signer: Signer
  exchange: Exchange
  keys: ReaderKeys
}

/** A reader; an owner has no grant, and its grant id is zeros. */
export function person(name: string, owner = false): Person {
  const chance = new Chance(`person ${name}`)
  const signSeed = chance.bytes(32)
  const boxSecret = chance.bytes(32)
  const signer = new Signer(new Secret(signSeed.slice()))
  const exchange = new Exchange(new Secret(boxSecret.slice()))
  const grantId = owner ? new Uint8Array(16) : chance.bytes(16)
  const until = owner ? 0 : AT + 90 * 86_400_000
  const entry = owner ? new Uint8Array(32) : chance.bytes(32)
  const keys = { sign: signer.publicKey, box: exchange.publicKey, grantId, until, entry }
  return { name, signSeed, boxSecret, signer, exchange, keys }
}

/** The same person under another consent. */
export function again(who: Person, name: string): Person {
  const grantId = new Chance(`grant ${name}`).bytes(16)
  return { ...who, name, keys: { ...who.keys, grantId } }
}

/** The device's entry TAKEN about one reader: what ENDED carries. */
export function signEnded(
  said: { class: ClassId; why: Ending; epoch: number; index: number; grantId: Bytes; at: number },
  who: Pick<ReaderKeys, 'sign' | 'box' | 'until'>,
  signer: Signer,
): Bytes {
  const { sign, box, until } = who
  const chance = new Chance('entry')
  const links = { event: chance.bytes(32), before: chance.bytes(32), previous: chance.bytes(32) }
  return signEntry({ kind: ENTRY.taken, sign, box, until, ...said, ...links }, signer)
}

export interface Device {
  name: string
  signSeed: Bytes
  boxSecret: Bytes
  signer: Signer
  exchange: Exchange
  /** A publisher of one class; each keeps its own frames. */
  channel: (cls: ClassId, run?: string) => Channel
}

export interface Channel {
  publisher: Publisher
  frames: Bytes[]
  /** Frames since the last call. */
  fresh: () => Bytes[]
}

export function device(name: string): Device {
  const chance = new Chance(`device ${name}`)
  const signSeed = chance.bytes(32)
  const boxSecret = chance.bytes(32)
  const signer = new Signer(new Secret(signSeed.slice()))
  const exchange = new Exchange(new Secret(boxSecret.slice()))
  const channel = (cls: ClassId, run = ''): Channel => {
    const frames: Bytes[] = []
    let told = 0
    const publisher = new Publisher({
      class: cls,
      signer,
      exchange,
      random: new Chance(`channel ${name} ${cls} ${run}`).fill,
      onFrame: (frame) => frames.push(frame.slice()),
    })
    const fresh = (): Bytes[] => {
      const out = frames.slice(told)
      told = frames.length
      return out
    }
    return { publisher, frames, fresh }
  }
  return { name, signSeed, boxSecret, signer, exchange, channel }
}

export const NO_HEAD: Head = { epoch: 0, index: 0, hash: new Uint8Array(32) }

/** A frame by hand: signed by whoever is given, and about anything. */
export function craft(signer: Signer, head: FrameHead, o: { nonce: Bytes; link: Bytes; body: Bytes }): Bytes {
  const w = new Writer(new Uint8Array(48 + BODY_BYTES))
  w.u8(head.type).u8(head.class).u8(head.part).u8(head.parts).u32(head.epoch).u48(head.index).u16(0)
  w.put(o.nonce).put(o.link.subarray(0, 16)).put(o.body)
  return resigned(signer, w.done())
}

/** The first bytes of a frame with a signature over them. */
export function resigned(signer: Signer, text: Bytes): Bytes {
  return concat(text, signer.sign(concat(FRAME_DOMAIN, text)))
}

export function flipped(bytes: Bytes, bit: number): Bytes {
  const out = bytes.slice()
  out[bit >> 3]! ^= 1 << (bit & 7)
  return out
}

/** Text that says what it is, so that a payload in a vector can be read. */
export const say = (text: string): Bytes => utf8(text)
export { hex }
