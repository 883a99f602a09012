// `wattle home`: serve, and the commands that act through a running home (or by themselves where none
// runs on the same state folder).

import { writeFileSync } from 'node:fs'
import { base64url } from '../../base/bytes.ts'
import { type ExitCode, WattleError } from '../../base/errors.ts'
import type { Listener } from '../../hw/hardware.ts'
import { emit, listenError, type Parsed, parse, say, untilStopped, usage, wait } from '../cli.ts'
import { askControl, type ControlAnswer, type ControlRequest, serveControl } from '../control.ts'
import { stateFolder } from '../machine.ts'
import { DISCOVERY_OPTIONS } from '../net/discovery.ts'
import type { Answer, Gone, HomeCommand } from './command.ts'
import { CONSENT_COMMANDS } from './consent.ts'
import { onDesk } from './desk/desk.ts'
import { keepPageKey, pageKeyOf } from './desk/key.ts'
import { LINK_COMMANDS } from './desk/link.ts'
import { DEVICE_COMMANDS } from './devices.ts'
import { BACKUP_COMMANDS, restore } from './keep/backup.ts'
import { HISTORY_COMMANDS } from './keep/history.ts'
import { KEEPING_OPTIONS } from './keep/keeping.ts'
import { DEVICE_KEY_COMMANDS } from './owners/device-key.ts'
import { OWNER_COMMANDS } from './owners/owners.ts'
import { POLICY_COMMANDS } from './owners/policy.ts'
import { PROOF_COMMANDS } from './proof.ts'
import { COMMUNITY_COMMANDS } from './reach/communities.ts'
import { NETWORK_COMMANDS } from './reach/network.ts'
import { PEER_COMMANDS } from './reach/peers.ts'
import { TUNNEL_COMMANDS } from './reach/tunnel.ts'
import { type Running, startHome } from './running.ts'
import { UPDATE_COMMANDS } from './update.ts'

const OPTIONS = {
  listen: { type: 'string' },
  state: { type: 'string' },
  device: { type: 'string', multiple: true },
  card: { type: 'string', multiple: true },
  'provider-page': { type: 'string' },
  terminal: { type: 'boolean' },
  class: { type: 'string' },
  until: { type: 'string' },
  purpose: { type: 'string' },
  wait: { type: 'string' },
  all: { type: 'boolean' },
  json: { type: 'boolean' },
  mailbox: { type: 'string' },
  'mailbox-address': { type: 'string' },
  out: { type: 'string' },
  from: { type: 'string' },
  to: { type: 'string' },
  step: { type: 'string' },
  zone: { type: 'string' },
  csv: { type: 'boolean' },
  'passphrase-file': { type: 'string' },
  gateway: { type: 'string' },
  ...KEEPING_OPTIONS,
  ...DISCOVERY_OPTIONS,
} as const

const COMMANDS: readonly HomeCommand[] = [
  ...DEVICE_COMMANDS,
  ...CONSENT_COMMANDS,
  ...PROOF_COMMANDS,
  ...OWNER_COMMANDS,
  ...DEVICE_KEY_COMMANDS,
  ...POLICY_COMMANDS,
  ...PEER_COMMANDS,
  ...NETWORK_COMMANDS,
  ...TUNNEL_COMMANDS,
  ...COMMUNITY_COMMANDS,
  ...UPDATE_COMMANDS,
  ...HISTORY_COMMANDS,
  ...BACKUP_COMMANDS,
  ...LINK_COMMANDS,
]

export async function home(args: string[]): Promise<ExitCode> {
  const given = parse(args, OPTIONS)
  const [verb, ...words] = given.words
  if (verb === 'serve') {
    if (words.length > 0) throw usage(`home serve takes options only, not ${words[0]}`)
    return serve(given)
  }
  const folder = stateFolder(given.text('state'), 'home')
  if (verb === 'restore') return restore(given, words, folder)
  const command = COMMANDS.find((c) => c.verb === verb)
  if (!command)
    throw usage(
      verb === undefined
        ? `home: expected one of serve, ${COMMANDS.map((c) => c.verb).join(', ')}`
        : `home: no subcommand ${verb}`,
    )
  const request = command.request(words, given)
  if (command.secret) request['secret'] = await command.secret(given)
  const stopped =
    command.stays === true ? untilStopped({ stdin: process.env['WATTLE_CHILD'] === '1' }) : NEVER
  const asked = await Promise.race([
    askControl(folder, request, onProgress),
    stopped.then((): Omit<ControlAnswer, 'id'> => DONE),
  ])
  const answer = asked ?? (await alone(folder, given, request, stopped))
  if (answer.say !== undefined) say(answer.say)
  // Text is for a file; everything else is JSON.
  if (typeof answer.result === 'string') process.stdout.write(answer.result)
  else if (answer.result !== undefined) process.stdout.write(`${JSON.stringify(answer.result)}\n`)
  const { change, card, invitation } = (answer.result ?? {}) as Record<string, unknown>
  const out = given.text('out')
  const text = change ?? card ?? invitation
  if (out !== undefined && typeof text === 'string') writeFileSync(out, `${text}\n`, { mode: 0o600 })
  if (answer.ok && !given.flag('json')) for (const line of command.words?.(answer.result) ?? []) say(line)
  if (!answer.ok)
    throw new WattleError(answer.code ?? 'failed', answer.text ?? answer.code ?? 'it did not work')
  if (answer.result === undefined && answer.text !== undefined)
    process.stdout.write(`${JSON.stringify({ ok: true, id: answer.text })}\n`)
  return 0
}

