// Where everything in a telegram is: its objects and their groups as offsets in typed arrays.
// Reads any line that has the form of an OBIS reference (IEC 62056-61, A-B:C.D.E*F) and leaves the rest
// alone; never throws, allocates nothing per telegram. It looks into the bytes that it was given:
// valid as long as they are.

import type { Bytes } from '../base/bytes.ts'
import { LIMITS } from '../base/limits.ts'
import type { Frame } from './frame/frame.ts'

const { telegramBytes } = LIMITS.p1

/** An object line needs at least 12 bytes, a group two. */
export const MAX_OBJECTS: number = Math.ceil(telegramBytes / 12)
const MAX_GROUPS: number = telegramBytes / 2

const NONE: Bytes = new Uint8Array(0)

/** C, D and E of an OBIS reference in one number; each is 0 to 255. */
export function obis(c: number, d: number, e: number): number {
  return (c << 16) | (d << 8) | e
}

export class Telegram {
  mem: Bytes
  from: number
  to: number
  /** End of the header line, without its CR LF. */
  headerTo: number
  /** Number of objects, in the telegram's order. */
  count: number
  /** Number of groups. */
  groups: number
  /** C.D.E of each object (`obis`). */
  readonly key: Int32Array
  /** A*256 + B of each object. */
  readonly medium: Uint16Array
  /** Its id's text: from, to. */
  readonly idFrom: Uint16Array
  readonly idTo: Uint16Array
  /** Its groups: `first[i]` up to `first[i + 1]`. */
  readonly first: Uint16Array
  /** Content of each group, without the brackets. */
  readonly groupFrom: Uint16Array
  readonly groupTo: Uint16Array
  /** Counts the telegrams read. */
  reads: number
  /** This one has its objects where the one before had them: only those in `changed` have new digits. */
  sameForm: boolean
  /** Objects, rising. */
  readonly changed: Uint16Array
  changedCount: number
  /** The framer's number of the telegram that was read last, and its memory. */
  #number: number
  /** Group in which the last new digit was found. */
  #group: number

  constructor() {
    this.mem = NONE
    this.from = 0
    this.to = 0
    this.headerTo = 0
    this.count = 0
    this.groups = 0
    this.key = new Int32Array(MAX_OBJECTS)
    this.medium = new Uint16Array(MAX_OBJECTS)
    this.idFrom = new Uint16Array(MAX_OBJECTS)
    this.idTo = new Uint16Array(MAX_OBJECTS)
    this.first = new Uint16Array(MAX_OBJECTS + 1)
    this.groupFrom = new Uint16Array(MAX_GROUPS)
    this.groupTo = new Uint16Array(MAX_GROUPS)
    this.reads = 0
    this.sameForm = false
    this.changed = new Uint16Array(MAX_OBJECTS)
    this.changedCount = 0
    this.#number = -1
    this.#group = 0
  }

  /**
   * Indexes what the framer found. Where only digits differ from the telegram before, the index
   * stays and `changed` says what is new.
   */
  readFrame(frame: Frame): void {
    const next = frame.number === this.#number + 1
    if (frame.sameForm && next && this.#listChanged(frame)) {
      this.mem = frame.mem
      this.reads++
      this.sameForm = true
    } else this.read(frame.mem, frame.textFrom, frame.textTo)
    this.#number = frame.number
  }

