// A slow, obvious reader written from docs/wire.md alone: nothing of src/ is used, so that it fails when
// text and code part ways. Each function is one section of that page.

import {
  createDecipheriv,
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  hkdfSync,
  verify,
} from 'node:crypto'

type Binary = Uint8Array

const join = (...parts: (Binary | string)[]): Binary =>
  Buffer.concat(parts.map((p) => (typeof p === 'string' ? Buffer.from(p, 'utf8') : p)))
const big = (value: number, bytes: number): Binary => {
  const out = Buffer.alloc(bytes)
  out.writeUIntBE(value, 0, bytes)
  return out
}
const num = (b: Binary, at: number, bytes: number): number => Buffer.from(b).readUIntBE(at, bytes)
const same = (a: Binary, b: Binary): boolean => Buffer.compare(a, b) === 0
export const sha256 = (b: Binary): Binary => createHash('sha256').update(b).digest()
const hmac = (key: Binary, text: Binary): Binary => createHmac('sha256', key).update(text).digest()
const hkdf = (salt: Binary, input: Binary, info: Binary | string, n: number): Binary =>
  new Uint8Array(hkdfSync('sha256', input, salt, info, n))

// Conventions

const spki = (oid: string, key: Binary) =>
  createPublicKey({
    key: join(Buffer.from(`302a300506032b${oid}032100`, 'hex'), key) as Buffer,
    format: 'der',
    type: 'spki',
  })

function verified(key: Binary, text: Binary, signature: Binary): boolean {
  return verify(null, text, spki('6570', key), signature)
}

function agree(secret: Binary, other: Binary): Binary {
  const der = join(Buffer.from('302e020100300506032b656e04220420', 'hex'), secret) as Buffer
  const privateKey = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
  return diffieHellman({ privateKey, publicKey: spki('656e', other) })
}

export function publicOf(secret: Binary): Binary {
  const der = join(Buffer.from('302e020100300506032b656e04220420', 'hex'), secret) as Buffer
  const key = createPublicKey(createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }))
  return key.export({ format: 'der', type: 'spki' }).subarray(-32)
}

function aeadOpen(key: Binary, nonce: Binary, aad: Binary, box: Binary): Binary | null {
  const open = createDecipheriv('chacha20-poly1305', key, nonce, { authTagLength: 16 })
  open.setAAD(aad, { plaintextLength: box.length - 16 })
  open.setAuthTag(box.subarray(-16))
  try {
    return join(open.update(box.subarray(0, -16)), open.final())
  } catch {
    return null
  }
}

/** RFC 9180, base mode, as its sections 4.1, 5.1 and 5.2 spell it. */
function hpkeOpen(secret: Binary, info: Binary, aad: Binary, box: Binary): Binary | null {
  const kem = join('KEM', big(0x20, 2))
  const suite = join('HPKE', big(0x20, 2), big(1, 2), big(3, 2))
  const none = Buffer.alloc(0)
  const extract = (id: Binary, salt: Binary, label: string, ikm: Binary): Binary =>
    createHmac('sha256', salt)
      .update(join('HPKE-v1', id, label, ikm))
      .digest()
  const expand = (id: Binary, prk: Binary, label: string, text: Binary, n: number): Binary =>
    createHmac('sha256', prk)
      .update(join(big(n, 2), 'HPKE-v1', id, label, text, Uint8Array.of(1)))
      .digest()
      .subarray(0, n)
  const enc = box.subarray(0, 32)
  const eae = extract(kem, none, 'eae_prk', agree(secret, enc))
  const shared = expand(kem, eae, 'shared_secret', join(enc, publicOf(secret)), 32)
  const context = join(
    Uint8Array.of(0),
    extract(suite, none, 'psk_id_hash', none),
    extract(suite, none, 'info_hash', info),
  )
  const key = extract(suite, shared, 'secret', none)
  return aeadOpen(
    expand(suite, key, 'key', context, 32),
    expand(suite, key, 'base_nonce', context, 12),
    aad,
    box.subarray(32),
  )
}

// Frame

export interface MiniFrame {
  type: number
  class: number
  part: number
  parts: number
  epoch: number
  index: number
  nonce: Binary
  link: Binary
  body: Binary
  head: Binary
}

export function readFrame(bytes: Binary, deviceKey: Binary): MiniFrame | null {
  if (bytes.length !== 256 || num(bytes, 14, 2) !== 0) return null
  const [type, cls, part, parts] = bytes as unknown as [number, number, number, number]
  if (type < 1 || type > 2 || cls > 2 || part >= parts) return null
  if (!verified(deviceKey, join('wattle/frame/1\0', bytes.subarray(0, 192)), bytes.subarray(192))) return null
  return {
    type,
    class: cls,
    part,
    parts,
    epoch: num(bytes, 4, 4),
    index: num(bytes, 8, 6),
    nonce: bytes.subarray(16, 32),
    link: bytes.subarray(32, 48),
    body: bytes.subarray(48, 192),
    head: bytes.subarray(0, 48),
  }
}

// Keys

export interface Step {
  frameKey: Binary
  next: Binary
}

export function step(chainKey: Binary): Step {
  const both = createHash('sha512')
    .update(join(big(1, 4), chainKey, 'wattle/step/1\0'))
    .digest()
  return { frameKey: both.subarray(0, 32), next: both.subarray(32) }
}

export function openData(frame: MiniFrame, frameKey: Binary): Binary | null {
  const plain = aeadOpen(frameKey, Buffer.alloc(12), frame.head, frame.body)
  if (plain?.length !== 128 || plain[0]! > 127) return null
  if (plain.subarray(1 + plain[0]!).some((b) => b !== 0)) return null
  return plain.subarray(1, 1 + plain[0]!)
}

