// A device, owners and the links between them for the claim's tests: messages go back and forth by
// hand, time is a number, the "card" is a field. Nothing here decides anything.
import { type Bytes, utf8 } from '../../src/base/bytes.ts'
import { Exchange, Signer, sha256 } from '../../src/crypto/native.ts'
import { type Random, Secret } from '../../src/crypto/secret.ts'
import type { PakeSecret } from '../../src/crypto/spake2plus.ts'
import {
  ClaimDevice,
  type ClaimedState,
  type ClaimRequest,
  type ClaimStep,
} from '../../src/ownership/claim-device.ts'
import { makeCertificate } from '../../src/ownership/claim-keys.ts'
import {
  type ClaimingOwner,
  ClaimOwner,
  type OwnerStep,
  type PendingClaim,
} from '../../src/ownership/claim-owner.ts'
import { type ClaimRecord, makeRecord, parseCode, stretchCode } from '../../src/ownership/label.ts'

export const random: Random = (into) => void crypto.getRandomValues(into as Uint8Array<ArrayBuffer>)
export const bytes = (n: number): Bytes => crypto.getRandomValues(new Uint8Array(n))

export const CODE = 'K7QD-M2XA-9RTE'
export const OTHER_CODE = '1000-0000-000E'
export const DISCRIMINATOR = 0xab12
export const record: ClaimRecord = makeRecord(
  parseCode(CODE)!.code,
  DISCRIMINATOR,
  new Uint8Array(16).fill(7),
)

// scrypt is slow on purpose; one result for each code and salt is enough here.
const stretched = new Map<string, PakeSecret>()
export function stretch(code: string, discriminator: number, salt: Bytes): PakeSecret {
  const name = `${code} ${discriminator} ${salt.join()}`
  if (!stretched.has(name)) stretched.set(name, stretchCode(code, discriminator, salt))
  const { w0, w1 } = stretched.get(name)!
  return { w0: w0.copy(), w1: w1.copy() }
}

export function keysOf(n: number): { signer: Signer; exchange: Exchange } {
  return {
    signer: new Signer(new Secret(new Uint8Array(32).fill(n))),
    exchange: new Exchange(new Secret(new Uint8Array(32).fill(n + 100))),
  }
}

export function claimant(n: number): ClaimingOwner {
  return { ...keysOf(n), others: [], m: 1, next: null, recovery: null, policy: utf8('') }
}

export function ownerMachine(
  owner: ClaimingOwner = claimant(1),
  code: string = CODE,
  pending: PendingClaim | null = null,
  make: typeof ClaimOwner = ClaimOwner,
): ClaimOwner {
  return new make(parseCode(code)!, owner, pending, random, stretch)
}

/** The caller of the device's machine: makes identities, keeps what must survive. */
export class World {
  device: ClaimDevice
  card: ClaimedState | null
  incarnation: number
  readonly log: string[]
  /** False: the power goes before the write is durable. */
  durable: boolean
  commits: ClaimRequest[]
  readonly #make: typeof ClaimDevice

  /** @param make another build of the device's machine, where a test weakens it. */
  constructor(make: typeof ClaimDevice = ClaimDevice) {
    this.#make = make
    this.card = null
    this.incarnation = 0
    this.log = []
    this.durable = true
    this.commits = []
    this.device = new make(record, null, random)
  }

  restart(): void {
    this.device = new this.#make(record, this.card, random)
  }

  press(now: number): Bytes {
    const nonce = bytes(16)
    this.device.openWindow(now, nonce)
    return nonce
  }

  /** Makes what the claim asked for; `answer` false: power is cut after the write. */
  commit(request: ClaimRequest, answer = true): ClaimStep[] {
    const { signer, exchange } = keysOf(50 + this.incarnation)
    const certificate = makeCertificate(signer, {
      box: exchange.publicKey,
      incarnation: ++this.incarnation,
      discriminator: DISCRIMINATOR,
      ownersHash: sha256(request.ownersBytes),
      transcript: request.transcript,
    })
    this.card = { certificate, owners: request.owners }
    return answer ? this.device.committed(this.card) : []
  }
}

export type Tamper = (message: Bytes, toDevice: boolean) => Bytes | null

/**
 * Runs one owner against the device over one link until neither has anything to say. Returns the owner's
 * steps. `tamper` may change or swallow (null) each message.
 */
export function run(
  world: World,
  owner: ClaimOwner,
  link: number,
  now: number,
  tamper: Tamper = (m) => m,
): OwnerStep[] {
  const all: OwnerStep[] = []
  const toOwner: Bytes[] = [world.device.hello(link, now)]
  const fromDevice = (steps: ClaimStep[]): void => {
    for (const step of steps) {
      if (step.do === 'send' && step.link === link) toOwner.push(step.message)
      else if (step.do === 'show') world.log.push(step.what)
      else if (step.do === 'close') world.log.push('close')
      else if (step.do === 'commit') {
        world.commits.push(step.request)
        fromDevice(world.durable ? world.commit(step.request) : [])
      }
    }
  }
  const fromOwner = (steps: OwnerStep[]): void => {
    for (const step of steps) {
      all.push(step)
      if (step.do === 'remember') fromOwner(owner.remembered(now))
      if (step.do !== 'send') continue
      const message = tamper(step.message, true)
      if (message) fromDevice(world.device.onMessage(link, message, now))
    }
  }
  for (let n = 0; n < 50 && toOwner.length > 0; n++) {
    const message = tamper(toOwner.shift()!, false)
    if (message) fromOwner(owner.onMessage(message, now))
  }
  return all
}

export const last = (steps: OwnerStep[]): string => {
  const step = steps.at(-1)
  if (!step) return 'nothing'
  if (step.do === 'refused') return step.reason
  return step.do === 'show' ? step.what : step.do
}
