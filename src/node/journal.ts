// The journal on a machine's files: open, append, rewrite (bytes: base/journal.ts). An append is
// acknowledged when it is on the medium, never before; appends that come while the medium works go out
// together in the next batch. After any failed write nothing more is acknowledged: what the medium
// holds is then unknown, and only opening anew tells.

import type { Bytes } from '../base/bytes.ts'
import { getU32 } from '../base/cursor.ts'
import { EXIT, WattleError } from '../base/errors.ts'
import { BatchWriter, type JournalScan, journalHead, scanJournal } from '../base/journal.ts'
import { LIMITS } from '../base/limits.ts'
import type { Failure, Files, OpenFile, Random } from '../hw/hardware.ts'

export interface JournalRecord {
  /** 0–255; the caller's own. */
  readonly type: number
  readonly payload: Bytes
}

type Done = (error: Failure) => void

export class Journal {
  readonly #files: Files
  readonly #random: Random
  readonly #name: string
  #file: OpenFile
  #salt: number
  #next: number
  #size: number
  /** Bytes of an unfinished batch that were cut off when it was opened. */
  readonly torn: number
  #filling: BatchWriter = new BatchWriter()
  #fillingDone: Done[] = []
  #writing: BatchWriter = new BatchWriter()
  #writingDone: Done[] = []
  #busy = false
  #rewrite: { image: Bytes; batches: number; done: Done[] } | null = null
  #failure: Failure = null
  #closed = false

  private constructor(place: Place, file: OpenFile, scan: JournalScan, torn: number) {
    this.#files = place.files
    this.#random = place.random
    this.#name = place.name
    this.#file = file
    this.#salt = scan.salt
    this.#next = scan.next
    this.#size = scan.good
    this.torn = torn
  }

  /**
   * Opens the journal `name`, or begins it. Every record is told, in order, before `done`; payloads are
   * views to be copied. Fails with WattleError `state-damaged` (do not restart) or `state-unreadable`.
   */
  static open(
    place: Place,
    onRecord: (type: number, payload: Bytes) => void,
    done: (error: Failure, journal: Journal | null) => void,
  ): void {
    const { files, name } = place
    files.list((error, names) => {
      if (error) done(unreadable(name, error), null)
      else if (names.includes(name)) openFile(place, onRecord, done)
      else
        files.replace(name, journalHead(salt(place.random), 1), (failed) => {
          if (failed) done(unreadable(name, failed), null)
          else openFile(place, onRecord, done)
        })
    })
  }

  /** For openFile alone. */
  static made(place: Place, file: OpenFile, scan: JournalScan, torn: number): Journal {
    return new Journal(place, file, scan, torn)
  }

  /** Bytes in the file; the owner rewrites before it reaches LIMITS.journal.fileBytes. */
  get size(): number {
    return this.#size
  }

  /** Adds one record (copied at once); done when durable. */
  append(type: number, payload: Bytes, done: Done): void {
    this.appendAll([{ type, payload }], done)
  }

  /** Adds records that are kept or lost together. Fails with `journal-busy`, `journal-full` or what a write failed with. */
  appendAll(records: readonly JournalRecord[], done: Done): void {
    let bytes = 0
    for (const record of records) bytes += record.payload.length
    const refusal = this.#failure ?? this.#refusal(bytes, records.length)
    if (refusal) {
      // Later, as every answer.
      this.#files.list(() => done(refusal))
      return
    }
    for (const record of records) this.#filling.add(record.type, record.payload)
    this.#fillingDone.push(done)
    this.#start()
  }

