// Builds the page for the tests: the browser's bundles as the files that a page server hands out.
// crypto/native.ts is replaced by crypto/noble.ts, as in every browser build.
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { gzipSync } from 'node:zlib'
import { build, type Plugin } from 'esbuild'
import type { PageAsset, PageAssets } from '../../src/page/assets.ts'

const WEB = 'src/page/web'

const browserCrypto: Plugin = {
  name: 'browser-crypto',
  setup(build) {
    build.onResolve({ filter: /crypto\/native\.ts$/ }, () => ({ path: resolve('src/crypto/noble.ts') }))
  },
}

export interface BuiltPages {
  readonly home: PageAssets
  readonly provider: PageAssets
}

let built: Promise<BuiltPages> | null = null

export function buildPages(): Promise<BuiltPages> {
  built ??= make()
  return built
}

async function make(): Promise<BuiltPages> {
  const result = await build({
    entryPoints: [`${WEB}/home.ts`, `${WEB}/provider.ts`, `${WEB}/style/page.css`],
    entryNames: '[name]',
    outdir: 'out',
    write: false,
    bundle: true,
    minify: true,
    platform: 'browser',
    format: 'iife',
    target: 'es2020',
    legalComments: 'none',
    plugins: [browserCrypto],
    logLevel: 'warning',
  })
  const files = new Map<string, PageAsset>()
  const put = (path: string, type: string, bytes: Uint8Array): void => {
    files.set(path, { type, bytes, gzip: gzipSync(bytes, { level: 9 }) })
  }
  for (const file of result.outputFiles) {
    const name = file.path.slice(file.path.lastIndexOf('/'))
    put(
      name,
      name.endsWith('.css') ? 'text/css; charset=utf-8' : 'text/javascript; charset=utf-8',
      file.contents,
    )
  }
  put('home.html', 'text/html; charset=utf-8', readFileSync(join(WEB, 'home.html')))
  put('provider.html', 'text/html; charset=utf-8', readFileSync(join(WEB, 'provider.html')))
  put('/icon.svg', 'image/svg+xml', readFileSync(join(WEB, 'icon.svg')))
  const pick = (page: string): PageAssets => ({
    '/': files.get(`${page}.html`)!,
    [`/${page}.js`]: files.get(`/${page}.js`)!,
    '/page.css': files.get('/page.css')!,
    '/icon.svg': files.get('/icon.svg')!,
  })
  return { home: pick('home'), provider: pick('provider') }
}

/** Bytes on the wire of a whole page, compressed. */
export function gzipBytes(assets: PageAssets): number {
  return Object.values(assets).reduce((sum, asset) => sum + (asset.gzip ?? asset.bytes).length, 0)
}
