// `wattle home owners …`: who owns, changing it alone or with others, joining, recovery (docs/owners.md).

import { existsSync, readFileSync } from 'node:fs'
import { base64url, equal, text, unbase64url, utf8 } from '../../../base/bytes.ts'
import { WattleError } from '../../../base/errors.ts'
import type { Owned } from '../../../home/owned.ts'
import type { Progress } from '../../../home/owning/owning.ts'
import type { OwnedDevice } from '../../../home/store.ts'
import { linuxRandom } from '../../../hw/linux/clock.ts'
import {
  adding,
  agreeing,
  type Edit,
  handingOver,
  recoveringBy,
  removing,
  replacing,
} from '../../../ownership/owners/edits.ts'
import { freshPaper, paperDigest, paperKey } from '../../../ownership/owners/paper.ts'
import { usage } from '../../cli.ts'
import type { ControlRequest } from '../../control.ts'
import { type Answer, type HomeCommand, textOf } from '../command.ts'
import type { Running } from '../running.ts'

/** Sub-subcommand: the names of its words; those in brackets may be left out. */
const ACTS: Readonly<Record<string, readonly string[]>> = {
  show: ['[DEVICE]'],
  card: ['[NAME]'],
  add: ['CARD', '[DEVICE]'],
  remove: ['OWNER', '[DEVICE]'],
  replace: ['OWNER', 'CARD', '[DEVICE]'],
  threshold: ['M', '[DEVICE]'],
  recovery: ['new|none', '[DEVICE]'],
  transfer: ['DEVICE', 'CARD'],
  read: ['CHANGE'],
  sign: ['CHANGE'],
  apply: ['[DEVICE]'],
  drop: ['[DEVICE]'],
  cancel: ['[DEVICE]'],
  invite: ['DEVICE'],
  join: ['INVITATION'],
  recover: ['ADDRESS', '[PAPER]'],
}

export const OWNER_COMMANDS: readonly HomeCommand[] = [
  {
    verb: 'owners',
    all: true,
    request: (words) => {
      const [act = 'show', ...rest] = words
      const names = Object.hasOwn(ACTS, act) ? ACTS[act]! : null
      if (!names) throw usage(`home owners ${act}: no such act; there are ${Object.keys(ACTS).join(', ')}`)
      const least = names.filter((name) => !name.startsWith('[')).length
      if (rest.length < least || rest.length > names.length)
        throw usage(`home owners ${act}: expected ${names.join(' ') || 'nothing more'}`)
      const request: ControlRequest = { do: 'owners', act }
      names.forEach((name, i) => {
        const word = rest[i]
        const key = name.replace(/\W.*$|^\[|\]$/g, '').toLowerCase()
        if (word !== undefined) request[KEY[name] ?? key] = fileOr(word)
      })
      return request
    },
    act: owners,
    words: (result) => wordsOf(result),
  },
]

const KEY: Readonly<Record<string, string>> = {
  '[DEVICE]': 'device',
  '[NAME]': 'name',
  '[PAPER]': 'paper',
  'new|none': 'what',
}

/** Cards, changes and invitations may be given as the file that holds them. */
function fileOr(word: string): string {
  return existsSync(word) && !word.startsWith('wattle-') ? readFileSync(word, 'utf8').trim() : word
}

function owners(running: Running, request: ControlRequest, answer: Answer): void {
  try {
    carryOut(running, request, answer)
  } catch (error) {
    if (!(error instanceof WattleError)) throw error
    answer({ ok: false, code: error.code, text: error.message })
  }
}

function carryOut(running: Running, request: ControlRequest, answer: Answer): void {
  const { home } = running
  const of = (name: string): string => textOf(request, name)
  const devices = devicesOf(running, of('device'))
  const edit = (change: Edit, extra: Record<string, unknown> = {}): void =>
    home.owning.edit(devices, change, outcome(answer, extra))
  const named = (
    then: (keys: { sign: Uint8Array; box: Uint8Array; next: Uint8Array | null }) => void,
  ): void =>
    home.store.addOwnerCard(of('card'), (error, card) => {
      if (!card) return answer({ ok: false, code: 'bad-card', text: error?.message ?? 'no card' })
      guarded(answer, () => then({ sign: card.sign, box: card.box, next: card.next }))
    })
  switch (of('act')) {
    case 'show':
      return answer({ ok: true, result: devices.map((owned) => show(running, owned)) })
    case 'card':
      return answer({ ok: true, result: { card: home.owning.card(of('name') || 'home') } })
    case 'add':
      return named((keys) => edit(adding(keys)))
    case 'remove':
      return edit(removing(ownerKey(running, of('owner'), devices)))
    case 'replace':
      return named((keys) => edit(replacing(ownerKey(running, of('owner'), devices), keys)))
    case 'threshold':
      return edit(agreeing(Number(of('m'))))
    case 'recovery': {
      if (of('what') === 'none') return edit(recoveringBy(null))
      if (of('what') !== 'new') throw new WattleError('usage', 'home owners recovery: expected new or none')
      const paper = freshPaper(linuxRandom)
      return edit(recoveringBy(paperDigest(paperKey(paper)!)), { paper })
    }
    case 'transfer':
      return named((keys) => edit(handingOver(keys)))
    case 'read':
      return answer({ ok: true, result: { devices: home.owning.describe(of('change')) } })
    case 'sign':
      return home.owning.sign(of('change'), outcome(answer))
    case 'apply':
      return home.owning.apply(devices, outcome(answer))
    case 'drop':
      return home.owning.drop(devices, outcome(answer))
    case 'cancel':
      return home.owning.cancelRecovery(
        devices.filter((o) => o.device.log.heirs !== null),
        outcome(answer),
      )
    case 'invite': {
      return answer({ ok: true, result: { invitation: invitationTo(devices[0]!.device) } })
    }
    case 'join':
      return home.joining.join(invitationOf(of('invitation')), joined(answer))
    case 'recover': {
      if (of('paper') === '') return home.joining.finishRecovery(of('address'), joined(answer))
      const next = freshPaper(linuxRandom)
      return home.joining.startRecovery({ address: of('address'), paper: of('paper'), next }, (error) =>
        answer(
          error
            ? { ok: false, code: error.code, text: error.message }
            : { ok: true, result: { recovery: 'started', hours: 72, paper: next } },
        ),
      )
    }
  }
}

