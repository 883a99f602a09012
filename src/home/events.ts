// What home hears of its devices, and hands on: to its face, to the log of its process, to sinks.

import type { Bytes } from '../base/bytes.ts'
import type { Decision } from '../ownership/log.ts'
import type { Ending } from '../wire/channel.ts'
import type { ClassId } from '../wire/frame.ts'
import type { OwnedDevice } from './store.ts'

export interface OwnedEvents {
  onTelegram(device: OwnedDevice, telegram: Bytes, at: { epoch: number; index: number; wall: number }): void
  onGap(
    device: OwnedDevice,
    from: { epoch: number; index: number },
    to: { epoch: number; index: number },
  ): void
  onAccess(device: OwnedDevice, access: string, why: Ending | null): void
  /** The telegram of now, once a minute, while the device is reached through a relay of strangers; the frames come later. */
  onDigest?(device: OwnedDevice, telegram: Bytes, at: { epoch: number; index: number }): void
  /** A summary of `15min` or `day`, where those are read. */
  onSummary?(device: OwnedDevice, cls: ClassId, summary: Bytes): void
  /** An event entered our copy of the log: by our own act, another owner's, or after a restart. */
  onLog(device: OwnedDevice, decision: Decision): void
  onReject(device: OwnedDevice, what: string): void
}
