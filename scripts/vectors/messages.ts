// The cases of docs/vectors/keys.json and messages.json: each derivation by itself, so that a reader that
// does not open anything yet can find out where it goes wrong; and every message of both protocols.

import { type Bytes, hex } from '../../src/base/bytes.ts'
import { bindingAad, bindingInfo, boxTag, firstChainKey, slotKey, stepChain } from '../../src/channel/keys.ts'
import { sealTo } from '../../src/crypto/hpke.ts'
import { Secret } from '../../src/crypto/secret.ts'
import {
  encodeGap,
  encodeRefused,
  encodeSubscribe,
  encodeWaiting,
  encodeWitness,
} from '../../src/wire/channel.ts'
import type { ClassId } from '../../src/wire/frame.ts'
import { AT, Chance, device, NO_HEAD, person, say } from './world.ts'

export function keyCases(): Record<string, unknown>[] {
  const out: Record<string, unknown>[] = []
  for (const cls of [0, 1, 2] as ClassId[]) {
    const chance = new Chance(`keys of class ${cls}`)
    const secret = chance.bytes(32)
    const nonce = chance.bytes(16)
    const chainKey = firstChainKey(secret, nonce, cls)
    const first = hex(chainKey)
    const steps = Array.from({ length: 5 }, () => {
      const key = new Uint8Array(32)
      stepChain(chainKey, key)
      return { frameKey: hex(key), next: hex(chainKey) }
    })
    const d = device(`keys of class ${cls}`)
    const who = person('alice')
    const slot = slotKey(d.exchange, who.keys.box, who.keys.grantId)!
    const place = { class: cls, epoch: 70_000 + cls, nonce, index: 281_474_976_710_000 }
    const binding = { device: d.signer.publicKey, ...place, reader: who.keys.box, grantId: who.keys.grantId }
    const boxes = (['rotation', 'grant'] as const).map((name) => {
      const plain = say(`for ${name}`)
      const seed = new Secret(chance.bytes(32))
      const box = sealTo(who.keys.box, bindingInfo(name, binding), bindingAad(binding), plain, seed)!
      return { name, plain: hex(plain), box: hex(box) }
    })
    out.push({
      name: `class ${cls}`,
      device: { sign: hex(d.signer.publicKey), box: hex(d.exchange.publicKey) },
      reader: { box: hex(who.keys.box), boxSecret: hex(who.boxSecret), grantId: hex(who.keys.grantId) },
      ...{ ...place, nonce: hex(nonce) },
      secret: hex(secret),
      firstChainKey: first,
      steps,
      slotKey: hex(slot),
      tag: hex(boxTag(slot, nonce, cls)),
      boxes,
    })
  }
  return out
}

interface MessageCase {
  name: string
  bytes: string
  message: Record<string, unknown> | null
}

export function channelMessages(): MessageCase[] {
  const grantId = new Chance('grant id').bytes(16)
  const head = new Chance('head').bytes(32)
  const channel = device('messages').channel(0)
  channel.publisher.openEpoch({ epoch: 1, reason: 1, at: AT, prev: NO_HEAD, readers: [], keepStart: false })
  const [frame] = channel.frames as [Bytes]
  const place = { class: 2 as ClassId, epoch: 5, index: 281_474_976_710_655 }
  const to = { toEpoch: 4_294_967_295, toIndex: 3 }
  const subscribe = encodeSubscribe({ ...place, hasKey: true, grantId })
  const cases: [string, Bytes, Record<string, unknown> | null][] = [
    ['SUBSCRIBE', subscribe, { ...place, hasKey: true, grantId: hex(grantId) }],
    [
      'SUBSCRIBE, from the grant on',
      encodeSubscribe({ class: 0, epoch: 0, index: 0, hasKey: false, grantId }),
      { class: 0, epoch: 0, index: 0, hasKey: false, grantId: hex(grantId) },
    ],
    [
      'SUBSCRIBE with a bit that is not there',
      Uint8Array.from(subscribe, (x, i) => (i === 12 ? 2 : x)),
      null,
    ],
    ['SUBSCRIBE, too short', subscribe.subarray(0, -1), null],
    ['SUBSCRIBE, too long', new Uint8Array([...subscribe, 0]), null],
    [
      'WITNESS',
      encodeWitness({ logSeq: 7, logHead: head, frames: [frame] }),
      { seq: 7, head: hex(head), frames: [hex(frame)] },
    ],
    [
      'WITNESS of no frame',
      encodeWitness({ logSeq: 0, logHead: head, frames: [] }),
      { seq: 0, head: hex(head), frames: [] },
    ],
    [
      'WITNESS of four',
      encodeWitness({ logSeq: 0, logHead: head, frames: [frame, frame, frame, frame] }),
      null,
    ],
    ['FRAMES', new Uint8Array([3, ...frame, ...frame]), { frames: [hex(frame), hex(frame)] }],
    ['FRAMES of none', new Uint8Array([3]), null],
    ['FRAMES, cut', new Uint8Array([3, ...frame.subarray(1)]), null],
    ['GAP', encodeGap({ ...place, ...to }), { ...place, ...to }],
    ['REFUSED', encodeRefused(3), { ending: 3 }],
    ['WAITING', encodeWaiting(), {}],
    ['an unknown type', new Uint8Array([9]), null],
    ['nothing', new Uint8Array(0), null],
  ]
  return cases.map(([name, bytes, message]) => ({ name, bytes: hex(bytes), message }))
}
