// From the start of the process `wattle device` to its line "ready": as it comes out of its box, and
// as an owner's, with an hour of frames on its card.

import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const RUNS = 5
const PAGE = 4_096

export interface Start {
  ms: number
  /** Bytes resident when it said ready. */
  resident: number
}

/** The median of RUNS starts. */
export async function startUp(node: string, folder: string): Promise<Start> {
  const starts: Start[] = []
  for (let i = 0; i < RUNS; i++) starts.push(await once(node, folder))
  return starts.sort((a, b) => a.ms - b.ms)[RUNS >> 1]!
}

/** A state folder in which the label was made already, which costs a second on its own. */
export async function freshFolder(node: string, base: string): Promise<string> {
  const folder = mkdtempSync(join(base, 'fresh-'))
  await once(node, folder)
  return folder
}

async function once(node: string, folder: string): Promise<Start> {
  const start = performance.now()
  const args = ['dist/wattle', 'device', '--state', folder, '--listen', '127.0.0.1:0', '--serial', 'sim']
  const device = spawn(node, args, { stdio: ['ignore', 'pipe', 'ignore'] })
  let out = ''
  let ready = Number.NaN
  let resident = 0
  device.stdout.on('data', (bytes: Buffer) => {
    out += bytes.toString()
    if (!(ready >= 0) && out.includes('"event":"ready"')) {
      ready = performance.now() - start
      resident = Number(readFileSync(`/proc/${device.pid}/statm`, 'utf8').split(' ')[1]) * PAGE
      device.kill('SIGTERM')
    }
  })
  const late = setTimeout(() => device.kill('SIGKILL'), 15_000)
  await new Promise((resolve) => device.once('close', resolve))
  clearTimeout(late)
  if (!(ready >= 0)) throw new Error(`wattle device did not become ready: ${out.slice(-500)}`)
  return { ms: ready, resident }
}
