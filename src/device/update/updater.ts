// One update from offer to installed: the manifest is checked, the other slot is marked `none` before its
// first byte changes, what comes goes straight onto the card, the whole is read back from the medium and
// its hash compared, and only then stage 1 is told to try it. A transfer that breaks off goes on where
// it was. Messages and owners are server.ts's business; time does not occur here.

import type { Bytes } from '../../base/bytes.ts'
import { equal } from '../../base/bytes.ts'
import { LIMITS } from '../../base/limits.ts'
import { Sha256, type Verifier } from '../../crypto/native.ts'
import type { Card, Failure, Files, OpenFile } from '../../hw/hardware.ts'
import { otherSlot, type Slot, TRIES } from '../../wire/card/slots.ts'
import { type Manifest, type UpdateRefusal, verifyManifest } from '../../wire/card/update.ts'
import { readMemory, writeMemory } from './memory.ts'
import { changeSlots, readSlots } from './slots.ts'

export interface UpdaterOptions {
  card: Card | null
  files: Files
  /** The slot we run from, and the kind of board. */
  slot: Slot
  board: string
  /** Which boot files are on the card; null where stage 1 does not say. */
  boot: string | null
  /** Who signs updates; null: nobody. */
  key: Verifier | null
  /** The button allows an older version. */
  mayDowngrade: () => boolean
}

interface Job {
  jws: string
  manifest: Manifest
  slot: Slot
  file: OpenFile
  /** Next byte that is expected. */
  at: number
  /** Bytes that the card's driver has taken, and those that are durable. */
  taken: number
  durable: number
  syncing: boolean
}

type Outcome = (refusal: UpdateRefusal | null) => void

export class Updater {
  readonly #options: UpdaterOptions
  #job: Job | null = null
  /** Between an offer and its answer, and from the last byte on. */
  #busy = false

  constructor(options: UpdaterOptions) {
    this.#options = options
  }

  get busy(): boolean {
    return this.#busy
  }

  /** @param done the refusal, or null and the byte to go on with. */
  offer(jws: string, done: (refusal: UpdateRefusal | null, at: number) => void): void {
    const { card, key, board, boot } = this.#options
    if (this.#busy) return done('busy', 0)
    const manifest = key === null ? 'unsigned' : verifyManifest(jws, key)
    if (manifest === 'unsigned' || manifest === 'malformed') return done(manifest, 0)
    if (manifest.board !== board) return done('other-board', 0)
    if (boot !== null && manifest.boot !== '' && manifest.boot !== boot) return done('other-boot', 0)
    if (!card) return done('no-card', 0)
    if (this.#job?.jws === jws) return done(null, this.#job.at)
    this.abandon()
    this.#busy = true
    this.#prepare(card, jws, manifest, (refusal, at) => {
      this.#busy = false
      done(refusal, at)
    })
  }

