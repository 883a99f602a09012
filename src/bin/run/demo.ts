// The story that `wattle run --demo` plays: about a minute from a new device to a consent withdrawn.

import type { Step } from './script.ts'

export const DEMO: readonly Step[] = [
  { do: 'wait', ms: 8_000 },
  { do: 'claim', expect: 'window-closed' },
  { do: 'wait', ms: 4_000 },
  { do: 'press' },
  { do: 'expect', who: 'device', event: 'window', open: true, within: 2_000 },
  { do: 'claim', wait: 5_000 },
  { do: 'expect', who: 'home', event: 'telegram', count: 12, within: 20_000 },
  { do: 'grant', to: 'provider1' },
  { do: 'expect', who: 'provider1', event: 'reading', count: 12, within: 20_000 },
  { do: 'revoke', from: 'provider1' },
  { do: 'expect', who: 'provider1', event: 'sealed', count: 10, within: 20_000 },
  { do: 'expect', who: 'home', event: 'telegram', new: true, count: 5, within: 10_000 },
  { do: 'wait', ms: 6_000 },
]

/** What a person is told as the story goes on; by the number of the step. */
export const CAPTIONS: Readonly<Record<number, string>> = {
  1: 'A new device. Its meter sends a telegram a second; nobody owns it, so nothing leaves it.',
  2: 'Somebody tries to claim it without pressing its button …',
  3: '… and is refused: no press, no claim.',
  4: 'Now the button is pressed. The window is open for 60 seconds.',
  6: 'The code from the label is proven, without ever being sent.',
  7: 'The device has an owner. Every telegram arrives at My Home, sealed for the owner alone.',
  8: 'The owner lets EnergieLab read, from now on.',
  9: 'EnergieLab opens frames from the grant on, and none from before it.',
  10: 'The owner takes it back. The next frame is under new keys.',
  11: 'EnergieLab still receives frames and cannot open them …',
  12: '… while the owner reads on.',
}
