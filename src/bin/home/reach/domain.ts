// Reads what a domain says about its providers (docs/wire/page.md "Request link"): over TLS, from that name
// alone, no redirects, capped in bytes and time. Anything else than a document counts as none.

const PATH = '/.well-known/wattle-provider'
const MS = 5_000
const BYTES = 16_384

export function lookUpDomain(domain: string, done: (document: string | null) => void): void {
  read(domain).then(done, () => done(null))
}

async function read(domain: string): Promise<string | null> {
  const answer = await fetch(`https://${domain}${PATH}`, {
    redirect: 'error',
    signal: AbortSignal.timeout(MS),
    headers: { accept: 'application/json' },
  })
  if (answer.status !== 200 || !answer.body) return null
  const pieces: Uint8Array[] = []
  let length = 0
  for await (const piece of answer.body) {
    length += piece.length
    if (length > BYTES) return null
    pieces.push(piece)
  }
  return Buffer.concat(pieces).toString('utf8')
}
