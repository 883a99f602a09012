// The claim, run in the page: ownership's own machine over the page's WebSocket. The code is stretched
// here (about a second in a phone) and goes nowhere; the pending claim is kept before the proof leaves.

import type { Bytes } from '../../../base/bytes.ts'
import type { Certificate } from '../../../ownership/claim-keys.ts'
import {
  ClaimOwner,
  type OwnerRefusal,
  type OwnerStep,
  type PendingClaim,
} from '../../../ownership/claim-owner.ts'
import { type Label, parseCode, stretchCode } from '../../../ownership/label.ts'
import type { OwnerSet } from '../../../wire/owner-set.ts'
import type { Outcome } from '../kit/live.ts'
import { type Box, random } from './box.ts'

/** The certificate, as read and as it came, and the owner set that the device has now. */
export interface Claimed {
  readonly certificate: Certificate
  readonly bytes: Bytes
  readonly owners: OwnerSet
}

export interface ClaimRun {
  readonly box: Box
  send(message: Bytes): void
  /** Owner set and certificate; called before the claim is answered. */
  onClaimed(claimed: Claimed): void
}

const NONE: Bytes = new Uint8Array(0)
/** Lets the page paint before a second of computing. */
const PAINT_MS = 30

/** Nothing is agreed in advance beyond what consents and the one owner need. */
const POLICY: Bytes = new Uint8Array(0)

export class Claiming {
  readonly #run: ClaimRun
  #machine: ClaimOwner | null
  #answer: ((outcome: Outcome) => void) | null
  #timer: ReturnType<typeof setTimeout> | undefined
  /** The newest stretched code: a claim that came before the press is asked again. */
  #stretched: { key: string; secret: ReturnType<typeof stretchCode> } | null

  constructor(run: ClaimRun) {
    this.#run = run
    this.#machine = null
    this.#answer = null
    this.#timer = undefined
    this.#stretched = null
  }

  /** A claim is under way. */
  get busy(): boolean {
    return this.#answer !== null
  }

  /** One claim at a time; refused at once where no window is open. */
  claim(code: string): Promise<Outcome> {
    const label = parseCode(code)
    if (!label) return Promise.resolve({ ok: false, code: 'bad-code' })
    if (this.#answer) return Promise.resolve({ ok: false, code: 'busy' })
    return new Promise((resolve) => {
      this.#answer = resolve
      setTimeout(() => this.#begin(label), PAINT_MS)
    })
  }

  /** A message of the claim; empty: the device has ended it. */
  onMessage(message: Bytes): void {
    if (message.length === 0) this.#finish({ ok: false, code: 'silent' }, 'ended')
    else if (this.#machine) this.#take(this.#machine.onMessage(message, performance.now()))
  }

  onLost(): void {
    this.#finish({ ok: false, code: 'no-answer' }, 'ended')
  }

  #owner() {
    const { box } = this.#run
    const { signer, exchange, nextDigest } = box
    return { signer, exchange, others: [], m: 1, next: nextDigest, recovery: null, policy: POLICY }
  }

  #begin(label: Label): void {
    const { box } = this.#run
    this.#machine = new ClaimOwner(label, this.#owner(), box.pending, random, (code, discriminator, salt) =>
      this.#stretch(code, discriminator, salt),
    )
    // HELLO comes as the answer.
    this.#run.send(NONE)
    this.#schedule()
  }

  #stretch(code: string, discriminator: number, salt: Bytes): ReturnType<typeof stretchCode> {
    const key = `${code} ${discriminator} ${salt.join()}`
    if (this.#stretched?.key !== key)
      this.#stretched = { key, secret: stretchCode(code, discriminator, salt) }
    const { w0, w1 } = this.#stretched.secret
    // The machine wipes its own.
    return { w0: w0.copy(), w1: w1.copy() }
  }

  #take(steps: OwnerStep[]): void {
    const machine = this.#machine
    for (const step of steps) {
      if (this.#machine !== machine || !machine) return
      if (step.do === 'send') this.#run.send(step.message)
      else if (step.do === 'show' && step.what === 'press')
        this.#finish({ ok: false, code: 'window-closed' }, 'open')
      else if (step.do === 'remember') this.#remember(step.pending, machine)
      else if (step.do === 'refused') this.#finish({ ok: false, code: codeOf(step.reason) }, 'open')
      else if (step.do === 'claimed') this.#claimed(step)
    }
    this.#schedule()
  }

  #remember(pending: PendingClaim, machine: ClaimOwner): void {
    const { box } = this.#run
    box.pending = pending
    if (!box.save()) return this.#finish({ ok: false, code: 'not-kept' }, 'open')
    this.#take(machine.remembered(performance.now()))
  }

  #claimed({ certificate, bytes }: { certificate: Certificate; bytes: Bytes }): void {
    const { signer, exchange, nextDigest } = this.#run.box
    const owners = {
      m: 1,
      owners: [{ sign: signer.publicKey, box: exchange.publicKey, next: nextDigest }],
      recovery: null,
    }
    this.#stretched = null
    this.#run.onClaimed({ certificate, bytes, owners })
    this.#finish({ ok: true }, 'open')
  }

  /** `link`: whether the device still believes that the claim goes on. */
  #finish(outcome: Outcome, link: 'open' | 'ended'): void {
    clearTimeout(this.#timer)
    if (link === 'open' && this.#machine) this.#run.send(NONE)
    this.#machine = null
    const answer = this.#answer
    this.#answer = null
    answer?.(outcome)
  }

  #schedule(): void {
    clearTimeout(this.#timer)
    const machine = this.#machine
    const at = machine?.nextTick() ?? Number.POSITIVE_INFINITY
    if (at === Number.POSITIVE_INFINITY || machine?.done) return
    this.#timer = setTimeout(
      () => {
        if (this.#machine === machine && machine) this.#take(machine.tick(performance.now()))
      },
      Math.max(10, at - performance.now()),
    )
  }
}

/** The page's words for a refusal. */
function codeOf(reason: OwnerRefusal): string {
  return reason === 'code' ? 'wrong-code' : reason
}
