// The slow, obvious model of who may read which frame of a history: one that is sealed while a consent stands
// is open to its holder, one that is sealed outside of every consent of his is closed to him, whatever he
// kept and whatever else he gets. When a consent stands is what the device said (its events, and the number
// of an epoch); only where the power went before it could, the model cannot say, and counts how often.

import { readSnapshot } from '../../docs/mini-files.ts'
import type { MiniReader } from '../../docs/mini-reader.ts'
import type { House } from '../house.ts'
import type { Watch } from '../witnessed.ts'

/**
 * A consent in virtual time. Where the device has said so, it is in force from one frame to another, exactly;
 * where its word was lost with the power, surely until `taking`, perhaps until `taken`.
 */
export interface Consent {
  id: string
  asked: number
  taking: number
  taken: number
  /** Its own end, by the meter's time, ms since 1970. */
  until: number
}

export interface Person {
  name: string
  consents: Consent[]
  current: Consent | null
  on: boolean
}

/** A life of the device from one start to the next. */
interface Run {
  from: number
  /** The first frame of it, by its number. */
  frame: number
  /** What its card knew at the start: a consent that it lacks is not in force until its owner has told it. */
  card: Known
}

/** Consents on a card: written down by the device; and acknowledged, so that its reader was let in. */
export interface Known {
  written: ReadonlySet<string>
  letIn: ReadonlySet<string>
}

/** What the device said it had done to a consent, and the number of the next frame at that moment. */
interface Mark {
  event: 'authorized' | 'revoked'
  reader: string
  grant: string
  /** Virtual time, ms. */
  at: number
  run: number
  frame: number
  /** The epoch that a revocation opened. */
  epoch: number
}

/** Home waits so long for an answer, ms. */
const ANSWER_MS = 10_000
const NOTHING: Known = { written: new Set(), letIn: new Set() }

export class Model {
  readonly #house: House
  readonly #watch: Watch
  readonly #runs: Run[]
  readonly #marks: Mark[]
  /** What the card that is in the device knows. */
  card: Known

  constructor(house: House, watch: Watch) {
    this.#house = house
    this.#watch = watch
    this.#runs = [{ from: 0, frame: 0, card: NOTHING }]
    this.#marks = []
    this.card = NOTHING
    const report = house.report.bind(house)
    house.report = (who, event, detail) => {
      report(who, event, detail)
      if (who === 'device' && detail?.['grant']) this.#mark(event, detail)
    }
  }

  /** The device is about to start. */
  onStart(): void {
    this.#runs.push({ from: this.#house.world.now(), frame: this.#watch.sealed.length, card: this.card })
  }

  #mark(event: string, detail: Record<string, unknown>): void {
    const grant = String(detail['grant'])
    if (event === 'authorized') this.learn('written', grant)
    if (event !== 'authorized' && event !== 'revoked') return
    const reader = String(detail['reader'])
    const epoch = Number(detail['epoch'] ?? 0)
    const [run, frame] = [this.#runs.length - 1, this.#watch.sealed.length]
    this.#marks.push({ event, reader, grant, at: this.#house.world.now(), run, frame, epoch })
  }

  learn(what: 'written' | 'letIn', grant: string): void {
    this.card = { ...this.card, [what]: new Set([...this.card[what], grant]) }
  }

  /** Every key of a provider, from its own folder. */
  keysOf(person: Person): Omit<MiniReader, 'grantId'> {
    const content = readSnapshot(this.#house.machine(person.name).disk.peek('provider.keys')!, 'prov')
    content.block()
    content.block()
    content.take(32)
    const { card } = this.#house.providers.get(person.name)!
    const { key, box } = this.#house.owned().device
    return { device: key, deviceBox: box, secret: content.take(32), sign: card.sign }
  }

  /** Meter's time of the telegram that was on the line, or just through, at virtual time `at`. */
  meterTime(at: number): number {
    const { sentAt, world } = this.#house
    let i = sentAt.length - 1
    while (i > 0 && sentAt[i]! > at) i--
    return Math.floor((world.wallAtStart + sentAt[i]!) / 1_000) * 1_000
  }

  /**
   * Whether a consent that stands opens frame `i`; null: it may. What a start of the device sealed before
   * somebody outside had confirmed it is given to those whose consent stands at that moment, and stood on its
   * card; whoever is told to the card anew reads from there on. Without a witness nobody is given anything.
   */
  #opens(i: number, consent: Consent): boolean | null {
    const n = this.#runs.findLastIndex((run) => run.frame <= i)
    if (n === 0) return true
    const end = this.#runs[n + 1]?.from ?? Number.POSITIVE_INFINITY
    const { from, card } = this.#runs[n]!
    const { id, taking, until } = consent
    const told = this.#marks.find(
      (m) => m.event === 'authorized' && m.grant === id && m.run === n && m.frame <= i,
    )
    const sure = told ? i >= this.#behind(told) : card.letIn.has(id)
    const here = (event: string) =>
      this.#house.events('device', event).filter((l) => l.t >= from && l.t <= end)
    const confirmed = here('witnessed')[0]
    // The power went while the keys that a witness set free were being written.
    const shown = here('witness').some((l) => l['verdict'] === 'confirmed' || l['verdict'] === 'epoch-behind')
    if (!confirmed) return told || shown ? null : false
    if (this.#watch.sealed[i]!.at > confirmed.t) return sure || (!told && card.written.has(id)) || null
    const stood = confirmed.t < taking && this.meterTime(confirmed.t) < until
    return (sure && stood) || null
  }

