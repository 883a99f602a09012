// The words of what only the page of a home on a computer has.

export interface DeskWords {
  readonly locked: { readonly title: string; readonly why: string; readonly how: string }
  readonly history: HistoryWords
  readonly proof: ProofWords
  readonly owners: OwnerWords
  readonly policy: PolicyWords
  readonly files: FileWords
  /** What came of a change that owners sign. */
  readonly change: Readonly<Record<'done' | 'waiting' | 'needs-signatures', string>>
}

export interface HistoryWords {
  readonly title: string
  readonly span: string
  readonly what: string
  readonly views: Readonly<Record<'day' | 'week' | 'month' | 'year', string>>
  readonly measures: Readonly<Record<'power' | 'gas' | 'water', string>>
  readonly before: string
  readonly after: string
  readonly week: (from: string, to: string) => string
  readonly compare: string
  readonly compares: Readonly<Record<'none' | 'before' | 'year', string>>
  readonly sums: (taken: string, given: string) => string
  /** `percent`: by how much more (or less) than then; null where that says nothing. */
  readonly differs: (then: string, percent: number | null) => string
  readonly noOther: string
  readonly peak: (power: string) => string
  readonly gap: string
  readonly at: (step: string, value: string) => string
  readonly chart: (period: string, known: number, all: number) => string
  readonly empty: string
  readonly nothing: string
  readonly table: string
  readonly columns: Readonly<Record<'when' | 'taken' | 'given' | 'gas' | 'water' | 'peak' | 'gap', string>>
  readonly csv: string
  readonly csvMinutes: string
  readonly fetching: string
  readonly notFetched: string
}

export interface ProofWords {
  readonly title: string
  readonly why: string
  readonly nobody: string
  readonly states: Readonly<Record<'waiting' | 'open' | 'paused' | 'ended', string>>
  readonly ends: Readonly<Record<'revoked' | 'expired' | 'deleted' | 'paused', string>>
  readonly frames: (from: string, fromWhen: string, to: string | null, toWhen: string) => string
  readonly noKey: string
  readonly delivered: (place: string, when: string) => string
  readonly differs: string
  readonly save: string
}

export interface OwnerWords {
  readonly title: string
  readonly threshold: (m: number, n: number) => string
  readonly recovery: string
  readonly own: string
  readonly remove: string
  readonly removeTitle: (name: string) => string
  readonly removeNote: string
  readonly add: string
  readonly addTitle: string
  readonly addNote: string
  readonly card: string
  readonly ownCard: string
  readonly ownCardNote: string
  readonly invite: string
  readonly inviteNote: string
  readonly join: string
  readonly joinNote: string
  readonly invitation: string
  readonly joined: (name: string) => string
  readonly others: string
  readonly waiting: string
  readonly close: string
}

export interface PolicyWords {
  readonly title: string
  readonly why: string
  readonly factory: string
  readonly change: string
  readonly member: string
  readonly value: string
  readonly valueNote: string
  readonly all: string
}

export interface FileWords {
  readonly title: string
  readonly why: string
  readonly backup: string
  readonly backupNote: (chars: number) => string
  readonly backedUp: string
  readonly restore: string
  readonly restoreNote: string
  readonly restored: string
  readonly update: string
  readonly updateNote: (name: string) => string
  readonly updateFile: string
  readonly sending: (done: string, of: string) => string
  readonly compares: string
  readonly updated: string
  readonly cannotSend: string
}
