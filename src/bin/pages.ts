// The built page's files, by the party that serves them.

import { assets } from 'wattle:page'
import type { PageAssets } from '../page/assets.ts'

function pick(page: 'home' | 'provider'): PageAssets {
  const out: Record<string, PageAssets[string]> = {}
  for (const asset of assets) {
    const path = asset.path === `/${page}.html` ? '/' : asset.path
    if (path.endsWith('.html') || (path.endsWith('.js') && path !== `/${page}.js`)) continue
    out[path] = { type: asset.type, bytes: asset.bytes, gzip: asset.gzip }
  }
  return out
}

export function homePage(): PageAssets {
  return pick('home')
}

export function providerPage(): PageAssets {
  return pick('provider')
}
