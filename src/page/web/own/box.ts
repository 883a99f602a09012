// What this phone keeps, in the browser's storage of this address: the owner's keys, the device's
// certificate and owner log, where it stands in the channel of quarter-hours. Whoever can read the
// phone's storage is the owner; another address (name or number) is another storage. What the storage
// holds was written by us and is checked all the same.

import { type Bytes, base64url, unbase64url } from '../../../base/bytes.ts'
import { Exchange, Signer, sha256 } from '../../../crypto/native.ts'
import { Secret } from '../../../crypto/secret.ts'
import type { PendingClaim } from '../../../ownership/claim-owner.ts'

const KEY = 'wattle.owner'

/** As JSON, bytes in base64url. */
export interface Kept {
  v: 1
  seed: string
  boxSeed: string
  /** Follows the signing key where owners are changed one day: only its digest is known to the device. */
  nextSeed: string
  pending: { discriminator: number; transcript: string; ownersHash: string } | null
  device: KeptDevice | null
}

export interface KeptDevice {
  name: string
  /** Its Ed25519 and X25519 keys, out of the certificate. */
  key: string
  box: string
  certificate: string
  /** The owner set's encoding, base64url. */
  owners: string
  /** Texts of the owner log, oldest first. */
  events: string[]
  /** Cards of providers that were let in from here. */
  cards: string[]
  /** Place in the channel of quarter-hours (channel/place.ts), or null. */
  place: string | null
}

export function random(into: Bytes): void {
  crypto.getRandomValues(into as Uint8Array<ArrayBuffer>)
}

export class Box {
  readonly signer: Signer
  readonly exchange: Exchange
  readonly nextDigest: Bytes
  readonly kept: Kept
  /** The browser keeps it: not in a private window, for example. */
  durable: boolean

  constructor(kept: Kept) {
    this.kept = kept
    const seed = secretOf(kept.seed)
    const boxSeed = secretOf(kept.boxSeed)
    this.signer = new Signer(seed)
    this.exchange = new Exchange(boxSeed)
    this.nextDigest = sha256(new Signer(secretOf(kept.nextSeed)).publicKey)
    this.durable = true
  }

  /** What was kept, or fresh keys (kept from the first claim on). */
  static open(): Box {
    const kept = readKept(load(KEY))
    if (kept) return new Box(kept)
    return new Box({
      v: 1,
      seed: fresh(),
      boxSeed: fresh(),
      nextSeed: fresh(),
      pending: null,
      device: null,
    })
  }

  /** False where the browser does not keep it. */
  save(): boolean {
    this.durable = store(KEY, JSON.stringify(this.kept))
    return this.durable
  }

  /** Another owner's keys take the place of these; in force after a reload. False where they are not kept. */
  replace(kept: Kept): boolean {
    return store(KEY, JSON.stringify(kept))
  }

  get pending(): PendingClaim | null {
    const p = this.kept.pending
    const transcript = p && unbase64url(p.transcript)
    const ownersHash = p && unbase64url(p.ownersHash)
    return p && transcript && ownersHash ? { discriminator: p.discriminator, transcript, ownersHash } : null
  }

  set pending(p: PendingClaim | null) {
    this.kept.pending = p && {
      discriminator: p.discriminator,
      transcript: base64url(p.transcript),
      ownersHash: base64url(p.ownersHash),
    }
  }
}

/** A kept record, or null where the text is none. */
export function readKept(text: string | null): Kept | null {
  if (text === null) return null
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return null
  }
  if (typeof value !== 'object' || value === null) return null
  const kept = value as Kept
  const keys = [kept.seed, kept.boxSeed, kept.nextSeed]
  const whole = keys.every((key) => typeof key === 'string' && unbase64url(key)?.length === 32)
  if (kept.v !== 1 || !whole) return null
  const device = kept.device ?? null
  return { ...kept, pending: kept.pending ?? null, device: device && wholeDevice(device) ? device : null }
}

function wholeDevice(device: KeptDevice): boolean {
  const texts = [
    device.name,
    device.key,
    device.box,
    device.certificate,
    device.owners,
    ...(device.events ?? [0]),
    ...(device.cards ?? [0]),
  ]
  return texts.every((text) => typeof text === 'string')
}

function secretOf(text: string): Secret {
  return new Secret(unbase64url(text)!)
}

function fresh(): string {
  const bytes = new Uint8Array(32)
  random(bytes)
  return base64url(bytes)
}

/** The browser may forbid its storage; then nothing is there and nothing is kept. */
export function load(key: string): string | null {
  try {
    return localStorage.getItem(key)
  } catch {
    return null
  }
}

export function store(key: string, text: string | null): boolean {
  try {
    if (text === null) localStorage.removeItem(key)
    else localStorage.setItem(key, text)
    return true
  } catch {
    return false
  }
}
