// `wattle peers` and `wattle doctor`: what was found and by which way, which path is in use and why not a
// better one, what is wrong with this computer or network and what to do about it.

import { networkInterfaces } from 'node:os'
import { EXIT, type ExitCode } from '../../base/errors.ts'
import type { Sockets, UdpSocket } from '../../hw/hardware.ts'
import { listPorts, usedBy } from '../../hw/linux/serial-ports.ts'
import { LinuxSockets } from '../../hw/linux/sockets.ts'
import { parse, say, usage } from '../cli.ts'
import { askControl } from '../control.ts'
import type { NetworkPeer, NetworkReport } from '../home/reach/network.ts'
import { stateFolder } from '../machine.ts'

const OPTIONS = { state: { type: 'string' }, json: { type: 'boolean' } } as const

/** In the order of DESIGN's ladder: the first is best. */
const SOURCE_WORDS: Readonly<Record<string, string>> = {
  local: 'local network',
  nearby: 'nearby',
  bootstrap: 'bootstrap peer',
  dht: 'DHT',
}

export async function peers(args: string[]): Promise<ExitCode> {
  const given = parse(args, OPTIONS)
  if (given.words.length > 0) throw usage(`peers takes options only, not ${given.words[0]}`)
  const report = await networkReport(given.text('state'))
  if (!report) {
    say('wattle: no My Home runs on this state folder; start it with: wattle home serve')
    return EXIT.failed
  }
  if (given.flag('json')) process.stdout.write(`${JSON.stringify(report)}\n`)
  else for (const line of words(report)) process.stdout.write(`${line}\n`)
  return 0
}

function words(report: NetworkReport): string[] {
  const out = Object.entries(report.layers).map(([layer, text]) => `${layer.padEnd(10)} ${text}`)
  if (report.router !== null) out.push(`${'router'.padEnd(10)} ${report.router}`)
  for (const p of report.peers) out.push('', ...peerWords(p))
  for (const u of report.unclaimed) out.push('', `${u.name}  waits for an owner at ${u.addresses.join(', ')}`)
  return out
}

function peerWords(p: NetworkPeer): string[] {
  const found = p.sources.map((s) => SOURCE_WORDS[s] ?? s).join(', ')
  const lines = [
    `${p.name ?? p.key ?? 'unknown'}${p.ours ? ' (yours)' : ''}`,
    `  found by   ${found === '' ? 'nobody now; tried where it was last' : found}`,
    `  addresses  ${p.addresses.join(', ') || 'none'}`,
    `  path       ${p.path === null ? 'none' : `${p.way} (${p.path})`}`,
  ]
  if (p.why !== null) lines.push(`  ${p.path === null ? 'because ' : 'not better'} ${p.why}`)
  return lines
}

interface Finding {
  what: string
  good: boolean
  text: string
  /** What to do; where it is not good. */
  remedy?: string
}

/** Checks one after the other; exit code 1 where one of them failed. */
export async function doctor(args: string[]): Promise<ExitCode> {
  const given = parse(args, OPTIONS)
  if (given.words.length > 0) throw usage(`doctor takes options only, not ${given.words[0]}`)
  const sockets = new LinuxSockets()
  const findings = [
    runtime(),
    clock(),
    network(),
    await multicast(sockets),
    await datagrams(sockets),
    ...cables(),
    ...(await atHome(given.text('state'))),
  ]
  for (const f of findings) {
    if (given.flag('json')) process.stdout.write(`${JSON.stringify(f)}\n`)
    else {
      process.stdout.write(`${f.good ? 'ok  ' : 'BAD '} ${f.what.padEnd(12)} ${f.text}\n`)
      if (f.remedy !== undefined) process.stdout.write(`     ${''.padEnd(12)} → ${f.remedy}\n`)
    }
  }
  return findings.every((f) => f.good) ? 0 : EXIT.failed
}

function runtime(): Finding {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  const full = major > 22 || (major === 22 && minor >= 13)
  const text = full
    ? `Node ${process.version}`
    : `Node ${process.version}: enough for a device, not for My Home`
  return { what: 'runtime', good: true, text }
}

