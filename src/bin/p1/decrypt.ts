// The options that open encrypted telegrams, and the framer they ask for.

import { type Bytes, concat, unhex } from '../../base/bytes.ts'
import { openAes128Gcm } from '../../crypto/native.ts'
import { EncryptedFramer } from '../../p1/frame/encrypted.ts'
import type { FramerEvents } from '../../p1/frame/frame.ts'
import { Framer } from '../../p1/frame/framer.ts'
import { type OptionSpec, usage } from '../cli.ts'

export const DECRYPT_OPTIONS: OptionSpec = {
  key: { type: 'string' },
  'auth-key': { type: 'string' },
  decrypt: { type: 'string' },
}

/** Printed in the Luxembourg standard; several meters in the field use another. */
const STANDARD_AUTH_KEY = '00112233445566778899aabbccddeeff'
/** Security control byte, the first of the additional data. */
const CONTROL = 0x30

/** Value of an option or of a line in the configuration. */
export type Setting = (name: string) => string | undefined

function key(setting: Setting, name: string, otherwise?: string): Bytes {
  const bytes = unhex(setting(name) ?? otherwise ?? '')
  if (bytes?.length !== 16) throw usage(`--${name} takes 32 hex digits`)
  return bytes
}

/** @throws WattleError `usage` for keys that are none. */
export function framerFor(setting: Setting, events: FramerEvents): Framer | EncryptedFramer {
  const mode = setting('decrypt') ?? (setting('key') === undefined ? 'off' : 'strict')
  if (mode === 'off') return new Framer(events)
  if (mode !== 'strict' && mode !== 'crc-only') throw usage('--decrypt takes strict, crc-only or off')
  const secret = key(setting, 'key')
  const aad = concat(Uint8Array.of(CONTROL), key(setting, 'auth-key', STANDARD_AUTH_KEY))
  return new EncryptedFramer(events, mode, (iv, text, tag) => openAes128Gcm(secret, iv, aad, text, tag))
}
