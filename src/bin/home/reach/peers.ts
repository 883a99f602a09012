// `wattle home peers`: what a device thinks of others, with reasons; vouching; forgiving.

import { base64url, unbase64url } from '../../../base/bytes.ts'
import { describePeer } from '../../../home/network/peers.ts'
import { VOUCH_KINDS, type VouchKind } from '../../../ownership/reputation/statement.ts'
import { encodeAct, encodeBare, encodeStatement, PEERS } from '../../../wire/net/peers.ts'
import { usage } from '../../cli.ts'
import type { ControlRequest } from '../../control.ts'
import { type Answer, type HomeCommand, textOf } from '../command.ts'
import type { Running } from '../running.ts'

const YEAR_MS = 365 * 86_400_000

export const PEER_COMMANDS: readonly HomeCommand[] = [
  {
    verb: 'peers',
    request: (words) => {
      const [device, act, word, ...more] = words
      if (device === undefined || more.length > 0)
        throw usage('home peers: expected DEVICE [vouch [KIND] | show KEY | hide KEY | forgive KEY]')
      if (act === undefined) return { do: 'peers', device }
      if (act === 'vouch') {
        const kind = word ?? 'same-household'
        if (!VOUCH_KINDS.some((k) => k === kind))
          throw usage(`home peers vouch ${kind}: expected ${VOUCH_KINDS.join(', ')}`)
        return { do: 'peers', device, act, kind }
      }
      if (act !== 'show' && act !== 'hide' && act !== 'forgive')
        throw usage(`home peers: expected vouch, show, hide or forgive, not ${act}`)
      if (unbase64url(word ?? '')?.length !== 32)
        throw usage(`home peers ${act}: expected a key of 43 characters, as home peers prints it`)
      return { do: 'peers', device, act, key: word! }
    },
    act: peers,
  },
]

function peers({ home }: Running, request: ControlRequest, answer: Answer): void {
  const word = textOf(request, 'device')
  const owned = home.find(word)
  if (!owned)
    return answer({ ok: false, code: 'unknown-device', text: `no device ${word}; see wattle home devices` })
  const act = textOf(request, 'act')
  const key = unbase64url(textOf(request, 'key')) ?? new Uint8Array(32)
  const message =
    act === ''
      ? encodeBare(PEERS.askPeers)
      : act === 'vouch'
        ? encodeStatement(PEERS.vouch, home.vouchFor(owned, textOf(request, 'kind') as VouchKind, YEAR_MS))
        : encodeAct(act === 'forgive' ? PEERS.forgive : PEERS.show, key, act !== 'hide')
  home.askPeers(owned, message, (error, list) => {
    if (error) answer({ ok: false, code: error.code, text: error.message })
    else if (act === '') answer({ ok: true, result: list.map(describePeer) })
    else answer({ ok: true, result: { device: base64url(owned.key), [act]: true } })
  })
}
