// Claims one device at an address: dials it (an unclaimed device proves only a key of the day, so the
// claim protects itself), runs ownership's machine over the stream, keeps the pending claim durable
// before the proof is sent. Also the quick look at an unclaimed device: is its window open?

import type { Bytes } from '../base/bytes.ts'
import { Reader, Writer } from '../base/cursor.ts'
import { WattleError } from '../base/errors.ts'
import type { Exchange, Signer } from '../crypto/native.ts'
import type { Failure, Files, Random } from '../hw/hardware.ts'
import type { Host } from '../net/host.ts'
import { Messages } from '../net/messages.ts'
import type { Loop } from '../node/loop.ts'
import type { DiscoverySettings } from '../node/peers/config.ts'
import { SnapshotFile } from '../node/snapshot.ts'
import type { Certificate } from '../ownership/claim-keys.ts'
import { ClaimOwner, type OwnerRefusal, type OwnerStep, type PendingClaim } from '../ownership/claim-owner.ts'
import { deviceName, type Label } from '../ownership/label.ts'
import { encodePolicy, FACTORY_POLICY } from '../ownership/policy/policy.ts'
import { CLAIM_PROTOCOL, decodeHello, STATE } from '../wire/claim.ts'
import type { OwnerSet } from '../wire/owner-set.ts'

export interface Claimed {
  certificate: Certificate
  bytes: Bytes
  owners: OwnerSet
}

export interface ClaimingOptions {
  host: Host
  loop: Loop
  files: Files
  random: Random
  signer: Signer
  exchange: Exchange
  policy: Bytes
  /** SHA-256 of our next successor key. */
  next: () => Bytes
}

export interface ClaimRun {
  label: Label
  address: string
  /** How long to wait for the press, ms; 0 refuses at once where no window is open. */
  waitMs: number
  onShow: (what: 'press' | 'working' | 'busy') => void
}

const TEXT: Readonly<Record<OwnerRefusal, string>> = {
  code: 'the code does not fit this device; check it against the label',
  'other-device': 'this is another device than the one of the code',
  'already-claimed': 'this device has an owner; hold its button for 10 s to reset it, if it is yours',
  auth: 'the device refused the proof; somebody may be interfering on this network',
  version: 'the device speaks another version of the claim; update it or this program',
  malformed: 'what answered there is not a Wattle device',
  silent: 'the device stopped answering',
}

const PENDING_BYTES = 66

export class Claiming {
  readonly #options: ClaimingOptions
  readonly #file: SnapshotFile
  #pending: PendingClaim | null
  #busy: boolean

  private constructor(options: ClaimingOptions, file: SnapshotFile, pending: PendingClaim | null) {
    this.#options = options
    this.#file = file
    this.#pending = pending
    this.#busy = false
  }

  static open(options: ClaimingOptions, done: (error: Failure, claiming: Claiming | null) => void): void {
    const file = new SnapshotFile(options.files, 'claim.pending', 'pend', 1)
    file.read((error, content) => {
      if (error) return done(error, null)
      done(
        null,
        new Claiming(
          options,
          file,
          content && content.length === PENDING_BYTES ? decodePending(content) : null,
        ),
      )
    })
  }

