// Sealed frames of one channel on the card, newest over oldest (docs/wire.md "Ring file"). Slot n of the
// file is a frame, nothing else; where the newest is follows from (epoch, index), which only grow. The
// newest frames are also in memory, so a live reader never waits for the card; they are written in one
// piece with the sync of each minute, because a card wears by the page. What has not been written yet lies
// in a file of RAM meanwhile, where a killed program finds it again. Never sees a key.

import type { Bytes } from '../../base/bytes.ts'
import { equal } from '../../base/bytes.ts'
import { LIMITS } from '../../base/limits.ts'
import { sha256 } from '../../crypto/native.ts'
import type { Failure, Files, OpenFile } from '../../hw/hardware.ts'
import {
  FRAME,
  FRAME_BYTES,
  frameEpoch,
  frameIndex,
  framePart,
  framePrev,
  plausibleFrame,
} from '../../wire/frame.ts'
import type { Head } from '../../wire/rotation.ts'

export interface Place {
  epoch: number
  index: number
}

const TAIL = LIMITS.channel.ringTailFrames
/** Frames that wait for the card at most; fewer than are in memory. */
const GATHER = TAIL / 2
/** Slots looked at when opening: more than a minute of frames may not have reached the card whole. */
/** One piece of laying out. */
const LAID_OUT_BYTES = 1_048_576
const CHECKED = 256

/** <0, 0, >0 as the frame stands before, at or after the place. */
function comparePlace(frame: Bytes, place: Place): number {
  return frameEpoch(frame) - place.epoch || frameIndex(frame) - place.index
}

/** The file beside a ring that may be gone after a power cut (`Files`). */
export function spareName(name: string): string {
  return `${name.replace(/\.ring$/, '')}.mem`
}

export class Ring {
  readonly #file: OpenFile
  /** Frames that the card does not have yet, by their place in memory; null where there is no such file. */
  #spare: OpenFile | null
  /** Removes that file: all that was in it is with the card. */
  #forget: () => void
  readonly #tail: Bytes
  readonly #slots: number
  readonly #genuine: (frame: Bytes) => boolean
  /** Frames may be missing between those that are here: a mailbox keeps what it got. */
  readonly #gaps: boolean
  /** Bytes of the file that have their place on the card; less than the ring's where it is laid out bit by bit. */
  #laidOut: number
  /** Where the newest frames lie in memory, and from where the card takes them. */
  readonly #places: readonly Bytes[]
  /** Sequence number of the next frame; the frame with number n lies in slot n % slots. */
  #next: number
  /** All before this number were given to the card. */
  #written: number
  /** The newest TAIL frames lie in memory from this number on. */
  #tailFrom: number
  #writeError: Failure
  /** Frames that are handed out, the newest ones. */
  #kept: number

