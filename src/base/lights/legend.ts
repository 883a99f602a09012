// What the LEDs and the button mean, in words: one line for each pattern of leds.ts and one for each
// gesture of the button. docs/leds.md is made from this table (scripts/leds.ts), and a test compares.

import type { MeterLed, StatusLed } from './leds.ts'

export interface Meaning {
  /** What the device is doing. */
  readonly says: string
  /** What a person may do about it; empty: nothing. */
  readonly todo: string
}

const meaning = (says: string, todo = ''): Meaning => ({ says, todo })

export const STATUS_WORDS: Readonly<Record<StatusLed, Meaning>> = {
  booting: meaning('Starting.', 'Wait half a minute.'),
  unpaired: meaning('Ready, and nobody’s yet.', 'Press the button to claim it.'),
  'window-open': meaning('May be claimed for 60 seconds.', 'Scan the label, or type its code.'),
  claiming: meaning('Somebody is claiming it.'),
  claimed: meaning('Claimed.'),
  refused: meaning('The claim was refused: the code was wrong.', 'Look at the label again.'),
  paired: meaning('Yours, and all is well.'),
  identify: meaning('“Here I am”, after a short press.'),
  offline: meaning('No network.', 'Look at the router, or at the cable.'),
  'no-wifi': meaning(
    'No Wi-Fi is set up, or its password is wrong.',
    'Put wattle.txt on the card, or hold the button 3 to 8 seconds and join the network “Wattle-…”.',
  ),
  updating: meaning('A new version is being written.', 'Do not unplug.'),
  trial: meaning('A new version is being tried; it goes back by itself if it does not work.'),
  'reset-armed': meaning(
    'The next short press deletes keys, owners and readings.',
    'Press within 5 seconds, or wait and nothing happens.',
  ),
  'safe-mode': meaning(
    'Neither version starts; only the network and updates work.',
    'Update it, or write the card anew.',
  ),
  'fault-2': meaning('The card cannot be written, or is full.', 'Use another card.'),
  'fault-3': meaning(
    'The stored identity is damaged.',
    'Restore a backup, or hold the button 10 seconds to reset it.',
  ),
  'fault-4': meaning('The firmware of the radio is missing.', 'Use a network cable.'),
  'fault-5': meaning(
    'An update was refused: not signed by us, damaged, or for another board.',
    'Fetch it again. The device goes on with what it has.',
  ),
  'fault-6': meaning('It restarted again and again.', 'Try another power supply; then write the card anew.'),
  'fault-7': meaning('Too hot.', 'Give it air.'),
  'fault-8': meaning(
    'wattle.txt cannot be understood.',
    'Read wattle-error.txt on the card: it names the line.',
  ),
}

export const METER_WORDS: Readonly<Record<MeterLed, Meaning>> = {
  waiting: meaning('Nothing from the meter yet.', 'Plug the P1 cable in.'),
  telegram: meaning('One flash for each telegram.'),
  silent: meaning(
    'The meter has fallen silent.',
    'Look at the cable; ask the grid company whether the port is on.',
  ),
  bad: meaning('More than one telegram in ten is damaged.', 'Use a shorter or better cable.'),
  fault: meaning('STATUS counts out a fault.'),
  identify: meaning('With STATUS: “here I am”.'),
  'no-wifi': meaning('In turn with STATUS: no Wi-Fi.'),
  updating: meaning('In turn with STATUS: do not unplug.'),
  'reset-armed': meaning('Both steady: a reset is armed.'),
  'safe-mode': meaning('In step with STATUS: safe mode.'),
}

export interface GestureWords {
  readonly hold: string
  readonly when: string
  readonly does: string
}

/** The button; times as in device/button.ts. */
export const GESTURES: readonly GestureWords[] = [
  { hold: 'under 3 seconds', when: 'nobody’s yet', does: 'opens the claim window for 60 seconds' },
  { hold: 'under 3 seconds', when: 'yours', does: 'identify: both LEDs flash for 3 seconds' },
  {
    hold: '3 to 8 seconds',
    when: 'any time',
    does: 'for 10 minutes: a further owner, Wi-Fi set-up, and an update to an older version',
  },
  {
    hold: '10 seconds',
    when: 'any time',
    does: 'arms the reset: both LEDs steady; let go, then a short press within 5 seconds deletes keys, owners and readings',
  },
  {
    hold: '8 to 10 seconds',
    when: 'any time',
    does: 'nothing, so that nobody slips from the one into the other',
  },
  {
    hold: 'while power is put on',
    when: 'any time',
    does: 'starts the other version on the card; held on, it counts for nothing else',
  },
]