  /** One claim at a time. */
  claim(run: ClaimRun, done: (error: WattleError | null, claimed: Claimed | null) => void): void {
    if (this.#busy) return done(new WattleError('busy', 'another claim is under way'), null)
    this.#busy = true
    let over = false
    const finish = (error: WattleError | null, claimed: Claimed | null): void => {
      if (over) return
      over = true
      this.#busy = false
      this.#options.loop.cancel('claiming')
      this.#options.loop.cancel('claiming wait')
      done(error, claimed)
    }
    this.#open(run.address, (error, attach) => {
      if (error || !attach) return finish(error, null)
      this.#converse(run, attach, finish)
    })
  }

  /** What the device says of itself, without claiming it. */
  look(
    address: string,
    done: (error: WattleError | null, found: { name: string; state: number; leftMs: number } | null) => void,
  ): void {
    this.#open(address, (error, attach) => {
      if (error || !attach) return done(error, null)
      let told = false
      const messages = attach({
        onMessage: (message) => {
          const hello = decodeHello(message)
          if (told) return
          told = true
          messages.stream.end()
          if (!hello) return done(new WattleError('no-device', TEXT.malformed), null)
          done(null, {
            name: deviceName(hello.discriminator),
            state: hello.state,
            leftMs: hello.state === STATE.window ? hello.left * 1_000 : 0,
          })
        },
        onClose: () => {
          if (!told) done(new WattleError('no-device', TEXT.malformed), null)
          told = true
        },
      })
    })
  }

  #open(
    address: string,
    done: (
      error: WattleError | null,
      attach: ((events: { onMessage: (m: Bytes) => void; onClose: () => void }) => Messages) | null,
    ) => void,
  ): void {
    const { host } = this.#options
    host.dial(address, null, (error, connection) => {
      if (!connection)
        return done(
          new WattleError('unreachable', `no answer at ${address}: ${error?.message ?? 'unknown'}`),
          null,
        )
      connection.open(CLAIM_PROTOCOL, (failure, stream) => {
        if (!stream) {
          connection.close()
          return done(
            new WattleError('no-device', `${address}: ${TEXT.malformed} (${failure?.code ?? ''})`),
            null,
          )
        }
        done(null, (events) => {
          const onClose = (): void => {
            events.onClose()
            connection.close()
          }
          return new Messages(stream, 'u32', {
            onMessage: events.onMessage,
            onDrain: () => {},
            onEnd: () => stream.end(),
            onClose,
          })
        })
      })
    })
  }

  #converse(
    run: ClaimRun,
    attach: (events: { onMessage: (m: Bytes) => void; onClose: () => void }) => Messages,
    finish: (error: WattleError | null, claimed: Claimed | null) => void,
  ): void {
    const { loop, random, signer, exchange, policy, next } = this.#options
    const owner = { signer, exchange, others: [], m: 1, next: next(), recovery: null, policy }
    const machine = new ClaimOwner(run.label, owner, this.#pending, random)
    const stop = (error: WattleError | null, claimed: Claimed | null): void => {
      finish(error, claimed)
      messages.stream.end()
    }
    const take = (steps: OwnerStep[]): void => {
      for (const step of steps) {
        if (step.do === 'send') messages.send(step.message)
        else if (step.do === 'show') this.#onShow(run, step.what, stop)
        else if (step.do === 'remember') this.#remember(step.pending, machine, take, stop)
        else if (step.do === 'refused') stop(new WattleError(codeOf(step.reason), TEXT[step.reason]), null)
        else stop(null, { certificate: step.certificate, bytes: step.bytes, owners: machine.owners })
      }
      const at = machine.nextTick()
      if (at < Number.POSITIVE_INFINITY && !machine.done)
        loop.at('claiming', at, (now) => take(machine.tick(now)))
    }
    const messages = attach({
      onMessage: (message) => take(machine.onMessage(message, loop.now())),
      onClose: () => finish(new WattleError('silent', TEXT.silent), null),
    })
  }

  #onShow(
    run: ClaimRun,
    what: 'press' | 'working' | 'busy',
    stop: (error: WattleError, claimed: null) => void,
  ): void {
    const { loop } = this.#options
    run.onShow(what)
    if (what !== 'press') return loop.cancel('claiming wait')
    const refuse = (): void =>
      stop(
        new WattleError('window-closed', 'press the button on the device first: its window is closed'),
        null,
      )
    if (run.waitMs <= 0) refuse()
    else if (loop.left('claiming wait') < 0) loop.after('claiming wait', run.waitMs, refuse)
  }

  #remember(
    pending: PendingClaim,
    machine: ClaimOwner,
    take: (steps: OwnerStep[]) => void,
    stop: (error: WattleError, claimed: null) => void,
  ): void {
    this.#pending = pending
    this.#file.write(encodePending(pending), (error, written) => {
      // Left out because another write was under way: as good as not written.
      const why = error?.message ?? (written ? null : 'the one before it is still being written')
      if (why !== null) stop(new WattleError('storage', `the claim cannot be written down: ${why}`), null)
      else if (!machine.done) take(machine.remembered(this.#options.loop.now()))
    })
  }
}

/** The factory default; a home that looks for its devices in the DHT has them found there. Owners change it later. */
export function policyAtClaim(discovery: DiscoverySettings | undefined): Bytes {
  const { announce } = FACTORY_POLICY
  return encodePolicy({
    ...FACTORY_POLICY,
    announce: { ...announce, dht: (discovery?.dht ?? null) !== null },
  })
}

/** The page's and the script's words for a refusal. */
function codeOf(reason: OwnerRefusal): string {
  return reason === 'code' ? 'wrong-code' : reason
}

function encodePending(p: PendingClaim): Bytes {
  return new Writer(new Uint8Array(PENDING_BYTES)).u16(p.discriminator).put(p.transcript).put(p.ownersHash)
    .bytes
}

function decodePending(bytes: Bytes): PendingClaim {
  const r = new Reader(bytes)
  return { discriminator: r.u16(), transcript: r.take(32).slice(), ownersHash: r.take(32).slice() }
}
