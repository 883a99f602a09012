// Checks what an owner's page wants of its device (protocol.ts `DeviceWish`): it comes out of a session that
// proved an owner's key, and is outside input all the same. Never throws.

import { unbase64url } from '../base/bytes.ts'
import type { DeviceWish } from './protocol.ts'

const MOST_CHARS = 2_000
const ADDRESS = /^(?:[a-z0-9_.-]{1,100}|\[[0-9a-f:.]{2,45}\]):\d{1,5}$/i
const HERE = /^(?:[a-z0-9_.-]{1,100}|\[[0-9a-f:.]{2,45}\])$/i

export function readWish(json: string): DeviceWish | null {
  if (json.length > MOST_CHARS) return null
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch {
    return null
  }
  if (typeof value !== 'object' || value === null) return null
  const { do: what, grant, to, here, on } = value as Record<string, unknown>
  if (what === 'identify') return { do: 'identify' }
  if (what === 'raw') return typeof on === 'boolean' ? { do: 'raw', on } : null
  if (what !== 'invite' || typeof grant !== 'string' || unbase64url(grant)?.length !== 16) return null
  if (typeof here !== 'string' || !HERE.test(here)) return null
  if (!Array.isArray(to) || to.length < 1 || to.length > 8) return null
  return to.every((a) => typeof a === 'string' && ADDRESS.test(a))
    ? { do: 'invite', grant, to: to as string[], here }
    : null
}
