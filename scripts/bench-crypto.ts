// Both back-ends of src/crypto side by side: microseconds of CPU per operation; and the two halves of a
// claim. The table goes to stderr, one JSON line to stdout. Fails when the claim misses its bars.
import { resolve } from 'node:path'
import { build } from 'esbuild'
import type * as hpke from '../src/crypto/hpke.ts'
import type * as jws from '../src/crypto/jws.ts'
import type * as native from '../src/crypto/native.ts'
import type * as secrets from '../src/crypto/secret.ts'
import type * as pake from '../src/crypto/spake2plus.ts'
import type * as device from '../src/ownership/claim-device.ts'
import type * as keys from '../src/ownership/claim-keys.ts'
import type * as owner from '../src/ownership/claim-owner.ts'
import type * as label from '../src/ownership/label.ts'

type Parts = typeof hpke &
  typeof jws &
  typeof native &
  typeof secrets &
  typeof pake &
  typeof device &
  typeof keys &
  typeof owner &
  typeof label

const ENTRY = ['hpke', 'jws', 'native', 'secret', 'spake2plus'].map((m) => `crypto/${m}`)
ENTRY.push(...['claim-device', 'claim-keys', 'claim-owner', 'label'].map((m) => `ownership/${m}`))
/** Bars of a claim: wall time from the press on, and the device's share of the CPU, milliseconds. */
const BARS = { pressToClaimedMs: 1_000, deviceCpuMs: 50 }

async function backend(noble: boolean): Promise<Parts> {
  const { outputFiles } = await build({
    stdin: {
      contents: ENTRY.map((m) => `export * from './src/${m}.ts'`).join('\n'),
      resolveDir: process.cwd(),
    },
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node18',
    write: false,
    plugins: [
      {
        name: 'noble-for-native',
        setup(b) {
          if (noble)
            b.onResolve({ filter: /\/native\.ts$/ }, () => ({ path: resolve('src/crypto/noble.ts') }))
        },
      },
    ],
  })
  return (await import(
    `data:text/javascript;base64,${Buffer.from(outputFiles[0]!.text).toString('base64')}`
  )) as Parts
}

const random = (into: Uint8Array): void => void crypto.getRandomValues(into as Uint8Array<ArrayBuffer>)
const bytes = (n: number): Uint8Array => crypto.getRandomValues(new Uint8Array(n))

const cpu = (): number => {
  const { user, system } = process.cpuUsage()
  return user + system
}

/** Microseconds of CPU per call: the middle of five runs of about 40 ms each. */
function measure(f: () => unknown): number {
  let calls = 1
  for (let spent = 0; spent < 40_000; ) {
    const from = cpu()
    for (let i = 0; i < calls; i++) f()
    spent = cpu() - from
    if (spent < 40_000) calls *= 2
  }
  const runs = Array.from({ length: 5 }, () => {
    const from = cpu()
    for (let i = 0; i < calls; i++) f()
    return (cpu() - from) / calls
  })
  return runs.sort((a, b) => a - b)[2]!
}

function operations(p: Parts): Record<string, () => unknown> {
  const [key, nonce, aad, message] = [bytes(32), bytes(12), bytes(46), bytes(900)]
  const box = p.seal(key, nonce, aad, message)
  const signer = new p.Signer(p.Secret.fresh(random))
  const verifier = p.Verifier.of(signer.publicKey)!
  const signature = signer.sign(message)
  const pair = new p.Exchange(p.Secret.fresh(random))
  const other = new p.Exchange(p.Secret.fresh(random)).publicKey
  const sealed = p.sealTo(pair.publicKey, aad, aad, message, p.Secret.fresh(random))!
  const event = p.signJws(message, [{ kid: 'a', signer }])
  const secret = p.spake2plus.secret(p.Secret.fresh(random, 80))
  const record = p.spake2plus.record(secret)
  const names = { context: bytes(102), prover: bytes(5), verifier: bytes(11) }
  const begun = p.spake2plus.begin(secret, random)
  const { shareV } = p.spake2plus.answer(record, names, begun.shareP, random)!
  return {
    'SHA-256 900 B': () => p.sha256(message),
    'HMAC 32 B': () => p.hmac(key, key),
    'HKDF 32 B': () => p.hkdf(key, key, aad, 32),
    'ChaCha20-Poly1305 seal 900 B': () => p.seal(key, nonce, aad, message),
    'ChaCha20-Poly1305 open 900 B': () => p.open(key, nonce, aad, box),
    'Ed25519 sign 900 B': () => signer.sign(message),
    'Ed25519 verify 900 B': () => verifier.verify(message, signature),
    'Ed25519 import and verify': () => p.Verifier.of(signer.publicKey)!.verify(message, signature),
    'X25519 agree': () => pair.agree(other),
    'HPKE seal 900 B': () => p.sealTo(pair.publicKey, aad, aad, message, p.Secret.fresh(random)),
    'HPKE open 900 B': () => p.openFrom(pair, aad, aad, sealed),
    'JWS sign, one signer': () => p.signJws(message, [{ kid: 'a', signer }]),
    'JWS verify, one signer': () => p.verifyJws(event, () => verifier),
    'SPAKE2+ begin (owner)': () => p.spake2plus.begin(secret, random),
    'SPAKE2+ answer (device)': () => p.spake2plus.answer(record, names, begun.shareP, random),
    'SPAKE2+ finish (owner)': () => p.spake2plus.finish(secret, names, begun, shareV),
    'scrypt 15/8/1': () => p.scrypt(key, key, 15, 8, 80),
  }
}

