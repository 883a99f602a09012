// `wattle home link`: the address of the running home's page, with the key that opens it.

import { type HomeCommand, need } from '../command.ts'
import { pageKeyOf } from './key.ts'

export const LINK_COMMANDS: readonly HomeCommand[] = [
  {
    verb: 'link',
    request: (words) => {
      need('link', words, 0, 'nothing more')
      return { do: 'link' }
    },
    act: ({ machine, address }, _request, answer) =>
      address === null
        ? answer({ ok: false, code: 'not-served', text: 'no page is served; start wattle home serve' })
        : answer({ ok: true, result: `${address}#~${pageKeyOf(machine.folder)}\n` }),
  },
]
