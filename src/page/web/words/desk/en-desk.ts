// English: what only the page of a home on a computer has.

import type { DeskWords } from './table.ts'

export const desk: DeskWords = {
  locked: {
    title: 'This page needs its key',
    why: 'Other people may have accounts on this computer, so My Home opens only to a link that it says to you.',
    how: 'Run “wattle home link” and open what it prints. This browser remembers it.',
  },
  history: {
    title: 'History',
    span: 'How long',
    what: 'What',
    views: { day: 'Day', week: 'Week', month: 'Month', year: 'Year' },
    measures: { power: 'Electricity', gas: 'Gas', water: 'Water' },
    before: 'Earlier',
    after: 'Later',
    week: (from, to) => `${from} to ${to}`,
    compare: 'Compare with',
    compares: { none: 'nothing', before: 'the one before', year: 'a year before' },
    sums: (taken, given) => `${taken} taken, ${given} returned`,
    differs: (then, percent) =>
      percent === null
        ? `The other: ${then}.`
        : percent === 0
          ? `As much as the same part of the other: ${then}.`
          : `${Math.abs(percent)} % ${percent > 0 ? 'more' : 'less'} than the same part of the other: ${then}.`,
    noOther: 'Nothing is known of the other.',
    peak: (power) => `Highest average of a minute: ${power}.`,
    gap: 'Not all of it was measured: what is missing lies in gaps.',
    at: (step, value) => `${step}: ${value}`,
    chart: (period, known, all) =>
      `Bars of ${period}: ${known} of ${all} steps were measured. The figures are in the table below.`,
    empty: 'Nothing was measured in it.',
    nothing: 'Nothing has been kept yet. The first minutes appear within a minute of the first telegram.',
    table: 'As a table',
    columns: {
      when: 'When',
      taken: 'Taken',
      given: 'Returned',
      gas: 'Gas',
      water: 'Water',
      peak: 'Peak',
      gap: '(in part)',
    },
    csv: 'Save as CSV',
    csvMinutes: 'Every minute as CSV',
    fetching: 'Fetching …',
    notFetched: 'Could not be fetched',
  },
  proof: {
    title: 'Who could read what',
    why: 'Computed from the keys that the device handed out. It signs each of these entries, and none can be left out without being noticed.',
    nobody: 'Nobody but you was ever let in.',
    states: {
      waiting: 'agreed; no key was handed out yet',
      open: 'reads now',
      paused: 'rests',
      ended: 'ended',
    },
    ends: {
      revoked: 'you stopped it',
      expired: 'its time was over',
      deleted: 'the device was given up',
      paused: 'you let it rest',
    },
    frames: (from, fromWhen, to, toWhen) =>
      to === null
        ? `Frames from ${from} (${fromWhen}) until now`
        : `Frames from ${from} (${fromWhen}) up to ${to} (${toWhen})`,
    noKey: 'No key was handed out: it can read nothing.',
    delivered: (place, when) => `Last sent: frame ${place} (${when})`,
    differs: 'The device says otherwise than its entries do.',
    save: 'Save the signed proof',
  },
  owners: {
    title: 'Owners',
    threshold: (m, n) =>
      n === 1
        ? 'You alone decide.'
        : m === 1
          ? 'Each of them may decide alone.'
          : `${m} of ${n} must agree to a change of owners.`,
    recovery: 'There is a paper key for the day when all keys are lost.',
    own: 'this home',
    remove: 'Remove',
    removeTitle: (name) => `Remove ${name} as an owner?`,
    removeNote:
      'From then on its key opens nothing and decides nothing here. Do this when a computer or a phone was lost or stolen.',
    add: 'Add an owner',
    addTitle: 'Add an owner',
    addNote:
      'Paste the card of the other owner: a line that begins with “wattle-owner:”. “Card of this home” shows it there.',
    card: 'Card',
    ownCard: 'Card of this home',
    ownCardNote: 'Give this line to somebody who is to let you in as an owner. It holds no secret.',
    invite: 'Invitation to this device',
    inviteNote: 'After you have added an owner, give them this line: with it their home finds the device.',
    join: 'Join a device',
    joinNote: 'Paste the invitation from the owner who has added you.',
    invitation: 'Invitation',
    joined: (name) => `${name} is yours too now.`,
    others: 'Other owners have to sign this too. Give them this line; they run “wattle home owners sign”.',
    waiting: 'A change is still on its way to the device.',
    close: 'Close',
  },
  policy: {
    title: 'Rules',
    why: 'What holds for every share and every neighbour of this device. What loosens them needs the same owners as a change of owners.',
    factory: 'As it came: nothing was changed.',
    change: 'Change a rule',
    member: 'Rule',
    value: 'New value',
    valueNote:
      'true or false, a number, a word, or words with commas between. What each may be is in docs/wire/owners.md.',
    all: 'All rules',
  },
  files: {
    title: 'Copies and updates',
    why: 'One file holds all that an owner must not lose: keys, owner logs, shares and history.',
    backup: 'Save a copy',
    backupNote: (chars) =>
      `The file is sealed with a pass-phrase of at least ${chars} characters. Without it nobody can open it, you neither.`,
    backedUp: 'The copy was saved.',
    restore: 'Bring a copy back',
    restoreNote:
      'Devices, shares and history of the copy come into this home. If the old computer was stolen, remove its key afterwards.',
    restored: 'The copy is back. My Home starts anew.',
    update: 'Update the device',
    updateNote: (name) => `${name} checks who signed the file before it takes it. Leave it plugged in.`,
    updateFile: 'File that ends in .update',
    sending: (done, of) => `${done} of ${of} MB`,
    compares: 'Sent; the device compares and restarts.',
    updated: 'The device has taken the update.',
    cannotSend: 'The connection was lost. Try again.',
  },
  change: {
    done: 'Done: it holds from now on.',
    waiting:
      'Signed and kept. Hold the button of the device for three to eight seconds: it is taken within ten minutes of that.',
    'needs-signatures': 'More owners have to sign.',
  },
}