  /** Objects in which digits differ; false where a digit outside the groups does. */
  #listChanged(frame: Frame): boolean {
    const { changes, changeCount } = frame
    const { idFrom, changed } = this
    const before = this.mem
    const now = frame.mem
    const last = this.count - 1
    let object = 0
    let n = 0
    if (last < 0) return false
    for (let k = 0; k < changeCount; k++) {
      const from = changes[k]! << 2
      for (let at = from; at < from + 4; at++) {
        if (before[at] === now[at]) continue
        while (object < last && idFrom[object + 1]! <= at) object++
        if (
          n > 0 &&
          changed[n - 1] === object &&
          at < this.groupTo[this.#group]! &&
          at >= this.groupFrom[this.#group]!
        )
          continue
        if (!this.#inGroup(object, at)) return false
        if (n === 0 || changed[n - 1] !== object) changed[n++] = object
      }
    }
    this.changedCount = n
    return true
  }

  /** Is this place in a group of the object? */
  #inGroup(object: number, at: number): boolean {
    for (let g = this.first[object]!; g < this.first[object + 1]!; g++) {
      if (at < this.groupFrom[g]! || at >= this.groupTo[g]!) continue
      this.#group = g
      return true
    }
    return false
  }

  /**
   * Indexes `mem[from..to)`, which begins with "/". Whatever lies past the cap of a telegram, or
   * past index 65535, is not looked at.
   */
  read(mem: Bytes, from: number, to: number): void {
    const last = Math.min(to, from + telegramBytes, 65_535, mem.length)
    this.mem = mem
    this.from = from
    this.to = last
    this.count = 0
    this.groups = 0
    this.reads++
    this.sameForm = false
    this.#number = -1
    let i = from
    while (i < last && mem[i] !== 10) i++
    this.headerTo = i > from && mem[i - 1] === 13 ? i - 1 : i
    i++
    while (i < last) {
      const c = mem[i]!
      if (c >= 48 && c <= 57) i = this.#object(i, last)
      else if (c === 40) i = this.#continued(i, last)
      else if (c === 33) break
      while (i < last && mem[i] !== 10) i++
      i++
    }
    this.first[this.count] = this.groups
  }

  /** Index of the first object with this reference, or -1. `medium` as in the field, or -1 for any. */
  find(medium: number, key: number): number {
    for (let i = 0; i < this.count; i++)
      if (this.key[i] === key && (medium < 0 || this.medium[i] === medium)) return i
    return -1
  }

  /** An object line at `at`. Returns where its last group ended. */
  #object(at: number, last: number): number {
    const mem = this.mem
    let i = at
    let medium = 0
    let key = 0
    for (let part = 0; ; part++) {
      let value = 0
      let c = 0
      for (; i < last; i++) {
        c = mem[i]! - 48
        if (c < 0 || c > 9) break
        value = value * 10 + c
        if (value > 255) return i
      }
      if (part < 2) medium = (medium << 8) | value
      else key = (key << 8) | value
      if (part === 4) break
      // A-B:C.D.E
      if (i >= last || c + 48 !== (part === 0 ? 45 : part === 1 ? 58 : 46)) return i
      i++
    }
    // F, which says nothing here, stands behind "*"; the 4.2 standard's own example prints ".255".
    if (i < last && (mem[i] === 42 || mem[i] === 46))
      for (i++; i < last && mem[i]! >= 48 && mem[i]! <= 57; ) i++
    if (i >= last || mem[i] !== 40) return i
    const n = this.count
    if (n === MAX_OBJECTS) return i
    this.idFrom[n] = at
    this.idTo[n] = i
    this.key[n] = key
    this.medium[n] = medium
    this.first[n] = this.groups
    const end = this.#groups(i, last)
    // A bracket that does not close: not an object.
    if (end < 0) this.groups = this.first[n]!
    else this.count = n + 1
    return end < 0 ? i : end
  }

  /** A line of groups only belongs to the object before it (DSMR 3.0: the gas value). */
  #continued(at: number, last: number): number {
    if (this.count === 0) return at
    const before = this.groups
    const end = this.#groups(at, last)
    if (end < 0) this.groups = before
    return end < 0 ? at : end
  }

  /** The groups from `at` on. Returns where they ended, or -1 where one does not close on its line. */
  #groups(at: number, last: number): number {
    const mem = this.mem
    let i = at
    while (i < last && mem[i] === 40) {
      const from = i + 1
      for (i = from; i < last; i++) {
        const c = mem[i]!
        if (c === 41) break
        if (c === 10) return -1
      }
      if (i === last) return -1
      if (this.groups < MAX_GROUPS) {
        this.groupFrom[this.groups] = from
        this.groupTo[this.groups++] = i
      }
      i++
    }
    return i
  }
}