/** Of a command that goes on for nobody's word. */
const NEVER: Promise<void> = new Promise(() => {})
const DONE: Omit<ControlAnswer, 'id'> = { ok: true }

function onProgress(words: string, result?: unknown): void {
  if (result !== undefined) process.stdout.write(`${JSON.stringify(result)}\n`)
  say(words)
}

async function serve(given: Parsed): Promise<ExitCode> {
  const stopped = untilStopped({ stdin: process.env['WATTLE_CHILD'] === '1' })
  let listen = given.text('listen') ?? '127.0.0.1:8481'
  for (;;) {
    const served = await serveOnce(given, listen, stopped)
    if (served === null) return 0
    listen = served.address
    served.between()
  }
}

/** Until it is told to stop (null), or to begin anew after something that wants it to be still. */
async function serveOnce(
  given: Parsed,
  listen: string,
  stopped: Promise<void>,
): Promise<{ address: string; between: () => void } | null> {
  const folder = stateFolder(given.text('state'), 'home')
  const running = await startHome(folder, given, onDesk)
  // What is typed into it and what it shows goes over plain HTTP.
  if (!/^(127\.\d+\.\d+\.\d+|\[::1\]|localhost)$/.test(listen.replace(/:\d*$/, ''))) {
    await running.stop()
    throw usage(
      `--listen ${listen}: the page is served on this computer only; expected 127.0.0.1:PORT or [::1]:PORT`,
    )
  }
  const listener = await wait<Listener>((done) =>
    running.page.listen(running.machine.hardware.http, listen, done),
  ).catch(async (error: Error) => {
    await running.stop()
    throw listenError('home serve --listen', listen, error)
  })
  const metrics = given.text('metrics')
  if (metrics !== undefined)
    emit('home', 'metrics', {
      address: await running.keeping.serveMetrics(running.machine.hardware, metrics),
    })
  const mailbox = given.text('mailbox')
  const kept =
    mailbox === undefined
      ? null
      : await wait<Listener>((done) => running.home.host.listen(mailbox, done)).catch(
          async (error: Error) => {
            await running.stop()
            throw listenError('home serve --mailbox', mailbox, error)
          },
        )
  const gateway = await running.openGateway(given.text('gateway'), listener.address)
  const control = serveControl(folder, (request, answer, gone) => carryOut(running, request, answer, gone))
  const page = `http://${listener.address}/`
  running.address = page
  const key = pageKeyOf(folder)
  const anew = new Promise<() => void>((resolve) => {
    running.restart = (between) =>
      resolve(() => {
        between()
        keepPageKey(folder, key)
      })
  })
  emit('home', 'ready', { page, gateway, mailbox: kept?.address ?? null, owner: base64url(running.home.key) })
  if (process.stderr.isTTY) say(`My Home: ${page}#~${key}`)
  const between = await Promise.race([stopped.then(() => null), anew])
  emit('home', 'status', {
    net: running.home.host.counters.report(),
    page: running.page.counters.report(),
  })
  control.close()
  listener.close()
  await running.stop()
  return between && { address: listener.address, between }
}

/** Without a running home: start one for this command, wait for the device, act, stop. */
async function alone(
  folder: string,
  given: Parsed,
  request: ControlRequest,
  stopped: Promise<void>,
): Promise<Omit<ControlAnswer, 'id'>> {
  const running = await startHome(folder, given, onDesk)
  const name = typeof request['device'] === 'string' ? request['device'] : null
  const owned = name === null ? null : running.home.find(name)
  const all = name === null && COMMANDS.find((c) => c.verb === request.do)?.all === true
  const missing = (): boolean =>
    all ? running.home.owned.some((o) => !o.ready) : owned !== null && !owned.ready
  for (let i = 0; i < 100 && missing(); i++) await new Promise((resolve) => setTimeout(resolve, 100))
  const answer = await new Promise<Omit<ControlAnswer, 'id'>>((resolve) =>
    carryOut(
      running,
      request,
      (step) => (step.progress === undefined ? resolve(step) : onProgress(step.progress, step.result)),
      (run) => void stopped.then(run).then(() => resolve(DONE)),
    ),
  )
  await running.stop()
  return answer
}

function carryOut(running: Running, request: ControlRequest, answer: Answer, gone: Gone): void {
  const command = COMMANDS.find((c) => c.verb === request.do)
  if (command) command.act(running, request, answer, gone)
  else answer({ ok: false, code: 'bad-shape', text: `no command ${request.do}` })
}
