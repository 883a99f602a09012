// The built page in memory: files by path, each with its answer's headers made once. GET and HEAD only (the
// Http leaves a HEAD's body out);
// gzip where the browser takes it, 304 where it has the same bytes. No foreign anything: the policy
// lets the page load and call nothing but its own server, run no inline script and no inline style.

import { type Bytes, base64url, utf8 } from '../base/bytes.ts'
import { sha256 } from '../crypto/native.ts'
import type { HttpAnswer, HttpRequest } from '../hw/hardware.ts'

/** One built file; `type` is its media type with charset. */
export interface PageAsset {
  readonly type: string
  readonly bytes: Bytes
  readonly gzip?: Bytes
}

/** By path: `/` is the page itself. */
export type PageAssets = Readonly<Record<string, PageAsset>>

export interface Policy {
  /** Origins that the page may show in a frame. */
  readonly frames: readonly string[]
  /** Origins that may show the page in a frame. */
  readonly ancestors: readonly string[]
}

const EMPTY = new Uint8Array(0)

export class AssetStore {
  readonly #files: Map<string, PageAsset & { readonly etag: string }>

  readonly #front: () => string

  /** @param front the path whose file is given for `/` just now. */
  constructor(assets: PageAssets, front: () => string = () => '/') {
    this.#front = front
    this.#files = new Map()
    for (const path of Object.keys(assets)) {
      const asset = assets[path]!
      const etag = `"${base64url(sha256(asset.bytes).subarray(0, 12))}"`
      this.#files.set(path, { ...asset, etag })
    }
  }

  /** Answers one request whose Host and Origin are good; `host` is the one that was asked. */
  answer(request: HttpRequest, host: string, policy: Policy): HttpAnswer {
    const query = request.url.indexOf('?')
    const path = query < 0 ? request.url : request.url.slice(0, query)
    if (path[0] !== '/') return words(400, 'Expected a path that begins with a slash.')
    const front = path === '/' ? this.#files.get(this.#front()) : undefined
    const file = front ?? this.#files.get(path)
    if (file === undefined) return words(404, 'There is nothing at this address. The page itself is at /')
    if (request.method !== 'GET' && request.method !== 'HEAD')
      return words(405, 'This address can be read (GET) and nothing else.', { allow: 'GET, HEAD' })
    const headers: Record<string, string> = {
      ...SAFE,
      'content-type': file.type,
      'content-security-policy': contentPolicy(host, policy),
      'cache-control': 'no-cache',
      etag: file.etag,
      vary: 'accept-encoding',
    }
    if (request.headers['if-none-match'] === file.etag) return { status: 304, headers, body: EMPTY }
    const packed = file.gzip !== undefined && takesGzip(request.headers['accept-encoding'])
    if (packed) headers['content-encoding'] = 'gzip'
    const body = packed ? file.gzip! : file.bytes
    return { status: 200, headers, body }
  }
}

const SAFE: Readonly<Record<string, string>> = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
}

/** A refusal in plain words. */
export function words(status: number, text: string, more: Record<string, string> = {}): HttpAnswer {
  return {
    status,
    headers: {
      ...SAFE,
      'content-type': 'text/plain; charset=utf-8',
      'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
      'cache-control': 'no-store',
      ...more,
    },
    body: utf8(`${text}\n`),
  }
}

/**
 * CSP level 3. `ws://host` stands beside 'self' because older Safari does not count a WebSocket to the
 * same host as 'self' (an IPv6 address cannot be a source). Trusted Types: no script of ours may ever write HTML from text.
 */
function contentPolicy(host: string, policy: Policy): string {
  const frames = policy.frames.length > 0 ? policy.frames.join(' ') : "'none'"
  const socket = host[0] === '[' ? '' : ` ws://${host}`
  const ancestors = policy.ancestors.length > 0 ? policy.ancestors.join(' ') : "'none'"
  return (
    `default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'${socket}; ` +
    `frame-src ${frames}; frame-ancestors ${ancestors}; base-uri 'none'; form-action 'none'; ` +
    "require-trusted-types-for 'script'; trusted-types 'none'"
  )
}

function takesGzip(header: string | undefined): boolean {
  return (
    header !== undefined &&
    header.length < 1_000 &&
    /(?:^|[ ,])gzip(?!\s*;\s*q=0(?:\.0*)?(?:,|$))/.test(header)
  )
}
