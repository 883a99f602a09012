// Text that other people named and that is shown to a person: which characters it may hold. Control
// characters and those that turn the writing direction around could make a sentence say another thing.

/** No control characters, no characters that turn the writing direction around, no broken pairs. */
export function plainText(value: string): boolean {
  for (let i = 0; i < value.length; i++) {
    const c = value.charCodeAt(i)
    if (c < 0x20 || (c >= 0x7f && c < 0xa0)) return false
    if ((c >= 0x200e && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069))
      return false
    if (c >= 0xdc00 && c <= 0xdfff) return false
    if (c >= 0xd800 && c <= 0xdbff) {
      const low = value.charCodeAt(++i)
      if (!(low >= 0xdc00 && low <= 0xdfff)) return false
    }
  }
  return true
}
