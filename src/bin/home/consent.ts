// `wattle home grant|revoke|grants`: who may read.

import { base64url } from '../../base/bytes.ts'
import type { Ask, ResolutionClass } from '../../page/protocol.ts'
import { CLASS_NAMES, classId } from '../../wire/frame.ts'
import { usage } from '../cli.ts'
import type { ControlRequest } from '../control.ts'
import { cardOf } from './card.ts'
import { type Answer, type HomeCommand, need, textOf } from './command.ts'
import type { Running } from './running.ts'

export const CONSENT_COMMANDS: readonly HomeCommand[] = [
  {
    verb: 'grant',
    request: (words, given) => {
      need('grant', words, 2, 'DEVICE PROVIDER')
      const cls = given.text('class') ?? 'raw'
      if (classId(cls) === null) throw usage(`--class ${cls}: expected raw, 15min or day`)
      const until = given.text('until')
      const at = until === undefined ? undefined : Date.parse(until)
      if (Number.isNaN(at)) throw usage(`--until ${until}: expected a date like 2027-03-31`)
      const card = cardOf(words[1]!)
      return {
        do: 'grant',
        device: words[0]!,
        provider: card ?? words[1]!,
        class: cls,
        purpose: given.text('purpose') ?? '',
        ...(at === undefined ? {} : { until: at }),
        ...(card === null ? {} : { card }),
      }
    },
    act: grant,
  },
  {
    verb: 'revoke',
    request: (words) => {
      need('revoke', words, 2, 'DEVICE PROVIDER')
      return { do: 'revoke', device: words[0]!, provider: words[1]! }
    },
    act: revoke,
  },
  {
    verb: 'grants',
    request: (words) => {
      if (words.length > 1) throw usage(`home grants: expected one DEVICE or none, not ${words.join(' ')}`)
      return { do: 'grants', ...(words[0] === undefined ? {} : { device: words[0] }) }
    },
    act: grants,
  },
]

function grant({ home, face }: Running, request: ControlRequest, answer: Answer): void {
  const ask = (provider: string): Ask => ({
    id: 1,
    do: 'grant',
    device: textOf(request, 'device'),
    provider,
    class: textOf(request, 'class') as ResolutionClass,
    purpose: textOf(request, 'purpose'),
    ...(typeof request['until'] === 'number' ? { until: request['until'] } : {}),
  })
  const line = textOf(request, 'card')
  if (line === '') return face.ask(ask(textOf(request, 'provider')), answer)
  home.store.addCard(line, (error, card) => {
    if (!card) answer({ ok: false, code: 'bad-card', text: error?.message ?? 'no card' })
    else face.ask(ask(base64url(card.sign)), answer)
  })
}

function revoke({ home, face }: Running, request: ControlRequest, answer: Answer): void {
  const device = textOf(request, 'device')
  const log = home.find(device)?.device.log
  const word = textOf(request, 'provider')
  const reader = log?.readers.find(
    (r) => r.name === word || base64url(r.grantId) === word || base64url(r.sign) === word,
  )
  if (log && !reader)
    return answer({ ok: false, code: 'unknown-grant', text: `${word} has no consent for ${device}` })
  face.ask({ id: 1, do: 'revoke', device, grant: reader ? base64url(reader.grantId) : 'none' }, answer)
}

function grants({ home }: Running, request: ControlRequest, answer: Answer): void {
  const only = textOf(request, 'device')
  const readers = home.owned
    .filter((o) => only === '' || o.device.name === only)
    .flatMap((o) => o.device.log.readers.map((r) => ({ device: o.device.name, ...r })))
  answer({
    ok: true,
    result: readers.map((r) => ({
      device: r.device,
      id: base64url(r.grantId),
      provider: r.name,
      class: CLASS_NAMES[r.class],
      since: r.since,
      until: r.until,
      purpose: r.purpose,
    })),
  })
}