  /** The first frame of a telegram that surely came after that: those that waited are sealed together. */
  #behind({ frame: from }: Mark): number {
    const { sealed } = this.#watch
    const first = sealed.findIndex(({ frame }, i) => i >= from && frame.type === 1)
    const at = sealed[first]?.at ?? 0
    const together = sealed.filter((x) => x.at === at && x.frame.type === 1 && x.frame.part === 0).length
    return together > 1 ? sealed.findIndex((x) => x.at > at) : from
  }

  /**
   * From which frame on, and up to which, the device said that it stands; no `to` where it was not heard.
   * Before frame `surely` it may stand: it was written down, and the power went before the device could say so.
   */
  #told(consent: Consent, person: Person): { from: number; surely?: number; to?: number; again?: boolean } {
    // An answer that was lost: the id is that of the one whom home does not know.
    const unheard = (m: Mark): boolean =>
      m.reader === person.name &&
      !person.consents.some((c) => c.id === m.grant) &&
      m.at >= consent.asked &&
      m.at <= consent.asked + ANSWER_MS
    const given = this.#marks.find(
      (m) => m.event === 'authorized' && (consent.id === '' ? unheard(m) : m.grant === consent.id),
    )
    const { sealed } = this.#watch
    const asked = sealed.findIndex(({ at }) => at >= consent.asked)
    if (!given) {
      // It never came to the device, or the power went before the device could say so.
      const lost = consent.id === ''
      return { from: lost || asked < 0 ? Number.POSITIVE_INFINITY : asked }
    }
    // Asked for in an earlier life than the one that first spoke of it: it may have stood in between.
    const between = this.#runs.findLastIndex(({ from }) => from <= consent.asked) < given.run
    const begin = between ? { from: asked, surely: given.frame } : { from: given.frame }
    const taken = this.#marks.find((m) => m.event === 'revoked' && m.grant === given.grant)
    if (!taken) return begin
    // An old card counts epochs that had been there before: those of this life and later ones are meant.
    const life = Math.max(given.frame, this.#runs[taken.run]!.frame)
    // Asked for in an earlier life of the device, it may have been taken there already, before the power went.
    const again = consent.taking < this.#runs[taken.run]!.from
    return {
      ...begin,
      again,
      to: sealed.findIndex((x, i) => i >= life && x.frame.epoch >= taken.epoch),
    }
  }

  /**
   * What a person's keys open although they must not, and what they do not open although they must. `unsure`
   * counts the frames of which the model cannot say.
   */
  judge(person: Person): { forbidden: number[]; missing: number[]; open: number; unsure: number } {
    const opens = this.#watch.opens(this.keysOf(person))
    const forbidden: number[] = []
    const missing: number[] = []
    let unsure = 0
    const consents = person.consents.map((c) => ({ ...c, told: this.#told(c, person), consent: c }))
    this.#watch.sealed.forEach(({ frame, at }, i) => {
      if (frame.type !== 1) return
      const time = this.meterTime(at)
      let [may, must] = [false, false]
      for (const { told, taking, taken, until, consent } of consents) {
        const before = (end: number): boolean => (told.to === undefined ? at < end : i < told.to)
        const opened = i >= told.from && time < until && before(taken) ? this.#opens(i, consent) : false
        may ||= opened !== false
        const heard = i >= (told.surely ?? 0)
        must ||= opened === true && heard && (told.again ? at < taking : before(taking))
      }
      if (opens.has(i) && !may) forbidden.push(i)
      if (!opens.has(i) && must) missing.push(i)
      if (may && !must) unsure++
    })
    return { forbidden, missing, open: opens.size, unsure }
  }
}
