// The owner's half of the claim (docs/wire/claim.md), as a plain machine: messages and the time in,
// steps out; in `home` and in the page of a phone. It starts on the device's HELLO, waits for the
// press, proves the code, and ends with the device's certificate or with a reason.
// A fake device may test one guess of the code for each attempt that a person starts, never more: the
// machine stops at the first CHALLENGE that does not fit.

import { type Bytes, concat, equal, hex } from '../base/bytes.ts'
import { LIMITS } from '../base/limits.ts'
import { openFrom } from '../crypto/hpke.ts'
import { type Exchange, equalSecret, type Signer, sha256 } from '../crypto/native.ts'
import type { Random, Secret } from '../crypto/secret.ts'
import { type PakeBegun, type PakeSecret, spake2plus } from '../crypto/spake2plus.ts'
import {
  CLAIM,
  CLAIM_VERSION,
  decodeChallenge,
  decodeHello,
  decodeResult,
  encodeAnswer,
  encodeClaimDevice,
  encodeReclaim,
  type Hello,
  RESULT,
  STATE,
} from '../wire/claim.ts'
import { encodeOwnerSet, type OwnerSet, orderedOwnerSet } from '../wire/owner-set.ts'
import {
  type Certificate,
  type ClaimKeys,
  claimKeys,
  claimNames,
  openCertificate,
  RECLAIM_INFO,
  readCertificate,
  reclaimStatement,
  sealOwnerRecord,
  wipeKeys,
} from './claim-keys.ts'
import { KDF_ID, type Label, stretchCode } from './label.ts'

export interface ClaimingOwner {
  /** Who claims. */
  readonly signer: Signer
  readonly exchange: Exchange
  /** The other owners; all keys are at hand, for all must sign. `next` as in OwnerKeys. */
  readonly others: readonly { readonly signer: Signer; readonly box: Bytes; readonly next: Bytes | null }[]
  readonly m: number
  /** SHA-256 of the successor key of who claims, or null. */
  readonly next: Bytes | null
  readonly recovery: Bytes | null
  readonly policy: Bytes
}

/** What to keep from before the proof is sent until the certificate is there. Not to be shown around. */
export interface PendingClaim {
  readonly discriminator: number
  readonly transcript: Bytes
  readonly ownersHash: Bytes
}

export type OwnerRefusal =
  /** Wrong code, or not the device of this code. */
  | 'code'
  | 'other-device'
  | 'already-claimed'
  /** The device did not accept a proof that fits: something changed it on the way. */
  | 'auth'
  | 'version'
  | 'malformed'
  | 'silent'

export type OwnerStep =
  | { readonly do: 'send'; readonly message: Bytes }
  | { readonly do: 'show'; readonly what: 'press' | 'working' | 'busy' }
  /** Keep this durably, then call `remembered`. */
  | { readonly do: 'remember'; readonly pending: PendingClaim }
  /** Done. `again`: the answer of an earlier run, repeated. The pending claim may be forgotten. */
  | {
      readonly do: 'claimed'
      readonly certificate: Certificate
      readonly bytes: Bytes
      readonly again: boolean
    }
  | { readonly do: 'refused'; readonly reason: OwnerRefusal }

type State = 'hello' | 'press' | 'challenge' | 'remember' | 'result' | 'again' | 'busy' | 'done'

const BUSY_RETRY_MS = 1_000
/** A device that changes its salt makes us stretch again: not for ever. */
const MAX_STRETCHES = 3
/** Enough to try again each second of a window; a device that turns us away at once is left. */
const MAX_BEGINS = 64

export class ClaimOwner {
  readonly #label: Label
  readonly #owner: ClaimingOwner
  readonly #set: OwnerSet
  readonly #ownersHash: Bytes
  readonly #random: Random
  readonly #stretchCode: typeof stretchCode
  #pending: PendingClaim | null
  #state: State
  #hello: Hello | null
  #windowEnd: number
  /** When the present state has lasted too long, or is to be tried again. */
  #deadline: number
  #stretched: { readonly salt: string; readonly secret: PakeSecret } | null
  #stretches: number
  #begins: number
  #attempt: { readonly hello: Hello; readonly ownerNonce: Bytes; readonly begun: PakeBegun } | null
  #keys: { readonly confirmP: Bytes; readonly keys: ClaimKeys } | null

