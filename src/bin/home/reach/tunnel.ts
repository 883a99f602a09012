// `wattle tunnel` and `wattle home open`: ports of a device on this computer, from wherever the device is
// (docs/reach.md). They go on until they are stopped, or whoever asked is gone.

import type { Listener } from '../../../hw/hardware.ts'
import { isTarget } from '../../../wire/net/tunnel.ts'
import { usage } from '../../cli.ts'
import type { ControlRequest } from '../../control.ts'
import { type Answer, type Gone, type HomeCommand, need, textOf } from '../command.ts'
import type { Running } from '../running.ts'

export const TUNNEL_COMMANDS: readonly HomeCommand[] = [
  {
    verb: 'tunnel',
    stays: true,
    request: (words) => {
      const [local = '', where = ''] = words
      const at = where.lastIndexOf(':')
      const target = where.slice(at + 1)
      if (
        words.length !== 2 ||
        !/^\d{1,5}$/.test(local) ||
        Number(local) > 65_535 ||
        at < 1 ||
        !isTarget(target)
      )
        throw usage('tunnel: expected LOCALPORT DEVICE:PORT; PORT is page, raw, raw-web or a number')
      return { do: 'tunnel', local, device: where.slice(0, at), target }
    },
    act: (running, request, answer, gone) => {
      const target = textOf(request, 'target')
      carry(running, request, answer, {
        gone,
        local: Number(textOf(request, 'local')),
        target,
        show: (name, address) => ({
          progress: `${address} is port ${target} of ${name} now; Ctrl-C ends it`,
          result: { device: name, target, address },
        }),
      })
    },
  },
  {
    verb: 'open',
    stays: true,
    request: (words) => {
      need('open', words, 1, 'DEVICE')
      return { do: 'open', device: words[0]! }
    },
    act: (running, request, answer, gone) => {
      const owned = running.home.find(textOf(request, 'device'))
      const url = owned && running.gateway?.urlOf(owned.device.name)
      if (url) return answer({ ok: true, result: { device: owned.device.name, url } })
      return carry(running, request, answer, {
        gone,
        local: 0,
        target: 'page',
        show: (name, address) => ({
          progress: `the page of ${name} is at http://${address}/ now; Ctrl-C ends it`,
          result: { device: name, url: `http://${address}/` },
        }),
      })
    },
    words: (result) => [`open ${(result as { url: string }).url} in a browser`],
  },
]

interface Wish {
  gone: Gone
  local: number
  target: string
  show: (name: string, address: string) => { progress: string; result: unknown }
}

/** A listener on loopback whose connections go to the device; asked for once first, so that a refusal is told at once. */
function carry({ home, tunnels }: Running, request: ControlRequest, answer: Answer, wish: Wish): void {
  const word = textOf(request, 'device')
  const owned = home.find(word)
  if (!owned)
    return answer({ ok: false, code: 'unknown-device', text: `no device ${word}; see wattle home devices` })
  const { key } = owned
  const { name } = owned.device
  const route = { device: key, name, target: wish.target }
  return tunnels.open(route, (error, stream) => {
    stream?.reset()
    if (error) return answer({ ok: false, code: error.code, text: error.message })
    return tunnels.listen(`127.0.0.1:${wish.local}`, route, (failure, listener: Listener | null) => {
      if (!listener)
        return answer({
          ok: false,
          code: failure?.code ?? 'listen-failed',
          text: `127.0.0.1:${wish.local}: cannot listen there: ${failure?.message ?? ''}`,
        })
      wish.gone(() => listener.close())
      return answer({ ok: true, ...wish.show(name, listener.address) })
    })
  })
}
