// English: every word of the page. A language is a table of this shape (words.ts); sentences with parts
// are functions, so that each language orders them its own way. Plain words, no exclamation marks: what
// is, and what to do next.

import type { StatusLed } from '../../../base/leds.ts'
import type { AnswerCode, ResolutionClass } from '../../protocol.ts'

export interface Words {
  readonly tag: string
  readonly app: AppWords
  readonly claim: ClaimWords
  readonly now: NowWords
  readonly share: ShareWords
  readonly log: LogWords
  readonly device: DeviceWords
  readonly provider: ProviderWords
  readonly leds: Readonly<Record<StatusLed, string>>
  readonly answers: Readonly<Record<AnswerCode, string>>
  readonly age: (ms: number) => string
  readonly span: (ms: number) => string
}

export interface AppWords {
  readonly live: string
  readonly connecting: string
  readonly lost: string
  readonly tabs: Readonly<Record<'now' | 'sharing' | 'log' | 'device', string>>
  readonly chooseDevice: string
  readonly cancel: string
  readonly working: string
}

export interface ClaimWords {
  readonly title: string
  readonly intro: string
  readonly codeLabel: string
  readonly codeHelp: string
  readonly codeShort: string
  readonly which: string
  readonly addressLabel: string
  readonly addressHelp: string
  readonly notFound: string
  readonly found: (name: string, address: string) => string
  readonly press: Readonly<Record<'terminal' | 'device', string>>
  readonly pressWhy: Readonly<Record<'terminal' | 'device', string>>
  readonly button: string
  readonly claiming: string
  readonly waiting: string
  readonly open: string
  readonly openFor: (seconds: number) => string
  readonly done: string
  readonly lightIs: (words: string) => string
  readonly drawing: string
  readonly back: string
}

export interface NowWords {
  readonly using: string
  readonly returning: string
  readonly nothing: string
  readonly waiting: string
  readonly waitingWhy: string
  readonly telegram: (age: string) => string
  readonly silent: (span: string) => string
  readonly silentWhy: string
  readonly offline: string
  readonly connecting: string
  readonly access: Readonly<Record<'waiting' | 'closed', string>>
  readonly chart: (minutes: number) => string
  readonly low: string
  readonly mean: string
  readonly high: string
  readonly chartIs: (low: string, high: string) => string
  readonly chartEmpty: string
  readonly at: (time: string, power: string, word: string) => string
  readonly phases: string
  readonly phase: (n: number) => string
  readonly gas: string
  readonly gasRead: (moment: string) => string
  readonly totals: string
  readonly taken: string
  readonly given: string
  readonly tariff: (n: number) => string
  readonly tariffNow: string
}

export interface ShareWords {
  readonly title: string
  readonly intro: string
  readonly nobody: string
  readonly reads: string
  readonly readsNothing: string
  readonly states: Readonly<Record<'pending' | 'active' | 'ended', string>>
  readonly classes: Readonly<Record<ResolutionClass, string>>
  readonly classesWhy: Readonly<Record<ResolutionClass, string>>
  readonly what: string
  readonly since: string
  readonly until: string
  readonly noEnd: string
  readonly purpose: string
  readonly noPurpose: string
  readonly share: string
  readonly shareMore: string
  readonly stop: string
  readonly earlier: (n: number) => string
  readonly ended: (what: string, from: string) => string
  readonly askTitle: (name: string) => string
  readonly askFine: string
  readonly askUntil: string
  readonly askPurpose: string
  readonly askPurposeHint: string
  readonly untils: Readonly<Record<'hour' | 'day' | 'week' | 'month' | 'quarter' | 'year', string>>
  readonly askNote: (name: string) => string
  readonly shared: (name: string) => string
  readonly stopTitle: (name: string) => string
  readonly stopNote: (name: string) => string
  readonly stopYes: string
  readonly stopNo: string
  readonly stopped: (name: string) => string
  readonly seen: string
  readonly seenNote: string
  readonly reload: string
}

