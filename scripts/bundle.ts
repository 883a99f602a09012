// The esbuild options that every bundle of ours shares, and the two things that a bundle is given from
// outside: who it is (define) and the built page (the virtual module `wattle:page`).

import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { gzipSync } from 'node:zlib'
import { type BuildOptions, build, type Plugin } from 'esbuild'

const PAGE = 'src/page/web'

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

/** One file of the page, as it is served. */
export interface Asset {
  path: string
  type: string
  bytes: Uint8Array
}

const TYPES: Record<string, string> = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  svg: 'image/svg+xml',
}

/** Builds the page: main.ts and what it imports for a browser, index.html and icon.svg as they are. */
export async function buildPage(): Promise<Asset[]> {
  if (!existsSync(`${PAGE}/main.ts`)) return []
  const built = await build({
    entryPoints: [`${PAGE}/main.ts`],
    bundle: true,
    platform: 'browser',
    target: ['safari15', 'chrome100', 'firefox100'],
    format: 'iife',
    minify: true,
    legalComments: 'none',
    write: false,
    outdir: '/',
    plugins: [browserCrypto],
    logLevel: 'warning',
  })
  const assets = built.outputFiles.map((file) => asset(file.path, file.contents))
  for (const name of ['index.html', 'icon.svg'])
    if (existsSync(`${PAGE}/${name}`)) assets.push(asset(`/${name}`, readFileSync(`${PAGE}/${name}`)))
  return assets.sort((a, b) => (a.path < b.path ? -1 : 1))
}

function asset(path: string, bytes: Uint8Array): Asset {
  const type = TYPES[path.slice(path.lastIndexOf('.') + 1)]
  if (!type) throw new Error(`no content type is known for ${path}`)
  return { path: path === '/index.html' ? '/' : path, type, bytes }
}

/** A browser has no node:crypto: noble's code takes the place of crypto/native.ts. */
const browserCrypto: Plugin = {
  name: 'browser-crypto',
  setup(b) {
    const native = resolve('src/crypto/native.ts')
    b.onResolve({ filter: /\/native\.ts$/ }, (args) =>
      resolve(args.resolveDir, args.path) === native ? { path: resolve('src/crypto/noble.ts') } : undefined,
    )
  },
}

/** `import { assets } from 'wattle:page'` (src/bin/bundled.d.ts), packed with gzip inside the bundle. */
export function pagePlugin(assets: readonly Asset[]): Plugin {
  const list = assets.map((a) => {
    const etag = `"${createHash('sha256').update(a.bytes).digest('base64url').slice(0, 16)}"`
    const gzip = gzipSync(a.bytes, { level: 9 }).toString('base64')
    return `make(${JSON.stringify(a.path)}, ${JSON.stringify(a.type)}, ${JSON.stringify(etag)}, ${JSON.stringify(gzip)})`
  })
  const contents = `import { gunzipSync } from 'node:zlib'
    const plain = (b) => new Uint8Array(b.buffer, b.byteOffset, b.byteLength)
    const make = (path, type, etag, text) => {
      let gzip = null
      let bytes = null
      return {
        path, type, etag,
        get gzip() { return (gzip ??= plain(Buffer.from(text, 'base64'))) },
        get bytes() { return (bytes ??= plain(gunzipSync(this.gzip))) },
      }
    }
    export const assets = [${list.join(',\n')}]`
  return {
    name: 'wattle-page',
    setup(b) {
      b.onResolve({ filter: /^wattle:page$/ }, () => ({ path: 'page', namespace: 'wattle' }))
      b.onLoad({ filter: /.*/, namespace: 'wattle' }, () => ({ contents, loader: 'js', resolveDir: '.' }))
    },
  }
}
