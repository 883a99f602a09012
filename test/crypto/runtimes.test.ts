// The same verdicts, vectors and claim on the device's Node 18 as here: a bundle made as the device's
// is (target node18, no global of later versions) prints what it answers, and both must print the same.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'
import t from 'tap'

const NODE18 = 'node_modules/node18-linux-x64/bin/node'

// What runs there. It takes its randomness from a counter, so that two runs can be compared.
const STORY = `
import { readFileSync } from 'node:fs'
import { hex, unhex, utf8 } from './src/base/bytes.ts'
import * as native from './src/crypto/native.ts'
import * as noble from './src/crypto/noble.ts'
import { sealTo, openFrom } from './src/crypto/hpke.ts'
import { Secret } from './src/crypto/secret.ts'
import { ClaimDevice } from './src/ownership/claim-device.ts'
import { makeCertificate } from './src/ownership/claim-keys.ts'
import { ClaimOwner } from './src/ownership/claim-owner.ts'
import { freshCode, makeRecord, parseCode } from './src/ownership/label.ts'

let n = 0
const random = (into) => { for (let i = 0; i < into.length; i += 32) into.set(native.sha256(utf8(String(n++))).subarray(0, into.length - i), i) }
const out = {}
const cases = JSON.parse(readFileSync('test/vectors/ed25519-speccheck.json', 'utf8'))
for (const [name, b] of Object.entries({ native, noble }))
  out[name] = cases.map((c) => {
    const key = b.Verifier.of(unhex(c.pub_key))
    return key ? key.verify(unhex(c.message), unhex(c.signature)) : 'refused'
  })
const receiver = new native.Exchange(Secret.fresh(random))
const box = sealTo(receiver.publicKey, utf8('i'), utf8('a'), utf8('plain'), Secret.fresh(random))
out.hpke = [hex(box), hex(openFrom(receiver, utf8('i'), utf8('a'), box))]
const code = freshCode(random)
const record = makeRecord(code, 1, new Uint8Array(16))
const device = new ClaimDevice(record, null, random)
device.openWindow(0, new Uint8Array(16))
const owner = new ClaimOwner(parseCode(code), { signer: new native.Signer(Secret.fresh(random)), exchange: receiver, others: [], m: 1, next: null, recovery: null, policy: utf8('') }, null, random)
const queue = [device.hello(1, 0)]
const take = (steps) => {
  for (const s of steps) {
    if (s.do === 'send') queue.push(s.message)
    if (s.do !== 'commit') continue
    const about = { box: receiver.publicKey, incarnation: 1, discriminator: 1, ownersHash: native.sha256(s.request.ownersBytes), transcript: s.request.transcript }
    take(device.committed({ certificate: makeCertificate(new native.Signer(Secret.fresh(random)), about), owners: s.request.owners }))
  }
}
while (queue.length > 0)
  for (const s of owner.onMessage(queue.shift(), 0)) {
    if (s.do === 'claimed') out.claim = hex(s.bytes)
    for (const o of s.do === 'remember' ? owner.remembered(0) : [s]) if (o.do === 'send') take(device.onMessage(1, o.message, 0))
  }
console.log(JSON.stringify(out))
`

t.test(
  'Node 18 answers as this one does',
  { skip: existsSync(NODE18) ? false : `${NODE18} is not installed` },
  async (t) => {
    const { outputFiles } = await build({
      stdin: { contents: STORY, resolveDir: process.cwd(), loader: 'ts' },
      bundle: true,
      platform: 'node',
      format: 'cjs',
      target: 'node18',
      write: false,
    })
    mkdirSync('build', { recursive: true })
    const file = join('build', `runtimes-${process.pid}.cjs`)
    writeFileSync(file, outputFiles[0]!.text)
    const [here, there] = [process.execPath, NODE18].map((node) =>
      // Without what a test runner hands on to its children.
      spawnSync('env', ['-u', 'NODE_OPTIONS', node, file], { encoding: 'utf8' }),
    )
    t.equal(there!.status, 0, there!.stderr)
    t.equal(here!.status, 0, here!.stderr)
    const answer = JSON.parse(there!.stdout) as { native: unknown[]; noble: unknown[]; claim: string }
    t.equal(there!.stdout, here!.stdout)
    t.same(answer.native, answer.noble)
    t.equal(answer.native.filter((v) => v === true).length, 1)
    t.equal(answer.claim.length, 2 * 199)
  },
)
