// The device's half of the claim (docs/wire/claim.md), as a plain machine: messages and the time in,
// steps out. The button opens a window; within it at most ten CHALLENGEs, counted before they are
// sent, because each one gives away one test of a guess. Only a proof of the code leads to `commit`;
// the caller then makes the identity, writes identity, owners and certificate in one durable write,
// and calls `committed`. This machine makes no identity and stores nothing.
// A link is the caller's number for one connection, never used twice in one boot.

import { type Bytes, concat, equal } from '../base/bytes.ts'
import { Counters } from '../base/counters.ts'
import { putU48 } from '../base/cursor.ts'
import { sealTo } from '../crypto/hpke.ts'
import { equalSecret, hmac, Verifier } from '../crypto/native.ts'
import { type Random, Secret } from '../crypto/secret.ts'
import { spake2plus } from '../crypto/spake2plus.ts'
import {
  CLAIM,
  CLAIM_VERSION,
  decodeAnswer,
  decodeClaimDevice,
  decodeReclaim,
  encodeChallenge,
  encodeHello,
  encodeResult,
  RESULT,
  type ResultCode,
  STATE,
} from '../wire/claim.ts'
import type { OwnerSet } from '../wire/owner-set.ts'
import {
  type ClaimKeys,
  claimKeys,
  claimNames,
  type OwnerRecord,
  openOwnerRecord,
  RECLAIM_INFO,
  readCertificate,
  reclaimStatement,
  sealCertificate,
  wipeKeys,
} from './claim-keys.ts'
import { ClaimWindow } from './claim-window.ts'
import { type ClaimRecord, KDF_ID } from './label.ts'
import { readPolicy } from './policy/policy.ts'

/** What a claimed device has on its card. */
export interface ClaimedState {
  /** As `makeCertificate` made it. */
  readonly certificate: Bytes
  /** The owners of today. */
  readonly owners: OwnerSet
}

/** A proven claim, for the caller to make durable. `transcript` goes into the certificate. */
export interface ClaimRequest extends OwnerRecord {
  readonly transcript: Bytes
}

export type ClaimStep =
  | { readonly do: 'send'; readonly link: number; readonly message: Bytes }
  | { readonly do: 'close'; readonly link: number }
  | { readonly do: 'commit'; readonly link: number; readonly request: ClaimRequest }
  /** For LEDs and the event log; `refused` is a proof that failed or was given up. */
  | { readonly do: 'show'; readonly what: 'handshake' | 'refused' | 'silent' | 'window-closed' }

const NO_NONCE: Bytes = new Uint8Array(16)
const NO_DEVICE: Bytes = new Uint8Array(32)

export class ClaimDevice {
  readonly counters: Counters<'malformed' | 'version' | 'late' | 'busy' | 'auth' | 'silent' | 'again'>
  readonly #record: ClaimRecord
  readonly #random: Random
  readonly #bootKey: Secret
  #claimed: ClaimedState | null
  #device: Bytes
  readonly #window: ClaimWindow
  /** A proven claim whose durable write is under way; its link is -1 once it was closed. */
  #committing: { link: number; readonly keys: ClaimKeys } | null

  /** @param claimed what the card holds, null before the claim; a bad certificate there throws. */
  constructor(record: ClaimRecord, claimed: ClaimedState | null, random: Random) {
    this.counters = new Counters(['malformed', 'version', 'late', 'busy', 'auth', 'silent', 'again'])
    this.#record = record
    this.#random = random
    this.#bootKey = Secret.fresh(random)
    this.#claimed = null
    this.#device = NO_DEVICE
    this.#window = new ClaimWindow()
    this.#committing = null
    if (claimed) this.#setClaimed(claimed)
  }

  get claimed(): boolean {
    return this.#claimed !== null
  }

  /** Milliseconds the window stays open, 0 when it is not. */
  windowLeft(now: number): number {
    return this.#window.left(now)
  }

