// Noise_XX_25519_ChaChaPoly_SHA256, the handshake (Noise specification revision 34, sections 5 and
// 7.5: → e; ← e, ee, s, es; → s, se). Messages in, messages out; the caller frames them and says
// whose turn it is. Bad input gives null and leaves the object of no further use.

import { type Bytes, concat, utf8 } from '../../base/bytes.ts'
import { FrameCipher } from '../../crypto/framecipher.ts'
import { type Exchange, hkdf, open, seal, sha256 } from '../../crypto/native.ts'

const NAME = utf8('Noise_XX_25519_ChaChaPoly_SHA256')
const NONE: Bytes = new Uint8Array(0)
const KEY = 32
const TAG = 16

export interface HandshakeKeys {
  initiator: boolean
  prologue: Bytes
  /** Long-term pair and the pair for this handshake alone. */
  static: Exchange
  ephemeral: Exchange
}

export class Handshake {
  readonly #keys: HandshakeKeys
  /** Messages done: 0 to 3. */
  #turn: number
  #remoteEphemeral: Bytes
  /** The other side's Noise key, once its message was read. */
  remoteStatic: Bytes
  #h: Bytes
  #ck: Bytes
  #k: Bytes | null
  #n: number

  constructor(keys: HandshakeKeys) {
    this.#keys = keys
    this.#turn = 0
    this.#remoteEphemeral = NONE
    this.remoteStatic = NONE
    // The name has 32 bytes, so it is h itself (section 5.2).
    this.#h = NAME
    this.#ck = NAME
    this.#k = null
    this.#n = 0
    this.#mixHash(keys.prologue)
  }

  /** All three messages are through. */
  get done(): boolean {
    return this.#turn === 3
  }

  /** The handshake hash, which names this session. */
  get hash(): Bytes {
    return this.#h
  }

  /** True when the next message is ours. */
  get ours(): boolean {
    return !this.done && (this.#turn % 2 === 0) === this.#keys.initiator
  }

  /** The next message with `payload` inside, or null when the other side's keys are unusable. */
  write(payload: Bytes): Bytes | null {
    if (!this.ours) throw new RangeError('handshake: the next message is not ours')
    const turn = this.#turn++
    let head = NONE
    if (turn < 2) {
      head = this.#keys.ephemeral.publicKey
      this.#mixHash(head)
      if (turn === 1 && !this.#mixKey(this.#keys.ephemeral, this.#remoteEphemeral)) return null
    }
    if (turn > 0) {
      head = concat(head, this.#encrypt(this.#keys.static.publicKey))
      if (!this.#mixKey(this.#keys.static, this.#remoteEphemeral)) return null
    }
    return concat(head, this.#encrypt(payload))
  }

  /** The payload of the other side's next message, or null when it is not authentic. */
  read(message: Bytes): Bytes | null {
    if (this.done || this.ours) return null
    const turn = this.#turn++
    let at = 0
    if (turn < 2) {
      if (message.length < KEY) return null
      this.#remoteEphemeral = message.slice(0, KEY)
      at = KEY
      this.#mixHash(this.#remoteEphemeral)
      if (turn === 1 && !this.#mixKey(this.#keys.ephemeral, this.#remoteEphemeral)) return null
    }
    if (turn > 0) {
      if (message.length < at + KEY + TAG) return null
      const key = this.#decrypt(message.subarray(at, at + KEY + TAG))
      if (!key) return null
      this.remoteStatic = key.slice()
      at += KEY + TAG
      if (!this.#mixKey(this.#keys.ephemeral, this.remoteStatic)) return null
    }
    return this.#decrypt(message.subarray(at))
  }

  /** The two directions' ciphers (section 5.2, Split); wipes what made them. */
  split(): { send: FrameCipher; receive: FrameCipher } {
    if (!this.done) throw new RangeError('handshake: split before its end')
    const keys = hkdf(this.#ck, NONE, NONE, 2 * KEY)
    const first = new FrameCipher(keys.subarray(0, KEY))
    const second = new FrameCipher(keys.subarray(KEY))
    keys.fill(0)
    this.#ck.fill(0)
    this.#k?.fill(0)
    return this.#keys.initiator ? { send: first, receive: second } : { send: second, receive: first }
  }

  #mixHash(data: Bytes): void {
    this.#h = sha256(this.#h, data)
  }

  /** Every token of XX that mixes a key: ee, es and se are one exchange each. */
  #mixKey(ours: Exchange, theirs: Bytes): boolean {
    const shared = ours.agree(theirs)
    if (!shared) return false
    const out = hkdf(this.#ck, shared.bytes(), NONE, 2 * KEY)
    shared.wipe()
    this.#ck = out.slice(0, KEY)
    this.#k = out.slice(KEY)
    out.fill(0)
    this.#n = 0
    return true
  }

  #encrypt(plain: Bytes): Bytes {
    const box = this.#k ? seal(this.#k, nonce(this.#n++), this.#h, plain) : plain
    this.#mixHash(box)
    return box
  }

  #decrypt(box: Bytes): Bytes | null {
    const plain = this.#k ? open(this.#k, nonce(this.#n++), this.#h, box) : box
    this.#mixHash(box)
    return plain
  }
}

/** At most two messages are sealed under one handshake key. */
function nonce(n: number): Bytes {
  const out = new Uint8Array(12)
  out[4] = n
  return out
}
