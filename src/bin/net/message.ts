// `wattle message`: small sealed messages from one key to another over UDP, stored nowhere. `watch`
// shows what comes; `send` finds the peer (address, relay, punch), delivers, and says how it went.

import { type Bytes, base64url, text, unbase64url, utf8 } from '../../base/bytes.ts'
import { EXIT, type ExitCode, WattleError } from '../../base/errors.ts'
import { LIMITS } from '../../base/limits.ts'
import { type Place, placeOf } from '../../net/udp/address.ts'
import type { Session } from '../../net/udp/session/session.ts'
import { Loop } from '../../node/loop.ts'
import { Plane } from '../../node/path/plane.ts'
import { emit, listenError, parse, say, untilStopped, usage, wait } from '../cli.ts'
import { keyFile } from '../keyfile.ts'
import { openMachine, stateFolder } from '../machine.ts'

const OPTIONS = {
  listen: { type: 'string', multiple: true },
  state: { type: 'string' },
  relay: { type: 'string', multiple: true },
  'no-ack': { type: 'boolean' },
  serve: { type: 'boolean' },
  wait: { type: 'string' },
} as const

const KEY_FILE = 'message-key'
/** Time for what was just sent, and for the word that we leave. */
const FAREWELL_MS = 60

export async function message(args: string[]): Promise<ExitCode> {
  const given = parse(args, OPTIONS)
  const [verb, ...words] = given.words
  if (verb !== 'send' && verb !== 'watch')
    throw usage(`message ${verb ?? ''}: expected message send or message watch`)
  const relays = given.list('relay').map(peerOf)
  const seconds = Number(given.text('wait') ?? 30)
  if (!(seconds > 0 && seconds <= 3_600)) throw usage('--wait: expected seconds, at most 3600')
  if (verb === 'watch') {
    if (words.length > 0) throw usage(`message watch takes options only, not ${words[0]}`)
  } else if (words.length !== 2) throw usage('message send: expected a PEER and a TEXT')
  const target = verb === 'send' ? peerOf(words[0]!) : null
  const body = verb === 'send' ? await bodyOf(words[1]!, given.flag('no-ack')) : null
  const folder = stateFolder(given.text('state'), verb === 'watch' ? 'message' : 'message-send')
  const { plane, release } = await open(folder, given.list('listen'), given.flag('serve'))
  for (const relay of relays) plane.useRelay(relay.key, relay.places[0]!)
  const stopped = untilStopped({ stdin: process.env['WATTLE_CHILD'] === '1' })
  plane.messages.onMessage = (session, bytes, acknowledged) =>
    emit('message', 'message', {
      from: base64url(session.key),
      path: session.best?.text ?? null,
      acknowledged,
      ...bodyDetail(bytes),
    })
  emit('message', 'ready', { key: base64url(plane.key), listen: plane.sockets.addresses })
  const code = target
    ? await send(plane, target, body!, given.flag('no-ack'), seconds)
    : await stopped.then(() => 0 as const)
  plane.close()
  await new Promise((resolve) => setTimeout(resolve, FAREWELL_MS))
  release()
  return code
}

async function open(
  folder: string,
  listen: string[],
  serve: boolean,
): Promise<{ plane: Plane; release: () => void }> {
  const { hardware, release } = await openMachine(folder)
  const { files, clock, random, sockets } = hardware
  const signer = await keyFile(files, KEY_FILE, random)
  const plane = new Plane({
    loop: new Loop(clock),
    sockets,
    random,
    signer,
    ...(serve ? { relay: { mine: () => false, inviters: [], open: true } } : {}),
    punchSockets: LIMITS.udp.punchSockets,
    report: (event, detail) => emit('message', event, detail),
  })
  const addresses = listen.length > 0 ? listen : ['0.0.0.0:0']
  await wait<true>((done) => plane.start(addresses, (error) => done(error, true))).catch((error: Error) => {
    release()
    throw listenError('message --listen', addresses.join(' '), error)
  })
  return { plane, release }
}

async function send(plane: Plane, to: Peer, body: Bytes, once: boolean, seconds: number): Promise<ExitCode> {
  const session = plane.want(to.key, to.places)
  if (!session) throw new WattleError('busy', 'no further session can be opened now')
  const began = performance.now()
  const failure = await deliver(plane, session, body, once, seconds * 1_000)
  const ms = Math.round(performance.now() - began)
  const path = session.best?.text ?? null
  if (failure) {
    say(`wattle: not delivered to ${base64url(to.key)}: ${failure}`)
    emit('message', 'failed', { to: base64url(to.key), path, ms })
    return EXIT.failed
  }
  emit('message', once ? 'sent' : 'delivered', { to: base64url(to.key), path, ms })
  return EXIT.done
}

/** Null when it was delivered, or sent; else why not. */
function deliver(
  plane: Plane,
  session: Session,
  body: Bytes,
  once: boolean,
  ms: number,
): Promise<string | null> {
  return new Promise((resolve) => {
    const limit = setTimeout(
      () => resolve('nobody answered in time; is the address right, or is a --relay needed?'),
      ms,
    )
    const finish = (failure: string | null): void => {
      clearTimeout(limit)
      resolve(failure)
    }
    const attempt = (): void =>
      plane.ladder.whenUp(session, (up) => {
        // An attempt came to nothing; the ladder begins the next one by itself.
        if (!up) setTimeout(attempt, 250)
        else if (once) finish(plane.tell(session, body) ? null : 'the session went down again')
        else plane.send(session, body, (error) => finish(error?.message ?? null))
      })
    attempt()
  })
}

interface Peer {
  key: Bytes
  places: Place[]
}

/** `KEY`, or `KEY@HOST:PORT` with a literal address. */
function peerOf(spec: string): Peer {
  const at = spec.indexOf('@')
  const key = unbase64url(at < 0 ? spec : spec.slice(0, at))
  const place = at < 0 ? null : placeOf(spec.slice(at + 1))
  if (key?.length !== 32 || (at >= 0 && !place))
    throw usage(
      `${spec}: expected KEY@HOST:PORT, with the key that message watch shows and a literal address`,
    )
  return { key, places: place ? [place] : [] }
}

async function bodyOf(word: string, once: boolean): Promise<Bytes> {
  let body: Bytes = utf8(word)
  if (word === '-') {
    const parts: Buffer[] = []
    for await (const part of process.stdin) parts.push(part as Buffer)
    body = new Uint8Array(Buffer.concat(parts))
  }
  const most = once ? 1_100 : LIMITS.udp.messageBytes
  if (body.length > most) throw usage(`the message has ${body.length} bytes, at most ${most}`)
  return body
}

/** Text as text, anything else as base64url. */
function bodyDetail(bytes: Bytes): Record<string, unknown> {
  const said = text(bytes)
  return said.includes('\ufffd') ? { bytes: base64url(bytes) } : { text: said }
}
