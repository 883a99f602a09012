// Text from outside that a person will read: a name, a purpose, a domain. Without control characters,
// and without those that turn the direction of writing round, so that what is shown is what was signed.

/** The text when it is one of at most `max` UTF-16 units that can be shown as it is; else null. */
export function plainText(value: unknown, max: number): string | null {
  if (typeof value !== 'string' || value.length > max) return null
  for (let i = 0; i < value.length; i++) if (!shows(value.charCodeAt(i))) return null
  return value
}

function shows(c: number): boolean {
  if (c < 0x20 || (c >= 0x7f && c <= 0x9f)) return false
  // Line and paragraph separators; embeddings, overrides and isolates of direction.
  return !((c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069))
}
