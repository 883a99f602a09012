// `wattle home device-key …`: another key for a device, and a key that nobody is to believe any more
// (docs/owners.md "A device's key").

import { base64url } from '../../../base/bytes.ts'
import { WattleError } from '../../../base/errors.ts'
import type { Progress } from '../../../home/owning/owning.ts'
import { usage } from '../../cli.ts'
import type { ControlRequest } from '../../control.ts'
import { type Answer, type HomeCommand, textOf } from '../command.ts'
import type { Running } from '../running.ts'
import { devicesOf, outcome, wordsOf } from './owners.ts'

export const DEVICE_KEY_COMMANDS: readonly HomeCommand[] = [
  {
    verb: 'device-key',
    all: true,
    request: (words) => {
      const [act, device, successor] = words
      const most = act === 'revoke' ? 3 : 2
      if (!['show', 'replace', 'revoke'].includes(act ?? '') || !device || words.length > most)
        throw usage('home device-key: expected show DEVICE, replace DEVICE, or revoke DEVICE [SUCCESSOR]')
      return { do: 'device-key', act: act!, of: device, ...(successor ? { successor } : {}) }
    },
    act: (running, request, answer) => {
      try {
        carryOut(running, request, answer)
      } catch (error) {
        if (!(error instanceof WattleError)) throw error
        answer({ ok: false, code: error.code, text: error.message })
      }
    },
    words: (result) => wordsOf(result as { devices?: Progress[] }),
  },
]

function carryOut(running: Running, request: ControlRequest, answer: Answer): void {
  const { home } = running
  const word = textOf(request, 'of')
  if (textOf(request, 'act') === 'show') {
    const device = home.store.find(word)
    if (!device) throw new WattleError('unknown-device', `no device ${word}; see wattle home devices`)
    const { keys, revoked } = device.log
    return answer({ ok: true, result: { device: device.name, keys: keys.map(base64url), revoked } })
  }
  const [owned] = devicesOf(running, word)
  if (textOf(request, 'act') === 'replace') return home.owning.replaceKey(owned!, outcome(answer))
  const next = textOf(request, 'successor')
  const successor = next === '' ? null : devicesOf(running, next)[0]!
  if (successor === owned) throw new WattleError('usage', 'a device does not follow itself')
  home.owning.revokeKey(owned!, successor, outcome(answer))
}