  /**
   * The bytes from `at` on; they are copied. `taken` hears of it when the card has them; `done` once, with
   * what became of the whole, after the last byte or when it cannot go on.
   */
  data(at: number, bytes: Bytes, taken: (at: number) => void, done: Outcome): void {
    const job = this.#job
    if (!job || this.#busy || at !== job.at || at + bytes.length > job.manifest.size) return done('malformed')
    job.at += bytes.length
    const end = job.at
    job.file.write(at, bytes.slice(), (error) => {
      if (this.#job !== job) return
      if (error) return this.#fail('storage', done)
      job.taken = end
      if (end === job.manifest.size) return this.#finish(job, done)
      if (end - job.durable >= LIMITS.update.syncBytes) this.#sync(job)
      taken(end)
    })
    if (job.at === job.manifest.size) this.#busy = true
  }

  /** Forgets the transfer that is under way; the card keeps what is durable, and so does the memory. */
  abandon(): void {
    this.#job?.file.close()
    this.#job = null
  }

  /** Who sent went away: what it sent counts, the next offer goes on. */
  pause(): void {
    const job = this.#job
    if (job && !this.#busy) this.#sync(job)
  }

  #prepare(
    card: Card,
    jws: string,
    manifest: Manifest,
    done: (refusal: UpdateRefusal | null, at: number) => void,
  ): void {
    const { files, slot, mayDowngrade } = this.#options
    const other = otherSlot(slot)
    readSlots(card, (error, found) => {
      if (error || !found) return done('storage', 0)
      const { record } = found
      // The other system is all there is to fall back to until this one has proved itself.
      if (record[slot] !== 'good') return done('on-trial', 0)
      if (manifest.index < record.index && !mayDowngrade()) return done('downgrade', 0)
      readMemory(files, (memory) => {
        const same =
          memory?.jws === jws && memory.slot === other && !memory.installed && record[other] === 'none'
        const begin = (from: number): void => {
          this.#open(card, { jws, manifest, slot: other, from }, done)
        }
        if (same) return begin(Math.min(memory.at, manifest.size))
        // Before the first byte: half a system must never be started.
        changeSlots(
          card,
          () => ({ first: slot, [other]: 'none' }),
          (failure) => (failure ? done('storage', 0) : begin(0)),
        )
      })
    })
  }

  #open(
    card: Card,
    { jws, manifest, slot, from }: { jws: string; manifest: Manifest; slot: Slot; from: number },
    done: (refusal: UpdateRefusal | null, at: number) => void,
  ): void {
    card.openSlot(slot, (error, file) => {
      if (error || !file) return done('storage', 0)
      if (manifest.size > file.size()) {
        file.close()
        return done('too-large', 0)
      }
      // A transfer that had ended before it was verified: its last byte is sent once more.
      const at = Math.min(from, manifest.size - 1)
      this.#job = { jws, manifest, slot, file, at, taken: at, durable: at, syncing: false }
      this.#remember(this.#job, false, (failure) => {
        if (!failure) return done(null, at)
        this.abandon()
        done('storage', 0)
      })
    })
  }

  #sync(job: Job): void {
    if (job.syncing || job.taken === job.durable) return
    const { taken } = job
    job.syncing = true
    job.file.sync((error) => {
      job.syncing = false
      if (error || this.#job !== job) return
      job.durable = taken
      this.#remember(job, false, () => {})
    })
  }

  #remember(job: Job, installed: boolean, done: (error: Failure) => void): void {
    const { jws, slot, durable, manifest } = job
    writeMemory(this.#options.files, { jws, slot, at: durable, index: manifest.index, installed }, done)
  }

  /** Everything is written: onto the medium, back from it, and compared. */
  #finish(job: Job, done: Outcome): void {
    const card = this.#options.card!
    job.file.sync((error) => {
      job.file.close()
      if (error) return this.#fail('storage', done)
      card.openSlot(job.slot, (unopened, file) => {
        if (unopened || !file) return this.#fail('storage', done)
        hashOf(file, job.manifest.size, (failure, hash) => {
          file.close()
          if (failure || !hash) return this.#fail('storage', done)
          if (!equal(hash, job.manifest.sha256)) return this.#fail('damaged', done)
          this.#install(card, job, done)
        })
      })
    })
  }

  /** The index first: a system on trial has to find it. The record last: from then on it is started. */
  #install(card: Card, job: Job, done: Outcome): void {
    this.#remember(job, true, (error) => {
      if (error) return this.#fail('storage', done)
      changeSlots(
        card,
        () => ({ first: job.slot, [job.slot]: TRIES }),
        (failure) => {
          if (failure) return this.#fail('storage', done)
          this.#job = null
          // Busy for good: the board is about to restart.
          done(null)
        },
      )
    })
  }

  /** What came is of no use: the next offer begins at 0. */
  #fail(refusal: UpdateRefusal, done: Outcome): void {
    const job = this.#job
    this.#job = null
    const over = (): void => {
      this.#busy = false
      done(refusal)
    }
    job?.file.close()
    if (job && refusal === 'damaged') this.#remember({ ...job, durable: 0 }, false, over)
    else over()
  }
}

/** SHA-256 of the first `size` bytes, a piece at a time so that the loop goes on. */
function hashOf(file: OpenFile, size: number, done: (error: Failure, hash: Bytes | null) => void): void {
  const hash = new Sha256()
  const piece = new Uint8Array(LIMITS.update.readBytes)
  const read = (at: number): void => {
    if (at >= size) return done(null, hash.digest())
    const want = piece.subarray(0, Math.min(piece.length, size - at))
    file.read(at, want, (error, n) => {
      if (error || n === 0)
        return done(error ?? Object.assign(new Error('EIO: short read'), { code: 'EIO' }), null)
      hash.update(want.subarray(0, n))
      read(at + n)
    })
  }
  read(0)
}