export interface MiniReader {
  device: Binary
  deviceBox: Binary
  /** X25519 private key, and the Ed25519 public key. */
  secret: Binary
  sign: Binary
  grantId: Binary
}

function binding(name: string, r: MiniReader, cls: number, epoch: number, index: number, nonce: Binary) {
  return {
    info: join(name, r.device, big(cls, 1), big(epoch, 4), big(index, 6), nonce),
    aad: join(publicOf(r.secret), r.grantId),
  }
}

// KEY_ROTATION

export interface MiniRotation {
  reason: number
  at: number
  boxes: number
  prev: { epoch: number; index: number; hash: Binary }
  /** The first chain key, or null where no box is ours. */
  chainKey: Binary | null
}

export function readRotation(parts: MiniFrame[], r: MiniReader): MiniRotation | null {
  const body = join(...parts.map((p) => p.body))
  const boxes = num(body, 2, 2)
  if (body[0] !== 1 || ![4, 8, 16, 32].includes(boxes) || num(body, 52, 2) !== 0) return null
  if (parts.length !== Math.ceil((54 + 88 * boxes) / 144)) return null
  const { epoch, nonce, class: cls } = parts[0]!
  const slot = hkdf(r.grantId, agree(r.secret, r.deviceBox), 'wattle/slot/1\0', 32)
  const tag = hmac(slot, join(nonce, big(cls, 1))).subarray(0, 8)
  const { info, aad } = binding('wattle/rotation/1\0', r, cls, epoch, 0, nonce)
  let chainKey: Binary | null = null
  for (let i = 0; i < boxes; i++) {
    const at = 54 + 88 * i
    if (same(body.subarray(at, at + 8), tag))
      chainKey ??= hpkeOpen(r.secret, info, aad, body.subarray(at + 8, at + 88))
  }
  const prev = { epoch: num(body, 10, 4), index: num(body, 14, 6), hash: body.subarray(20, 52) }
  return { reason: body[1]!, at: num(body, 4, 6), boxes, prev, chainKey }
}

// GRANT, ENDED

export interface MiniGrant {
  class: number
  epoch: number
  nonce: Binary
  index: number
  hash: Binary
  until: number
  entry: Binary
  chainKey: Binary
  state: Binary
}

export function readGrant(bytes: Binary, r: MiniReader): MiniGrant | null {
  const text = bytes.subarray(0, -64)
  if (!verified(r.device, join('wattle/grant-message/1\0', r.sign, text), bytes.subarray(-64))) return null
  const length = num(text, 114, 2)
  if (text[0] !== 1 || text.length !== 116 + length || !same(text.subarray(60, 76), r.grantId)) return null
  const [cls, epoch, nonce, index] = [text[1]!, num(text, 2, 4), text.subarray(6, 22), num(text, 22, 6)]
  const { info, aad } = binding('wattle/grant/1\0', r, cls, epoch, index, nonce)
  const plain = hpkeOpen(r.secret, info, aad, text.subarray(116))
  if (!plain) return null
  return {
    class: cls,
    epoch,
    nonce,
    index,
    hash: text.subarray(28, 60),
    until: num(text, 76, 6),
    entry: text.subarray(82, 114),
    chainKey: plain.subarray(0, 32),
    state: plain.subarray(32),
  }
}

// Access entries (docs/wire/access.md)

export interface MiniEntry {
  kind: number
  class: number
  why: number
  sign: Binary
  box: Binary
  grantId: Binary
  epoch: number
  index: number
  at: number
  until: number
  event: Binary
  before: Binary
  previous: Binary
}

/** Of kinds 1 to 3. */
export function readEntry(bytes: Binary, device: Binary): MiniEntry | null {
  const text = bytes.subarray(0, -64)
  if (text.length !== 202 || text[0] !== 1) return null
  if (!verified(device, join('wattle/access-entry/1\0', text), bytes.subarray(-64))) return null
  return {
    kind: text[1]!,
    class: text[2]!,
    why: text[3]!,
    sign: text.subarray(4, 36),
    box: text.subarray(36, 68),
    grantId: text.subarray(68, 84),
    epoch: num(text, 84, 4),
    index: num(text, 88, 6),
    at: num(text, 94, 6),
    until: num(text, 100, 6),
    event: text.subarray(106, 138),
    before: text.subarray(138, 170),
    previous: text.subarray(170, 202),
  }
}

export interface MiniKeys {
  reason: number
  at: number
  places: { class: number; epoch: number; index: number }[]
  grantIds: Binary[]
  previous: Binary
}

/** Of kind 4. */
export function readKeys(bytes: Binary, device: Binary): MiniKeys | null {
  const text = bytes.subarray(0, -64)
  if (text[0] !== 1 || text[1] !== 4) return null
  if (!verified(device, join('wattle/access-entry/1\0', text), bytes.subarray(-64))) return null
  const [places, grants] = [text[9]!, text[10]!]
  const from = 43 + 11 * places
  if (text.length !== from + 16 * grants) return null
  return {
    reason: text[2]!,
    at: num(text, 3, 6),
    previous: text.subarray(11, 43),
    places: Array.from({ length: places }, (_, i) => ({
      class: text[43 + 11 * i]!,
      epoch: num(text, 44 + 11 * i, 4),
      index: num(text, 48 + 11 * i, 6),
    })),
    grantIds: Array.from({ length: grants }, (_, i) => text.subarray(from + 16 * i, from + 16 * i + 16)),
  }
}
