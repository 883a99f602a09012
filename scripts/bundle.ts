// The esbuild options that every bundle of ours shares, and the two things that a bundle is given from
// outside: who it is (define) and the built page (the virtual module `wattle:page`).

import { readFileSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import { gzipSync } from 'node:zlib'
import zopfli from '@gfx/zopfli'
import { type BuildOptions, build, type Plugin, transform } from 'esbuild'
import { minify } from 'terser'

const PAGE = 'src/page/web'
/** Each page and the HTML that it is in, where the page's own script and style take the places of `/PAGE.js` and `/STYLE.css`. */
const HTML: Readonly<Record<string, string>> = {
  home: 'my-home',
  phone: 'my-home',
  start: 'my-home',
  provider: 'provider',
}
const STYLES: Readonly<Record<string, string>> = { home: 'home' }
const SHEETS = ['page', 'home', 'provider']
const TAGS = ['de', 'en', 'fr', 'nl']
/** Every word of the page: a file for each language, fetched by who reads it. */
const WORDS = TAGS.flatMap((tag) => [tag, `${tag}-more`])
/** Words that one page alone has. */
const OWN_WORDS: Readonly<Record<string, readonly string[]>> = { home: TAGS.map((tag) => `${tag}-desk`) }

export const version: string = (JSON.parse(readFileSync('package.json', 'utf8')) as { version: string })
  .version

/** Seconds since 1970 that stand for "when it was built"; 0 where nobody says. */
export const epoch: number = Number(process.env['SOURCE_DATE_EPOCH'] ?? 0)

export const bundleOptions: BuildOptions = {
  bundle: true,
  platform: 'node',
  legalComments: 'none',
  // Optional peer dependencies: loaded where installed, never needed.
  external: ['serialport', 'onoff'],
  define: { WATTLE_VERSION: JSON.stringify(version), WATTLE_EPOCH: String(epoch) },
}

/** One built file; `type` is its media type with charset. */
export interface BuiltAsset {
  readonly type: string
  readonly bytes: Uint8Array
  readonly gzip: Uint8Array
}

/** By page (`home`), then by path: `/` is the page itself. */
export type BuiltPages = Readonly<Record<string, Readonly<Record<string, BuiltAsset>>>>

const TYPES: Record<string, string> = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  svg: 'image/svg+xml',
}

/** Files that went into the pages. */
export const inputs: Set<string> = new Set()

/** Paths at which a page is the same as at `/`: the link by which a provider asks. */
const ALIASES: Readonly<Record<string, readonly string[]>> = { home: ['/new-policy'], phone: ['/new-policy'] }
/** A page that takes the place of another's `/` at times: page/assets.ts `front`. */
const FRONTS: Readonly<Record<string, string>> = { phone: 'start' }

/**
 * Builds each page: its HTML, NAME.ts, and what else the HTML names: styles from style/, icons as they
 * are. `small` takes seconds longer and is what the program carries; `quick` is for tests of anything else.
 */
export async function buildPages(how: 'small' | 'quick' = 'small'): Promise<BuiltPages> {
  const names = Object.keys(HTML)
  const built = new Map([
    ...(await buildFiles(
      [...names.map((name) => `${PAGE}/${name}.ts`), ...SHEETS.map((name) => `${PAGE}/style/${name}.css`)],
      'iife',
      how,
    )),
    ...(await buildFiles(
      [
        ...WORDS.map((name) => `${PAGE}/words/${name}.ts`),
        ...Object.values(OWN_WORDS)
          .flat()
          .map((name) => `${PAGE}/words/desk/${name}.ts`),
      ],
      'esm',
      how,
    )),
  ])
  const pages: Record<string, Record<string, BuiltAsset>> = {}
  const put = async (
    page: Record<string, BuiltAsset>,
    name: string,
    paths: readonly string[],
  ): Promise<void> => {
    const html = readFileSync(`${PAGE}/${HTML[name]}.html`, 'utf8')
      .replace('/PAGE.js', `/${name}.js`)
      .replace('/STYLE.css', `/${STYLES[name] ?? 'page'}.css`)
    for (const path of paths) page[path] = await asset(`${name}.html`, Buffer.from(html), how)
    for (const [, file] of html.matchAll(/(?:href|src)="\/([\w.-]+)"/g))
      page[`/${file}`] = await asset(file!, built.get(file!) ?? readFileSync(`${PAGE}/${file}`), how)
  }
  for (const name of names.filter((name) => !Object.values(FRONTS).includes(name))) {
    const page: Record<string, BuiltAsset> = {}
    await put(page, name, ['/', ...(ALIASES[name] ?? [])])
    const front = FRONTS[name]
    if (front) await put(page, front, [`/${front}`])
    for (const file of [...WORDS, ...(OWN_WORDS[name] ?? [])])
      page[`/${file}.js`] = await asset(`${file}.js`, built.get(`${file}.js`)!, how)
    pages[name] = page
  }
  return pages
}