function clock(): Finding {
  const year = new Date().getFullYear()
  if (year >= 2026) return { what: 'clock', good: true, text: new Date().toISOString() }
  return {
    what: 'clock',
    good: false,
    text: `this computer believes it is ${year}`,
    remedy: 'set the clock, or let NTP do it: consents and signatures have dates',
  }
}

function network(): Finding {
  const up = Object.entries(networkInterfaces()).flatMap(([name, addresses = []]) =>
    addresses.filter((a) => !a.internal).map((a) => `${name} ${a.address}`),
  )
  if (up.length > 0) return { what: 'network', good: true, text: up.join(', ') }
  return {
    what: 'network',
    good: false,
    text: 'no interface with an address but loopback',
    remedy: 'plug the cable in or join the Wi-Fi',
  }
}

/** Can the port of mDNS be shared? On loopback: nothing is sent. */
function multicast(sockets: Sockets): Promise<Finding> {
  const on = sockets.networks().find((n) => n.loopback && n.family === 4)
  const bad = (text: string): Finding => ({
    what: 'mDNS',
    good: false,
    text,
    remedy: 'another program holds UDP port 5353 for itself alone: stop it, or use --device HOST:PORT',
  })
  return new Promise((resolve) => {
    if (!on) return resolve(bad('no loopback interface'))
    sockets.joinGroup(
      { group: '224.0.0.251', port: 5_353, on },
      () => {},
      (error, socket) => {
        socket?.close()
        resolve(
          error ? bad(error.message) : { what: 'mDNS', good: true, text: 'UDP port 5353 can be shared' },
        )
      },
    )
  })
}

function datagrams(sockets: Sockets): Promise<Finding> {
  return new Promise((resolve) =>
    sockets.bindUdp(
      '127.0.0.1:0',
      () => {},
      (error, socket: UdpSocket | null) => {
        socket?.close()
        resolve(
          error
            ? {
                what: 'UDP',
                good: false,
                text: error.message,
                remedy: 'a firewall or sandbox forbids UDP sockets',
              }
            : { what: 'UDP', good: true, text: 'sockets can be opened' },
        )
      },
    ),
  )
}

function cables(): Finding[] {
  const ports = listPorts()
  if (ports.length === 0) return [{ what: 'P1 cable', good: true, text: 'none is plugged in here' }]
  return ports.map(({ path, stable }) => {
    const holder = usedBy(path)
    if (holder === null) return { what: 'P1 cable', good: true, text: stable ?? path }
    return { what: 'P1 cable', good: true, text: `${stable ?? path}, in use by ${holder}` }
  })
}

async function atHome(state: string | undefined): Promise<Finding[]> {
  const report = await networkReport(state)
  if (!report) {
    const text = 'does not run on this state folder'
    return [{ what: 'My Home', good: true, text: `${text}; its view of the network is not shown` }]
  }
  const layers = Object.entries(report.layers)
  const off = layers.filter(([, text]) => text.startsWith('switched off') || text.startsWith('no '))
  const out: Finding[] = layers.map(([layer, text]) => ({ what: layer, good: true, text }))
  if (report.router !== null) out.push({ what: 'router', good: true, text: report.router })
  if (layers.length > 0 && off.length === layers.length)
    out.push({
      what: 'finding',
      good: false,
      text: 'no way of finding devices is switched on',
      remedy: 'start My Home with --lan on, or with --bootstrap KEY@HOST:PORT, or name devices by --device',
    })
  for (const p of report.peers.filter((p) => p.ours)) {
    out.push({
      what: p.name ?? 'device',
      good: p.path !== null,
      text: p.path === null ? 'is not connected' : `is connected ${p.way} (${p.path})`,
      ...(p.why !== null ? { remedy: p.why } : {}),
    })
  }
  return out
}

async function networkReport(state: string | undefined): Promise<NetworkReport | null> {
  const answer = await askControl(stateFolder(state, 'home'), { do: 'network' })
  return answer?.ok ? (answer.result as NetworkReport) : null
}