  /**
   * @param pending what an earlier, unfinished attempt left, or null.
   * @param stretch scrypt; a caller may keep results, in memory only. Ours to wipe.
   */
  constructor(
    label: Label,
    owner: ClaimingOwner,
    pending: PendingClaim | null,
    random: Random,
    stretch: typeof stretchCode = stretchCode,
  ) {
    this.#label = label
    this.#owner = owner
    const me = { sign: owner.signer.publicKey, box: owner.exchange.publicKey, next: owner.next }
    const others = owner.others.map(({ signer, box, next }) => ({ sign: signer.publicKey, box, next }))
    const { m, recovery } = owner
    this.#set = orderedOwnerSet({ m, owners: [me, ...others], recovery })
    this.#ownersHash = sha256(encodeOwnerSet(this.#set))
    this.#random = random
    this.#stretchCode = stretch
    this.#pending = pending
    this.#state = 'hello'
    this.#hello = null
    this.#windowEnd = 0
    this.#deadline = Number.POSITIVE_INFINITY
    this.#stretched = null
    this.#stretches = 0
    this.#begins = 0
    this.#attempt = null
    this.#keys = null
  }

  /** The owners that this claim makes. */
  get owners(): OwnerSet {
    return this.#set
  }

  /** True once `claimed` or `refused` was given. */
  get done(): boolean {
    return this.#state === 'done'
  }

  nextTick(): number {
    return this.#deadline
  }

