// `wattle home neighbours`: whom devices keep a relation with (docs/discovery.md "Neighbourhood"): one's own
// other devices by themselves, those of other owners where both agree.

import { base64url, equal, unbase64url } from '../../../base/bytes.ts'
import { WattleError } from '../../../base/errors.ts'
import type { Owned } from '../../../home/owned.ts'
import { bootstrapPeers } from '../../../node/peers/config.ts'
import { COMMUNITIES, encodeBareCommunities } from '../../../wire/net/communities.ts'
import { usage } from '../../cli.ts'
import type { ControlRequest } from '../../control.ts'
import { type Answer, type HomeCommand, textOf } from '../command.ts'
import type { Running } from '../running.ts'

const YEAR_MS = 365 * 86_400_000

interface ShownNeighbour {
  device: string
  /** Its name where it is ours. */
  neighbour: string
  state: string
  /** ISO 8601; null for never. */
  seen: string | null
  path: string | null
}

export const NEIGHBOURS_COMMAND: HomeCommand = {
  verb: 'neighbours',
  all: true,
  request: (words) => {
    const [act, ...rest] = words
    if (act === 'agree' && rest.length === 1) return { do: 'neighbours', act, peers: rest[0] }
    if (act === 'disagree' && rest.length === 1) return { do: 'neighbours', act, key: rest[0] }
    if (rest.length > 0 || act === 'agree' || act === 'disagree')
      throw usage('home neighbours: expected [DEVICE] | agree KEY@HOST:PORT[,…] | disagree KEY')
    return { do: 'neighbours', act: 'show', ...(act === undefined ? {} : { device: act }) }
  },
  act: neighbours,
  words: (result) =>
    Array.isArray(result)
      ? (result as ShownNeighbour[]).map(
          (n) =>
            `${n.device}: ${n.neighbour} is ${n.state}${n.path === null ? '' : ` by ${n.path}`}${n.seen === null ? '' : `, seen ${n.seen}`}`,
        )
      : [],
}

/** An invitation by this owner: whoever has it may use the relay until then. */
export const INVITE_COMMAND: HomeCommand = {
  verb: 'invite',
  request: (words, given) => {
    const [relay = '', guest = '', ...more] = words
    if (more.length > 0 || unbase64url(guest)?.length !== 32)
      throw usage("home invite: expected RELAY (a device of yours, or a key) and the guest's key")
    const until = Date.parse(given.text('until') ?? new Date(Date.now() + YEAR_MS).toISOString())
    if (!Number.isFinite(until)) throw usage(`--until ${given.text('until')}: expected a date`)
    return { do: 'invite', relay, guest, until }
  },
  act: ({ home }, request, answer) => {
    const word = textOf(request, 'relay')
    const relay = home.find(word)?.key ?? unbase64url(word)
    const guest = unbase64url(textOf(request, 'guest'))
    if (relay?.length !== 32 || !guest)
      return answer({ ok: false, code: 'unknown-device', text: `${word}: no device of yours, and no key` })
    const invite = home.communities.invite(relay, guest, Number(request['until']))
    return answer({ ok: true, result: { invite } })
  },
}

function neighbours({ home }: Running, request: ControlRequest, answer: Answer): void {
  const { communities } = home
  const act = textOf(request, 'act')
  const done = (error: Error | null): void => {
    if (!error) return answer({ ok: true, result: { agreed: communities.agreed.length } })
    const code = error instanceof WattleError ? error.code : 'storage'
    return answer({ ok: false, code, text: error.message })
  }
  if (act === 'agree') {
    const peers = bootstrapPeers(textOf(request, 'peers'))
    if (!peers || peers.length === 0)
      return answer({ ok: false, code: 'usage', text: 'expected KEY@HOST:PORT, with commas between' })
    const others = communities.agreed.filter(({ key }) => !peers.some((peer) => equal(peer.key, key)))
    return communities.setAgreed([...others, ...peers], done)
  }
  if (act === 'disagree') {
    const key = unbase64url(textOf(request, 'key')) ?? new Uint8Array(0)
    const rest = communities.agreed.filter((peer) => !equal(peer.key, key))
    if (rest.length === communities.agreed.length)
      return answer({ ok: false, code: 'unknown', text: 'there is no agreement about this key' })
    return communities.setAgreed(rest, done)
  }
  const word = textOf(request, 'device')
  const owned = word === '' ? null : home.find(word)
  if (word !== '' && !owned)
    return answer({ ok: false, code: 'unknown-device', text: `no device ${word}; see wattle home devices` })
  return show({ home }, owned ? [owned] : home.owned.filter((o) => o.online), answer)
}

function show({ home }: Pick<Running, 'home'>, devices: readonly Owned[], answer: Answer): void {
  const shown: ShownNeighbour[] = []
  const next = (i: number): void => {
    const owned = devices[i]
    if (!owned) return answer({ ok: true, result: shown })
    const question = encodeBareCommunities(COMMUNITIES.askNeighbours)
    return home.communities.ask(owned.key, question, (error, _, list) => {
      if (error) return answer({ ok: false, code: error.code, text: error.message })
      for (const { key, state, seen, path } of list)
        shown.push({
          device: owned.device.name,
          neighbour: home.owned.find((other) => equal(other.key, key))?.device.name ?? base64url(key),
          state,
          seen: seen === 0 ? null : new Date(seen).toISOString(),
          path: path === '' ? null : path,
        })
      return next(i + 1)
    })
  }
  next(0)
}
