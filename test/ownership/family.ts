// Owners by number, each with a key, a box key and a row of successors; and a log of theirs to try events
// on. Nothing here decides anything.
import { type Bytes, base64url } from '../../src/base/bytes.ts'
import type { JwsSigner } from '../../src/crypto/jws.ts'
import { sha256 } from '../../src/crypto/native.ts'
import { Secret } from '../../src/crypto/secret.ts'
import { type EventBody, signEvent } from '../../src/ownership/event.ts'
import { OwnerLog } from '../../src/ownership/log.ts'
import { Successors } from '../../src/ownership/owners/successors.ts'
import { type OwnerKeys, type OwnerSet, orderedOwnerSet } from '../../src/wire/owner-set.ts'
import { bytes, keysOf } from './claim-world.ts'

export const DEVICE: Bytes = keysOf(50).signer.publicKey
export const ROOT: Bytes = sha256(new Uint8Array(1))

const rows = new Map<number, Successors>()

export function successorsOf(n: number): Successors {
  let row = rows.get(n)
  if (!row) {
    row = new Successors(new Secret(new Uint8Array(32).fill(150 + n)))
    rows.set(n, row)
  }
  return row
}

/** Entry of owner `n`, committed to its successor number `next`. */
export function ownerOf(n: number, next = 0): OwnerKeys {
  const { signer, exchange } = keysOf(n)
  return { sign: signer.publicKey, box: exchange.publicKey, next: successorsOf(n).digest(next) }
}

export function setOf(m: number, ...owners: OwnerKeys[]): OwnerSet {
  return orderedOwnerSet({ m, owners, recovery: null })
}

export function key(n: number): JwsSigner {
  const { signer } = keysOf(n)
  return { kid: base64url(signer.publicKey), signer }
}

/** Key of owner `n` and its successor number `at`, which commits to the one after. */
export function full(n: number, at = 0): JwsSigner[] {
  return [key(n), successorsOf(n).signer(at, at + 1)]
}

export class Tried {
  readonly log: OwnerLog

  constructor(set: OwnerSet, make: typeof OwnerLog = OwnerLog, copy = false) {
    this.log = new make(DEVICE, set, ROOT, { copy })
    this.take({ type: 'DEVICE_ADDED', name: 'd' }, [key(numberOf(set))])
  }

  text(body: EventBody, signers: readonly JwsSigner[], over: { device?: Bytes; prev?: Bytes } = {}): string {
    const { seq, head, device } = this.log
    return signEvent({ device, seq: seq + 1, prev: head, at: 1_000, body, ...over }, signers)
  }

  /** 'ok', or the word of the refusal. */
  take(body: EventBody, signers: readonly JwsSigner[]): string {
    return this.takeText(this.text(body, signers))
  }

  takeText(jws: string): string {
    const checked = this.log.check(jws)
    if (checked.refusal !== null) return checked.refusal
    this.log.commit(checked)
    return 'ok'
  }

  /** Would it be taken, and does it need a press? */
  press(body: EventBody, signers: readonly JwsSigner[]): boolean | string {
    const checked = this.log.check(this.text(body, signers))
    return checked.refusal ?? checked.press
  }
}

function numberOf(set: OwnerSet): number {
  for (let n = 1; n < 50; n++) if (set.owners.some((o) => base64url(o.sign) === key(n).kid)) return n
  throw new Error('no owner of ours')
}

export function reader(cls: 0 | 1 | 2, days: number): EventBody {
  const { signer, exchange } = keysOf(40)
  return {
    type: 'AUTHORIZED',
    reader: {
      grantId: bytes(16),
      class: cls,
      name: 'solar',
      domain: '',
      sign: signer.publicKey,
      box: exchange.publicKey,
      since: 0,
      until: days * 86_400_000,
      purpose: '',
    },
  }
}