export interface LogWords {
  readonly title: string
  readonly empty: string
  readonly events: Readonly<Record<string, (who: string) => string>>
}

export interface DeviceWords {
  readonly title: string
  readonly name: string
  readonly address: string
  readonly link: string
  readonly links: Readonly<Record<'online' | 'connecting' | 'offline', string>>
  readonly meter: string
  readonly unknown: string
  readonly lights: string
  readonly lightsNote: string
  readonly add: string
  readonly remove: string
  readonly removeTitle: (name: string) => string
  readonly removeNote: string
  readonly removeYes: string
  readonly removed: (name: string) => string
}

export interface ProviderWords {
  readonly states: Readonly<Record<'waiting' | 'open' | 'closed', string>>
  readonly statesWhy: Readonly<Record<'waiting' | 'open' | 'closed', string>>
  readonly none: string
  readonly noneWhy: string
  readonly opened: string
  readonly sealed: string
  readonly last: string
  readonly framesAre: (opened: number, sealed: number) => string
  readonly frameOpened: (index: string) => string
  readonly frameSealed: (index: string) => string
  readonly never: string
}

function span(ms: number): string {
  const s = Math.max(0, Math.round(ms / 1000))
  if (s < 60) return `${s}\u00a0s`
  const m = Math.floor(s / 60)
  if (m < 60) return m < 5 && s % 60 > 0 ? `${m}\u00a0min ${s % 60}\u00a0s` : `${m}\u00a0min`
  const hours = Math.floor(m / 60)
  if (hours < 48) return `${hours}\u00a0h ${m % 60}\u00a0min`
  return `${Math.floor(hours / 24)} days`
}

