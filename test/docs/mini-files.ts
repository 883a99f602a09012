// Files on disk, read as docs/wire.md "Files" and docs/wire/journal.md have them; and the owner log's
// texts. Nothing of src/ is used.

import { createHash, createPrivateKey, createPublicKey, verify } from 'node:crypto'
import { crc32 } from 'node:zlib'

type Binary = Uint8Array

/** Numbers, bytes and blocks, one after the other. */
export class Cursor {
  readonly bytes: Buffer
  at = 0

  constructor(bytes: Binary) {
    this.bytes = Buffer.from(bytes)
  }

  num(n: number): number {
    this.at += n
    return this.bytes.readUIntBE(this.at - n, n)
  }

  take(n: number): Binary {
    if (this.at + n > this.bytes.length) throw new Error(`${n} bytes at ${this.at} of ${this.bytes.length}`)
    this.at += n
    return this.bytes.subarray(this.at - n, this.at)
  }

  block(): Binary {
    return this.take(this.num(2))
  }

  text(): string {
    return Buffer.from(this.block()).toString()
  }

  rest(): Binary {
    return this.take(this.bytes.length - this.at)
  }

  end(): void {
    if (this.at !== this.bytes.length) throw new Error(`${this.bytes.length - this.at} bytes too many`)
  }
}

export function readSnapshot(file: Binary, kind: string): Cursor {
  const c = new Cursor(file)
  if (Buffer.from(c.take(7)).toString() !== 'WTLSNAP' || c.num(1) !== 1) throw new Error('no snapshot')
  if (Buffer.from(c.take(4)).toString() !== kind) throw new Error('another kind')
  const content = c.take(c.num(4))
  if (c.num(4) !== crc32(c.bytes.subarray(0, c.at - 4))) throw new Error('checksum')
  c.end()
  return new Cursor(content)
}

export function readJournal(file: Binary): { type: number; payload: Cursor }[] {
  const c = new Cursor(file)
  const records: { type: number; payload: Cursor }[] = []
  if (Buffer.from(c.take(7)).toString() !== 'WATTLEJ' || c.num(1) !== 1) throw new Error('no journal')
  const salt = c.num(4)
  let number = c.num(4)
  if (c.num(4) !== crc32(c.bytes.subarray(0, 16))) throw new Error('head')
  while (c.at < c.bytes.length) {
    const from = c.at
    if (Buffer.from(c.take(4)).toString() !== 'WJB!' || c.num(4) !== number++) throw new Error('batch')
    const batch = new Cursor(c.take(c.num(4)))
    const sum = crc32(c.bytes.subarray(from, c.at), salt)
    if (c.num(4) !== sum) throw new Error('checksum of a batch')
    while (batch.at < batch.bytes.length) {
      const type = batch.num(1)
      records.push({ type, payload: new Cursor(batch.take(batch.num(3))) })
    }
  }
  return records
}

const sha256 = (bytes: Binary | string): Binary => createHash('sha256').update(bytes).digest()

export function ed25519Public(seed: Binary): Binary {
  const key = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed])
  const spki = createPublicKey(createPrivateKey({ key, format: 'der', type: 'pkcs8' }))
  return spki.export({ format: 'der', type: 'spki' }).subarray(-32)
}

function signed(key: Binary, text: string, signature: Binary): boolean {
  const der = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), key])
  return verify(
    null,
    Buffer.from(text),
    createPublicKey({ key: der, format: 'der', type: 'spki' }),
    signature,
  )
}

export type MiniEvent = Record<string, unknown> & { seq: number; type: string }

/** A log's events in order; throws where the chain, a text's form or a signature is not as the page says. */
export function readLog(certificate: Binary, owners: Binary[], texts: string[]): MiniEvent[] {
  let head = sha256(certificate)
  return texts.map((text, i) => {
    const jws = JSON.parse(text) as {
      payload: string
      signatures: { protected: string; signature: string }[]
    }
    if (JSON.stringify(jws) !== text) throw new Error('another form')
    for (const { protected: h, signature } of jws.signatures) {
      const owner = owners.find(
        (key) =>
          Buffer.from(h, 'base64url').toString() ===
          `{"alg":"EdDSA","kid":"${Buffer.from(key).toString('base64url')}"}`,
      )
      if (!owner || !signed(owner, `${h}.${jws.payload}`, Buffer.from(signature, 'base64url')))
        throw new Error('signature')
    }
    const event = JSON.parse(Buffer.from(jws.payload, 'base64url').toString()) as MiniEvent
    if (event['v'] !== 1 || event.seq !== i + 1) throw new Error('number')
    if (event['prev'] !== Buffer.from(head).toString('base64url')) throw new Error('chain')
    head = sha256(text)
    return event
  })
}
