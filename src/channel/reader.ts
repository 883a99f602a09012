// A reader of one channel: frames in, payloads and verdicts out (docs/wire.md "Reading"). It starts with
// a GRANT and follows every KEY_ROTATION that holds a box for it. Each signature is verified before
// anything is released; links are checked wherever the frame before is known. What does not fit is told
// apart: already seen, a gap, a fork, closed to us, or simply not from the device.

import { type Bytes, concat, equal } from '../base/bytes.ts'
import { LIMITS } from '../base/limits.ts'
import { openFrom } from '../crypto/hpke.ts'
import { type Exchange, open, publicSha256, type Verifier } from '../crypto/native.ts'
import { Secret } from '../crypto/secret.ts'
import {
  BODY_BYTES,
  type ClassId,
  FRAME,
  FRAME_DOMAIN,
  frameBody,
  frameEpoch,
  frameIndex,
  frameNonce,
  framePart,
  frameParts,
  frameSignature,
  HEADER_BYTES,
  plausibleFrame,
  REASON,
  SIGNED_BYTES,
  USABLE_BYTES,
} from '../wire/frame.ts'
import { decodeRotation, type Head, rotationParts } from '../wire/rotation.ts'
import type { OpenedGrant } from './grant.ts'
import { bindingAad, bindingInfo, boxTag, slotKey, walkChain } from './keys.ts'

/**
 * opened: a payload was completed and handed on · part: taken, more of the same payload to come ·
 * rotated: a new epoch whose key we have · closed: genuine, but sealed to others only · old: before our
 * place · fork: genuine, but contradicts what we hold · bad: not a frame of this device and class.
 */
export type Verdict = 'opened' | 'part' | 'rotated' | 'closed' | 'old' | 'fork' | 'bad'

export interface ReaderEvents {
  /** A payload in order; a view, valid until the call returns. */
  onPayload(payload: Bytes, at: { epoch: number; index: number }): void
  /** Frames between the two places never came; never papered over. */
  onGap(from: { epoch: number; index: number }, to: { epoch: number; index: number }): void
}

/** Everything needed to go on after a restart. Secret: for a file of mode 0600 only. */
export interface ReaderState {
  grantId: Bytes
  epoch: number
  nonce: Bytes
  /** The next frame. */
  index: number
  hash: Bytes
  /** Null while the channel is closed to us. */
  chainKey: Secret | null
}

export interface ChannelReaderOptions {
  device: Verifier
  /** The device's X25519 key. */
  deviceBox: Bytes
  class: ClassId
  exchange: Exchange
  events: ReaderEvents
}

const ZERO_NONCE = new Uint8Array(12)
/** Hashes of the newest frames, kept to recognise the branch point of a new epoch after a power cut. */
const REMEMBERED = 256

/** True for a frame that this device signed. For single frames; a reader of many keeps its memory. */
export function verifyFrame(frame: Bytes, device: Verifier): boolean {
  return (
    plausibleFrame(frame) &&
    device.verify(concat(FRAME_DOMAIN, frame.subarray(0, SIGNED_BYTES)), frameSignature(frame))
  )
}

/** Where the link lies, and the nonce; compared in place, once a frame. */
const PREV = 32
const NONCE = 16

function sameNonce(frame: Bytes, nonce: Bytes): boolean {
  for (let i = 0; i < 16; i++) if (frame[NONCE + i] !== nonce[i]) return false
  return true
}

export class ChannelReader {
  readonly #options: ChannelReaderOptions
  readonly #signed: Bytes
  readonly #payload: Bytes
  readonly #messageKey: Bytes
  #state: ReaderState | null
  #slot: Bytes | null
  /** Bytes of the payload gathered so far; -1 while its beginning was missed. */
  #gathered: number
  #rotation: { parts: Bytes[]; of: number; nonce: Bytes; epoch: number; hash: Bytes } | null
  /** The newest places and their hashes, over the oldest. */
  readonly #recent: { epoch: number; index: number; hash: Bytes }[]
  #recentAt: number
  /** A chain key while it is not sure that the frame opens. */
  readonly #scratch: Bytes

