// What an all-seeing outsider writes down while a house lives: every frame of `raw` that was ever sealed,
// lost ones too, and every GRANT that was ever made. `keysOf` then opens with them what one reader's keys
// open, by the slow reader of test/docs, which shares nothing with src/. Hooks are put in for one test.

import { Publisher } from '../../src/channel/publisher.ts'
import { Ring } from '../../src/node/frames/ring.ts'
import {
  type MiniFrame,
  type MiniReader,
  openData,
  readFrame,
  readGrant,
  readRotation,
  step,
} from '../docs/mini-reader.ts'

export interface Sealed {
  bytes: Uint8Array
  frame: MiniFrame
  /** Virtual time, ms. */
  at: number
}

/** Watches all devices until `end`; one at a time. */
export class Watch {
  readonly sealed: Sealed[]
  readonly grants: { reader: string; grantId: Uint8Array; bytes: Uint8Array }[]
  readonly #append: typeof Ring.prototype.append
  readonly #grant: typeof Publisher.prototype.grant
  readonly #starts: typeof Publisher.prototype.startGrants

  /** @param key the device's, asked when a frame comes; @param now virtual time. */
  constructor(key: () => Uint8Array, now: () => number) {
    this.sealed = []
    this.grants = []
    this.#append = Ring.prototype.append
    this.#grant = Publisher.prototype.grant
    this.#starts = Publisher.prototype.startGrants
    const { sealed, grants } = this
    const append = this.#append
    const grant = this.#grant
    const starts = this.#starts
    Ring.prototype.append = function (bytes) {
      const frame = bytes[1] === 0 && readFrame(bytes.slice(), key())
      // A KEY_ROTATION goes into a second ring as well: the same bytes once more, right behind.
      const again = sealed.length > 0 && Buffer.compare(sealed.at(-1)!.bytes, bytes) === 0
      if (frame && !again) sealed.push({ bytes: bytes.slice(), frame, at: now() })
      append.call(this, bytes)
    }
    Publisher.prototype.grant = function (...args) {
      const bytes = grant.apply(this, args)
      if (bytes) grants.push({ reader: hex(args[0].sign), grantId: args[0].grantId, bytes: bytes.slice() })
      return bytes
    }
    Publisher.prototype.startGrants = function (reader, given) {
      const all = starts.call(this, reader, given)
      for (const { bytes } of all)
        grants.push({ reader: hex(reader.sign), grantId: reader.grantId, bytes: bytes.slice() })
      return all
    }
  }

  end(): void {
    Ring.prototype.append = this.#append
    Publisher.prototype.grant = this.#grant
    Publisher.prototype.startGrants = this.#starts
  }

  /** Which frames (by their number in `sealed`) somebody opens who kept every key that he ever had. */
  opens(who: Omit<MiniReader, 'grantId'>, owner = false): Set<number> {
    const mine = this.grants.filter(({ reader }) => reader === hex(who.sign))
    const names = new Map(mine.map(({ grantId }) => [hex(grantId), grantId]))
    const grantIds = owner ? [new Uint8Array(16)] : [...names.values()]
    const epochs = new Map<string, number[]>()
    this.sealed.forEach(({ frame }, i) => {
      const name = hex(frame.nonce)
      const list = epochs.get(name) ?? []
      list.push(i)
      epochs.set(name, list)
    })
    const open = new Set<number>()
    for (const [nonce, numbers] of epochs) {
      const start = this.#entry(nonce, numbers, who, grantIds)
      if (!start) continue
      let { key, index } = start
      for (const i of numbers) {
        const { frame } = this.sealed[i]!
        for (; index < frame.index; index++) key = step(key).next
        if (frame.index < index) continue
        const { frameKey, next } = step(key)
        key = next
        index++
        if (frame.type === 2 || openData(frame, frameKey)) open.add(i)
      }
    }
    return open
  }

  /** The earliest chain key of an epoch that this reader was ever given. */
  #entry(
    nonce: string,
    numbers: readonly number[],
    who: Omit<MiniReader, 'grantId'>,
    grantIds: readonly Uint8Array[],
  ): { key: Uint8Array; index: number } | null {
    let best: { key: Uint8Array; index: number } | null = null
    const rotation = numbers.map((i) => this.sealed[i]!.frame).filter((frame) => frame.type === 2)
    for (const grantId of grantIds) {
      const whole = rotation.length > 0 && rotation.length === rotation[0]!.parts
      const found = whole ? readRotation(rotation, { ...who, grantId }) : null
      if (found?.chainKey) return { key: found.chainKey, index: 0 }
      for (const { reader, bytes } of this.grants) {
        if (reader !== hex(who.sign)) continue
        const grant = readGrant(bytes, { ...who, grantId })
        if (grant?.class !== 0 || hex(grant.nonce) !== nonce) continue
        if (!best || grant.index < best.index) best = { key: grant.chainKey, index: grant.index }
      }
    }
    return best
  }
}

export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