function guarded(answer: Answer, act: () => void): void {
  try {
    act()
  } catch (error) {
    if (!(error instanceof WattleError)) throw error
    answer({ ok: false, code: error.code, text: error.message })
  }
}

export function outcome(
  answer: Answer,
  extra: Record<string, unknown> = {},
): (error: WattleError | null, devices: Progress[], change: string | null) => void {
  return (error, devices, change) => {
    if (error) return answer({ ok: false, code: error.code, text: error.message })
    answer({ ok: true, result: { devices, ...(change === null ? {} : { change }), ...extra } })
  }
}

function joined(answer: Answer): (error: WattleError | null, name: string) => void {
  return (error, name) =>
    answer(
      error ? { ok: false, code: error.code, text: error.message } : { ok: true, result: { device: name } },
    )
}

/** The device of that name, or all that we own. */
export function devicesOf({ home }: Running, word: string): Owned[] {
  if (word === '') return [...home.owned]
  const owned = home.find(word)
  if (!owned) throw new WattleError('unknown-device', `no device ${word}; see wattle home devices`)
  return [owned]
}

/** `me`, a name from a card, or the beginning of a key. */
function ownerKey({ home }: Running, word: string, devices: readonly Owned[]): Uint8Array {
  if (word === 'me') return home.key
  const all = devices.flatMap((o) => o.device.log.owners.map((k) => k.sign))
  const known = all.filter((sign, i) => all.findIndex((other) => equal(other, sign)) === i)
  const fit = known.filter((sign) => home.owning.nameOf(sign) === word || base64url(sign).startsWith(word))
  if (fit.length === 1) return fit[0]!
  throw new WattleError(
    'unknown-owner',
    `${word}: ${fit.length === 0 ? 'no owner' : 'more than one owner'} of that name or key; see wattle home owners`,
  )
}

function show({ home }: Running, { device, ready }: Owned): Record<string, unknown> {
  const { set, heirs } = device.log
  return {
    device: device.name,
    online: ready,
    threshold: set.m,
    owners: set.owners.map((o) => ({
      name: home.owning.nameOf(o.sign),
      key: base64url(o.sign),
      successor: o.next !== null,
    })),
    recovery: set.recovery !== null,
    ...(heirs === null ? {} : { recovering: heirs.owners.map((o) => base64url(o.sign)) }),
    ...(device.change === null ? {} : { waiting: true }),
  }
}

/** The line with which another home finds a device. */
export function invitationTo({ key, addresses }: OwnedDevice): string {
  return `wattle-device:${base64url(utf8(JSON.stringify({ v: 1, device: base64url(key), addresses })))}`
}

/** `wattle-device:…`, or an address alone: then the key is what answers there, proven by its log. */
export function invitationOf(word: string): { address: string; key: Uint8Array | null } {
  if (!word.startsWith('wattle-device:')) return { address: word, key: null }
  try {
    const json: unknown = JSON.parse(
      text(unbase64url(word.slice('wattle-device:'.length)) ?? new Uint8Array(0)),
    )
    const { v, device, addresses } = json as { v?: unknown; device?: unknown; addresses?: unknown }
    const key = typeof device === 'string' ? unbase64url(device) : null
    const [address] = Array.isArray(addresses) ? (addresses as unknown[]) : []
    if (v === 1 && key?.length === 32 && typeof address === 'string') return { address, key }
  } catch {
    // Told below.
  }
  throw new WattleError('bad-invitation', 'expected a line "wattle-device:…", or the address of a device')
}

/** For people, beside the JSON. */
export function wordsOf(result: unknown): string[] {
  const { devices, change, paper, recovery } = (result ?? {}) as {
    devices?: Progress[]
    change?: string
    paper?: string
    recovery?: string
  }
  const lines = (devices ?? []).map(
    (d) =>
      `${d.device}: ${d.does.join('; ') || 'nothing changes'} – ${STATE[d.state]}${d.text === undefined ? '' : ` (${d.text})`}`,
  )
  if (change !== undefined)
    lines.push(
      'Other owners have to sign: hand them the "change" (or the file of --out); each: wattle home owners sign CHANGE',
    )
  if (paper !== undefined)
    lines.push(
      `The paper key, shown this once. Write it down and keep it where a thief of this computer does not look: ${paper}`,
    )
  if (recovery !== undefined)
    lines.push(
      'The recovery has begun. Every owner sees it and may cancel it. After 72 hours of the device being on: wattle home owners recover ADDRESS',
    )
  return lines
}

const STATE: Readonly<Record<Progress['state'], string>> = {
  done: 'done',
  waiting: 'kept, and brought to the device when it can take it',
  'needs-signatures': 'needs more signatures',
}
