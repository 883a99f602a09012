// `wattle home grants|export|log`: who can read what, computed from the keys that were handed out; and what
// the owners have signed.

import { type LogReport, logOf } from '../../home/proof/log.ts'
import { type ConsentReport, consentsOf, exportOf } from '../../home/proof/proof.ts'
import type { OwnedDevice } from '../../home/store.ts'
import { type Parsed, usage } from '../cli.ts'
import type { ControlRequest } from '../control.ts'
import { type Answer, type HomeCommand, textOf } from './command.ts'
import type { Running } from './running.ts'

export const PROOF_COMMANDS: readonly HomeCommand[] = [
  { verb: 'grants', request: (words, given) => deviceOrAll('grants', words, given), act: grants },
  { verb: 'export', request: (words, given) => deviceOrAll('export', words, given), act: exportAll },
  {
    verb: 'log',
    request: (words, given) => {
      if (words.length !== 1) throw usage('home log: expected DEVICE')
      return deviceOrAll('log', words, given)
    },
    act: ownerLog,
  },
]

function deviceOrAll(verb: string, words: string[], given: Parsed): ControlRequest {
  if (words.length > 1) throw usage(`home ${verb}: expected one DEVICE or none, not ${words.join(' ')}`)
  const [device] = words
  return { do: verb, json: given.flag('json'), ...(device === undefined ? {} : { device }) }
}

/** Those that are meant, with what the device says now where it can be reached. */
function chosen({ home }: Running, request: ControlRequest, then: (devices: OwnedDevice[]) => void): void {
  const word = textOf(request, 'device')
  const one = word === '' ? null : home.store.find(word)
  const devices = word === '' ? [...home.store.devices] : one ? [one] : []
  const online = home.owned.filter((o) => devices.includes(o.device) && o.ready)
  let open = online.length
  if (open === 0) return then(devices)
  for (const owned of online)
    owned.refresh(() => {
      if (--open === 0) then(devices)
    })
}

function grants(running: Running, request: ControlRequest, answer: Answer): void {
  chosen(running, request, (devices) => {
    const list = devices.flatMap((device) => {
      const access = running.home.access(device)
      return access ? consentsOf(device, access) : []
    })
    if (devices.length === 0 && textOf(request, 'device') !== '')
      return answer({
        ok: false,
        code: 'unknown-device',
        text: `no device ${textOf(request, 'device')} here`,
      })
    answer(request['json'] === true ? { ok: true, result: list } : { ok: true, say: table(list) })
  })
}

function exportAll(running: Running, request: ControlRequest, answer: Answer): void {
  chosen(running, request, (devices) => {
    const result = devices.flatMap((device) => {
      const access = running.home.access(device)
      return access ? [exportOf(device, access)] : []
    })
    answer({ ok: true, result })
  })
}

function ownerLog(running: Running, request: ControlRequest, answer: Answer): void {
  chosen(running, request, ([device]) => {
    const word = textOf(request, 'device')
    if (!device) return answer({ ok: false, code: 'unknown-device', text: `no device ${word} here` })
    const list = logOf(device)
    answer(request['json'] === true ? { ok: true, result: list } : { ok: true, say: logTable(list) })
  })
}

/** For people: a line for each event. */
function logTable(list: readonly LogReport[]): string {
  if (list.length === 0) return 'nothing was signed yet'
  const by = (kids: readonly string[]): string => kids.map((kid) => kid.slice(0, 8)).join(', ')
  return list.map((e) => `${e.seq} ${when(e.at)} ${e.words} [${by(e.signers)}]`).join('\n')
}

/** For people: a line for each consent, and one for each span of frames. */
function table(list: readonly ConsentReport[]): string {
  if (list.length === 0) return 'nobody but you can read anything'
  return list
    .flatMap((c) => [
      `${c.provider}${c.domain === '' ? '' : ` (${c.domain})`}: ${c.class} of ${c.device}, ${c.state}${c.why ? ` (${c.why})` : ''}, until ${day(c.until)}${c.purpose === '' ? '' : `, for ${c.purpose}`}`,
      ...c.read.map(
        (r) =>
          `  read frames ${r.from.epoch}/${r.from.index} (${when(r.from.at)}) to ${r.to ? `${r.to.epoch}/${r.to.index} (${when(r.to.at)})` : 'now'}${r.differs ? '; the device says otherwise' : ''}`,
      ),
      ...(c.read.length === 0 ? ['  no key was handed out yet: it can read nothing'] : []),
      ...(c.delivered
        ? [`  last sent frame ${c.delivered.epoch}/${c.delivered.index} (${when(c.delivered.at)})`]
        : []),
    ])
    .join('\n')
}

const when = (ms: number): string => new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z')
const day = (ms: number): string => when(ms).slice(0, 10)
