// The little XML that routers speak: elements and text, read once from front to back into a list of
// leaves with the names of what they stand in. Prefixes and attributes are dropped. Documents that
// declare a type or entities of their own, that are too deep or too long, or do not close, are none.

import { LIMITS } from '../../../base/limits.ts'

/** One element without elements inside. */
export interface Leaf {
  /** Local names from the outermost in, this one's last, with `/` between. */
  readonly path: string
  readonly name: string
  readonly text: string
  /** The position of the element that it stands in: leaves of one element share it. */
  readonly parent: number
}

/** A tag between its brackets: end, name, whatever follows, empty. Attributes are not looked at. */
const TAG = /^(\/?)(?:[\w.-]{1,64}:)?([\w.-]{1,64})(?:\s[^<]*)?$/
/** Longest tag that is read. */
const TAG_CHARS = 1_024
const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

/** The leaves of a document, in order; null where it is none that we read. */
export function readXml(text: string): Leaf[] | null {
  const { xmlChars, xmlDepth, xmlElements } = LIMITS.mapping
  if (text.length > xmlChars) return null
  const open: { name: string; at: number; text: string; parent: boolean }[] = []
  const leaves: Leaf[] = []
  let elements = 0
  let closed = false
  let at = 0
  const say = (words: string): boolean => {
    const top = open[open.length - 1]
    if (top) top.text += words
    return top !== undefined || words.trim() === ''
  }
  while (at < text.length) {
    const next = text.indexOf('<', at)
    const words = plain(text.slice(at, next < 0 ? text.length : next))
    if (words === null || !say(at === 0 ? words.replace(/^\ufeff/, '') : words)) return null
    if (next < 0) break
    const special = text.startsWith('<!--', next) ? '-->' : text.startsWith('<![CDATA[', next) ? ']]>' : ''
    const last = text.indexOf(special || '>', next)
    if (last < 0) return null
    at = last + (special || '>').length
    if (special === ']]>' && !say(text.slice(next + 9, last))) return null
    if (special) continue
    if (last - next > TAG_CHARS) return null
    if (text[next + 1] === '?' && text[last - 1] === '?') continue
    const empty = text[last - 1] === '/'
    const tag = TAG.exec(text.slice(next + 1, empty ? last - 1 : last))
    if (!tag || (empty && tag[1])) return null
    const [, end, name] = tag
    if (end === '/') {
      const top = open.pop()
      if (!top || top.name !== name) return null
      if (!top.parent) leaves.push(leaf(open, top))
      closed = open.length === 0
      continue
    }
    if (closed || open.length >= xmlDepth || ++elements > xmlElements) return null
    const above = open[open.length - 1]
    if (above) above.parent = true
    const element = { name: name!, at: next, text: '', parent: false }
    if (empty) {
      leaves.push(leaf(open, element))
      closed = open.length === 0
    } else open.push(element)
  }
  return closed && open.length === 0 ? leaves : null
}

/** Text for the inside of an element. */
export function escapeXml(text: string): string {
  return text.replace(/[<>&"']/g, (c) => `&#${c.charCodeAt(0)};`)
}

function leaf(open: readonly { name: string; at: number }[], it: { name: string; text: string }): Leaf {
  const path = [...open.map((each) => each.name), it.name].join('/')
  return { path, name: it.name, text: it.text.trim(), parent: open[open.length - 1]?.at ?? -1 }
}

/** Text with its entities replaced; null where there is one of its own. */
function plain(text: string): string | null {
  let good = true
  const out = text.replace(/&(#?\w{0,10};?)/g, (_all, word: string) => {
    const entity = word.endsWith(';') ? word.slice(0, -1) : ''
    const code = /^#(?:x([0-9a-fA-F]{1,6})|(\d{1,7}))$/.exec(entity)
    const point = code ? (code[1] ? Number.parseInt(code[1], 16) : Number(code[2])) : -1
    if (point > 0 && point <= 0x10ffff) return String.fromCodePoint(point)
    const known = Object.hasOwn(ENTITIES, entity) ? ENTITIES[entity] : undefined
    if (known === undefined) good = false
    return known ?? ''
  })
  return good ? out : null
}