  constructor(options: ChannelReaderOptions) {
    this.#options = options
    this.#signed = new Uint8Array(FRAME_DOMAIN.length + SIGNED_BYTES)
    this.#signed.set(FRAME_DOMAIN)
    this.#payload = new Uint8Array(LIMITS.channel.payloadBytes)
    this.#messageKey = new Uint8Array(32)
    this.#state = null
    this.#slot = null
    this.#gathered = -1
    this.#rotation = null
    this.#recent = []
    this.#recentAt = 0
    this.#scratch = new Uint8Array(32)
  }

  /** The next frame wanted, or null before the first grant. */
  next(): { epoch: number; index: number } | null {
    return this.#state && { epoch: this.#state.epoch, index: this.#state.index }
  }

  /** The consent that our key came by, or null before the first grant. */
  get grantId(): Bytes | null {
    return this.#state?.grantId ?? null
  }

  /** True while the next frame can be opened. */
  get open(): boolean {
    return this.#state?.chainKey != null
  }

  /** For keeping across restarts; the chain key is a copy. */
  state(): ReaderState | null {
    const s = this.#state
    return s && { ...s, chainKey: s.chainKey?.copy() ?? null }
  }

  restore(state: ReaderState): void {
    this.#become(state)
  }

  /**
   * Takes an opened grant. One for a place before ours is ignored, unless the channel is closed to us.
   * True where it was taken.
   */
  grant(grant: OpenedGrant): boolean {
    const s = this.#state
    if (s?.chainKey && (grant.epoch < s.epoch || (grant.epoch === s.epoch && grant.index <= s.index)))
      return false
    if (s && (grant.epoch > s.epoch || (grant.epoch === s.epoch && grant.index > s.index))) {
      const here = { epoch: s.epoch, index: s.index }
      const there = { epoch: grant.epoch, index: grant.index }
      if (s.chainKey && !this.#follows(grant)) this.#options.events.onGap(here, there)
    }
    this.#become({
      grantId: grant.grantId,
      epoch: grant.epoch,
      nonce: grant.nonce,
      index: grant.index,
      hash: grant.hash,
      chainKey: grant.chainKey,
    })
    return true
  }

  /**
   * Frames that came together, in order; `each` hears the verdict on every one. A signature is verified
   * only where no later frame covers it: one that links to its hash, which covers the signature too. So
   * a run of linked frames costs one verification, and nothing is released before it is covered.
   */
  onFrames(frames: readonly Bytes[], each: (verdict: Verdict, frame: Bytes) => void): void {
    const n = frames.length
    const hashes: Bytes[] = new Array(n)
    const genuine: boolean[] = new Array(n)
    for (let i = n - 1; i >= 0; i--) {
      const frame = frames[i]!
      hashes[i] = publicSha256(frame)
      const covered = i + 1 < n && genuine[i + 1]! && this.#links(frames[i + 1]!, hashes[i]!)
      genuine[i] = this.#plausible(frame) && (covered || this.#isOld(frame) || this.#verified(frame))
    }
    for (let i = 0; i < n; i++) {
      const frame = frames[i]!
      const unproved = this.#plausible(frame) && this.#isOld(frame) ? 'old' : 'bad'
      each(genuine[i] ? this.#judge(frame, hashes[i]!) : unproved, frame)
    }
  }

  onFrame(frame: Bytes): Verdict {
    if (!this.#plausible(frame)) return 'bad'
    if (this.#isOld(frame)) return 'old'
    return this.#verified(frame) ? this.#judge(frame, publicSha256(frame)) : 'bad'
  }

  #plausible(frame: Bytes): boolean {
    return plausibleFrame(frame) && frame[1] === this.#options.class
  }

  #isOld(frame: Bytes): boolean {
    const s = this.#state
    if (!s) return false
    const epoch = frameEpoch(frame)
    return epoch < s.epoch || (epoch === s.epoch && frameIndex(frame) < s.index && sameNonce(frame, s.nonce))
  }

  #verified(frame: Bytes): boolean {
    this.#signed.set(frame.subarray(0, SIGNED_BYTES), FRAME_DOMAIN.length)
    return this.#options.device.verify(this.#signed, frameSignature(frame))
  }

  /** Of a frame that the device has signed; `hash` is that of the frame. */
  #judge(frame: Bytes, hash: Bytes): Verdict {
    if (this.#isOld(frame)) return 'old'
    const s = this.#state
    const epoch = frameEpoch(frame)
    const index = frameIndex(frame)
    if (s && epoch === s.epoch && !sameNonce(frame, s.nonce)) return 'fork'
    if (frame[0] === FRAME.rotation) return this.#onRotation(frame, hash, epoch, index)
    if (!s || epoch > s.epoch || !s.chainKey) return 'closed'
    return this.#onData(frame, hash, s, index)
  }

  #onData(frame: Bytes, hash: Bytes, s: ReaderState, index: number): Verdict {
    if (index > s.index) {
      if (index - s.index > LIMITS.channel.skipFrames) return 'closed'
      this.#options.events.onGap({ epoch: s.epoch, index: s.index }, { epoch: s.epoch, index })
      this.#gathered = -1
    } else if (!this.#links(frame, s.hash)) {
      return 'fork'
    }
    // On a copy: a frame that does not open must not cost us our place.
    const chainKey = s.chainKey!.bytes()
    this.#scratch.set(chainKey)
    walkChain(this.#scratch, this.#messageKey, index + 1 - s.index)
    const plain = open(this.#messageKey, ZERO_NONCE, frame.subarray(0, HEADER_BYTES), frameBody(frame))
    // The signature is the device's, so a body that our key does not open means that our chain is not its chain.
    if (!plain) return 'fork'
    chainKey.set(this.#scratch)
    this.#advance(s, hash, index)
    return this.#gather(frame, plain, index)
  }

  #gather(frame: Bytes, plain: Bytes, index: number): Verdict {
    const part = framePart(frame)
    const used = plain[0]!
    if (part === 0) this.#gathered = 0
    if (this.#gathered < 0 || this.#gathered !== part * USABLE_BYTES) return 'part'
    if (used > USABLE_BYTES || this.#gathered + used > this.#payload.length) {
      this.#gathered = -1
      return 'bad'
    }
    this.#payload.set(plain.subarray(1, 1 + used), this.#gathered)
    this.#gathered += used
    if (part + 1 < frameParts(frame)) return 'part'
    const payload = this.#payload.subarray(0, this.#gathered)
    this.#gathered = -1
    this.#options.events.onPayload(payload, { epoch: frameEpoch(frame), index })
    return 'opened'
  }

  /** Gathers the parts of a KEY_ROTATION; the last one moves us into its epoch. */
  #onRotation(frame: Bytes, hash: Bytes, epoch: number, index: number): Verdict {
    const part = framePart(frame)
    const of = frameParts(frame)
    if (index !== part || of > rotationParts(LIMITS.channel.readers)) return 'bad'
    if (this.#state && epoch === this.#state.epoch) {
      // We entered this epoch by a grant for its very beginning, or are past it: nothing new to learn.
      if (index === this.#state.index) this.#skipOwn(hash, this.#state, index)
      return 'part'
    }
    if (part === 0)
      this.#rotation = { parts: [], of, nonce: frameNonce(frame).slice(), epoch, hash: new Uint8Array(32) }
    const r = this.#rotation
    if (
      !r ||
      r.epoch !== epoch ||
      r.of !== of ||
      r.parts.length !== part ||
      !equal(r.nonce, frameNonce(frame))
    )
      return 'part'
    if (part > 0 && !this.#links(frame, r.hash)) return 'fork'
    r.parts.push(frameBody(frame).slice())
    r.hash = hash
    if (part + 1 < of) return 'part'
    this.#rotation = null
    return this.#enter(r)
  }

  #enter(r: { parts: Bytes[]; nonce: Bytes; epoch: number; hash: Bytes }): Verdict {
    const body = new Uint8Array(r.parts.length * BODY_BYTES)
    for (let i = 0; i < r.parts.length; i++) body.set(r.parts[i]!, i * BODY_BYTES)
    const rotation = decodeRotation(body)
    const s = this.#state
    if (!rotation) return 'bad'
    if (!s || !this.#slot) return 'closed'
    // A device that lost its place (a restored card) and was shown so begins anew above both lines.
    const repaired = !this.#branches(rotation.prev, s)
    if (repaired && rotation.reason !== REASON.repaired) return 'fork'
    const chainKey = this.#findKey(rotation.boxes, r, s)
    if (repaired) this.#options.events.onGap({ epoch: s.epoch, index: s.index }, { epoch: r.epoch, index: 0 })
    else if (s.chainKey) this.#reportMissing(rotation.prev, s)
    const index = r.parts.length
    this.#become({ grantId: s.grantId, epoch: r.epoch, nonce: r.nonce, index, hash: r.hash, chainKey })
    return chainKey ? 'rotated' : 'closed'
  }

  #findKey(
    boxes: { tag: Bytes; box: Bytes }[],
    r: { nonce: Bytes; epoch: number; parts: Bytes[] },
    s: ReaderState,
  ): Secret | null {
    const { device, class: cls, exchange } = this.#options
    const tag = boxTag(this.#slot!, r.nonce, cls)
    for (const box of boxes) {
      if (!equal(box.tag, tag)) continue
      const binding = {
        device: device.publicKey,
        class: cls,
        epoch: r.epoch,
        nonce: r.nonce,
        index: 0,
        reader: exchange.publicKey,
        grantId: s.grantId,
      }
      const plain = openFrom(exchange, bindingInfo('rotation', binding), bindingAad(binding), box.box)
      if (plain?.length !== 32) continue
      walkChain(plain, this.#messageKey, r.parts.length)
      return new Secret(plain)
    }
    return null
  }

  /** A new epoch may begin behind our newest frame, or (after a power cut) behind an earlier one we know. */
  #branches(prev: Head, s: ReaderState): boolean {
    if (prev.epoch > s.epoch || (prev.epoch === s.epoch && prev.index >= s.index)) return true
    const known = this.#recent.find((h) => h.epoch === prev.epoch && h.index === prev.index)
    return known ? equal(known.hash, prev.hash) : true
  }

  #reportMissing(prev: Head, s: ReaderState): void {
    if (prev.epoch < s.epoch || (prev.epoch === s.epoch && prev.index < s.index)) return
    this.#options.events.onGap(
      { epoch: s.epoch, index: s.index },
      { epoch: prev.epoch, index: prev.index + 1 },
    )
  }

  #follows(grant: OpenedGrant): boolean {
    return equal(grant.hash, this.#state!.hash)
  }

  #skipOwn(hash: Bytes, s: ReaderState, index: number): void {
    if (!s.chainKey) return
    walkChain(s.chainKey.bytes(), this.#messageKey, 1)
    this.#advance(s, hash, index)
  }

  #links(frame: Bytes, hash: Bytes): boolean {
    for (let i = 0; i < 16; i++) if (frame[PREV + i] !== hash[i]) return false
    return true
  }

  #advance(s: ReaderState, hash: Bytes, index: number): void {
    s.index = index + 1
    s.hash = hash
    this.#remember(s.epoch, index, hash)
  }

  #remember(epoch: number, index: number, hash: Bytes): void {
    this.#recent[this.#recentAt] = { epoch, index, hash }
    this.#recentAt = (this.#recentAt + 1) % REMEMBERED
  }

  #become(state: ReaderState): void {
    const changed = !this.#state || !equal(this.#state.grantId, state.grantId)
    this.#state?.chainKey?.wipe()
    this.#state = state
    this.#gathered = -1
    if (state.index > 0) this.#remember(state.epoch, state.index - 1, state.hash)
    if (changed) this.#slot = slotKey(this.#options.exchange, this.#options.deviceBox, state.grantId)
  }
}