  /**
   * Replaces everything by `records` (copied at once), which must include what was appended so far;
   * what is appended after this call comes behind them. Atomic: a power cut leaves the old or the new.
   */
  rewrite(records: readonly JournalRecord[], done: Done): void {
    if (this.#failure || this.#closed || this.#rewrite) {
      const refusal = this.#failure ?? new WattleError('journal-busy', `${this.#name} is being rewritten`)
      this.#files.list(() => done(refusal))
      return
    }
    // What waits in the next batch is part of `records`: it is durable when they are.
    const waiting = this.#fillingDone
    this.#fillingDone = []
    this.#filling.clear()
    const first = (this.#next + (this.#busy ? 1 : 0)) >>> 0
    this.#rewrite = { ...imageOf(records, salt(this.#random), first), done: [...waiting, done] }
    this.#start()
  }

  /**
   * For whoever has just opened it: where most of it says nothing any more, replaces it by `records`,
   * which say the same. Done at once where that is not worth a write.
   */
  compact(records: () => readonly JournalRecord[], done: Done): void {
    if (this.#size <= LIMITS.journal.compactBytes) return done(null)
    const kept = records()
    const bytes = kept.reduce((n, record) => n + record.payload.length + 4, 0)
    if (2 * bytes > this.#size) return done(null)
    this.rewrite(kept, done)
  }

  /** What is not acknowledged by now never will be. */
  close(): void {
    this.#closed = true
    this.#file.close()
  }

  #refusal(bytes: number, records: number): Failure {
    if (this.#closed) return new WattleError('journal-closed', `${this.#name} is closed`)
    if (!this.#filling.fits(bytes, records))
      return new WattleError('journal-busy', `${bytes} bytes more than ${this.#name} can take at once`)
    if (this.#size + 2 * LIMITS.journal.batchBytes > LIMITS.journal.fileBytes)
      return new WattleError('journal-full', `${this.#name} has ${this.#size} bytes and was not rewritten`)
    return null
  }

  #start(): void {
    if (this.#busy || this.#failure || this.#closed) return
    if (this.#rewrite) this.#startRewrite(this.#rewrite)
    else if (!this.#filling.empty) this.#startBatch()
  }

  #startBatch(): void {
    this.#busy = true
    const full = this.#filling
    this.#filling = this.#writing
    this.#writing = full
    const done = this.#fillingDone
    this.#fillingDone = this.#writingDone
    this.#writingDone = done
    const bytes = full.seal(this.#salt, this.#next)
    this.#file.write(this.#size, bytes, (error) => {
      if (error) this.#fail(error)
    })
    this.#file.sync((error) => {
      if (this.#failure) return
      if (error) {
        this.#fail(error)
        return
      }
      this.#size += bytes.length
      this.#next = (this.#next + 1) >>> 0
      full.clear()
      this.#finish(done)
    })
  }

  #startRewrite(job: { image: Bytes; batches: number; done: Done[] }): void {
    this.#busy = true
    this.#files.replace(this.#name, job.image, (error) => {
      if (error) {
        this.#fail(error)
        return
      }
      this.#files.open(this.#name, (failed, file) => {
        if (!file) {
          this.#fail(failed ?? new Error('no file'))
          return
        }
        this.#file.close()
        this.#file = file
        this.#salt = getU32(job.image, 8)
        this.#next = (getU32(job.image, 12) + job.batches) >>> 0
        this.#size = job.image.length
        this.#rewrite = null
        this.#finish(job.done)
      })
    })
  }

  #finish(done: Done[]): void {
    this.#busy = false
    if (this.#closed) return
    // The list is used again for the batch after next.
    const answers = done.splice(0, done.length)
    this.#start()
    for (const answer of answers) answer(null)
  }

  #fail(error: NonNullable<Failure>): void {
    if (this.#failure) return
    this.#failure = new WattleError('state-unwritable', `${this.#name}: ${error.message}`)
    const answers = [...this.#writingDone, ...(this.#rewrite?.done ?? []), ...this.#fillingDone]
    for (const answer of answers) answer(this.#failure)
  }
}

/** Where a journal lies. */
export interface Place {
  readonly files: Files
  readonly random: Random
  readonly name: string
}

function openFile(
  place: Place,
  onRecord: (type: number, payload: Bytes) => void,
  done: (error: Failure, journal: Journal | null) => void,
): void {
  const { name } = place
  place.files.open(name, (error, file) => {
    if (!file) {
      done(unreadable(name, error), null)
      return
    }
    const refuse = (failure: Failure): void => {
      file.close()
      done(failure, null)
    }
    if (file.size() > LIMITS.journal.fileBytes) {
      refuse(damaged(name, `has ${file.size()} bytes, more than any journal of ours`))
      return
    }
    const bytes = new Uint8Array(file.size())
    file.read(0, bytes, (failed, n) => {
      if (failed || n !== bytes.length) {
        refuse(unreadable(name, failed))
        return
      }
      const scan = scanJournal(bytes, onRecord)
      if (scan.kind === 'damaged') {
        refuse(damaged(name, scan.why))
        return
      }
      const torn = bytes.length - scan.good
      let uncut: Failure = null
      if (torn > 0)
        file.truncate(scan.good, (e) => {
          uncut = e
        })
      // What a killed process wrote but did not sync becomes durable before anybody acts on it.
      file.sync((e) => {
        const trouble = uncut ?? e
        if (trouble) refuse(unreadable(name, trouble))
        else done(null, Journal.made(place, file, scan, torn))
      })
    })
  })
}

function imageOf(
  records: readonly JournalRecord[],
  salted: number,
  first: number,
): { image: Bytes; batches: number } {
  const parts: Bytes[] = [journalHead(salted, first)]
  const writer = new BatchWriter()
  const flush = (): void => {
    if (!writer.empty) parts.push(writer.seal(salted, (first + parts.length - 1) >>> 0).slice())
    writer.clear()
  }
  for (const record of records) {
    if (!writer.fits(record.payload.length)) flush()
    writer.add(record.type, record.payload)
  }
  flush()
  let length = 0
  for (const part of parts) length += part.length
  const image = new Uint8Array(length)
  let at = 0
  for (const part of parts) {
    image.set(part, at)
    at += part.length
  }
  return { image, batches: parts.length - 1 }
}

function salt(random: Random): number {
  const bytes = new Uint8Array(4)
  random(bytes)
  return getU32(bytes, 0)
}

function damaged(name: string, why: string): WattleError {
  return new WattleError(
    'state-damaged',
    `${name} is damaged: ${why}. Restore a backup, or delete the state folder to begin anew`,
    EXIT.stay,
  )
}

function unreadable(name: string, error: Failure): WattleError {
  return new WattleError(
    'state-unreadable',
    `${name}: ${error?.message ?? 'could not be read whole'}`,
    EXIT.stay,
  )
}
