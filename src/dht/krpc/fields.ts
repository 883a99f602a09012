// Fields of a KRPC message (BEP-5, 32, 42, 43, 44) as numbers, by which the reader's columns are indexed.
// `a` and `r` share the inner names; a message has one of them. The lists below have the order of the
// numbers: krpc.test.ts holds them together.

// The envelope.
export const t = 0
export const y = 1
export const q = 2
export const ip = 3
export const ro = 4
/** Ours: network tag of a private overlay, 8 bytes. */
export const w = 5
export const e = 6
export const a = 7
export const r = 8
// Inside `a` or `r`.
export const id = 9
export const target = 10
export const info_hash = 11
export const port = 12
export const implied_port = 13
export const token = 14
export const k = 15
export const v = 16
export const seq = 17
export const sig = 18
export const salt = 19
export const cas = 20
export const want = 21
export const nodes = 22
export const nodes6 = 23
export const values = 24
/** Ours: challenge (8 bytes), key (32) and signature (64) of a proof of possession. */
export const wc = 25
export const wk = 26
export const ws = 27

export const OUTER: readonly string[] = 't y q ip ro w e a r'.split(' ')
export const INNER: readonly string[] =
  'id target info_hash port implied_port token k v seq sig salt cas want nodes nodes6 values wc wk ws'.split(
    ' ',
  )
export const FIELDS: number = OUTER.length + INNER.length
