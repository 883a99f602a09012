// `wattle home policy show|set|reset`: what the owners decide in advance (docs/wire/owners.md "Policy").

import { existsSync, readFileSync } from 'node:fs'
import { WattleError } from '../../../base/errors.ts'
import { describePolicies } from '../../../ownership/owners/change.ts'
import {
  asPolicy,
  FACTORY_POLICY,
  looser,
  type Policy,
  policyFault,
} from '../../../ownership/policy/policy.ts'
import { usage } from '../../cli.ts'
import type { ControlRequest } from '../../control.ts'
import { type Answer, type HomeCommand, textOf } from '../command.ts'
import type { Running } from '../running.ts'
import { devicesOf } from './owners.ts'

export const POLICY_COMMANDS: readonly HomeCommand[] = [
  {
    verb: 'policy',
    all: true,
    request: (words, given) => {
      const [act = 'show', ...rest] = words
      const [device] = given.list('device')
      const about = device === undefined ? {} : { device }
      if (act === 'show') {
        if (rest.length > 1) throw usage('home policy show: expected [DEVICE]')
        return { do: 'policy', act, ...(rest[0] === undefined ? about : { device: rest[0] }) }
      }
      if (act === 'reset' && rest.length === 0) return { do: 'policy', act, ...about }
      if (act !== 'set' || rest.length === 0)
        throw usage(
          'home policy: expected show [DEVICE], reset, or set MEMBER=VALUE… (or FILE), with --device DEVICE for one alone',
        )
      const [first] = rest
      if (rest.length === 1 && first !== undefined && existsSync(first))
        return { do: 'policy', act, document: readFileSync(first, 'utf8'), ...about }
      for (const word of rest)
        if (!/^[a-zA-Z.]+=/.test(word)) throw usage(`home policy set ${word}: expected MEMBER=VALUE`)
      return { do: 'policy', act, members: rest, ...about }
    },
    act: policy,
    words: (result) =>
      (
        (result as { devices?: { device: string; does?: string[]; state?: string; text?: string }[] })
          .devices ?? []
      )
        .filter((d) => d.does !== undefined)
        .map(
          (d) =>
            `${d.device}: ${d.does!.join('; ') || 'nothing changes'} – ${d.state}${d.text === undefined ? '' : ` (${d.text})`}`,
        ),
  },
]

function policy(running: Running, request: ControlRequest, answer: Answer): void {
  try {
    const devices = devicesOf(running, textOf(request, 'device'))
    const act = textOf(request, 'act')
    if (act === 'show')
      return answer({
        ok: true,
        result: devices.map(({ device }) => ({
          device: device.name,
          policy: device.log.policy,
          differs: describePolicies(FACTORY_POLICY, device.log.policy),
        })),
      })
    const members = Array.isArray(request['members']) ? (request['members'] as string[]) : []
    const document = textOf(request, 'document')
    const wanted = (before: Policy): Policy =>
      act === 'reset' ? FACTORY_POLICY : document === '' ? changed(before, members) : whole(document)
    const more = devices.some(({ device }) => looser(device.log.policy, wanted(device.log.policy)))
    running.home.owning.setPolicy(devices, wanted, (error, progress, change) => {
      if (error) return answer({ ok: false, code: error.code, text: error.message })
      const result = { devices: progress, allowsMore: more, ...(change === null ? {} : { change }) }
      answer({ ok: true, result })
    })
  } catch (error) {
    if (!(error instanceof WattleError)) throw error
    answer({ ok: false, code: error.code, text: error.message })
  }
}

function whole(document: string): Policy {
  let value: unknown
  try {
    value = JSON.parse(document)
  } catch (error) {
    throw new WattleError('bad-policy', `this file is no JSON: ${(error as Error).message}`)
  }
  return checked(value)
}

/** `relay.for=owners` and the like; lists are comma-separated. */
export function changed(before: Policy, members: readonly string[]): Policy {
  const copy: Record<string, unknown> = { mailboxes: [], ...structuredClone(before) }
  for (const member of members) {
    const at = member.indexOf('=')
    const path = member.slice(0, at).split('.')
    const name = path.pop()!
    let inner: Record<string, unknown> = copy
    for (const step of path) {
      const next = Object.hasOwn(inner, step) ? inner[step] : undefined
      if (typeof next !== 'object' || next === null)
        throw new WattleError('bad-policy', `no member ${member.slice(0, at)}`)
      inner = next as Record<string, unknown>
    }
    if (!Object.hasOwn(inner, name)) throw new WattleError('bad-policy', `no member ${member.slice(0, at)}`)
    inner[name] = valueFor(member.slice(at + 1), inner[name])
  }
  return checked(copy)
}

function valueFor(word: string, old: unknown): unknown {
  if (typeof old === 'number') return Number(word)
  if (typeof old === 'boolean') return word === 'true' ? true : word === 'false' ? false : word
  return Array.isArray(old) ? word.split(',').filter((w) => w !== '') : word
}

function checked(value: unknown): Policy {
  const policy = asPolicy(value)
  if (policy) return policy
  throw new WattleError(
    'bad-policy',
    `${policyFault(value)} does not fit; what each member may be is in docs/wire/owners.md`,
  )
}
