// The files of the rings (docs/wire.md "Ring file"). Frames under another key of the device lie in files of
// other names, so that a power cut between two keys leaves nothing that could be mistaken.

import type { Files } from '../../hw/hardware.ts'
import { spareName } from '../../node/frames/ring.ts'
import { CLASS_NAMES, type ClassId } from '../../wire/frame.ts'

/** `life`: 1 for the device's first key, 2 for the one after it, and so on. */
export function ringName(cls: ClassId, life: number): string {
  return `frames-${CLASS_NAMES[cls]}${life > 1 ? `-${life}` : ''}.ring`
}

/** KEY_ROTATIONs by themselves. */
export function headsName(cls: ClassId, life: number): string {
  return `frames-${CLASS_NAMES[cls]}${life > 1 ? `-${life}` : ''}-heads.ring`
}

/** Removes the rings of every key but that one; 0: of all. Ciphertext whose keys are gone is of no use. */
export function forgetFrames(files: Files, life: number): void {
  const kept =
    life === 0 ? [] : ([0, 1, 2] as const).flatMap((cls) => [ringName(cls, life), headsName(cls, life)])
  files.list((_error, names) => {
    for (const name of names) {
      if (!/^frames-.*\.ring$/.test(name) || kept.includes(name)) continue
      files.remove(name, () => {})
      files.remove(spareName(name), () => {})
    }
  })
}
