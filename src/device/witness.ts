// The outside witness (DESIGN, "Power cuts and rollback"): a card that was restored to an older state
// must not let a revoked reader back in, so readers other than owners get keys only after an owner has
// shown the newest head it knows since our boot. What it shows are our own signatures; nothing else counts.

import { verifyFrame } from '../channel/reader.ts'
import type { Verifier } from '../crypto/native.ts'
import type { Witness } from '../wire/channel.ts'
import { type ClassId, frameClass, frameEpoch, frameIndex } from '../wire/frame.ts'

/**
 * confirmed: nothing newer than ours is known · log-behind: the owner knows events that we lost, and
 * sends them · epoch-behind: our own signature on a later place than ours; `atLeast` is the highest epoch.
 */
export type Judgement = { verdict: 'confirmed' | 'log-behind' } | { verdict: 'epoch-behind'; atLeast: number }

export function judgeWitness(
  witness: Witness,
  ours: { logSeq: number; device: Verifier; next: (cls: ClassId) => { epoch: number; index: number } },
): Judgement {
  let atLeast = 0
  for (const frame of witness.frames) {
    if (!verifyFrame(frame, ours.device)) continue
    const next = ours.next(frameClass(frame) as ClassId)
    const epoch = frameEpoch(frame)
    const later = epoch > next.epoch || (epoch === next.epoch && frameIndex(frame) >= next.index)
    if (later) atLeast = Math.max(atLeast, epoch)
  }
  if (atLeast > 0) return { verdict: 'epoch-behind', atLeast }
  return { verdict: witness.logSeq > ours.logSeq ? 'log-behind' : 'confirmed' }
}
