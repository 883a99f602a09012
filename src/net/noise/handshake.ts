// The Noise handshake (revision 34, section 5) with 25519, ChaChaPoly and SHA256, for two patterns:
// XX (section 7.5: → e; ← e, ee, s, es; → s, se), which TCP connections and first datagrams use, and IK
// (← s before; → e, es, s, ss; ← e, ee, se), for datagrams to a peer whose key is known. Messages in,
// messages out; the caller frames them. Bad input gives null and leaves the object of no further use.

import { type Bytes, concat, utf8 } from '../../base/bytes.ts'
import { FrameCipher } from '../../crypto/framecipher.ts'
import { type Exchange, hkdf, open, seal, sha256 } from '../../crypto/native.ts'

const NONE: Bytes = new Uint8Array(0)
const KEY = 32
const TAG = 16

type Token = 'e' | 's' | 'ee' | 'es' | 'se' | 'ss'

const PATTERNS: Readonly<Record<'XX' | 'IK', { name: Bytes; messages: readonly (readonly Token[])[] }>> = {
  XX: {
    name: utf8('Noise_XX_25519_ChaChaPoly_SHA256'),
    messages: [['e'], ['e', 'ee', 's', 'es'], ['s', 'se']],
  },
  IK: {
    name: utf8('Noise_IK_25519_ChaChaPoly_SHA256'),
    messages: [
      ['e', 'es', 's', 'ss'],
      ['e', 'ee', 'se'],
    ],
  },
}

export interface HandshakeKeys {
  /** XX unless said otherwise. */
  pattern?: 'XX' | 'IK'
  initiator: boolean
  prologue: Bytes
  /** Long-term pair and the pair for this handshake alone. */
  static: Exchange
  ephemeral: Exchange
  /** IK, initiator: the responder's long-term key (32 bytes). */
  remoteStatic?: Bytes
}

export class Handshake {
  readonly #keys: HandshakeKeys
  readonly #messages: readonly (readonly Token[])[]
  /** Messages done. */
  #turn: number
  #remoteEphemeral: Bytes
  /** The other side's long-term key, once it is known. */
  remoteStatic: Bytes
  #h: Bytes
  #ck: Bytes
  #k: Bytes | null
  #n: number

  constructor(keys: HandshakeKeys) {
    const pattern = PATTERNS[keys.pattern ?? 'XX']
    this.#keys = keys
    this.#messages = pattern.messages
    this.#turn = 0
    this.#remoteEphemeral = NONE
    this.remoteStatic = keys.remoteStatic ?? NONE
    // The names have 32 bytes, so each is h itself (section 5.2).
    this.#h = pattern.name
    this.#ck = pattern.name
    this.#k = null
    this.#n = 0
    this.#mixHash(keys.prologue)
    // IK's pre-message: the responder's key.
    if (keys.pattern === 'IK') this.#mixHash(keys.initiator ? this.remoteStatic : keys.static.publicKey)
  }

  /** All messages are through. */
  get done(): boolean {
    return this.#turn === this.#messages.length
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
    const parts: Bytes[] = []
    for (const token of this.#messages[this.#turn++]!) {
      if (token === 'e') {
        this.#mixHash(this.#keys.ephemeral.publicKey)
        parts.push(this.#keys.ephemeral.publicKey)
      } else if (token === 's') parts.push(this.#encrypt(this.#keys.static.publicKey))
      else if (!this.#mix(token)) return null
    }
    parts.push(this.#encrypt(payload))
    return concat(...parts)
  }

  /** The payload of the other side's next message, or null when it is not authentic. */
  read(message: Bytes): Bytes | null {
    if (this.done || this.ours) return null
    let at = 0
    for (const token of this.#messages[this.#turn++]!) {
      if (token === 'e') {
        if (message.length < at + KEY) return null
        this.#remoteEphemeral = message.slice(at, at + KEY)
        at += KEY
        this.#mixHash(this.#remoteEphemeral)
      } else if (token === 's') {
        const box = this.#k ? KEY + TAG : KEY
        if (message.length < at + box) return null
        const key = this.#decrypt(message.subarray(at, at + box))
        if (!key) return null
        this.remoteStatic = key.slice()
        at += box
      } else if (!this.#mix(token)) return null
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

  /** A token that mixes a key: its first letter is the initiator's pair, its second the responder's. */
  #mix(token: Token): boolean {
    const { initiator } = this.#keys
    const ours = token[initiator ? 0 : 1] === 'e' ? this.#keys.ephemeral : this.#keys.static
    const theirs = token[initiator ? 1 : 0] === 'e' ? this.#remoteEphemeral : this.remoteStatic
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
