// The outside witness (DESIGN, "Power cuts and rollback"): a card that was restored to an older state
// must not let a revoked reader back in, so readers other than owners get keys only after an owner has
// shown the newest head it knows since our boot. What it shows are our own signatures; nothing else counts.

import type { Bytes } from '../base/bytes.ts'
import { equal } from '../base/bytes.ts'
import { LIMITS } from '../base/limits.ts'
import { verifyFrame } from '../channel/reader.ts'
import type { Verifier } from '../crypto/native.ts'
import type { Witness } from '../wire/channel.ts'
import { type ClassId, frameClass, frameEpoch, frameIndex, frameNonce } from '../wire/frame.ts'

/**
 * confirmed: nothing newer than ours is known · log-behind: the owner knows events that we lost, and
 * sends them · log-fork: its log is not ours · epoch-behind: our own signature on a place that we do not
 * know · clone: our signature on an epoch so far ahead that no card of ours was ever there: somebody else
 * seals with our key, and his numbers are not followed. Whatever the verdict, `atLeast` above 0 is the
 * highest epoch so shown that is near enough: ours must pass it.
 */
export interface Judgement {
  verdict: 'confirmed' | 'log-behind' | 'log-fork' | 'epoch-behind' | 'clone'
  atLeast: number
}

export interface Ours {
  logSeq: number
  /** The head of our log when it had this many events. */
  logHead: (seq: number) => Bytes
  device: Verifier
  /** Where a class stands now, and its epoch's nonce. */
  next: (cls: ClassId) => { epoch: number; index: number; nonce: Bytes }
}

/** The log comes first: readers whom a lost event took out must not profit from an epoch we lost too. */
export function judgeWitness(witness: Witness, ours: Ours): Judgement {
  const { atLeast, clone } = highestUnknown(witness, ours)
  if (witness.logSeq > ours.logSeq) return { verdict: 'log-behind', atLeast }
  if (!equal(witness.logHead, ours.logHead(witness.logSeq))) return { verdict: 'log-fork', atLeast }
  return { verdict: clone ? 'clone' : atLeast > 0 ? 'epoch-behind' : 'confirmed', atLeast }
}

function highestUnknown(witness: Witness, ours: Ours): { atLeast: number; clone: boolean } {
  let atLeast = 0
  let clone = false
  for (const frame of witness.frames) {
    if (!verifyFrame(frame, ours.device)) continue
    const next = ours.next(frameClass(frame) as ClassId)
    const epoch = frameEpoch(frame)
    const other = frameIndex(frame) >= next.index || !equal(frameNonce(frame), next.nonce)
    if (epoch - next.epoch > LIMITS.channel.epochJump) clone = true
    else if (epoch > next.epoch || (epoch === next.epoch && other)) atLeast = Math.max(atLeast, epoch)
  }
  return { atLeast, clone }
}
