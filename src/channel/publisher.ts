// The device's side of one channel: seals payloads into frames that link, ratchet and are signed
// (docs/wire.md "Frame"). Epoch secrets are random and live in memory only, so no key is ever used
// twice, whatever happens to the card. The reader set is given, never kept: it lives in ownership.

import { type Bytes, hex } from '../base/bytes.ts'
import { LIMITS } from '../base/limits.ts'
import { sealTo } from '../crypto/hpke.ts'
import { type Exchange, publicSha256, type Signer, sealInto } from '../crypto/native.ts'
import { Secret } from '../crypto/secret.ts'
import {
  BODY_BYTES,
  type ClassId,
  FRAME,
  FRAME_BYTES,
  FRAME_DOMAIN,
  HEADER_BYTES,
  PLAIN_BYTES,
  putHeader,
  type Reason,
  SIGNED_BYTES,
  USABLE_BYTES,
} from '../wire/frame.ts'
import {
  BOX_BYTES,
  encodeRotation,
  type Head,
  paddedBoxes,
  type RotationBox,
  rotationParts,
} from '../wire/rotation.ts'
import { type ReaderKeys, sealGrant } from './grant.ts'
import { bindingAad, bindingInfo, boxTag, firstChainKey, slotKey, stepChain } from './keys.ts'

const ZERO_NONCE = new Uint8Array(12)

export interface PublisherOptions {
  class: ClassId
  signer: Signer
  exchange: Exchange
  /** Fills the array with unpredictable bytes. */
  random: (into: Bytes) => void
  /** Each finished frame; a view, valid until the call returns. */
  onFrame: (frame: Bytes) => void
}

/** The chain key with which an epoch began, kept until an outside witness confirms (DESIGN, "Power cuts"). */
export interface EpochStart {
  epoch: number
  nonce: Bytes
  /** First DATA frame. */
  index: number
  hash: Bytes
  chainKey: Secret
}

export class Publisher {
  readonly #options: PublisherOptions
  /** Domain and frame lie in one piece, so that signing copies nothing. */
  readonly #toSign: Bytes
  readonly #frame: Bytes
  readonly #header: Bytes
  readonly #plain: Bytes
  readonly #body: Bytes
  #epoch: number
  #index: number
  #nonce: Bytes
  #hash: Bytes
  readonly #chainKey: Bytes
  readonly #messageKey: Bytes
  #starts: EpochStart[]
  /** Slot keys of the readers of this epoch: no more than there are boxes. */
  #slots: Map<string, Bytes>

  constructor(options: PublisherOptions) {
    this.#options = options
    const piece = new Uint8Array(FRAME_DOMAIN.length + FRAME_BYTES)
    piece.set(FRAME_DOMAIN)
    this.#toSign = piece.subarray(0, FRAME_DOMAIN.length + SIGNED_BYTES)
    this.#frame = piece.subarray(FRAME_DOMAIN.length)
    this.#header = this.#frame.subarray(0, HEADER_BYTES)
    this.#body = this.#frame.subarray(HEADER_BYTES, SIGNED_BYTES)
    this.#plain = new Uint8Array(PLAIN_BYTES)
    this.#epoch = 0
    this.#index = 0
    this.#nonce = new Uint8Array(16)
    this.#hash = new Uint8Array(32)
    this.#chainKey = new Uint8Array(32)
    this.#messageKey = new Uint8Array(32)
    this.#starts = []
    this.#slots = new Map()
  }

  get epoch(): number {
    return this.#epoch
  }

