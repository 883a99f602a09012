// The laboratory's last cell: the real program. A device is claimed on its own network; then home moves
// behind another router, knows nothing but the relay, and has to go on receiving telegrams, over the
// relay first and directly after the punch, without a gap.
import type { ChildProcess } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Outcome } from './cells.ts'
import { type Kind, Lab, RELAYS } from './lab.ts'

interface Line {
  event: string
  [detail: string]: unknown
}

class Program {
  readonly lines: Line[] = []
  readonly child: ChildProcess
  code: number | null = null

  constructor(lab: Lab, where: 'a' | 'b' | 'inet', ...args: string[]) {
    this.child = lab.spawn(where, ['dist/wattle', ...args])
    createInterface({ input: this.child.stdout! }).on('line', (line) => {
      if (process.env['NAT_LAB_TRACE']) console.error(where, args[0], line.slice(0, 300))
      if (line.startsWith('{')) this.lines.push(JSON.parse(line) as Line)
    })
    this.child.on('exit', (code) => {
      this.code = code
    })
  }

  all(event: string): Line[] {
    return this.lines.filter((l) => l.event === event)
  }

  async until(done: () => boolean, ms: number): Promise<boolean> {
    const end = performance.now() + ms
    while (!done() && performance.now() < end) await new Promise((resolve) => setTimeout(resolve, 20))
    return done()
  }

  seen(event: string, ms = 15_000): Promise<boolean> {
    return this.until(() => this.all(event).length > 0, ms)
  }
}

export async function runHouse(a: Kind, b: Kind): Promise<Outcome> {
  const lab = new Lab({ a, b })
  const folder = mkdtempSync(join(tmpdir(), 'wattle-nat-'))
  try {
    return await conduct(lab, folder)
  } finally {
    lab.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

async function conduct(lab: Lab, folder: string): Promise<Outcome> {
  const failed = (text: string): Outcome => ({ ok: false, directMs: -1, firstMs: -1, text })
  const state = (name: string): string[] => ['--state', join(folder, name)]
  const relays: string[] = []
  for (const [i, address] of RELAYS.entries()) {
    const args = ['--listen', `${address}:4010`, '--relay', 'open', '--rendezvous', 'off']
    const peer = new Program(lab, 'inet', 'peer', 'serve', ...args, ...state(`peer${i}`))
    if (!(await peer.seen('ready'))) return failed('a relay did not start')
    relays.push(String(peer.all('ready')[0]!['bootstrap']))
  }
  const known = ['--lan', 'off', '--relay', relays.join(',')]
  const device = new Program(lab, 'b', 'device', '--listen', '0.0.0.0:4001', ...known, ...state('device'))
  const homeArgs = ['home', 'serve', '--listen', '127.0.0.1:0', ...known, ...state('home')]
  const near = new Program(lab, 'b', ...homeArgs)
  if (!(await device.seen('ready')) || !(await near.seen('ready')))
    return failed('device or home did not start')
  device.child.stdin!.write('{"do":"press"}\n')
  await device.seen('window')
  const code = readFileSync(join(folder, 'device', 'claim-code.txt'), 'utf8').trim()
  const claim = new Program(lab, 'b', 'home', 'claim', code, '--device', '192.168.2.2:4001', ...state('home'))
  if (!(await claim.until(() => claim.code !== null, 20_000)) || claim.code !== 0)
    return failed('the claim failed')
  if (!(await near.seen('telegram'))) return failed("no telegram on the device's own network")
  near.child.kill('SIGTERM')
  await near.until(() => near.code !== null, 5_000)

  const start = performance.now()
  const far = new Program(lab, 'a', ...homeArgs)
  if (!(await far.seen('telegram', 20_000))) return failed('no telegram from afar')
  const firstMs = Math.round(performance.now() - start)
  const isDirect = (l: Line): boolean =>
    typeof l['path'] === 'string' && !String(l['path']).startsWith('relay')
  const key = String(device.all('claimed')[0]?.['device'] ?? '')
  const direct = (): Line | undefined =>
    far.all('datagrams-path').find((l) => l['peer'] === key && isDirect(l))
  await far.until(() => direct() !== undefined, 10_000)
  await far.until(() => far.all('telegram').length >= 8, 15_000)
  const times = far.all('telegram').map((l) => Number(l['at']))
  const last = times.at(-1)!
  const sent = device.all('telegram').map((l) => Number(l['at']))
  const missing = sent.filter((at) => at >= times[0]! && at <= last && !times.includes(at)).length
  const text = `${direct() ? 'direct' : 'by relay'}; first telegram ${firstMs} ms after home's start, ${times.length} telegrams, ${missing} missing`
  const relayAt = Number(far.all('datagrams-path').find((l) => l['peer'] === key)?.['t'] ?? 0)
  const directMs = direct() ? Number(direct()!['t']) - relayAt : -1
  return { ok: direct() !== undefined && missing === 0 && times.length >= 8, directMs, firstMs, text }
}
