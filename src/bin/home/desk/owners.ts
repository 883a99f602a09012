// Owners and policy for the page: as `wattle home owners` and `wattle home policy`, of one device.

import { base64url, equal } from '../../../base/bytes.ts'
import { WattleError } from '../../../base/errors.ts'
import type { Owned } from '../../../home/owned.ts'
import type { Outcome } from '../../../home/owning/owning.ts'
import { consentsOf, exportOf } from '../../../home/proof/proof.ts'
import { describePolicies } from '../../../ownership/owners/change.ts'
import { adding, removing } from '../../../ownership/owners/edits.ts'
import { FACTORY_POLICY } from '../../../ownership/policy/policy.ts'
import type { DeskAsk, DeskChange, DeskConsent, DeskOwners, DeskPolicy } from '../../../page/desk/desk.ts'
import { invitationOf, invitationTo } from '../owners/owners.ts'
import { changed } from '../owners/policy.ts'
import type { Running } from '../running.ts'
import type { DeskAct, DeskDone } from './act.ts'

/** @throws WattleError `unknown-device` */
export function ownedOf({ home }: Running, ask: DeskAsk): Owned {
  const owned = home.find(ask.device)
  if (owned) return owned
  throw new WattleError('unknown-device', `no device ${ask.device} here`)
}

/** A text that the verb needs. @throws WattleError `bad-shape` */
export function wordOf(ask: DeskAsk, name: string): string {
  const word = ask.with[name]
  if (typeof word === 'string' && word !== '') return word
  throw new WattleError('bad-shape', `${name}: expected a text`)
}

export const proof: DeskAct = (running, ask, done) => {
  const owned = ownedOf(running, ask)
  owned.refresh(() => {
    const access = running.home.access(owned.device)
    const list: DeskConsent[] = access ? consentsOf(owned.device, access) : []
    done(null, list)
  })
}

/** The text of `wattle home export DEVICE`. */
export function exportText(running: Running, ask: DeskAsk): string {
  const { device } = ownedOf(running, ask)
  const access = running.home.access(device)
  return `${JSON.stringify(access ? exportOf(device, access) : {}, null, 1)}\n`
}

export const owners: DeskAct = (running, ask, done) => {
  const { home } = running
  const { device } = ownedOf(running, ask)
  const { set } = device.log
  const view: DeskOwners = {
    threshold: set.m,
    recovery: set.recovery !== null,
    owners: set.owners.map(({ sign }) => ({
      name: home.owning.nameOf(sign),
      key: base64url(sign),
      own: equal(sign, home.key),
    })),
    waiting: device.change !== null,
  }
  done(null, view)
}

export const card: DeskAct = ({ home }, _ask, done) => done(null, home.owning.card('home'))

export const invitation: DeskAct = (running, ask, done) =>
  done(null, invitationTo(ownedOf(running, ask).device))

export const join: DeskAct = ({ home }, ask, done) => {
  const invited = invitationOf(wordOf(ask, 'invitation'))
  // A page is not to send this computer to an address of its choice with nothing that proves who answers.
  if (invited.key === null)
    throw new WattleError('bad-invitation', 'expected a line "wattle-device:…" from an owner')
  home.joining.join(invited, done)
}

export const addOwner: DeskAct = (running, ask, done) => {
  const owned = ownedOf(running, ask)
  running.home.store.addOwnerCard(wordOf(ask, 'card'), (error, found) => {
    if (!found) return done(new WattleError('bad-card', error?.message ?? 'no card'), null)
    const { sign, box, next } = found
    edit(done, (outcome) => running.home.owning.edit([owned], adding({ sign, box, next }), outcome))
  })
}

export const removeOwner: DeskAct = (running, ask, done) => {
  const owned = ownedOf(running, ask)
  const key = wordOf(ask, 'owner')
  const found = owned.device.log.owners.find(({ sign }) => base64url(sign) === key)
  if (!found) throw new WattleError('unknown-owner', `${key} is no owner of this device`)
  edit(done, (outcome) => running.home.owning.edit([owned], removing(found.sign), outcome))
}

export const policy: DeskAct = (running, ask, done) => {
  const { policy: now } = ownedOf(running, ask).device.log
  const view: DeskPolicy = { members: membersOf(now), differs: describePolicies(FACTORY_POLICY, now) }
  done(null, view)
}

export const setPolicy: DeskAct = (running, ask, done) => {
  const owned = ownedOf(running, ask)
  const value = ask.with['value']
  const member = `${wordOf(ask, 'member')}=${typeof value === 'string' ? value : ''}`
  edit(done, (outcome) =>
    running.home.owning.setPolicy([owned], (before) => changed(before, [member]), outcome),
  )
}

/** Carries out a change of one device and says how far it came. */
function edit(done: DeskDone, act: (outcome: Outcome) => void): void {
  const came: Outcome = (error, [progress], change) => {
    if (error) return done(error, null)
    const result: DeskChange = {
      state: progress?.state ?? 'done',
      does: progress?.does ?? [],
      ...(progress?.text === undefined ? {} : { text: progress.text }),
      ...(change === null ? {} : { change }),
    }
    done(null, result)
  }
  try {
    act(came)
  } catch (error) {
    if (!(error instanceof WattleError)) throw error
    done(error, null)
  }
}

/** Every member that can be changed, by its path. */
function membersOf(value: object, path = ''): [string, string][] {
  return Object.entries(value).flatMap(([name, inner]: [string, unknown]): [string, string][] => {
    const at = path === '' ? name : `${path}.${name}`
    if (at === 'v') return []
    if (typeof inner === 'object' && inner !== null && !Array.isArray(inner)) return membersOf(inner, at)
    return [[at, Array.isArray(inner) ? inner.join(',') : String(inner)]]
  })
}
