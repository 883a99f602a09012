// `make links`: what the documents promise is there. Relative links and their anchors, paths in code
// spans, `make` targets; and the documents that source files cite.

import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'

const TOP = [
  'README.md',
  'SECURITY.md',
  'CHANGELOG.md',
  'CONTRIBUTING.md',
  'firmware-image',
  'hw-test',
  'docs',
]
const CODE = ['src', 'scripts', 'test', 'hw-test', 'firmware-image']
/** Folders that a path in a code span must be in to be checked; what is built is not there yet. */
const PATH = /^(?:src|docs|test|scripts|hw-test|firmware-image|\.ci)\/[\w./-]*$/

/** Files under `root`/`path` (or itself) whose names end with `end`. */
function under(root: string, path: string, end: RegExp): string[] {
  const full = join(root, path)
  if (!existsSync(full)) return []
  if (statSync(full).isFile()) return end.test(path) ? [path] : []
  return (readdirSync(full, { recursive: true }) as string[])
    .filter((file) => end.test(file) && !file.includes('node_modules'))
    .map((file) => join(path, file))
}

/** The anchor that GitHub makes of a heading. */
function anchorOf(heading: string): string {
  const kept = heading
    .trim()
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
  return kept.replace(/\s/g, '-')
}

function anchors(text: string): Set<string> {
  const out = new Set<string>()
  const plain = text.replace(/^```[\s\S]*?^```/gm, '')
  for (const [, heading] of plain.matchAll(/^#+ (.*)$/gm)) {
    const base = anchorOf(heading!.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1'))
    let anchor = base
    for (let n = 1; out.has(anchor); n++) anchor = `${base}-${n}`
    out.add(anchor)
  }
  return out
}

function targets(root: string): Set<string> {
  const makefile = existsSync(join(root, 'Makefile')) ? readFileSync(join(root, 'Makefile'), 'utf8') : ''
  return new Set([...makefile.matchAll(/^([\w./-]+):/gm)].map((m) => m[1]!))
}

function ofDocument(root: string, file: string, known: Set<string>): string[] {
  const text = readFileSync(join(root, file), 'utf8')
  const problems: string[] = []
  const prose = text.replace(/^```[\s\S]*?^```/gm, '').replace(/`[^`\n]*`/g, '')
  for (const [, link] of prose.matchAll(/\]\(([^)\s]+)(?: "[^"]*")?\)/g)) {
    if (/^[a-z]+:/.test(link!)) continue
    const [path, anchor] = link!.split('#') as [string, string?]
    const to = path === '' ? file : normalize(join(dirname(file), decodeURI(path)))
    if (!existsSync(join(root, to))) problems.push(`${file}: ${link} does not exist`)
    else if (anchor && to.endsWith('.md') && !anchors(readFileSync(join(root, to), 'utf8')).has(anchor))
      problems.push(`${file}: ${to} has no heading #${anchor}`)
  }
  const spans = [...text.matchAll(/`([^`\n]+)`/g)].map((m) => m[1]!)
  for (const span of spans)
    if (PATH.test(span) && !existsSync(join(root, span))) problems.push(`${file}: \`${span}\` does not exist`)
  const code = [...text.matchAll(/^```[\s\S]*?^```/gm)].map((m) => m[0]).concat(spans)
  for (const piece of code)
    for (const [, target] of piece.matchAll(/(?:^|[\s;&|(])make ([a-z][a-z0-9-]*)/g))
      if (!known.has(target!)) problems.push(`${file}: there is no \`make ${target}\``)
  return problems
}

function ofSource(root: string, file: string): string[] {
  const text = readFileSync(join(root, file), 'utf8')
  return [...text.matchAll(/(?<![\w/.])(docs\/[\w./-]*\.md)\b/g)]
    .filter(([, path]) => !existsSync(join(root, path!)))
    .map(([, path]) => `${file}: ${path} does not exist`)
}

/** Every promise under `root` that is not kept, one line each. */
export function checkLinks(root: string): { documents: number; problems: string[] } {
  const known = targets(root)
  const documents = TOP.flatMap((path) => under(root, path, /\.md$/))
  const problems = documents.flatMap((file) => ofDocument(root, file, known))
  // The tests of this very check name what is not there.
  for (const folder of CODE)
    for (const file of under(root, folder, /\.(ts|cjs|sh|html)$/))
      if (!file.startsWith('test/scripts/')) problems.push(...ofSource(root, file))
  return { documents: documents.length, problems: [...new Set(problems)] }
}

if (process.argv[1]?.endsWith('links.ts')) {
  const { documents, problems } = checkLinks(process.argv[2] ?? '.')
  for (const problem of problems) console.error(problem)
  console.log(`links: ${documents} documents, ${problems.length} problems`)
  process.exitCode = problems.length > 0 ? 1 : 0
}
