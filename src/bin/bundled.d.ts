// What the build hands in (scripts/bundle.ts): version, build time, and the page that a phone gets.

/** As in package.json. */
declare const WATTLE_VERSION: string
/** SOURCE_DATE_EPOCH: seconds since 1970, 0 where nobody says. */
declare const WATTLE_EPOCH: number

declare module 'wattle:page' {
  export interface Asset {
    /** `/` is the page itself. */
    readonly path: string
    readonly type: string
    /** Quoted, as the ETag header wants it. */
    readonly etag: string
    /** Unpacked when first asked for. */
    readonly bytes: Uint8Array
    /** The same, packed with gzip. */
    readonly gzip: Uint8Array
  }
  export const assets: readonly Asset[]
}
