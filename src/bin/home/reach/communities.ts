// `wattle home communities`: lists of peers that devices know from their first minute, the card's and the
// owner's (docs/discovery.md "Communities"): shown, set, pushed, removed.

import { readFileSync } from 'node:fs'
import { base64url } from '../../../base/bytes.ts'
import { WattleError } from '../../../base/errors.ts'
import type { HeldList } from '../../../home/network/communities.ts'
import type { Owned } from '../../../home/owned.ts'
import { bootstrapPeers } from '../../../node/peers/config.ts'
import {
  COMMUNITIES,
  encodeBareCommunities,
  encodePutList,
  encodeRemoveList,
  ORIGIN,
} from '../../../wire/net/communities.ts'
import { usage } from '../../cli.ts'
import type { ControlRequest } from '../../control.ts'
import { type Answer, type HomeCommand, textOf } from '../command.ts'
import type { Running } from '../running.ts'
import { INVITE_COMMAND, NEIGHBOURS_COMMAND } from './neighbours.ts'

interface ShownList {
  device: string
  name: string
  from: 'card' | 'owner'
  seq: number
  /** So many of its signers sign the next version. */
  m: number
  signers: string[]
  peers: { key: string; addresses: readonly string[] }[]
}

const WORDS = '[DEVICE] | set NAME KEY@HOST:PORT[,…] | clear | push DEVICE FILE | remove DEVICE NAME'

export const COMMUNITY_COMMANDS: readonly HomeCommand[] = [
  {
    verb: 'communities',
    all: true,
    request: (words) => {
      const [act, ...rest] = words
      if (act === 'set' && rest.length === 2) return { do: 'communities', act, name: rest[0], peers: rest[1] }
      if (act === 'clear' && rest.length === 0) return { do: 'communities', act }
      if (act === 'push' && rest.length === 2)
        return { do: 'communities', act, device: rest[0], jws: readFileSync(rest[1]!, 'utf8').trim() }
      if (act === 'remove' && rest.length === 2)
        return { do: 'communities', act, device: rest[0], name: rest[1] }
      if (rest.length > 0 || ['set', 'clear', 'push', 'remove'].some((word) => word === act))
        throw usage(`home communities: expected ${WORDS}`)
      return { do: 'communities', act: 'show', ...(act === undefined ? {} : { device: act }) }
    },
    act: communities,
    words: (result) =>
      Array.isArray(result)
        ? (result as ShownList[]).map(
            (l) => `${l.device}: ${l.name}, version ${l.seq}, from the ${l.from}: ${l.peers.length} peers`,
          )
        : [],
  },
  NEIGHBOURS_COMMAND,
  INVITE_COMMAND,
]

function communities(running: Running, request: ControlRequest, answer: Answer): void {
  const { home } = running
  const act = textOf(request, 'act')
  if (act === 'set') return setOwn(running, request, answer)
  if (act === 'clear') return home.communities.setOwn(null, (error) => answer(told(error)))
  const word = textOf(request, 'device')
  const owned = word === '' ? null : home.find(word)
  if (word !== '' && !owned)
    return answer({ ok: false, code: 'unknown-device', text: `no device ${word}; see wattle home devices` })
  if (act === 'show') return show(running, owned ? [owned] : home.owned.filter((o) => o.online), answer)
  if (!owned) return answer({ ok: false, code: 'bad-shape', text: 'expected a device' })
  const message =
    act === 'push' ? encodePutList(textOf(request, 'jws')) : encodeRemoveList(textOf(request, 'name'))
  return home.communities.ask(owned.key, message, (error) => answer(told(error)))
}

function show({ home }: Running, devices: readonly Owned[], answer: Answer): void {
  const shown: ShownList[] = []
  const next = (i: number): void => {
    const owned = devices[i]
    if (!owned) return answer({ ok: true, result: shown })
    const question = encodeBareCommunities(COMMUNITIES.show)
    return home.communities.ask(owned.key, question, (error, lists) => {
      if (error) return answer(told(error))
      for (const held of lists) shown.push(shownList(owned.device.name, held))
      return next(i + 1)
    })
  }
  next(0)
}

/** The owner's list, signed by this My Home; every device gets it, those claimed later too. */
function setOwn({ home }: Running, request: ControlRequest, answer: Answer): void {
  const peers = bootstrapPeers(textOf(request, 'peers'))
  if (!peers || peers.length === 0)
    return answer({ ok: false, code: 'usage', text: 'expected KEY@HOST:PORT, with commas between' })
  const jws = home.communities.sign(textOf(request, 'name'), peers)
  return home.communities.setOwn(jws, (error) => {
    if (error) return answer(told(error))
    return answer({ ok: true, result: { list: textOf(request, 'name'), peers: peers.length } })
  })
}

function shownList(device: string, { list, origin }: HeldList): ShownList {
  return {
    device,
    name: list.name,
    from: origin === ORIGIN.card ? 'card' : 'owner',
    seq: list.seq,
    m: list.m,
    signers: list.signers.map(base64url),
    peers: list.peers.map(({ key, addresses }) => ({ key: base64url(key), addresses })),
  }
}

function told(error: Error | null): Parameters<Answer>[0] {
  if (!error) return { ok: true, result: { ok: true } }
  const code = error instanceof WattleError ? error.code : 'storage'
  return { ok: false, code, text: error.message }
}