export const en: Words = {
  tag: 'en',
  span,
  age: (ms) => (ms < 2_500 ? 'just now' : `${span(ms)} ago`),
  app: {
    live: 'Live',
    connecting: 'Connecting',
    lost: 'No connection',
    tabs: { now: 'Now', sharing: 'Sharing', log: 'Events', device: 'Device' },
    chooseDevice: 'Device',
    cancel: 'Cancel',
    working: 'One moment',
  },
  claim: {
    title: 'Make this device yours',
    intro: 'Two things prove that it is yours: the code on its label, and your hand on its button.',
    codeLabel: 'Code on the label',
    codeHelp: 'Twelve letters and digits, in groups of four.',
    codeShort: 'That is not the whole code yet. It has twelve letters and digits.',
    which: 'Which device',
    addressLabel: 'Address of the device',
    addressHelp: 'Only needed while the device is not found by itself.',
    notFound: 'No unclaimed device has been found yet. Is it switched on and in the same network?',
    found: (name, address) => `${name} · ${address}`,
    press: { terminal: 'Press Enter in the terminal', device: 'Press the button on the device' },
    pressWhy: {
      terminal: 'That is the button of this device. It opens the window for 60 seconds.',
      device: 'One short press opens the window for 60 seconds.',
    },
    button: 'Claim',
    claiming: 'Claiming',
    waiting: 'Waiting for the button. Press it now, and the claim goes on by itself.',
    open: 'The window is open',
    openFor: (seconds) => `${seconds} seconds left`,
    done: 'Claimed. It is yours.',
    lightIs: (words) => `Its STATUS light ${words}.`,
    drawing: 'The device, with its light and its button',
    back: 'Back',
  },
  now: {
    using: 'using',
    returning: 'returning',
    nothing: 'in balance',
    waiting: 'Waiting for the first telegram',
    waitingWhy: 'A meter sends one every 1 to 10 seconds.',
    telegram: (age) => `Telegram ${age}`,
    silent: (span) => `No telegram for ${span}`,
    silentWhy:
      'Check that the cable sits firmly at the meter and at the device. Its METER light blinks once for each telegram.',
    connecting: 'My Home is looking for the device. What was measured meanwhile comes when it is found.',
    offline: 'The device cannot be reached. It keeps its telegrams and hands them over when it is back.',
    access: {
      waiting: 'The device is letting this home in. That takes a moment.',
      closed: 'This home may no longer read this device.',
    },
    chart: (minutes) => (minutes === 1 ? 'Last minute' : `Last ${minutes} minutes`),
    low: 'Lowest',
    mean: 'Average',
    high: 'Highest',
    chartIs: (low, high) => `Chart of power over the last minutes, from ${low} to ${high}.`,
    chartEmpty: 'Chart of power over the last minutes, empty so far.',
    at: (time, power, word) => `${time}: ${power} ${word}`,
    phases: 'Phases',
    phase: (n) => `L${n}`,
    gas: 'Gas',
    gasRead: (moment) => `Read by the gas meter at ${moment}`,
    totals: 'Meter readings',
    taken: 'Taken from the grid',
    given: 'Returned to the grid',
    tariff: (n) => `Tariff ${n}`,
    tariffNow: 'now',
  },
  share: {
    title: 'Sharing',
    intro: 'Nobody reads your meter but you, and those you let in here.',
    nobody: 'No provider has introduced itself to this home yet.',
    reads: 'Can read your meter',
    readsNothing: 'Cannot read anything',
    states: { pending: 'Being let in', active: 'Reading', ended: 'Ended' },
    classes: { raw: 'Every telegram', '15min': 'Quarter-hours', day: 'Days' },
    classesWhy: {
      raw: 'All that the meter says, as it says it. Shows when somebody is at home.',
      '15min': 'Totals and peaks, every 15 minutes.',
      day: 'Totals and peaks of each day.',
    },
    what: 'Reads',
    since: 'Since',
    until: 'Until',
    noEnd: 'until you stop it',
    purpose: 'For',
    noPurpose: 'no purpose given',
    share: 'Share',
    shareMore: 'Share something else',
    stop: 'Stop',
    earlier: (n) => (n === 1 ? 'One earlier share' : `${n} earlier shares`),
    ended: (what, from) => `${what}, from ${from}`,
    askTitle: (name) => `Share with ${name}`,
    askFine: 'How finely',
    askUntil: 'For how long',
    askPurpose: 'What for',
    askPurposeHint: 'For example: advice on saving energy',
    untils: {
      hour: 'One hour',
      day: 'One day',
      week: 'One week',
      month: 'One month',
      quarter: 'Three months',
      year: 'One year',
    },
    askNote: (name) => `${name} reads from the next telegram on. What was before stays closed to it.`,
    shared: (name) => `Shared. ${name} reads from the next telegram on.`,
    stopTitle: (name) => `Stop sharing with ${name}?`,
    stopNote: (name) =>
      `The next telegram is closed to ${name}, and every one after it. What it has read before remains with it. Everybody else goes on.`,
    stopYes: 'Stop sharing',
    stopNo: 'Keep sharing',
    stopped: (name) => `Stopped. The next telegram is closed to ${name}.`,
    seen: 'What the provider sees',
    seenNote: 'This is the provider’s own page, made from what it can open and nothing else.',
    reload: 'Load again',
  },
  log: {
    title: 'Events',
    empty: 'Nothing has happened yet.',
    events: {},
  },
  device: {
    title: 'Device',
    name: 'Name',
    address: 'Address',
    link: 'Connection',
    links: { online: 'Connected', connecting: 'Connecting', offline: 'Cannot be reached' },
    meter: 'Meter',
    unknown: 'not known yet',
    lights: 'What the STATUS light says',
    lightsNote: 'Each dot blinks as the device does.',
    add: 'Add another device',
    remove: 'Give this device up',
    removeTitle: (name) => `Give ${name} up?`,
    removeNote:
      'Its keys are destroyed, every share ends, and whoever has its label and its button can claim it. What it measured so far stays here.',
    removeYes: 'Give it up',
    removed: (name) => `${name} is no longer yours.`,
  },
  provider: {
    states: { waiting: 'Waiting for access', open: 'Access open', closed: 'Access ended' },
    statesWhy: {
      waiting: 'The owner has not let this provider in.',
      open: 'Each frame that comes in can be opened.',
      closed: 'Frames may still arrive. None of them can be opened any more.',
    },
    none: 'No access',
    noneWhy: 'No owner has let this provider in yet. Nothing can be read.',
    opened: 'Opened',
    sealed: 'Still sealed',
    last: 'Last reading',
    framesAre: (opened, sealed) => `Of the latest frames ${opened} were opened and ${sealed} stayed sealed.`,
    frameOpened: (index) => `Frame ${index} opened`,
    frameSealed: (index) => `Frame ${index} received, cannot open`,
    never: 'none yet',
  },
  leds: {
    booting: 'blinks slowly: it is starting',
    unpaired: 'winks once every three seconds: nobody owns it yet',
    'window-open': 'blinks fast: the window is open',
    claiming: 'goes dark once a second: a claim is being checked',
    claimed: 'stays on for three seconds: it was claimed just now',
    refused: 'blinks three times slowly: the claim was refused',
    paired: 'is steady: all is well',
    identify: 'winks twice a second: here it is',
    offline: 'winks twice every two seconds: it has no network',
    'no-wifi': 'takes turns with the METER light: no Wi-Fi is set up',
    updating: 'takes turns quickly with the METER light: it is updating, leave it plugged in',
    trial: 'goes dark briefly: it tries out a new version',
    'reset-armed': 'is on together with the METER light: it is about to be reset',
    'safe-mode': 'blinks slowly together with the METER light: it runs in safe mode',
    'fault-2': 'blinks twice slowly: its memory card cannot be written',
    'fault-3': 'blinks three times slowly, again and again: its identity is damaged',
    'fault-4': 'blinks four times slowly: the radio has no firmware',
    'fault-5': 'blinks five times slowly: an update was not signed and was refused',
    'fault-6': 'blinks six times slowly: it restarts again and again',
    'fault-7': 'blinks seven times slowly: it is too hot',
  },
  answers: {
    'bad-shape': 'The page and My Home do not understand each other. Load the page again.',
    busy: 'My Home is still busy with the last question. Try again in a moment.',
    'not-here': 'That cannot be asked here.',
    'no-answer': 'No answer came. Whether it was done will show in a moment.',
    'bad-code':
      'This is not a code from a label: one letter or digit does not fit the rest. Compare it with the label once more.',
    'wrong-code': 'The device says that this is not its code. Compare it with the label once more.',
    'other-device': 'That is the code of another device. Compare the name on the label with the name here.',
    'window-closed': 'Not yet: press the button first. Then the claim goes on by itself.',
    'too-many-tries': 'Too many attempts in this window. Press the button once more for a new one.',
    'already-claimed':
      'This device has an owner already. The owner can let you in. If it is yours, hold its button for 10 seconds to reset it.',
    auth: 'The device refused the proof. Somebody may be interfering on this network: try again nearer to the device.',
    version: 'The device speaks another version of the claim. Update it, or this program.',
    malformed: 'What answers at that address is not a Wattle device.',
    silent: 'The device stopped answering. Try again.',
    'no-device': 'No Wattle device answers there. Is it switched on and in the same network?',
    unreachable: 'The device does not answer. Is it switched on and in the same network?',
    'device-offline': 'The device cannot be reached now. Ask again when it is back.',
    'log-mismatch': 'The device has a past that this home does not know. Nothing was changed.',
    storage: 'That could not be written down, so it was not done. Is the disk full?',
    'not-allowed': 'The rules of this home do not allow that.',
    'unknown-device': 'That device is not in this home any more.',
    'unknown-provider': 'That provider is not known to this home any more.',
    'unknown-grant': 'That share has ended already.',
    failed: 'That did not work.',
  },
}
