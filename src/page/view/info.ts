// What a device tells of itself, as a home takes it: built anew from the fields that are known, each of
// its kind and length, so that nothing else of it gets to a page. Never throws.

import { LIMITS } from '../../base/limits.ts'
import type { DeviceInfo, PageReads, RawView } from '../protocol.ts'

const MOST_CHARS = 16_384
const LINE_CHARS = 200

type Fields = Record<string, unknown>

/** Null for anything else than a device's own words. */
export function readInfo(json: string): DeviceInfo | null {
  const info = json.length <= MOST_CHARS ? fields(parse(json)) : null
  if (!info) return null
  const { line, reads, written, lights, raw, addresses, owners } = info
  const known = fields(line)
  const shown = fields(lights)
  const port = fields(raw)
  return {
    addresses: list(addresses, 8).map(words),
    version: words(info['version']),
    board: words(info['board']),
    line: known && { path: words(known['path']), up: known['up'] === true, text: words(known['text']) },
    good: whole(info['good']),
    bad: whole(info['bad']),
    reading: whole(info['reading']),
    owners: list(owners, 16).map(words),
    uptime: whole(info['uptime']),
    reads: list(reads, LIMITS.channel.readers).flatMap((r) => readsOf(fields(r))),
    written: typeof written === 'number' ? whole(written) : null,
    ...(shown ? { lights: { status: word(shown['status']), meter: word(shown['meter']) } } : {}),
    ...(port ? { raw: rawOf(port) } : {}),
  } as DeviceInfo
}

function rawOf(port: Fields): RawView {
  const { on, address, clients, fixed, text } = port
  return {
    on: on === true,
    address: typeof address === 'string' ? words(address) : null,
    clients: whole(clients),
    fixed: fixed === true,
    ...(typeof text === 'string' ? { text: words(text) } : {}),
  }
}

function readsOf(read: Fields | null): PageReads[] {
  if (!read) return []
  const { grant, last, visits, frames } = read
  return [{ grant: words(grant), last: whole(last), visits: whole(visits), frames: whole(frames) }]
}

/** The name of a pattern, or null. */
function word(value: unknown): string | null {
  return typeof value === 'string' && /^[a-z0-9-]{1,32}$/.test(value) ? value : null
}

function words(value: unknown): string {
  return typeof value === 'string' ? value.slice(0, LINE_CHARS) : ''
}

function whole(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) ? Math.max(0, Math.floor(value)) : 0
}

function list(value: unknown, most: number): unknown[] {
  return Array.isArray(value) ? value.slice(0, most) : []
}

function fields(value: unknown): Fields | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : null
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return null
  }
}