  /** The newest frame; index is -1 before the first of an epoch. */
  head(): Head {
    return { epoch: this.#epoch, index: this.#index - 1, hash: this.#hash.slice() }
  }

  /** The next frame's place. */
  next(): { epoch: number; index: number } {
    return { epoch: this.#epoch, index: this.#index }
  }

  /** The epoch's 16 random bytes; a copy. */
  nonce(): Bytes {
    return this.#nonce.slice()
  }

  /**
   * Begins an epoch with KEY_ROTATION frames. The epoch number must be durable before this call and
   * never have been used. `keepStart` keeps the first chain key for `startGrant`.
   */
  openEpoch(o: {
    epoch: number
    reason: Reason
    at: number
    prev: Head
    readers: readonly ReaderKeys[]
    keepStart: boolean
  }): void {
    if (o.epoch <= this.#epoch) throw new RangeError(`epoch ${o.epoch} after ${this.#epoch}`)
    if (o.readers.length > LIMITS.channel.readers) throw new RangeError(`${o.readers.length} readers`)
    const { class: cls, random } = this.#options
    this.#epoch = o.epoch
    this.#index = 0
    this.#nonce = this.#fresh(16)
    const secret = this.#fresh(32)
    this.#chainKey.set(firstChainKey(secret, this.#nonce, cls))
    secret.fill(0)
    const slots = new Map<string, Bytes>()
    const boxes = o.readers.map((reader) => this.#box(reader, slots)).filter((box) => box !== null)
    this.#slots = slots
    while (boxes.length < paddedBoxes(boxes.length)) boxes.push(this.#dummy())
    shuffle(boxes, random)
    const body = encodeRotation({ reason: o.reason, at: o.at, prev: o.prev, boxes })
    const parts = rotationParts(boxes.length)
    this.#hash = o.prev.hash.slice()
    for (let part = 0; part < parts; part++) {
      this.#head(FRAME.rotation, part, parts)
      this.#body.set(body.subarray(part * BODY_BYTES, (part + 1) * BODY_BYTES))
      stepChain(this.#chainKey, this.#messageKey)
      this.#finish()
    }
    if (o.keepStart) this.#keepStart()
  }

  /** Seals one payload into as many frames as it takes. */
  publish(payload: Bytes): void {
    if (this.#epoch === 0) throw new RangeError('publish before openEpoch')
    if (payload.length > LIMITS.channel.payloadBytes)
      throw new RangeError(`payload of ${payload.length} bytes`)
    const parts = Math.max(1, Math.ceil(payload.length / USABLE_BYTES))
    for (let part = 0; part < parts; part++) {
      const at = part * USABLE_BYTES
      const n = Math.min(USABLE_BYTES, payload.length - at)
      this.#plain.fill(0)
      this.#plain[0] = n
      for (let i = 0; i < n; i++) this.#plain[1 + i] = payload[at + i]!
      this.#head(FRAME.data, part, parts)
      stepChain(this.#chainKey, this.#messageKey)
      sealInto(this.#messageKey, ZERO_NONCE, this.#header, this.#plain, this.#body)
      this.#finish()
    }
  }

  /** A signed GRANT from the next frame on; `state` is the current telegram, packed. */
  grant(reader: ReaderKeys, state: Bytes): Bytes | null {
    return this.#grantFrom(
      { epoch: this.#epoch, nonce: this.#nonce, index: this.#index, hash: this.#hash },
      this.#chainKey,
      reader,
      state,
    )
  }

  /**
   * GRANTs for a reader who was entitled all along, from the start of each epoch that began without a
   * witness (oldest first). `given` is the epoch in which it was let in: what lies before stays closed, and
   * in that epoch it has the key from its own place on.
   */
  startGrants(reader: ReaderKeys, given: number): { epoch: number; index: number; bytes: Bytes }[] {
    const none = new Uint8Array(0)
    return this.#starts.flatMap((s) => {
      if (s.epoch <= given) return []
      const bytes = this.#grantFrom(s, s.chainKey.bytes(), reader, none)
      return bytes ? [{ epoch: s.epoch, index: s.index, bytes }] : []
    })
  }

  /** Forgets the epoch starts: a witness has confirmed and every entitled reader was served. */
  dropStarts(): void {
    for (const start of this.#starts) start.chainKey.wipe()
    this.#starts = []
  }

  /** Forgets every key. */
  close(): void {
    this.dropStarts()
    this.#chainKey.fill(0)
    this.#messageKey.fill(0)
    for (const slot of this.#slots.values()) slot.fill(0)
    this.#slots = new Map()
    this.#epoch = 0
  }

  #fresh(n: number): Bytes {
    const bytes = new Uint8Array(n)
    this.#options.random(bytes)
    return bytes
  }

  #grantFrom(
    place: { epoch: number; nonce: Bytes; index: number; hash: Bytes },
    chainKey: Bytes,
    reader: ReaderKeys,
    state: Bytes,
  ): Bytes | null {
    const grant = {
      class: this.#options.class,
      ...place,
      grantId: reader.grantId,
      until: reader.until,
      entry: reader.entry,
    }
    const ephemeral = new Secret(this.#fresh(32))
    const bytes = sealGrant(grant, { chainKey, state }, reader, this.#options.signer, ephemeral)
    ephemeral.wipe()
    return bytes
  }

  /** `slots` are those of this epoch: the next one need not compute them again. */
  #box(reader: ReaderKeys, slots: Map<string, Bytes>): RotationBox | null {
    const { class: cls, exchange, signer } = this.#options
    const name = hex(reader.grantId) + hex(reader.box)
    const slot = this.#slots.get(name) ?? slotKey(exchange, reader.box, reader.grantId)
    if (!slot) return null
    slots.set(name, slot)
    const binding = {
      device: signer.publicKey,
      class: cls,
      epoch: this.#epoch,
      nonce: this.#nonce,
      index: 0,
      reader: reader.box,
      grantId: reader.grantId,
    }
    const ephemeral = new Secret(this.#fresh(32))
    const box = sealTo(
      reader.box,
      bindingInfo('rotation', binding),
      bindingAad(binding),
      this.#chainKey,
      ephemeral,
    )
    ephemeral.wipe()
    return box && { tag: boxTag(slot, this.#nonce, cls), box }
  }

  /** A real seal of random bytes to a throw-away key: nobody can tell it from the others. */
  #dummy(): RotationBox {
    const binding = {
      device: this.#options.signer.publicKey,
      class: this.#options.class,
      epoch: this.#epoch,
      nonce: this.#nonce,
      index: 0,
      reader: this.#throwAway(),
      grantId: this.#fresh(16),
    }
    const ephemeral = new Secret(this.#fresh(32))
    const box = sealTo(
      binding.reader,
      bindingInfo('rotation', binding),
      bindingAad(binding),
      this.#fresh(32),
      ephemeral,
    )
    return { tag: this.#fresh(8), box: box ?? this.#fresh(BOX_BYTES - 8) }
  }

  #throwAway(): Bytes {
    const key = this.#fresh(32)
    key[31]! &= 0x7f
    return key
  }

  #keepStart(): void {
    this.#starts.push({
      epoch: this.#epoch,
      nonce: this.#nonce.slice(),
      index: this.#index,
      hash: this.#hash.slice(),
      chainKey: new Secret(this.#chainKey.slice()),
    })
    if (this.#starts.length > LIMITS.channel.unwitnessedEpochs) this.#starts.shift()!.chainKey.wipe()
  }

  #head(type: 1 | 2, part: number, parts: number): void {
    putHeader(
      this.#frame,
      { type, class: this.#options.class, part, parts, epoch: this.#epoch, index: this.#index },
      this.#nonce,
      this.#hash,
    )
  }

  /** Signs, links, hands on. */
  #finish(): void {
    this.#frame.set(this.#options.signer.sign(this.#toSign), SIGNED_BYTES)
    this.#hash = publicSha256(this.#frame)
    this.#index++
    this.#options.onFrame(this.#frame)
  }
}

/** Fisher-Yates, so that the order of boxes says nothing about readers. */
function shuffle<T>(items: T[], random: (into: Bytes) => void): void {
  const picks = new Uint32Array(items.length)
  random(new Uint8Array(picks.buffer))
  for (let i = items.length - 1; i > 0; i--) {
    const j = picks[i]! % (i + 1)
    const held = items[i]!
    items[i] = items[j]!
    items[j] = held
  }
}
