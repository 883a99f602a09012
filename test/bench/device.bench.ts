// An hour of telegrams at 1 Hz through the whole device with eight readers: once in virtual time on
// simulated sockets, once, faster than real time, over loopback. Each run has a process of its own.
// What is counted: heap and typed arrays, of everything that runs in the device's process.

import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FrameCipher } from '../../src/crypto/framecipher.ts'
import { READERS } from './device/cast.ts'
import { beDevice, type DeviceJob } from './device/linux.ts'
import type { Measured } from './device/probe.ts'
import { measureReal } from './device/real.ts'
import { measureSim } from './device/sim.ts'
import { freshFolder, startUp } from './device/startup.ts'
import { garbageOf, report } from './report.ts'

const HOUR = Number(process.env['WATTLE_BENCH_TELEGRAMS'] ?? 3_600)
const MEGABYTE = 1_048_576
const NODE18 = 'node_modules/node18-linux-x64/bin/node'
/** No source maps: they would lie in the memory that is measured. */
const EXEC = ['--expose-gc', '--no-warnings']

const [role, argument] = process.argv.slice(2)
if (role === 'linux') beDevice(JSON.parse(argument!) as DeviceJob)
else if (role === 'sim') console.log(JSON.stringify(measureSim(HOUR, argument === 'muted')))
else await main()

async function main(): Promise<void> {
  const base = mkdtempSync(join(tmpdir(), 'wattle-bench-'))
  const results: Record<string, unknown> = { node: process.version, telegrams: HOUR }
  try {
    const alone = sim('muted')
    show('simulated, the device', alone, 8_192)
    const all = sim('reading')
    show('simulated, device and eight readers', all)
    const { measured, folder } = await measureReal(HOUR, base, EXEC)
    show('loopback, the device', measured, 16_384)
    const seals = READERS * garbageOfSeal()
    report('of these heaps: eight frames sealed for the way', seals, 'bytes')
    results['sealsHeapBytes'] = seals
    Object.assign(results, { simulated: alone, simulatedWithReaders: all, loopback: measured })
    results['startUpMs'] = await starts(base, folder)
  } finally {
    rmSync(base, { recursive: true, force: true })
  }
  mkdirSync('build', { recursive: true })
  writeFileSync('build/bench-device.json', `${JSON.stringify(results, null, 2)}\n`)
}

/** Heap that one frame of a connection costs in cipher objects of node:crypto (decision 0007). */
function garbageOfSeal(): number {
  const cipher = new FrameCipher(new Uint8Array(32))
  const frame = new Uint8Array(400)
  let n = 0
  return garbageOf(() => cipher.seal(frame, 2, 337, n++))
}

function sim(readers: 'muted' | 'reading'): Measured {
  const run = spawnSync(process.execPath, [...EXEC, process.argv[1]!, 'sim', readers], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  if (run.status !== 0) throw new Error(`the simulated hour ended with ${run.status}`)
  return JSON.parse(run.stdout) as Measured
}

/** Limits are the issue's; figures without one are there to be looked at. */
function show(name: string, m: Measured, garbage?: number): void {
  report(`${name}: garbage per telegram`, m.heapBytes + m.bufferBytes, 'bytes', garbage)
  report(`${name}: of that, typed arrays`, m.bufferBytes, 'bytes')
  report(`${name}: collections`, m.collections, '')
  report(`${name}: longest pause`, m.longestPauseMs, 'ms')
  report(`${name}: CPU per telegram`, m.cpuMicros, 'us')
  report(`${name}: resident at start`, m.residentStart / MEGABYTE, 'MB')
  report(`${name}: resident at end`, m.residentEnd / MEGABYTE, 'MB')
  const grown = (m.residentEnd - m.residentStart) / MEGABYTE
  report(`${name}: grown by`, grown, 'MB', garbage === undefined ? undefined : 2)
}

async function starts(base: string, claimed: string): Promise<Record<string, number>> {
  const times: Record<string, number> = {}
  const fresh = await freshFolder(process.execPath, base)
  for (const node of [process.execPath, NODE18]) {
    if (!existsSync(node)) continue
    const version = spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout.trim()
    for (const [kind, folder] of [
      ['unclaimed', fresh],
      ['claimed, an hour on its card', claimed],
    ] as const) {
      const name = `start of wattle device, ${kind}, Node ${version}`
      const { ms, resident } = await startUp(node, folder)
      times[name] = ms
      report(name, ms, 'ms')
      report(`resident then`, resident / MEGABYTE, 'MB')
    }
  }
  return times
}
