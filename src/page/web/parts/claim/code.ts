// The code on the label as people type it: small letters, spaces, dashes, O for 0, I and L for 1
// (Crockford's base 32). Whether it is a code at all is for the claim to say; here it only gets tidy.

/** Characters of a whole code, its check character included. */
export const WHOLE_CODE = 12

/** The letters and digits alone, in upper case. */
export function plainCode(text: string): string {
  return text
    .toUpperCase()
    .replace(/[^0-9A-Z]/g, '')
    .replace(/O/g, '0')
    .replace(/[IL]/g, '1')
    .slice(0, WHOLE_CODE)
}

/** In groups of four with dashes, as on the label. */
export function groups(text: string): string {
  return (plainCode(text).match(/.{1,4}/g) ?? []).join('-')
}

/** The code that an address carries after `#` (and before the `~` of a page's key), or null. */
export function codeOf(hash: string): string | null {
  const given = /^#([0-9A-Za-z-]{8,40})(?:~|$)/.exec(hash)?.[1]
  if (given === undefined) return null
  const code = plainCode(given)
  return code.length === WHOLE_CODE ? code : null
}
