// `wattle home history DEVICE`: what was used, a step a line.

import { base64url } from '../../../base/bytes.ts'
import { STEPS, type Step, Zone } from '../../../home/history/steps.ts'
import { usage } from '../../cli.ts'
import { type HomeCommand, need, textOf } from '../command.ts'

const DAY_MS = 86_400_000

export const HISTORY_COMMANDS: readonly HomeCommand[] = [
  {
    verb: 'history',
    request: (words, given) => {
      need('history', words, 1, 'DEVICE')
      const step = given.text('step') ?? 'day'
      if (!STEPS.some((s) => s === step)) throw usage(`--step ${step}: expected ${STEPS.join(', ')}`)
      const zone = given.text('zone') ?? Intl.DateTimeFormat().resolvedOptions().timeZone
      try {
        new Zone(zone)
      } catch {
        throw usage(`--zone ${zone}: expected a name like Europe/Amsterdam`)
      }
      const [from, to] = [dateOf('from', given.text('from')), dateOf('to', given.text('to'))]
      return {
        do: 'history',
        device: words[0]!,
        step,
        zone,
        csv: given.flag('csv'),
        ...(from === null ? {} : { from }),
        ...(to === null ? {} : { to }),
      }
    },
    act: ({ home, keeping }, request, answer) => {
      const owned = home.find(textOf(request, 'device'))
      if (!owned)
        return answer({ ok: false, code: 'unknown-device', text: 'no such device; see wattle home devices' })
      const key = base64url(owned.device.key)
      keeping.history.flush()
      const to = typeof request['to'] === 'number' ? request['to'] : Date.now()
      const from = typeof request['from'] === 'number' ? request['from'] : to - 30 * DAY_MS
      if (request['csv'] === true)
        return answer({ ok: true, result: [...keeping.history.csv(key, from, to)].join('') })
      const step = textOf(request, 'step') as Step
      const rows = keeping.history.rows(key, { from, to, step, zone: new Zone(textOf(request, 'zone')) })
      answer({ ok: true, result: rows.map((r) => ({ ...r, at: new Date(r.at).toISOString() })) })
    },
  },
]

/** @throws WattleError `usage` */
function dateOf(option: string, text: string | undefined): number | null {
  if (text === undefined) return null
  const at = Date.parse(text)
  if (Number.isNaN(at)) throw usage(`--${option} ${text}: expected a date like 2026-10-01`)
  return at
}
