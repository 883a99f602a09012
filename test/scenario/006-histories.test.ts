// Random histories of grants (some for a while), revocations, kills, power cuts at any write, old cards,
// lost connections and absences, against a model of who may read which frame (history.ts). Seeded; a
// failure names its seed. And the proof that this would notice: the same against a device that re-keys
// one frame late has to fail.
import t from 'tap'
import { Publisher } from '../../src/channel/publisher.ts'
import { REASON } from '../../src/wire/frame.ts'
import { History } from './history.ts'

const HISTORIES = Number(process.env['WATTLE_HISTORIES'] ?? (process.env['WATTLE_FULL'] ? 1_000 : 12))
const FIRST = Number(process.env['WATTLE_SEED'] ?? 1_000)
const STEPS = 14

interface Outcome {
  problems: string[]
  opened: number
  ended: number
  frames: number
  /** Frames, times people, of which the model cannot say who opens them. */
  unsure: number
}

function live(seed: number): Outcome {
  const history = new History(seed)
  const problems: string[] = []
  let opened = 0
  let ended = 0
  let unsure = 0
  try {
    for (let i = 0; i < STEPS; i++) history.step()
    history.settle()
    for (const person of history.people) {
      const { forbidden, missing, open, ...judged } = history.model.judge(person)
      opened += open
      unsure += judged.unsure
      ended += person.consents.filter((c) => c.taken < Number.POSITIVE_INFINITY).length
      const where = (i: number): string => `${i} at ${Math.round(history.watch.sealed[i]!.at)}`
      if (forbidden.length > 0) problems.push(`${person.name} opens ${forbidden.slice(0, 4).map(where)}`)
      if (missing.length > 0) problems.push(`${person.name} cannot open ${missing.slice(0, 4).map(where)}`)
    }
    const reused = history.reused()
    if (reused > 0) problems.push(`${reused} keys used twice`)
    for (const name of history.standing()) problems.push(`${name} stands still`)
  } catch (error) {
    problems.push(String(error))
  } finally {
    history.end()
  }
  const story = problems.length > 0 ? [`seed ${seed}`, ...history.done] : []
  return { problems: [...problems, ...story], opened, ended, frames: history.watch.sealed.length, unsure }
}

t.test('a consent that is over opens nothing when its event comes back to an old card', async (t) => {
  for (const seed of [1_016, 1_042]) t.same(live(seed).problems, [], `${seed}`)
})

t.test('a consent that ended while the device was off opens nothing of its next start', async (t) => {
  for (const seed of [1_169, 1_898]) t.same(live(seed).problems, [], `${seed}`)
})

t.test('who can open what is what the model says, frame by frame', async (t) => {
  let [opened, ended, frames, unsure] = [0, 0, 0, 0]
  for (let seed = FIRST; seed < FIRST + HISTORIES; seed++) {
    const outcome = live(seed)
    opened += outcome.opened
    ended += outcome.ended
    frames += outcome.frames
    unsure += outcome.unsure
    if (outcome.problems.length > 0) t.fail(outcome.problems.join('\n'))
  }
  t.ok(
    opened > 20 * HISTORIES && ended >= HISTORIES / 2,
    `${opened} of ${frames} frames, ${ended} consents ended`,
  )
  // A model that cannot say is a model that finds nothing.
  t.ok(unsure * 12 < frames * 3, `of ${unsure} of ${3 * frames} it cannot say`)
})

t.test('a device that re-keys one frame late is found out', async (t) => {
  const { openEpoch, publish } = Publisher.prototype
  Publisher.prototype.openEpoch = function (o) {
    if (o.reason !== REASON.revoked && o.reason !== REASON.expired) return openEpoch.call(this, o)
    this.publish = (payload) => {
      this.publish = publish
      this.publish(payload)
      openEpoch.call(this, { ...o, prev: this.head() })
    }
  }
  try {
    let found = 0
    const some = Math.min(HISTORIES, 40)
    for (let seed = FIRST; seed < FIRST + some; seed++)
      if (live(seed).problems.some((problem) => / opens /.test(problem))) found++
    t.ok(found >= some / 3, `${found} of ${some} histories show it`)
  } finally {
    Publisher.prototype.openEpoch = openEpoch
  }
})