  private constructor(file: OpenFile, slots: number, genuine: (frame: Bytes) => boolean, gaps: boolean) {
    this.#gaps = gaps
    this.#laidOut = file.size()
    this.#file = file
    this.#genuine = genuine
    this.#slots = slots
    const tail = new Uint8Array(TAIL * FRAME_BYTES)
    this.#places = Array.from({ length: TAIL }, (_, i) =>
      tail.subarray(i * FRAME_BYTES, (i + 1) * FRAME_BYTES),
    )
    this.#tail = tail
    this.#spare = null
    this.#forget = () => {}
    this.#next = 0
    this.#written = 0
    this.#tailFrom = 0
    this.#writeError = null
    this.#kept = slots
  }

  /**
   * Opens (and where needed makes) a ring of `slots` frames; hands over the newest whole chain's end.
   * `genuine` tells whether a frame carries the device's signature: a torn newest frame has no successor to
   * say so. With `gaps` the chain may have holes.
   */
  static open(
    files: Files,
    o: { name: string; slots: number; genuine: (frame: Bytes) => boolean; gaps?: boolean },
    done: (error: Failure, ring: Ring | null, head: Head | null) => void,
  ): void {
    files.open(o.name, (error, file) => {
      if (error || !file) return done(error, null, null)
      const ring = new Ring(file, o.slots, o.genuine, o.gaps ?? false)
      ring.#findNewest((failure, head) => {
        if (failure) return done(failure, null, null)
        ring.#written = ring.#next
        files.open(spareName(o.name), (absent, spare) => {
          if (absent || !spare) return done(null, ring, head)
          ring.#forget = () => files.remove(spareName(o.name), () => {})
          ring.#recover(spare, head, (newest) => done(null, ring, newest))
        })
      })
    })
  }

  /** Number of the oldest frame that is still there. */
  get oldest(): number {
    return Math.max(0, this.#next - this.#kept)
  }

  /** Older frames than so many are handed out no more (the owners' policy); at most what there is room for. */
  keep(frames: number): void {
    this.#kept = Math.min(this.#slots, frames)
  }

  /** Number that the next frame will get. */
  get next(): number {
    return this.#next
  }

  get failed(): Failure {
    return this.#writeError
  }

  /** Copies the frame; it is on the card after the next `sync`. */
  append(frame: Bytes): void {
    const n = this.#next
    const place = this.#take(frame)
    this.#spare?.write((n % TAIL) * FRAME_BYTES, place, this.#onWritten)
    if (!this.#spare || this.#next - this.#written >= GATHER) this.#flush()
  }

  sync(done: (error: Failure) => void): void {
    this.#flush()
    this.#file.sync(done)
  }

  /**
   * The next piece of the file gets its place on the card, ahead of the frames: a file that grows costs the
   * file system more writes than the frames do (docs/decisions/0014). Slots never used are zeros. False when
   * all of it has its place.
   */
  layOut(): boolean {
    const from = Math.max(this.#laidOut, (this.#written + 1) * FRAME_BYTES)
    const left = this.#slots * FRAME_BYTES - from
    if (left <= 0) return false
    const zeros = new Uint8Array(Math.min(left, LAID_OUT_BYTES))
    this.#laidOut = from + zeros.length
    this.#file.write(from, zeros, this.#onWritten)
    return true
  }

  close(): void {
    this.#flush()
    this.#file.close()
    if (!this.#spare) return
    this.#spare.close()
    this.#forget()
  }

  /** Reads frames `from`, `from` + 1 … into `into`; tells how many came (0 when there is none). */
  read(from: number, into: Bytes, done: (error: Failure, frames: number) => void): void {
    const first = Math.max(from, this.oldest)
    const wanted = Math.min(Math.floor(into.length / FRAME_BYTES), this.#next - first)
    if (wanted <= 0) return done(null, 0)
    if (first >= this.#tailFrom) {
      for (let i = 0; i < wanted; i++) into.set(this.#inTail(first + i), i * FRAME_BYTES)
      return done(null, wanted)
    }
    const toEnd = this.#slots - (first % this.#slots)
    const count = Math.min(wanted, toEnd, this.#tailFrom - first)
    this.#file.read((first % this.#slots) * FRAME_BYTES, into.subarray(0, count * FRAME_BYTES), (error, n) =>
      done(error, error ? 0 : Math.floor(n / FRAME_BYTES)),
    )
  }

  /** Number of the first frame at or after a place; `next` where all are before it. */
  find(place: Place, done: (error: Failure, n: number) => void): void {
    const probe = new Uint8Array(FRAME_BYTES)
    const search = (low: number, high: number): void => {
      if (low >= high) return done(null, low)
      const mid = Math.floor((low + high) / 2)
      this.read(mid, probe, (error, n) => {
        if (error) return done(error, 0)
        // A slot overwritten while we searched reads as newer than it was: the search still ends.
        if (n > 0 && comparePlace(probe, place) < 0) search(mid + 1, high)
        else search(low, mid)
      })
    }
    search(this.oldest, this.#next)
  }

  /** Into memory alone. */
  #take(frame: Bytes): Bytes {
    const place = this.#places[this.#next % TAIL]!
    place.set(frame)
    this.#next++
    if (this.#next - this.#tailFrom > TAIL) this.#tailFrom = this.#next - TAIL
    return place
  }

  /** What waits goes to the card in as few pieces as memory and ring allow. */
  #flush(): void {
    while (this.#written < this.#next) {
      const [place, slot] = [this.#written % TAIL, this.#written % this.#slots]
      const n = Math.min(this.#next - this.#written, TAIL - place, this.#slots - slot)
      const piece = this.#tail.subarray(place * FRAME_BYTES, (place + n) * FRAME_BYTES)
      this.#file.write(slot * FRAME_BYTES, piece, this.#onWritten)
      this.#written += n
    }
  }

  /** A program that was killed left frames behind that follow on the card's newest. */
  #recover(spare: OpenFile, head: Head | null, done: (head: Head | null) => void): void {
    const left = new Uint8Array(TAIL * FRAME_BYTES)
    spare.read(0, left, (error, length) => {
      this.#spare = spare
      const frames: Bytes[] = []
      for (let at = 0; !error && at + FRAME_BYTES <= length; at += FRAME_BYTES) {
        const frame = left.subarray(at, at + FRAME_BYTES)
        if (plausibleFrame(frame) && (!head || comparePlace(frame, head) > 0)) frames.push(frame)
      }
      frames.sort((a, b) => comparePlace(a, { epoch: frameEpoch(b), index: frameIndex(b) }))
      const chain: Bytes[] = []
      let hash = head?.hash ?? new Uint8Array(32)
      for (const frame of frames) {
        // Where frames may be missing, each has to speak for itself.
        const follows = this.#gaps ? this.#genuine(frame) : equal(framePrev(frame), hash.subarray(0, 16))
        if (!follows) continue
        chain.push(frame)
        hash = sha256(frame)
      }
      while (chain.length > 0 && !this.#genuine(chain.at(-1)!)) chain.pop()
      for (const frame of chain) this.#take(frame)
      this.#flush()
      const newest = chain.at(-1)
      done(newest ? { epoch: frameEpoch(newest), index: frameIndex(newest), hash: sha256(newest) } : head)
    })
  }

  readonly #onWritten = (error: Failure): void => {
    if (error) this.#writeError = error
  }

  #inTail(n: number): Bytes {
    return this.#places[n % TAIL]!
  }

  /** Finds the newest slot by halving: before it places grow, behind it lie older frames or nothing. */
  #findNewest(done: (error: Failure, head: Head | null) => void): void {
    const used = Math.min(this.#slots, Math.floor(this.#file.size() / FRAME_BYTES))
    if (used === 0) return done(null, null)
    const first = new Uint8Array(FRAME_BYTES)
    const probe = new Uint8Array(FRAME_BYTES)
    this.#file.read(0, first, (error) => {
      if (error) return done(error, null)
      if (!plausibleFrame(first)) return done(null, null)
      const search = (low: number, high: number): void => {
        // Invariant: slot `low` is not older than slot 0, slot `high` is older, empty or outside.
        if (high - low <= 1) return this.#checkEnd(low, used, done)
        const mid = Math.floor((low + high) / 2)
        this.#file.read(mid * FRAME_BYTES, probe, (failure) => {
          if (failure) return done(failure, null)
          const newer =
            plausibleFrame(probe) &&
            comparePlace(probe, { epoch: frameEpoch(first), index: frameIndex(first) }) >= 0
          if (newer) search(mid, high)
          else search(low, mid)
        })
      }
      search(0, used)
    })
  }

  /** Walks the links of the newest slots and cuts off what a power cut left torn. */
  #checkEnd(last: number, used: number, done: (error: Failure, head: Head | null) => void): void {
    const from = Math.max(0, last - CHECKED + 1)
    const block = new Uint8Array((last - from + 1) * FRAME_BYTES)
    this.#file.read(from * FRAME_BYTES, block, (error) => {
      if (error) return done(error, null)
      const frame = (i: number): Bytes => block.subarray(i * FRAME_BYTES, (i + 1) * FRAME_BYTES)
      let good = 0
      for (let i = 1; i <= last - from; i++)
        if (plausibleFrame(frame(i)) && this.#linked(frame(i - 1), frame(i))) good = i
        else break
      while (good >= 0 && !this.#genuine(frame(good))) good--
      if (good < 0) {
        this.#next = from
        this.#tailFrom = from
        return done(null, null)
      }
      const newest = frame(good)
      this.#hasWrapped(last, used, (failure, wrapped) => {
        if (failure) return done(failure, null)
        this.#next = from + good + 1 + (wrapped ? this.#slots : 0)
        this.#tailFrom = this.#next
        done(null, { epoch: frameEpoch(newest), index: frameIndex(newest), hash: sha256(newest) })
      })
    })
  }

  /** Has the ring been round: is there an older frame in its last slot, or only zeros? */
  #hasWrapped(last: number, used: number, done: (error: Failure, wrapped: boolean) => void): void {
    if (used < this.#slots || last + 1 === used) return done(null, false)
    const end = new Uint8Array(FRAME_BYTES)
    this.#file.read((this.#slots - 1) * FRAME_BYTES, end, (error) =>
      done(error, !error && plausibleFrame(end)),
    )
  }

  /** A frame follows another when it links to it; the first of an epoch may link further back. */
  #linked(before: Bytes, frame: Bytes): boolean {
    if (this.#gaps && comparePlace(frame, { epoch: frameEpoch(before), index: frameIndex(before) }) > 0)
      return this.#genuine(frame)
    if (frame[0] === FRAME.rotation && framePart(frame) === 0) return frameEpoch(frame) > frameEpoch(before)
    return equal(framePrev(frame), sha256(before).subarray(0, 16))
  }
}