  /**
   * The button was pressed. `nonce`: 16 fresh random bytes. False (and no window) once claimed. Send
   * `hello` to every open link afterwards. A second press opens a new window and ends the old one.
   */
  openWindow(now: number, nonce: Bytes): boolean {
    if (this.#claimed || this.#committing) return false
    this.#window.open(now, nonce)
    return true
  }

  /** First message on a link, and again whenever the state changed. */
  hello(link: number, now: number): Bytes {
    const left = this.windowLeft(now)
    return encodeHello({
      version: CLAIM_VERSION,
      state: this.#claimed ? STATE.claimed : left > 0 ? STATE.window : STATE.closed,
      left: Math.ceil(left / 1_000),
      discriminator: this.#record.discriminator,
      kdf: KDF_ID,
      salt: this.#record.salt,
      nonce: this.#claimed ? this.#reclaimNonce(link) : left > 0 ? this.#window.nonce! : NO_NONCE,
      device: this.#device,
    })
  }

  /** A message from a link. Never throws; what is no message closes the link. */
  onMessage(link: number, message: Bytes, now: number): ClaimStep[] {
    const steps = this.tick(now)
    switch (message[0]) {
      case CLAIM.claimDevice:
        return this.#onClaim(link, message, now, steps)
      case CLAIM.answerChallenge:
        return this.#onAnswer(link, message, now, steps)
      case CLAIM.reclaimProof:
        return this.#onReclaim(link, message, now, steps)
      default:
        return this.#malformed(link, steps)
    }
  }

  /** The link is gone. */
  onClosed(link: number): ClaimStep[] {
    if (this.#committing?.link === link) this.#committing.link = -1
    return this.#window.drop(link) ? [{ do: 'show', what: 'refused' }] : []
  }

  /** Ends a window or handshake whose time is over. */
  tick(now: number): ClaimStep[] {
    const steps: ClaimStep[] = []
    if (this.#window.over(now)) {
      for (const link of this.#window.close()) this.#turnAway(link, RESULT.windowClosed, now, steps)
      if (!this.#committing) steps.push({ do: 'show', what: 'window-closed' })
    }
    for (let n = this.#window.dropSilent(now); n > 0; n--) {
      this.counters.add('silent')
      steps.push({ do: 'show', what: 'silent' })
    }
    return steps
  }

  /** When `tick` has something to do; Infinity when nothing is open. */
  nextTick(): number {
    return this.#window.nextTick()
  }

  /** The commit is durable. Throws where none was asked for. */
  committed(state: ClaimedState): ClaimStep[] {
    const committing = this.#committing
    if (!committing) throw new Error('committed without a commit')
    this.#setClaimed(state)
    this.#committing = null
    const steps: ClaimStep[] = []
    if (committing.link >= 0) {
      const message = encodeResult(RESULT.ok, sealCertificate(committing.keys, state.certificate))
      steps.push({ do: 'send', link: committing.link, message })
    }
    wipeKeys(committing.keys)
    for (const link of this.#window.close()) this.#turnAway(link, RESULT.alreadyClaimed, 0, steps)
    return steps
  }

  /** The commit could not be made durable: the device is as unclaimed as before. */
  failed(): ClaimStep[] {
    const committing = this.#committing
    this.#committing = null
    if (!committing) return []
    wipeKeys(committing.keys)
    return committing.link >= 0 ? [result(committing.link, RESULT.busy)] : []
  }

  /** The owners changed later: who may ask for the certificate again. */
  ownersChanged(owners: OwnerSet): void {
    if (this.#claimed) this.#claimed = { certificate: this.#claimed.certificate, owners }
  }

  #onClaim(link: number, message: Bytes, now: number, steps: ClaimStep[]): ClaimStep[] {
    // The version is looked at first: another one may have another length.
    if (message.length >= 2 && message[1] !== CLAIM_VERSION) {
      this.counters.add('version')
      steps.push({ do: 'send', link, message: this.hello(link, now) }, { do: 'close', link })
      return steps
    }
    const claim = decodeClaimDevice(message)
    if (!claim) return this.#malformed(link, steps)
    const window = this.#window.nonce
    if (this.#claimed) return this.#turnAway(link, RESULT.alreadyClaimed, now, steps)
    if (!window || !equal(claim.window, window)) return this.#turnAway(link, RESULT.windowClosed, now, steps)
    if (this.#committing || !this.#window.admit(link, now))
      return this.#turnAway(link, RESULT.busy, now, steps)
    const { salt, discriminator } = this.#record
    const names = claimNames(discriminator, salt, window, claim.ownerNonce)
    const answer = spake2plus.answer(this.#record, names, claim.shareP, this.#random)
    if (!answer) return this.#fail(link, steps)
    const { confirmP, confirmV, shared } = answer.keys
    this.#window.add({ link, since: now, confirmP, keys: claimKeys(shared) })
    const challenge = encodeChallenge({ shareV: answer.shareV, confirmV })
    steps.push({ do: 'send', link, message: challenge }, { do: 'show', what: 'handshake' })
    return steps
  }

  #onAnswer(link: number, message: Bytes, now: number, steps: ClaimStep[]): ClaimStep[] {
    const answer = decodeAnswer(message)
    const handshake = this.#window.take(link)
    if (!answer || !handshake || this.#committing) {
      if (handshake) wipeKeys(handshake.keys)
      if (!answer) return this.#malformed(link, steps)
      if (this.#claimed) return this.#turnAway(link, RESULT.alreadyClaimed, now, steps)
      return this.#turnAway(link, this.#window.nonce ? RESULT.busy : RESULT.windowClosed, now, steps)
    }
    const { confirmP, keys } = handshake
    const record = equalSecret(answer.confirmP, confirmP) ? openOwnerRecord(keys, answer.box) : null
    if (!record || !readPolicy(record.policy)) {
      wipeKeys(keys)
      return this.#fail(link, steps)
    }
    this.#committing = { link, keys }
    steps.push({ do: 'commit', link, request: { ...record, transcript: Uint8Array.from(keys.transcript) } })
    return steps
  }

  /** An owner's answer was lost: repeat the certificate, for the owner's eyes. One try for a link. */
  #onReclaim(link: number, message: Bytes, now: number, steps: ClaimStep[]): ClaimStep[] {
    const proof = decodeReclaim(message)
    if (!proof) return this.#malformed(link, steps)
    const claimed = this.#claimed
    if (!claimed) return this.#turnAway(link, RESULT.windowClosed, now, steps)
    const nonce = this.#reclaimNonce(link)
    const owner = claimed.owners.owners.find((o) => equal(o.sign, proof.owner))
    const proven =
      owner && Verifier.of(owner.sign)?.verify(reclaimStatement(this.#device, nonce), proof.signature)
    const seed = Secret.fresh(this.#random)
    const aad = concat(this.#device, nonce)
    const box = proven ? sealTo(owner.box, RECLAIM_INFO, aad, claimed.certificate, seed) : null
    seed.wipe()
    if (box) this.counters.add('again')
    steps.push(
      box
        ? { do: 'send', link, message: encodeResult(RESULT.again, box) }
        : result(link, RESULT.alreadyClaimed),
    )
    steps.push({ do: 'close', link })
    return steps
  }

  #setClaimed(state: ClaimedState): void {
    const certificate = readCertificate(state.certificate)
    if (!certificate) throw new Error('the claim certificate does not verify')
    this.#claimed = state
    this.#device = certificate.device
  }

  #reclaimNonce(link: number): Bytes {
    const number = new Uint8Array(6)
    putU48(number, 0, link)
    return hmac(this.#bootKey.bytes(), number).slice(0, 16)
  }

  #malformed(link: number, steps: ClaimStep[]): ClaimStep[] {
    this.counters.add('malformed')
    steps.push({ do: 'close', link })
    return steps
  }

  #fail(link: number, steps: ClaimStep[]): ClaimStep[] {
    this.counters.add('auth')
    steps.push(result(link, RESULT.auth), { do: 'close', link }, { do: 'show', what: 'refused' })
    return steps
  }

  /** Not now. All but BUSY are followed by HELLO, which says how things are. */
  #turnAway(link: number, code: ResultCode, now: number, steps: ClaimStep[]): ClaimStep[] {
    this.counters.add(code === RESULT.busy ? 'busy' : 'late')
    steps.push(result(link, code))
    if (code !== RESULT.busy) steps.push({ do: 'send', link, message: this.hello(link, now) })
    return steps
  }
}

function result(link: number, code: ResultCode): ClaimStep {
  return { do: 'send', link, message: encodeResult(code) }
}