async function buildFiles(
  entryPoints: string[],
  format: 'iife' | 'esm',
  how: 'small' | 'quick',
): Promise<Map<string, Uint8Array>> {
  const { outputFiles, metafile } = await build({
    entryPoints,
    metafile: true,
    entryNames: '[name]',
    bundle: true,
    format,
    platform: 'browser',
    // Private fields as they are: Safari 15.4 and its like have them, and Object.hasOwn besides.
    target: 'es2022',
    // terser gets more out of the readable form.
    minify: how === 'quick',
    legalComments: 'none',
    write: false,
    outdir: 'out',
    plugins: [browserCrypto],
    logLevel: 'warning',
  })
  for (const input of Object.keys(metafile.inputs)) inputs.add(input)
  const files = new Map<string, Uint8Array>()
  for (const { path, contents } of outputFiles)
    files.set(basename(path), how === 'quick' ? contents : await smaller(path, contents, format))
  return files
}

/**
 * Bytes on the wire of each kind of visit, by page and language: all that the HTML names, and the words. A
 * provider's request and the explanations need the other words too; the claim (`phone/start`) does not.
 */
export function visitBytes(pages: BuiltPages): Record<string, number> {
  const visits: Record<string, number> = {}
  for (const [name, page] of Object.entries(pages))
    for (const front of ['/', ...(FRONTS[name] ? [`/${FRONTS[name]}`] : [])]) {
      const html = Buffer.from(page[front]!.bytes).toString()
      const named = [...html.matchAll(/(?:href|src)="(\/[\w.-]+)"/g)].map((match) => match[1]!)
      for (const tag of TAGS) {
        const own = OWN_WORDS[name]?.find((file) => file.startsWith(`${tag}-`))
        const more = [`/${tag}-more.js`, ...(own ? [`/${own}.js`] : [])]
        const words = [`/${tag}.js`, ...(front === '/' ? more : [])]
        const paths = new Set([front, ...named, ...words])
        const kind = front === '/' ? name : name + front
        visits[`${kind} ${tag}`] = [...paths].reduce((sum, path) => sum + page[path]!.gzip.length, 0)
      }
    }
  return visits
}

/** Files that several pages share are packed once. */
const packing = new Map<string, Promise<Uint8Array>>()

async function asset(name: string, bytes: Uint8Array, how: 'small' | 'quick'): Promise<BuiltAsset> {
  const type = TYPES[name.slice(name.lastIndexOf('.') + 1)]
  if (!type) throw new Error(`no media type is known for ${name}`)
  if (how === 'quick') return { type, bytes, gzip: gzipSync(bytes, { level: 9 }) }
  const key = Buffer.from(bytes).toString('base64')
  let gzip = packing.get(key)
  if (!gzip) {
    gzip = zopfli.gzipAsync(Buffer.from(bytes), { numiterations: 5 })
    packing.set(key, gzip)
  }
  return { type, bytes, gzip: await gzip }
}

/** Script and style as small as they go. */
async function smaller(path: string, contents: Uint8Array, format: 'iife' | 'esm'): Promise<Uint8Array> {
  const text = Buffer.from(contents).toString()
  if (path.endsWith('.css')) return Buffer.from((await transform(text, { loader: 'css', minify: true })).code)
  const { code } = await minify(text, {
    ecma: 2020,
    module: format === 'esm',
    toplevel: true,
    compress: { passes: 3, ecma: 2020 },
    format: { comments: false },
  })
  return Buffer.from(code!)
}

/**
 * A browser has no node:crypto: noble's code takes the place of crypto/native.ts. And no module of ours does
 * anything by being imported alone, so that each visit gets only what it uses.
 */
const browserCrypto: Plugin = {
  name: 'browser-crypto',
  setup(b) {
    const native = resolve('src/crypto/native.ts')
    b.onResolve({ filter: /^\..*\.ts$/ }, (args) => {
      const path = resolve(args.resolveDir, args.path)
      if (args.kind === 'entry-point') return { path }
      return { path: path === native ? resolve('src/crypto/noble.ts') : path, sideEffects: false }
    })
  },
}

/** `import { pages } from 'wattle:page'` (src/bin/setup/bundled.d.ts): packed once, unpacked when asked for. */
export function pagePlugin(pages: BuiltPages): Plugin {
  const files = new Map<string, string>()
  const nameOf = (file: BuiltAsset): string => {
    const text = Buffer.from(file.gzip).toString('base64')
    const name = files.get(text) ?? `f${files.size}`
    files.set(text, name)
    return name
  }
  const list = Object.entries(pages).map(([page, assets]) => {
    const entries = Object.entries(assets).map(
      ([path, file]) => `${JSON.stringify(path)}: make(${JSON.stringify(file.type)}, ${nameOf(file)})`,
    )
    return `get ${page}() { return { ${entries.join(', ')} } }`
  })
  const contents = `import { gunzipSync } from 'node:zlib'
    const plain = (b) => new Uint8Array(b.buffer, b.byteOffset, b.byteLength)
    const make = (type, text) => {
      const gzip = new Uint8Array(Buffer.from(text, 'base64'))
      return { type, gzip, bytes: plain(gunzipSync(gzip)) }
    }
    ${[...files].map(([text, name]) => `const ${name} = '${text}'`).join('\n')}
    export const pages = { ${list.join(', ')} }`
  return {
    name: 'wattle-page',
    setup(b) {
      b.onResolve({ filter: /^wattle:page$/ }, () => ({ path: 'page', namespace: 'wattle' }))
      b.onLoad({ filter: /.*/, namespace: 'wattle' }, () => ({ contents, loader: 'js', resolveDir: '.' }))
    },
  }
}
