// The key of a process that is no device, home or provider: 32 bytes in its state folder, made at the
// first start.

import type { Bytes } from '../base/bytes.ts'
import { EXIT, WattleError } from '../base/errors.ts'
import { Signer } from '../crypto/native.ts'
import { Secret } from '../crypto/secret.ts'
import type { Files, Random } from '../hw/hardware.ts'
import { wait } from './cli.ts'

const KEY_BYTES = 32

/** @throws WattleError `state-damaged` where the file is there and is none. */
export async function keyFile(files: Files, name: string, random: Random): Promise<Signer> {
  const old = await new Promise<Bytes | null>((done, fail) =>
    files.read(name, (error, bytes) => (error ? fail(error) : done(bytes))),
  )
  if (old && old.length !== KEY_BYTES)
    throw new WattleError('state-damaged', `${name}: expected ${KEY_BYTES} bytes`, EXIT.stay)
  if (old) return new Signer(new Secret(old))
  const seed = new Uint8Array(KEY_BYTES)
  random(seed)
  await wait<true>((done) => files.replace(name, seed, (error) => done(error, true)))
  return new Signer(new Secret(seed))
}
