// `wattle home grant|revoke|pause|resume|narrow`: who may read.

import { base64url } from '../../base/bytes.ts'
import { narrow as giveLess } from '../../home/consent/narrow.ts'
import type { Owned } from '../../home/owned.ts'
import type { ReaderEntry } from '../../ownership/event.ts'
import type { HomeAsk, ResolutionClass } from '../../page/protocol.ts'
import { type AskFault, queryOf, readRequestText, within } from '../../page/request.ts'
import { CLASS_NAMES, type ClassName, classId } from '../../wire/frame.ts'
import { type Parsed, usage } from '../cli.ts'
import type { ControlRequest } from '../control.ts'
import { lineOf } from './card.ts'
import { type Answer, type HomeCommand, need, textOf } from './command.ts'
import type { Running } from './running.ts'

export const CONSENT_COMMANDS: readonly HomeCommand[] = [
  {
    verb: 'grant',
    request: (words, given) => {
      need('grant', words, 2, 'DEVICE PROVIDER')
      const line = lineOf(words[1]!)
      const read = line !== null && queryOf(line) !== null ? readRequestText(line, Date.now()) : null
      if (read?.fault)
        throw usage(`home grant: expected a request signed by the key that it names (${FAULT[read.fault]})`)
      const request = read?.request
      const { class: cls, until } = limitsOf(given)
      const wanted = {
        class: classId(cls ?? request?.class ?? 'raw')!,
        until: until ?? request?.until ?? 0,
      }
      if (request && !within(wanted, { class: classId(request.class)!, until: request.until }))
        throw usage(
          'home grant: a request may be narrowed (a coarser --class, an earlier --until), not widened',
        )
      const card = request?.cardLine ?? line
      return {
        do: 'grant',
        device: words[0]!,
        provider: card ?? words[1]!,
        class: CLASS_NAMES[wanted.class],
        purpose: given.text('purpose') ?? request?.purpose ?? '',
        ...(wanted.until === 0 ? {} : { until: wanted.until }),
        ...(card === null ? {} : { card }),
      }
    },
    act: grant,
  },
  {
    verb: 'revoke',
    request: (words, given) => {
      need('revoke', words, 2, 'DEVICE PROVIDER')
      return { do: 'revoke', device: words[0]!, provider: words[1]!, all: given.flag('all') }
    },
    act: revoke,
  },
  {
    verb: 'pause',
    request: (words) => ({ do: 'pause', ...restOf('pause', words) }),
    act: (running, request, answer) => rest(running, request, 'pause', answer),
  },
  {
    verb: 'resume',
    request: (words) => ({ do: 'resume', ...restOf('resume', words) }),
    act: (running, request, answer) => rest(running, request, 'resume', answer),
  },
  {
    verb: 'narrow',
    request: (words, given) => {
      need('narrow', words, 2, 'DEVICE PROVIDER, and --class or --until')
      const { class: cls, until } = limitsOf(given)
      if (cls === undefined && until === undefined) throw usage('home narrow: expected --class or --until')
      return {
        do: 'narrow',
        device: words[0]!,
        provider: words[1]!,
        ...(cls === undefined ? {} : { class: cls }),
        ...(until === undefined ? {} : { until }),
      }
    },
    act: narrow,
  },
]

const FAULT: Readonly<Record<AskFault, string>> = {
  shape: 'something in it is not as it must be',
  signature: 'its signature does not verify',
  old: 'it is over, or was signed more than thirty days ago',
  redirect: 'it would lead to a strange place',
}

