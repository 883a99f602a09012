// The shape of a language's table: every word of the page. Sentences with parts are functions, so that
// each language orders them its own way.

import type { StatusLed } from '../../../base/lights/leds.ts'
import type { AnswerCode, PageOther, ResolutionClass } from '../../protocol.ts'
import type { AskFault } from '../../request.ts'

export interface Words {
  readonly tag: string
  readonly app: AppWords
  readonly claim: ClaimWords
  readonly now: NowWords
  readonly today: TodayWords
  readonly share: ShareWords
  readonly log: LogWords
  readonly device: DeviceWords
  readonly keys: KeyWords
  readonly leds: Readonly<Record<StatusLed, string>>
  readonly meterLeds: Readonly<Record<'telegram' | 'silent' | 'bad', string>>
  readonly answers: Readonly<Record<AnswerCode, string>>
  readonly age: (ms: number) => string
  readonly span: (ms: number) => string
}

/** What only some visits need: a file of its own for each language. */
export interface MoreWords {
  readonly ask: AskWords
  readonly provider: ProviderWords
  readonly help: HelpWords
}

/** What is read by who opens an explanation. */
export interface HelpWords {
  readonly buttonDoes: readonly string[]
  readonly secondSteps: readonly string[]
  readonly safetyIs: readonly string[]
}

export interface AppWords {
  readonly live: string
  readonly connecting: string
  readonly lost: string
  readonly tabs: Readonly<Record<'now' | 'history' | 'sharing' | 'log' | 'device', string>>
  readonly sections: string
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
  readonly others: Readonly<Record<PageOther['kind'], string>>
  readonly meterRead: (moment: string) => string
  readonly quarter: string
  readonly peak: (power: string, moment: string) => string
  readonly noPeak: string
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
  readonly verified: string
  readonly unverified: string
  readonly lastRead: string
  readonly never: string
  readonly readsThisWeek: (visits: string, frames: string) => string
  readonly readsName: string
  readonly asks: (name: string) => string
  readonly look: string
  readonly later: string
  readonly endedOn: (what: string, from: string, to: string) => string
}

export interface TodayWords {
  readonly title: string
  readonly yesterday: string
  readonly before: string
  readonly after: string
  readonly sums: (taken: string, given: string) => string
  readonly empty: string
  readonly chart: (quarters: number, up: string, down: string) => string
}

export interface KeyWords {
  readonly title: string
  readonly why: string
  readonly save: string
  readonly identify: string
  readonly second: string
  readonly safety: string
  readonly stranger: string
  readonly strangerWhy: string
  readonly strangerHow: readonly string[]
  readonly take: string
  readonly takeYes: string
  readonly file: string
  readonly noFile: string
  readonly notOpened: string
  readonly passphrase: string
  readonly again: string
  readonly saveNote: (chars: number) => string
  readonly saveYes: string
  readonly saved: string
  readonly tooShort: (chars: number) => string
  readonly notSame: string
}

/** The page on which a provider's request is read, narrowed, granted or refused. */
export interface AskWords {
  readonly title: (name: string) => string
  readonly who: string
  readonly wants: string
  readonly purpose: string
  readonly keeps: string
  readonly keepsFor: (days: number) => string
  readonly until: string
  readonly device: string
  readonly narrow: string
  readonly grant: string
  readonly refuse: string
  readonly granted: (name: string) => string
  readonly refused: (name: string) => string
  readonly backTo: (host: string) => string
  readonly backUnverified: (host: string) => string
  readonly goBack: string
  readonly noBack: string
  readonly unverifiedWhy: (domain: string) => string
  readonly verifiedWhy: (domain: string) => string
  readonly noDevice: string
  readonly bad: string
  readonly badWhy: Readonly<Record<AskFault, string>>
}

export type LogEvent =
  | 'claimed'
  | 'added'
  | 'authorized'
  | 'revoked'
  | 'paused'
  | 'resumed'
  | 'deleted'
  | 'gap'

export interface LogWords {
  readonly title: string
  readonly empty: string
  /** `about`: whom it concerns, where it concerns anybody. */
  readonly events: Readonly<Record<LogEvent, (about: string) => string>>
}

export interface DeviceWords {
  readonly title: string
  readonly name: string
  readonly address: string
  readonly link: string
  readonly links: Readonly<Record<'online' | 'connecting' | 'offline', string>>
  readonly meter: string
  readonly unknown: string
  readonly now: string
  readonly dark: string
  readonly lights: string
  readonly lightsNote: string
  readonly button: string
  readonly raw: string
  readonly language: string
  readonly line: string
  readonly lineUp: (path: string, baud: string) => string
  readonly telegrams: string
  readonly telegramsAre: (good: string, bad: string) => string
  readonly readers: string
  readonly owners: string
  readonly ownersAre: (n: number) => string
  readonly reach: string
  readonly version: string
  readonly running: string
  readonly card: string
  readonly cardIs: (megabytes: string) => string
  readonly storage: string
  readonly way: string
  readonly ways: Readonly<Record<'direct' | 'relayed', (remote: string) => string>>
  /** Raw P1. */
  readonly port: {
    readonly title: string
    readonly off: string
    readonly on: (address: string, clients: number) => string
    readonly note: string
    readonly turnOn: string
    readonly turnOff: string
    readonly fixed: string
    readonly trouble: (text: string) => string
  }
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
  readonly noGaps: string
  readonly gaps: (n: number) => string
  readonly gap: (from: string, to: string, when: string) => string
  readonly never: string
}
