// `wattle peer list` and `wattle peer sign`: a signed list of peers for cards and bootstrap peers
// (docs/discovery.md "Communities"), with the key of `wattle peer serve`.

import { readFileSync } from 'node:fs'
import { base64url, unbase64url } from '../../base/bytes.ts'
import { type ExitCode, WattleError } from '../../base/errors.ts'
import { countersign } from '../../crypto/jws.ts'
import { bootstrapPeers } from '../../node/peers/config.ts'
import { type PeerList, readList, signList } from '../../node/peers/list.ts'
import { type Parsed, say, usage } from '../cli.ts'
import { keyFile } from '../keyfile.ts'
import { openMachine, stateFolder } from '../machine.ts'

/** The list on standard output; how many signatures it still needs, in words. */
export async function makeList(verb: 'list' | 'sign', words: string[], given: Parsed): Promise<ExitCode> {
  const { hardware, release } = await openMachine(stateFolder(given.text('state'), 'peer'))
  try {
    const signer = await keyFile(hardware.files, 'peer-key', hardware.random)
    const kid = base64url(signer.publicKey)
    const by = [{ kid, signer }]
    const wall = Math.floor(hardware.clock.wall())
    const jws =
      verb === 'list'
        ? signList(wishOf(words, given, kid, wall), by)
        : words.length === 1
          ? countersign(readListFile(words[0]!), by)
          : null
    if (jws === null) throw usage('peer sign: expected FILE with a list')
    const { list, refusal } = readList(jws, null)
    if (refusal === 'malformed')
      throw usage('peer list: NAME has letters, digits, space, "_", "." and "-" only')
    process.stdout.write(`${jws}\n`)
    if (!list) say('wattle: it takes more signatures: wattle peer sign FILE, with the keys of other signers')
    return 0
  } finally {
    release()
  }
}

/** @throws WattleError `bad-list`. */
export function readListFile(path: string): string {
  const jws = readFileSync(path, 'utf8').trim()
  if (readList(jws, 'kept').list) return jws
  throw new WattleError('bad-list', `${path}: expected a signed list of peers, as wattle peer list makes it`)
}

function wishOf(words: string[], given: Parsed, kid: string, seq: number): PeerList {
  const [name, said, ...more] = words
  const peers = bootstrapPeers(said ?? '')
  if (name === undefined || more.length > 0 || !peers || peers.length === 0)
    throw usage('peer list: expected NAME KEY@HOST:PORT, with commas between')
  const signers = [...new Set([kid, ...given.list('signer')])].map((key) => unbase64url(key))
  if (!signers.every((key) => key?.length === 32))
    throw usage('--signer: expected an Ed25519 key of 43 characters')
  const m = Number(given.text('m') ?? 1)
  if (!(Number.isInteger(m) && m >= 1 && m <= signers.length))
    throw usage(
      `--m ${given.text('m')}: expected a number from 1 to the number of signers, ${signers.length}`,
    )
  return { name, seq, m, signers: signers as Uint8Array[], peers }
}