  /** A message from the device. Never throws. */
  onMessage(message: Bytes, now: number): OwnerStep[] {
    if (this.#state === 'done') return []
    switch (message[0]) {
      case CLAIM.hello:
        return this.#onHello(message, now)
      case CLAIM.challenge:
        return this.#onChallenge(message)
      case CLAIM.claimResult:
        return this.#onResult(message, now)
      default:
        return this.#refuse('malformed')
    }
  }

  tick(now: number): OwnerStep[] {
    if (now < this.#deadline) return []
    if (this.#state !== 'busy') return this.#refuse('silent')
    return now < this.#windowEnd ? this.#follow(this.#hello!, now) : this.#awaitPress()
  }

  /** The pending claim is durable: the proof goes out. Throws where nothing was to be remembered. */
  remembered(now: number): OwnerStep[] {
    const proven = this.#keys
    if (this.#state !== 'remember' || !proven) throw new Error('remembered without a claim to remember')
    const signers = [this.#owner.signer, ...this.#owner.others.map((o) => o.signer)]
    const box = sealOwnerRecord(proven.keys, this.#set, this.#owner.policy, signers)
    this.#enter('result', now + LIMITS.ownership.handshakeMs)
    return [{ do: 'send', message: encodeAnswer({ confirmP: proven.confirmP, box }) }]
  }

  #onHello(message: Bytes, now: number): OwnerStep[] {
    const view = decodeHello(message)
    if (!view) return this.#refuse('malformed')
    if (view.version !== CLAIM_VERSION || view.kdf !== KDF_ID) return this.#refuse('version')
    const { discriminator } = this.#label
    if (discriminator !== null && discriminator !== view.discriminator) return this.#refuse('other-device')
    const hello = {
      ...view,
      salt: Uint8Array.from(view.salt),
      nonce: Uint8Array.from(view.nonce),
      device: Uint8Array.from(view.device),
    }
    this.#hello = hello
    this.#windowEnd = now + 1_000 * hello.left
    // After the proof only its result counts; a HELLO that overtakes it is for later.
    if (this.#state === 'remember' || this.#state === 'result' || this.#state === 'again') return []
    return this.#follow(hello, now)
  }

  #follow(hello: Hello, now: number): OwnerStep[] {
    if (hello.state === STATE.claimed) return this.#askAgain(hello, now)
    if (!this.#stretch(hello)) return this.#refuse('malformed')
    if (hello.state === STATE.closed) return this.#awaitPress()
    const same = this.#attempt?.hello
    if (this.#state === 'challenge' && same && equal(same.nonce, hello.nonce) && equal(same.salt, hello.salt))
      return []
    return this.#begin(hello, now)
  }

  #begin(hello: Hello, now: number): OwnerStep[] {
    if (++this.#begins > MAX_BEGINS) return this.#refuse('malformed')
    const ownerNonce = new Uint8Array(16)
    this.#random(ownerNonce)
    const begun = spake2plus.begin(this.#stretched!.secret, this.#random)
    this.#attempt = { hello, ownerNonce, begun }
    this.#enter('challenge', now + LIMITS.ownership.handshakeMs)
    const { shareP } = begun
    const claim = { version: CLAIM_VERSION, window: hello.nonce, ownerNonce, shareP }
    return [
      { do: 'show', what: 'working' },
      { do: 'send', message: encodeClaimDevice(claim) },
    ]
  }

  #onChallenge(message: Bytes): OwnerStep[] {
    const challenge = decodeChallenge(message)
    if (!challenge) return this.#refuse('malformed')
    const attempt = this.#attempt
    if (this.#state !== 'challenge' || !attempt) return []
    const { discriminator, salt, nonce } = attempt.hello
    const names = claimNames(discriminator, salt, nonce, attempt.ownerNonce)
    const keys = spake2plus.finish(this.#stretched!.secret, names, attempt.begun, challenge.shareV)
    attempt.begun.x.wipe()
    if (!keys || !equalSecret(keys.confirmV, challenge.confirmV)) return this.#refuse('code')
    this.#keys = { confirmP: keys.confirmP, keys: claimKeys(keys.shared) }
    const { transcript } = this.#keys.keys
    this.#pending = { discriminator, transcript, ownersHash: this.#ownersHash }
    this.#enter('remember', Number.POSITIVE_INFINITY)
    return [{ do: 'remember', pending: this.#pending }]
  }

  #onResult(message: Bytes, now: number): OwnerStep[] {
    const result = decodeResult(message)
    if (!result) return this.#refuse('malformed')
    const asked = this.#state === 'challenge' || this.#state === 'result'
    switch (result.code) {
      case RESULT.ok:
        if (this.#state !== 'result') return this.#refuse('malformed')
        return this.#accept(openCertificate(this.#keys!.keys, result.box), false)
      case RESULT.again:
        if (this.#state !== 'again') return this.#refuse('malformed')
        return this.#accept(this.#openAgain(result.box), true)
      case RESULT.auth:
        return asked ? this.#refuse('auth') : []
      case RESULT.busy:
        if (!asked) return []
        this.#enter('busy', now + BUSY_RETRY_MS)
        return [{ do: 'show', what: 'busy' }]
      case RESULT.windowClosed:
      case RESULT.alreadyClaimed:
        if (this.#state === 'again') return this.#refuse('already-claimed')
        // A HELLO with the present state follows; it alone moves us on.
        if (asked) this.#enter('hello', now + LIMITS.ownership.handshakeMs)
        return []
    }
  }

  /** The device has owners: us, if an earlier proof of ours arrived and only its answer was lost. */
  #askAgain(hello: Hello, now: number): OwnerStep[] {
    if (this.#pending?.discriminator !== hello.discriminator) return this.#refuse('already-claimed')
    this.#enter('again', now + LIMITS.ownership.handshakeMs)
    const { signer } = this.#owner
    const signature = signer.sign(reclaimStatement(hello.device, hello.nonce))
    return [{ do: 'send', message: encodeReclaim({ owner: signer.publicKey, signature }) }]
  }

  #openAgain(box: Bytes): Bytes | null {
    const { device, nonce } = this.#hello!
    return openFrom(this.#owner.exchange, RECLAIM_INFO, concat(device, nonce), box)
  }

  /** Only the device that ran the exchange with us knows the transcript. */
  #accept(bytes: Bytes | null, again: boolean): OwnerStep[] {
    const certificate = bytes && readCertificate(bytes)
    const pending = this.#pending
    if (!bytes || !certificate || !pending) return this.#refuse('auth')
    const ours =
      equalSecret(certificate.transcript, pending.transcript) &&
      equal(certificate.ownersHash, pending.ownersHash) &&
      certificate.discriminator === pending.discriminator
    if (!ours) return this.#refuse('auth')
    this.#finish()
    return [{ do: 'claimed', certificate, bytes, again }]
  }

  #stretch(hello: Hello): boolean {
    const salt = `${hello.discriminator} ${hex(hello.salt)}`
    if (this.#stretched?.salt === salt) return true
    if (this.#stretches >= MAX_STRETCHES) return false
    this.#stretches++
    this.#wipeStretched()
    this.#stretched = { salt, secret: this.#stretchCode(this.#label.code, hello.discriminator, hello.salt) }
    return true
  }

  #awaitPress(): OwnerStep[] {
    this.#enter('press', Number.POSITIVE_INFINITY)
    return [{ do: 'show', what: 'press' }]
  }

  #enter(state: State, deadline: number): void {
    this.#state = state
    this.#deadline = deadline
  }

  #refuse(reason: OwnerRefusal): OwnerStep[] {
    this.#finish()
    return [{ do: 'refused', reason }]
  }

  #finish(): void {
    this.#enter('done', Number.POSITIVE_INFINITY)
    this.#wipeStretched()
    this.#attempt?.begun.x.wipe()
    if (this.#keys) wipeKeys(this.#keys.keys)
  }

  #wipeStretched(): void {
    const secrets: Secret[] = this.#stretched ? [this.#stretched.secret.w0, this.#stretched.secret.w1] : []
    for (const secret of secrets) secret.wipe()
    this.#stretched = null
  }
}