interface ClaimCost {
  wallMs: number
  deviceCpuMs: number
  ownerCpuMs: number
}

/** One claim from the press on, messages handed over in memory; scrypt runs before the press. */
function claimOnce(p: Parts): ClaimCost {
  const code = p.freshCode(random)
  const record = p.makeRecord(code, 0xab12, bytes(16))
  const machine = new p.ClaimDevice(record, null, random)
  const me = {
    signer: new p.Signer(p.Secret.fresh(random)),
    exchange: new p.Exchange(p.Secret.fresh(random)),
  }
  const rest = { others: [], m: 1, next: null, recovery: null, policy: new Uint8Array(0) }
  const claiming = new p.ClaimOwner({ code, discriminator: null }, { ...me, ...rest }, null, random)
  const cost = { deviceCpuMs: 0, ownerCpuMs: 0 }
  const timed = <T>(who: keyof typeof cost, f: () => T): T => {
    const from = cpu()
    const out = f()
    cost[who] += (cpu() - from) / 1_000
    return out
  }
  claiming.onMessage(machine.hello(1, 0), 0)
  const from = performance.now()
  machine.openWindow(0, bytes(16))
  const toOwner = [machine.hello(1, 0)]
  let claimed = false
  const take = (steps: device.ClaimStep[]): void => {
    for (const step of steps) {
      if (step.do === 'send') toOwner.push(step.message)
      if (step.do === 'commit') take(timed('deviceCpuMs', () => commit(p, machine, step.request)))
    }
  }
  while (toOwner.length > 0) {
    const message = toOwner.shift()!
    const steps = timed('ownerCpuMs', () => claiming.onMessage(message, 0))
    for (const step of steps) {
      if (step.do === 'claimed') claimed = true
      const out = step.do === 'remember' ? timed('ownerCpuMs', () => claiming.remembered(0)) : [step]
      for (const o of out)
        if (o.do === 'send') take(timed('deviceCpuMs', () => machine.onMessage(1, o.message, 0)))
    }
  }
  if (!claimed) throw new Error('the claim did not succeed')
  return { wallMs: performance.now() - from, ...cost }
}

function commit(p: Parts, machine: device.ClaimDevice, request: device.ClaimRequest): device.ClaimStep[] {
  const { owners, ownersBytes, transcript } = request
  const certificate = p.makeCertificate(new p.Signer(p.Secret.fresh(random)), {
    box: new p.Exchange(p.Secret.fresh(random)).publicKey,
    incarnation: 1,
    discriminator: 0xab12,
    ownersHash: p.sha256(ownersBytes),
    transcript,
  })
  return machine.committed({ certificate, owners })
}

const [node, page] = [await backend(false), await backend(true)]
const [nodeOperations, pageOperations] = [operations(node), operations(page)]
const rows = Object.keys(nodeOperations).map((operation) => {
  const [native, noble] = [measure(nodeOperations[operation]!), measure(pageOperations[operation]!)]
  return { operation, native, noble, ratio: noble / native }
})
const claims = Array.from({ length: 11 }, () => claimOnce(node)).sort((a, b) => a.wallMs - b.wallMs)
// The first one pays for the curve's tables and cold code: that is what a device pays.
const claim = { middle: claims[5]!, slowest: claims[10]! }

const cell = (v: number, digits = 1): string => v.toFixed(v < 100 ? digits : 0).padStart(10)
console.error(
  `${'µs of CPU'.padEnd(32)}${'native'.padStart(10)}${'noble'.padStart(10)}${'ratio'.padStart(10)}`,
)
for (const r of rows)
  console.error(`${r.operation.padEnd(32)}${cell(r.native)}${cell(r.noble)}${cell(r.ratio)}`)
for (const [name, c] of Object.entries(claim))
  console.error(
    `claim, ${name}: press to claimed ${c.wallMs.toFixed(1)} ms, CPU device ${c.deviceCpuMs.toFixed(1)} ms, owner ${c.ownerCpuMs.toFixed(1)} ms`,
  )
console.log(JSON.stringify({ bench: 'crypto', node: process.version, arch: process.arch, rows, claim }))
if (claim.slowest.wallMs > BARS.pressToClaimedMs || claim.slowest.deviceCpuMs > BARS.deviceCpuMs) {
  console.error(`the bars are ${BARS.pressToClaimedMs} ms and ${BARS.deviceCpuMs} ms of device CPU`)
  process.exitCode = 1
}