function grant({ home, face }: Running, request: ControlRequest, answer: Answer): void {
  const ask = (provider: string): HomeAsk => ({
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
  const named = (log?.readers ?? []).filter(
    (r) => r.name === word || base64url(r.grantId) === word || base64url(r.sign) === word,
  )
  if (log && named.length === 0)
    return answer({ ok: false, code: 'unknown-grant', text: `${word} has no consent for ${device}` })
  // Of several the owner says which: nobody is to lose one that was not meant, or to keep one that was.
  if (named.length > 1 && request['all'] !== true) return answer(whichOf(word, named))
  const grants = named.map((r) => base64url(r.grantId))
  const next = (): void => {
    const [grant = 'none', ...rest] = grants.splice(0)
    grants.push(...rest)
    face.ask({ id: 1, do: 'revoke', device, grant }, (done) => {
      if (done.ok && grants.length > 0) next()
      else answer(done)
    })
  }
  next()
}

function whichOf(word: string, readers: readonly ReaderEntry[]): Parameters<Answer>[0] {
  const list = readers.map((r) => ({
    grant: base64url(r.grantId),
    class: CLASS_NAMES[r.class],
    until: new Date(r.until).toISOString().slice(0, 10),
    purpose: r.purpose,
  }))
  const lines = list.map((g) => `${g.grant} (${g.class} until ${g.until}${g.purpose && `, ${g.purpose}`})`)
  const text = `${word} has ${list.length} consents; name one by its id, or end all of them with --all: ${lines.join('; ')}`
  return { ok: false, code: 'several-consents', text, result: { consents: list } }
}

/** `--class` and `--until`, where they are given. */
function limitsOf(given: Parsed): { class: ClassName | undefined; until: number | undefined } {
  const cls = given.text('class')
  if (cls !== undefined && classId(cls) === null) throw usage(`--class ${cls}: expected raw, 15min or day`)
  const until = given.text('until')
  const at = until === undefined ? undefined : Date.parse(until)
  if (Number.isNaN(at)) throw usage(`--until ${until}: expected a date like 2027-03-31`)
  return { class: cls as ClassName | undefined, until: at }
}

function restOf(verb: string, words: string[]): { device: string; provider?: string } {
  if (words.length < 1 || words.length > 2) throw usage(`home ${verb}: expected DEVICE, or DEVICE PROVIDER`)
  const [device, provider] = words
  return { device: device!, ...(provider === undefined ? {} : { provider }) }
}

/** The consents of a provider by name, key or grant id. */
function consentsOf(
  running: Running,
  request: ControlRequest,
): { owned: Owned | null; readers: ReaderEntry[] } {
  const owned = running.home.find(textOf(request, 'device'))
  const word = textOf(request, 'provider')
  const readers = owned?.device.log.readers.filter(
    (r) => r.name === word || base64url(r.grantId) === word || base64url(r.sign) === word,
  )
  return { owned, readers: readers ?? [] }
}

function rest(running: Running, request: ControlRequest, what: 'pause' | 'resume', answer: Answer): void {
  const { owned, readers } = consentsOf(running, request)
  const device = textOf(request, 'device')
  const one = textOf(request, 'provider')
  if (!owned) return answer({ ok: false, code: 'unknown-device', text: `no device ${device} here` })
  if (one !== '' && readers.length === 0)
    return answer({ ok: false, code: 'unknown-grant', text: `${one} has no consent for ${device}` })
  const next = (i: number): void => {
    const grantId = one === '' ? null : readers[i]!.grantId
    running.home[what](owned, grantId, (error) => {
      if (error) return answer({ ok: false, code: error.code, text: error.message })
      if (grantId && i + 1 < readers.length) return next(i + 1)
      answer({ ok: true })
    })
  }
  next(0)
}

/** Less than before: the narrower consent is given first, so that there is no time without. */
function narrow(running: Running, request: ControlRequest, answer: Answer): void {
  const { owned, readers } = consentsOf(running, request)
  const device = textOf(request, 'device')
  if (!owned) return answer({ ok: false, code: 'unknown-device', text: `no device ${device} here` })
  const [reader, other] = readers
  if (!reader || other)
    return answer({
      ok: false,
      code: 'unknown-grant',
      text: `${textOf(request, 'provider')} has ${other ? 'several consents' : 'no consent'} for ${device}; name one by its id`,
    })
  const cls = classId(textOf(request, 'class')) ?? reader.class
  const until = typeof request['until'] === 'number' ? request['until'] : reader.until
  if (!within({ class: cls, until }, reader) || (cls === reader.class && until === reader.until))
    return answer({
      ok: false,
      code: 'wider',
      text: 'that is not less than it has: expected a coarser class or an earlier end',
    })
  giveLess(running.home, { owned, reader, class: cls, until }, (error, grantId) => {
    if (error) answer({ ok: false, code: error.code, text: error.message })
    else answer({ ok: true, ...(grantId ? { text: base64url(grantId) } : {}) })
  })
}
