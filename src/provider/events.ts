// What a provider tells whoever runs it, one call for each thing that happened.

import type { Bytes } from '../base/bytes.ts'
import type { ReaderEntryText } from '../wire/access.ts'
import type { Ending } from '../wire/channel.ts'
import type { Channel } from './store.ts'

export interface ProviderEvents {
  onTelegram(channel: Channel, telegram: Bytes, at: { epoch: number; index: number; wall: number }): void
  /** Instead of frames, once a minute, over a relay of strangers: the telegram of now; the frames come later. */
  onDigest?(channel: Channel, telegram: Bytes, at: { epoch: number; index: number }): void
  onSealed(channel: Channel, at: { epoch: number; index: number }): void
  onGap(channel: Channel, from: { epoch: number; index: number }, to: { epoch: number; index: number }): void
  onAccess(channel: Channel, access: string, why: Ending | null): void
  onInvite(channel: Channel): void
  /** The device says, signed, that access was given or taken. */
  onEntry?(channel: Channel, entry: ReaderEntryText): void
  /** An invitation that led nowhere made room for another. */
  onForget?(channel: Channel): void
}
