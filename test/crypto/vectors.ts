// Reads the public vectors of test/vectors (see ORIGIN.md there), from the repository's root.
import { readFileSync } from 'node:fs'
import { unhex } from '../../src/base/bytes.ts'

export interface WycheproofCase {
  readonly tcId: number
  readonly comment: string
  readonly flags: readonly string[]
  readonly result: 'valid' | 'invalid' | 'acceptable'
  readonly [field: string]: unknown
}

export interface WycheproofGroup {
  readonly tests: readonly WycheproofCase[]
  readonly [field: string]: unknown
}

export function json<T>(name: string): T {
  return JSON.parse(readFileSync(`test/vectors/${name}`, 'utf8')) as T
}

export function wycheproof(name: string): readonly WycheproofGroup[] {
  return json<{ testGroups: WycheproofGroup[] }>(`wycheproof/${name}_test.json`).testGroups
}

/** Bytes of a hex field; a missing or malformed one is a broken vector file. */
export function h(value: unknown): Uint8Array {
  const bytes = typeof value === 'string' ? unhex(value) : null
  if (!bytes) throw new TypeError(`no hex: ${String(value)}`)
  return bytes
}
