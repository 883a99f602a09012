// A claim between two real processes over loopback: from the press to "claimed", and what it costs the
// device of CPU. Part of `make bench-crypto`; one JSON line to stdout, fails when a bar is missed.
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const BARS = { pressToClaimedMs: 1_000, deviceCpuMs: 50 }
const RUNS = 5
/** Clock ticks of /proc, Linux: a hundredth of a second. */
const TICK_MS = 10
const PATIENCE_MS = 30_000

interface Process {
  child: ChildProcess
  /** The first line with this event, waited for. */
  event: (name: string) => Promise<Record<string, unknown>>
}

function start(args: string[]): Process {
  const child = spawn(process.execPath, ['dist/wattle', ...args], { stdio: ['pipe', 'pipe', 'ignore'] })
  const lines: Record<string, unknown>[] = []
  const watching = new Set<() => void>()
  let rest = ''
  child.stdout!.setEncoding('utf8').on('data', (data: string) => {
    const parts = (rest + data).split('\n')
    rest = parts.pop()!
    for (const part of parts) lines.push(JSON.parse(part) as Record<string, unknown>)
    for (const look of watching) look()
  })
  const event = (name: string): Promise<Record<string, unknown>> =>
    new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`no ${name} from ${args[0]}`)), PATIENCE_MS)
      const look = (): void => {
        const line = lines.find((l) => l['event'] === name)
        if (!line) return
        clearTimeout(late)
        watching.delete(look)
        resolve(line)
      }
      watching.add(look)
      look()
    })
  return { child, event }
}

/** Milliseconds of CPU that a process has used so far (proc(5): utime and stime, all its threads). */
function cpuMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS
}

async function once(): Promise<{ wallMs: number; deviceCpuMs: number }> {
  const folder = mkdtempSync(join(tmpdir(), 'wattle-bench-'))
  const children: ChildProcess[] = []
  const party = (args: string[]): Process => {
    const made = start(args)
    children.push(made.child)
    return made
  }
  try {
    const address = ['--listen', '127.0.0.1:0']
    const device = party([
      'device',
      '--serial',
      'sim',
      '--button',
      'sim',
      ...address,
      '--state',
      join(folder, 'd'),
    ])
    const home = party(['home', 'serve', ...address, '--state', join(folder, 'h')])
    const [ready] = await Promise.all([device.event('ready'), home.event('ready')])
    const [code] = readFileSync(join(folder, 'd', 'claim-code.txt'), 'utf8').split('\n')
    const claim = ['home', 'claim', code!, '--device', String(ready['address']), '--wait', '30']
    const asked = party([...claim, '--state', join(folder, 'h')])
    const done = new Promise<number | null>((resolve) => asked.child.on('close', resolve))
    // The code is stretched, and the owner waits for the press.
    await new Promise((resolve) => setTimeout(resolve, 2_500))
    const [before, from] = [cpuMs(device.child.pid!), performance.now()]
    device.child.stdin!.write('{"do":"press"}\n')
    await device.event('claimed')
    if ((await done) !== 0) throw new Error('the claim did not succeed')
    return { wallMs: performance.now() - from, deviceCpuMs: cpuMs(device.child.pid!) - before }
  } finally {
    for (const child of children) child.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  }
}

const runs: { wallMs: number; deviceCpuMs: number }[] = []
for (let i = 0; i < RUNS; i++) runs.push(await once())
const middle = (of: (run: { wallMs: number; deviceCpuMs: number }) => number): number =>
  runs.map(of).sort((a, b) => a - b)[Math.floor(RUNS / 2)]!
const claim = { wallMs: middle((r) => r.wallMs), deviceCpuMs: middle((r) => r.deviceCpuMs) }
console.error(
  `claim between two processes, middle of ${RUNS}: press to claimed ${claim.wallMs.toFixed(0)} ms (the press itself takes 200), CPU device ${claim.deviceCpuMs.toFixed(0)} ms`,
)
console.log(JSON.stringify({ bench: 'claim', node: process.version, arch: process.arch, runs, claim }))
if (claim.wallMs > BARS.pressToClaimedMs || claim.deviceCpuMs > BARS.deviceCpuMs) {
  console.error(`EXCEEDED: the bars are ${BARS.pressToClaimedMs} ms and ${BARS.deviceCpuMs} ms`)
  process.exitCode = 1
}
