// Makes and uses the release key: the one whose public half the image carries, and by which a device knows
// an update (docs/wire/update.md). The key file stays with whoever releases, never in the repository.
//   sign-update.ts key KEYFILE                         makes a key; prints its public half
//   sign-update.ts public KEYFILE
//   sign-update.ts sign KEYFILE SYSTEM OUT --board B --version V --index N [--boot WORD]

import { readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { base64url, concat, unbase64url } from '../src/base/bytes.ts'
import { Signer, sha256 } from '../src/crypto/native.ts'
import { Secret } from '../src/crypto/secret.ts'
import { linuxRandom } from '../src/hw/linux/clock.ts'
import { encodeUpdateHead, signManifest } from '../src/wire/card/update.ts'

const USAGE =
  'sign-update.ts key KEYFILE | public KEYFILE | sign KEYFILE SYSTEM OUT --board B --version V --index N [--boot WORD]'

function readKey(path: string): Signer {
  const seed = unbase64url(readFileSync(path, 'utf8').trim())
  if (seed?.length !== 32) throw new Error(`${path} is no release key`)
  return new Signer(new Secret(seed))
}

const { values, positionals } = parseArgs({
  options: {
    board: { type: 'string' },
    version: { type: 'string' },
    index: { type: 'string' },
    boot: { type: 'string' },
  },
  allowPositionals: true,
})
const [verb, keyFile, system, out] = positionals
if (keyFile === undefined || (verb !== 'key' && verb !== 'public' && verb !== 'sign')) throw new Error(USAGE)
if (verb === 'key') {
  const seed = new Uint8Array(32)
  linuxRandom(seed)
  // Never over one that is there: updates of every card that carries it would end.
  writeFileSync(keyFile, `${base64url(seed)}\n`, { mode: 0o600, flag: 'wx' })
}
const signer = readKey(keyFile)
const kid = base64url(signer.publicKey)
if (verb !== 'sign') process.stdout.write(`${kid}\n`)
else {
  const { board, version, index, boot = '' } = values
  if (
    system === undefined ||
    out === undefined ||
    board === undefined ||
    version === undefined ||
    index === undefined
  )
    throw new Error(USAGE)
  const bytes = new Uint8Array(readFileSync(system))
  const manifest = { board, version, index: Number(index), boot, size: bytes.length, sha256: sha256(bytes) }
  writeFileSync(out, concat(encodeUpdateHead(signManifest(manifest, { kid, signer })), bytes))
  process.stdout.write(
    `${JSON.stringify({ ...manifest, sha256: Buffer.from(manifest.sha256).toString('hex'), out })}\n`,
  )
}
