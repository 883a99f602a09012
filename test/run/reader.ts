// Files of a real run read with the program's own engines: the ring of sealed frames, and what a
// provider's keys open of it when it has the complete traffic.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { scanJournal } from '../../src/base/journal.ts'
import { decodeSnapshot } from '../../src/base/snapshot.ts'
import { Follower } from '../../src/channel/follower.ts'
import { decodePlaces } from '../../src/channel/place.ts'
import { Exchange, Verifier } from '../../src/crypto/native.ts'
import { LinuxFiles } from '../../src/hw/linux/files.ts'
import { ProviderStore } from '../../src/provider/store.ts'
import { CHANNEL } from '../../src/wire/channel.ts'
import { FRAME_BYTES, frameEpoch, frameIndex, frameNonce } from '../../src/wire/frame.ts'

export interface Place {
  epoch: number
  index: number
}

export interface RingFrame extends Place {
  nonce: string
  bytes: Uint8Array
}

export interface Opened {
  frames: number
  /** The chain key of its place was there. */
  hadKey: boolean
  opened: Place[]
  closed: Place[]
}

/** Every frame of a ring file, in the order of its slots. */
export function readRing(path: string): RingFrame[] {
  // What the card does not have yet lies in memory, in no order; where both have it, once.
  const memory = path.replace(/\.ring$/, '.mem')
  const card = framesIn(path)
  const seen = new Set(card.map((f) => `${f.epoch}/${f.index}`))
  const rest = existsSync(memory) ? framesIn(memory).filter((f) => !seen.has(`${f.epoch}/${f.index}`)) : []
  return [...card, ...rest.sort((a, b) => a.epoch - b.epoch || a.index - b.index)]
}

function framesIn(path: string): RingFrame[] {
  const ring = new Uint8Array(readFileSync(path))
  const frames: RingFrame[] = []
  for (let i = 0; i + FRAME_BYTES <= ring.length; i += FRAME_BYTES) {
    const bytes = ring.subarray(i, i + FRAME_BYTES)
    // Slots that were never used.
    if (bytes[0] === 0) continue
    const nonce = Buffer.from(frameNonce(bytes)).toString('hex')
    frames.push({ epoch: frameEpoch(bytes), index: frameIndex(bytes), nonce, bytes })
  }
  return frames
}

/** A provider's keys and place, as its files have them, against all frames of a device's ring. */
export async function follow(provider: string, device: string): Promise<Opened> {
  const store = await new Promise<ProviderStore>((done, failed) =>
    ProviderStore.open(
      new LinuxFiles(provider),
      { name: '', domain: '', random: () => {} },
      (error, opened) => (opened ? done(opened) : failed(error)),
    ),
  )
  const channel = store.channels[0]!
  const exchange = new Exchange(store.keys.boxSeed)
  const frames = readRing(join(device, 'frames-raw.ring'))
  const result: Opened = { frames: 0, hadKey: false, opened: [], closed: [] }
  const follower = new Follower({
    device: Verifier.of(channel.device)!,
    deviceBox: channel.deviceBox,
    class: 0,
    own: { sign: new Uint8Array(32), exchange },
    events: {
      onPayload: (_payload, at) => result.opened.push(at),
      onGap: () => {},
      onAccess: () => {},
      onSealed: (at) => result.closed.push(at),
      onGrant: () => {},
      onReject: (what) => {
        throw new Error(`${what}: these are the device's own frames`)
      },
      onFrame: () => {},
    },
  })
  const places = decodePlaces(
    decodeSnapshot('provider.places', 'plac', 1, readFileSync(join(provider, 'provider.places'))),
  )!
  result.hadKey = places[0]!.state.chainKey !== null
  follower.restore(places[0]!.state)
  const message = new Uint8Array(1 + FRAME_BYTES)
  message[0] = CHANNEL.frames
  for (const { bytes } of frames) {
    message.set(bytes, 1)
    follower.onMessage(message)
    result.frames++
  }
  return result
}

/** Payloads of a journal's records, by type. */
export function journalRecords(path: string): { type: number; payload: Buffer }[] {
  const records: { type: number; payload: Buffer }[] = []
  scanJournal(new Uint8Array(readFileSync(path)), (type, payload) =>
    records.push({ type, payload: Buffer.from(payload) }),
  )
  return records
}
