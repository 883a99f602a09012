// What the build hands in (scripts/bundle.ts): version, build time, and the page that a phone gets.

/** As in package.json. */
declare const WATTLE_VERSION: string
/** SOURCE_DATE_EPOCH: seconds since 1970, 0 where nobody says. */
declare const WATTLE_EPOCH: number

declare module 'wattle:page' {
  /** By path, `/` is the page itself: PageAssets of page/assets.ts. Made anew at each reading. */
  type Assets = Readonly<
    Record<string, { readonly type: string; readonly bytes: Uint8Array; readonly gzip: Uint8Array }>
  >
  export const pages: { readonly home: Assets; readonly provider: Assets; readonly phone: Assets }
}
