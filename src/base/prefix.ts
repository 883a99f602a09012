// The network prefix that many addresses of one place share: what caps for "one of a place" count by.

/** `host:port` or `[host]:port` without the port and the brackets. */
export function hostOf(remote: string): string {
  return remote.replace(/:\d+$/, '').replace(/^\[|\]$/g, '')
}

/** The /24 of an IPv4 or the /64 of an IPv6 address as a number other than 0; 0 for what is neither. */
export function prefixOf(address: string): number {
  const v4 = /^(?:::ffff:)?(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.\d{1,3}$/.exec(address)
  if (v4) return ((Number(v4[1]) << 16) | (Number(v4[2]) << 8) | Number(v4[3]) | 0x1000000) >>> 0
  if (!address.includes(':')) return 0
  const [head = '', tail = ''] = address.split('::', 2)
  const left = head.split(':').filter((word) => word !== '')
  const right = address.includes('::') ? tail.split(':').filter((word) => word !== '') : []
  const words = [
    ...left,
    ...new Array<string>(Math.max(0, 8 - left.length - right.length)).fill('0'),
    ...right,
  ]
  // FNV-1a over the four words: two prefixes that meet share a cap, which hurts nobody else.
  let hash = 0x811c9dc5
  for (let i = 0; i < 4; i++) {
    const word = Number.parseInt(words[i] ?? '0', 16)
    hash = Math.imul(hash ^ (word >>> 8), 0x01000193)
    hash = Math.imul(hash ^ (word & 255), 0x01000193)
  }
  return (hash | 0x80000000) >>> 0
}
