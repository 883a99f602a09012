// Sealed frames of an owner who is gone: ciphertext whose keys are destroyed. A new owner begins with empty
// rings.

import type { Files } from '../../hw/hardware.ts'
import { spareName } from '../../node/frames/ring.ts'
import { ALL_CLASSES, headsName, ringName } from './channels.ts'

/** Removes every file of frames; one that stays is overwritten in time. */
export function forgetFrames(files: Files): void {
  for (const cls of ALL_CLASSES) {
    files.remove(ringName(cls), () => {})
    files.remove(headsName(cls), () => {})
    files.remove(spareName(headsName(cls)), () => {})
    files.remove(spareName(ringName(cls)), () => {})
  }
}
