// What a device makes of what it is shown: its own signatures alone count, and numbers so far ahead that it was
// never there are somebody else's.
import t from 'tap'
import { LIMITS } from '../../src/base/limits.ts'
import { sha256, Verifier } from '../../src/crypto/native.ts'
import { judgeWitness } from '../../src/device/witness.ts'
import { REASON } from '../../src/wire/frame.ts'
import { device, NO_HEAD } from '../channel/world.ts'

/** A frame of so high an epoch, signed by this device. */
function frameOf(d: ReturnType<typeof device>, epoch: number): Uint8Array {
  const prev = d.publisher.epoch === 0 ? NO_HEAD : d.publisher.head()
  d.publisher.openEpoch({ epoch, reason: REASON.boot, at: 0, prev, readers: [], keepStart: false })
  return d.frames.at(-1)!
}

function judge(d: ReturnType<typeof device>, frames: Uint8Array[], o: { seq?: number; epoch?: number } = {}) {
  const head = sha256(new Uint8Array(1))
  return judgeWitness(
    { logSeq: o.seq ?? 3, logHead: head, frames },
    {
      logSeq: 3,
      logHead: () => head,
      device: Verifier.of(d.signer.publicKey)!,
      next: () => ({ epoch: o.epoch ?? 7, index: 5, nonce: new Uint8Array(16) }),
    },
  )
}

t.test('epoch jumps are bounded', async (t) => {
  const near = LIMITS.channel.epochJump
  const d = device()
  t.same(judge(d, []), { verdict: 'confirmed', atLeast: 0 })
  t.same(judge(d, [frameOf(d, 6)]), { verdict: 'confirmed', atLeast: 0 }, 'older than ours')
  t.same(judge(d, [frameOf(d, 8)]), { verdict: 'epoch-behind', atLeast: 8 })
  t.same(judge(d, [frameOf(d, 7 + near)]), { verdict: 'epoch-behind', atLeast: 7 + near })
  t.same(judge(d, [frameOf(d, 8 + near)]), { verdict: 'clone', atLeast: 0 })
  t.same(judge(d, [frameOf(d, 0xffff_ffff)]), { verdict: 'clone', atLeast: 0 }, 'the last number there is')
  const e = device()
  const both = [frameOf(e, 9), frameOf(e, 0xffff_fff0)]
  t.same(judge(e, both), { verdict: 'clone', atLeast: 9 }, 'the near one is passed, the other is not raced')
})

t.test('frames of anybody else say nothing, and the log comes first', async (t) => {
  const [d, other] = [device(), device()]
  t.same(judge(d, [frameOf(other, 0xffff_ffff)]), { verdict: 'confirmed', atLeast: 0 })
  const forged = frameOf(d, 9).slice()
  forged[6]! ^= 1
  t.same(judge(d, [forged]), { verdict: 'confirmed', atLeast: 0 })
  t.same(judge(d, [frameOf(d, 10)], { seq: 4 }), { verdict: 'log-behind', atLeast: 10 })
})
