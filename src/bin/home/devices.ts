// `wattle home claim|devices|delete`: having devices.

import { usage } from '../cli.ts'
import { type HomeCommand, need, textOf } from './command.ts'

export const DEVICE_COMMANDS: readonly HomeCommand[] = [
  {
    verb: 'claim',
    request: (words, given) => {
      need('claim', words, 1, 'CODE or URL')
      const [device] = given.list('device')
      const waitMs = Number(given.text('wait') ?? 60) * 1_000
      if (!(waitMs >= 0)) throw usage(`--wait ${given.text('wait')}: expected seconds, from 0 up`)
      return {
        do: 'claim',
        code: words[0]!,
        wait: waitMs,
        ...(device === undefined ? {} : { address: device }),
      }
    },
    act: ({ face }, request, answer) => {
      const address = textOf(request, 'address')
      const ask = {
        id: 1,
        do: 'claim' as const,
        code: textOf(request, 'code'),
        ...(address === '' ? {} : { address }),
      }
      face.claim(ask, Number(request['wait'] ?? 0), answer)
    },
  },
  {
    verb: 'devices',
    request: (words) => {
      need('devices', words, 0, 'nothing more')
      return { do: 'devices' }
    },
    act: ({ face }, _, answer) =>
      answer({
        ok: true,
        result: face.state().devices.map(({ grants, ...device }) => ({ ...device, grants: grants.length })),
      }),
  },
  {
    verb: 'delete',
    request: (words) => {
      need('delete', words, 1, 'DEVICE')
      return { do: 'delete', device: words[0]! }
    },
    act: ({ face }, request, answer) =>
      face.ask({ id: 1, do: 'delete', device: textOf(request, 'device') }, answer),
  },
]
