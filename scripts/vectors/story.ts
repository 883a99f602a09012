// One case of docs/vectors/reading.json: a reader, and step by step what it gets and what has to come of
// it. The author of a case says the verdict; our own reader says payloads, gaps and place; where the two
// disagree there is no vector, but an error.

import { type Bytes, hex } from '../../src/base/bytes.ts'
import { openEnded, openGrant } from '../../src/channel/grant.ts'
import { ChannelReader } from '../../src/channel/reader.ts'
import { Verifier } from '../../src/crypto/native.ts'
import type { ClassId } from '../../src/wire/frame.ts'
import type { Device, Person } from './world.ts'

export interface Step {
  in: 'frame' | 'grant' | 'ended'
  bytes: string
  out: string
  payload?: string
  gap?: [number, number, number, number]
  /** Epoch and index of the next frame, and whether it can be opened; null before the first grant. */
  place: [number, number, boolean] | null
}

export interface ReadingCase {
  name: string
  device: { sign: string; box: string }
  class: number
  reader: { sign: string; boxSecret: string; grantId: string }
  steps: Step[]
}

export class Story {
  readonly case: ReadingCase
  readonly #device: Verifier
  readonly #who: Person
  readonly #class: ClassId
  readonly #reader: ChannelReader
  #payload: string | null
  #gap: Step['gap'] | null

  constructor(name: string, d: Device, who: Person, cls: ClassId = 0) {
    this.#device = Verifier.of(d.signer.publicKey)!
    this.#who = who
    this.#class = cls
    this.#payload = null
    this.#gap = null
    this.#reader = new ChannelReader({
      device: this.#device,
      deviceBox: d.exchange.publicKey,
      class: cls,
      exchange: who.exchange,
      events: {
        onPayload: (payload) => {
          this.#payload = hex(payload)
        },
        onGap: (from, to) => {
          this.#gap = [from.epoch, from.index, to.epoch, to.index]
        },
      },
    })
    this.case = {
      name,
      device: { sign: hex(d.signer.publicKey), box: hex(d.exchange.publicKey) },
      class: cls,
      reader: { sign: hex(who.keys.sign), boxSecret: hex(who.boxSecret), grantId: hex(who.keys.grantId) },
      steps: [],
    }
  }

  /** Each frame has to give the verdict that is named for it, the last one for all that follow. */
  frames(frames: readonly Bytes[], ...verdicts: string[]): this {
    frames.forEach((frame, i) => {
      const wanted = verdicts[Math.min(i, verdicts.length - 1)]!
      this.#note('frame', frame, this.#reader.onFrame(frame), wanted)
    })
    return this
  }

  grant(bytes: Bytes | null, wanted: 'taken' | 'ignored' | 'refused' = 'taken'): this {
    const own = { sign: this.#who.keys.sign, exchange: this.#who.exchange }
    const opened = openGrant(bytes!, own, this.#device)
    const fits = opened !== null && opened.class === this.#class
    const got = !fits ? 'refused' : this.#reader.grant(opened) ? 'taken' : 'ignored'
    this.#note('grant', bytes!, got, wanted)
    return this
  }

  ended(bytes: Bytes, wanted: 'taken' | 'refused' = 'taken'): this {
    const opened = openEnded(bytes, this.#who.keys.sign, this.#device)
    this.#note('ended', bytes, opened && opened.class === this.#class ? 'taken' : 'refused', wanted)
    return this
  }

  /** The last step reported this gap. */
  gap(...gap: [number, number, number, number]): this {
    const step = this.case.steps.at(-1)!
    if (JSON.stringify(step.gap) !== JSON.stringify(gap))
      throw new Error(`${this.case.name}: gap ${JSON.stringify(step.gap)}, wanted ${JSON.stringify(gap)}`)
    return this
  }

  /** The last step released this payload. */
  payload(payload: Bytes): this {
    const step = this.case.steps.at(-1)!
    if (step.payload !== hex(payload)) throw new Error(`${this.case.name}: payload ${step.payload}`)
    return this
  }

  #note(kind: Step['in'], bytes: Bytes, got: string, wanted: string): void {
    const where = `${this.case.name}, step ${this.case.steps.length + 1} (${kind})`
    if (got !== wanted) throw new Error(`${where}: ${got}, wanted ${wanted}`)
    const next = this.#reader.next()
    this.case.steps.push({
      in: kind,
      bytes: hex(bytes),
      out: got,
      ...(this.#payload === null ? {} : { payload: this.#payload }),
      ...(this.#gap ? { gap: this.#gap } : {}),
      place: next && [next.epoch, next.index, this.#reader.open],
    })
    this.#payload = null
    this.#gap = null
  }
}
