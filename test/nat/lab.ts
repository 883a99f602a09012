// The NAT laboratory: two hosts, each behind a router of a chosen kind, and a routed Internet between
// them, all in network namespaces of this process's own namespace, so that nothing of the machine is
// touched and everything is gone when the process is. Needs `ip` and `nft`, and either root or user
// namespaces; `enterLab` says why not where it cannot.
//
//   a ── ra ── inet ── rb ── b        inet also holds the relays' addresses
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** How a router treats what goes out and what comes in. */
export type Kind =
  | 'cone'
  | 'cone-rewritten'
  | 'full-cone'
  | 'symmetric'
  | 'udp-blocked'
  | 'cone-accepting'
  | 'cone-rejecting'
  | 'six'

export const RELAYS: readonly string[] = ['5.9.0.1', '5.9.0.2']
export const RELAY6: string = '2a00:9::1'
export const PORT = 4001

const ENTERED = 'WATTLE_NAT_LAB'

/** Null inside the laboratory; else the exit code of the same program run inside it, or why that cannot be. */
export function enterLab(argv: readonly string[]): number | string | null {
  if (process.env[ENTERED] === '1') return null
  for (const tool of ['ip', 'nft', 'unshare'])
    if (spawnSync('which', [tool]).status !== 0)
      return `there is no ${tool} (Debian: iproute2, nftables, util-linux)`
  const root = process.getuid?.() === 0
  const flags = [...(root ? [] : ['-Ur']), '-nm', '--fork', '--kill-child']
  const may = spawnSync('unshare', [
    ...flags,
    'sh',
    '-c',
    'mount -t tmpfs none /run && ip netns add t && ip netns exec t nft add table ip t',
  ])
  if (may.status !== 0) return `this kernel or user may not: ${String(may.stderr).trim().split('\n')[0]}`
  const inside = 'mount -t tmpfs none /run && ip link set lo up && exec "$@"'
  const run = spawnSync(
    'unshare',
    [...flags, 'sh', '-c', inside, 'sh', process.execPath, ...process.execArgv, ...argv],
    {
      stdio: 'inherit',
      env: { ...process.env, [ENTERED]: '1' },
    },
  )
  return run.status ?? 1
}

function sh(command: string): string {
  const run = spawnSync('sh', ['-ec', command])
  if (run.status !== 0) throw new Error(`${command}\n${String(run.stderr)}`)
  return String(run.stdout)
}

export interface LabOptions {
  a: Kind
  b: Kind
  /** Share of datagrams that the Internet loses, in percent. */
  loss?: number
  mtu?: number
  /** b's router lets its host ask for ports, in this way. */
  igd?: 'pcp' | 'upnp'
}

/** Whether there is a real router's program to ask (Debian: miniupnpd-nftables). */
export function igdAvailable(): boolean {
  return spawnSync('which', ['miniupnpd']).status === 0
}

interface Side {
  host: string
  router: string
  lan: string
  wan: string
  wan6: string
}

const SIDES: Readonly<Record<'a' | 'b', Side>> = {
  a: { host: 'hosta', router: 'routera', lan: '192.168.1', wan: '5.1.0', wan6: '2a00:1' },
  b: { host: 'hostb', router: 'routerb', lan: '192.168.2', wan: '5.2.0', wan6: '2a00:2' },
}

export class Lab {
  readonly #options: LabOptions
  readonly #children: ChildProcess[] = []
  #folder: string | null = null

  constructor(options: LabOptions) {
    this.#options = options
    const { a, b, mtu } = options
    sh('ip netns add inet; ip -n inet link set lo up')
    sh('ip netns exec inet sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1')
    for (const address of RELAYS) sh(`ip -n inet addr add ${address}/32 dev lo`)
    sh(`ip -n inet addr add ${RELAY6}/128 dev lo`)
    if (a === 'six' || b === 'six') this.#six()
    else {
      this.#four('a', a)
      this.#four('b', b)
    }
    if (mtu)
      this.#everywhere(
        `ip -n %h link set lan mtu ${mtu}; ip -n %r link set lan mtu ${mtu}; ip -n %r link set wan mtu ${mtu}`,
      )
    if (options.igd) this.#igd('b', options.igd)
    if (options.loss)
      sh(
        `ip netns exec inet nft 'add table inet lossy; add chain inet lossy way { type filter hook forward priority 0; }; ` +
          `add rule inet lossy way meta l4proto udp numgen random mod 100 < ${options.loss} counter drop'`,
      )
  }

  /** Starts a program in the namespace of a host, or of the Internet. */
  spawn(where: 'a' | 'b' | 'inet', args: readonly string[]): ChildProcess {
    const name = where === 'inet' ? 'inet' : SIDES[where].host
    const child = spawn('ip', ['netns', 'exec', name, process.execPath, ...args], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    this.#children.push(child)
    return child
  }

  /** The provider gives a side another public address; what its router remembered is gone. */
  changeAddress(side: 'a' | 'b'): void {
    const { router, wan } = SIDES[side]
    sh(`ip -n ${router} addr del ${wan}.2/24 dev wan; ip -n ${router} addr add ${wan}.77/24 dev wan`)
    sh(`ip -n ${router} route replace default via ${wan}.1`)
    this.forget(side)
  }

  /** A router forgets every mapping, as it does of those that were silent. */
  forget(side: 'a' | 'b'): void {
    const { router } = SIDES[side]
    const kind = this.#options[side]
    // No tool for the table of connections is needed: time is made to pass for it.
    const timeouts = (one: number, both: number): void =>
      void sh(
        `ip netns exec ${router} sysctl -qw net.netfilter.nf_conntrack_udp_timeout=${one} net.netfilter.nf_conntrack_udp_timeout_stream=${both}`,
      )
    if (kind === 'six') return
    sh(`ip netns exec ${router} nft flush ruleset`)
    timeouts(1, 1)
    sh(`ip -n ${router} link set wan down; ip -n ${router} link set lan down; sleep 2.2`)
    sh(`ip -n ${router} link set wan up; ip -n ${router} link set lan up`)
    sh(`ip -n ${router} route replace default via ${SIDES[side].wan}.1`)
    timeouts(30, 120)
    this.#rules(side, kind)
  }

  close(): void {
    for (const child of this.#children) child.kill('SIGKILL')
    if (this.#folder) rmSync(this.#folder, { recursive: true, force: true })
    for (const name of ['inet', ...Object.values(SIDES).flatMap((s) => [s.host, s.router])])
      spawnSync('ip', ['netns', 'del', name])
  }

  #everywhere(command: string): void {
    for (const side of Object.values(SIDES))
      sh(command.replaceAll('%h', side.host).replaceAll('%r', side.router))
  }

  #links(side: Side): void {
    sh(
      `ip netns add ${side.host}; ip netns add ${side.router}
       ip -n ${side.host} link set lo up; ip -n ${side.router} link set lo up
       ip link add lan netns ${side.host} type veth peer name lan netns ${side.router}
       ip link add wan netns ${side.router} type veth peer name ${side.router} netns inet
       ip -n ${side.host} link set lan up; ip -n ${side.router} link set lan up
       ip -n ${side.router} link set wan up; ip -n inet link set ${side.router} up`,
    )
  }

  #four(which: 'a' | 'b', kind: Kind): void {
    const side = SIDES[which]
    this.#links(side)
    sh(
      `ip -n ${side.host} addr add ${side.lan}.2/24 dev lan; ip -n ${side.host} route add default via ${side.lan}.1
       ip -n ${side.router} addr add ${side.lan}.1/24 dev lan; ip -n ${side.router} addr add ${side.wan}.2/24 dev wan
       ip -n inet addr add ${side.wan}.1/24 dev ${side.router}; ip -n ${side.router} route add default via ${side.wan}.1
       ip netns exec ${side.router} sysctl -qw net.ipv4.ip_forward=1`,
    )
    this.#rules(which, kind)
  }

  /** The router's rules now, for who wants to see its mappings. */
  ruleset(side: 'a' | 'b'): string {
    return sh(`ip netns exec ${SIDES[side].router} nft list ruleset`)
  }

  /** miniupnpd on a router, with a table of its own beside the router's. */
  #igd(which: 'a' | 'b', kind: 'pcp' | 'upnp'): void {
    const side = SIDES[which]
    nft(
      side.router,
      `table inet filter {
         chain forward { type filter hook forward priority -1; jump miniupnpd
         }
         chain miniupnpd {
         }
         chain prerouting { type nat hook prerouting priority -101; jump prerouting_miniupnpd
         }
         chain postrouting { type nat hook postrouting priority 99; jump postrouting_miniupnpd
         }
         chain prerouting_miniupnpd {
         }
         chain postrouting_miniupnpd {
         }
       }`,
    )
    this.#folder = mkdtempSync(join(tmpdir(), 'wattle-igd-'))
    const file = join(this.#folder, 'miniupnpd.conf')
    const yes = (on: boolean): string => (on ? 'yes' : 'no')
    writeFileSync(
      file,
      `ext_ifname=wan
listening_ip=lan
enable_natpmp=${yes(kind === 'pcp')}
enable_upnp=${yes(kind === 'upnp')}
min_lifetime=120
max_lifetime=86400
port=0
secure_mode=yes
system_uptime=yes
uuid=00000000-0000-0000-0000-000000000000
upnp_table_name=filter
upnp_nat_table_name=filter
upnp_forward_chain=miniupnpd
upnp_nat_chain=prerouting_miniupnpd
upnp_nat_postrouting_chain=postrouting_miniupnpd
allow 1024-65535 0.0.0.0/0 1024-65535
`,
    )
    sh(`ip -n ${side.router} route add 239.0.0.0/8 dev lan`)
    const run = ['netns', 'exec', side.router, 'miniupnpd', '-d', '-f', file, '-P', join(this.#folder, 'pid')]
    const trace = process.env['NAT_LAB_TRACE'] ? 'inherit' : 'ignore'
    this.#children.push(spawn('ip', run, { stdio: ['ignore', trace, trace] }))
  }

  #rules(which: 'a' | 'b', kind: Kind): void {
    const side = SIDES[which]
    const nat: Record<string, string> = {
      'cone-rewritten': `udp sport ${PORT} snat to ${side.wan}.2:14001; oifname "wan" masquerade`,
      symmetric: 'masquerade fully-random',
    }
    const full = kind === 'full-cone'
    const input =
      kind === 'cone-accepting'
        ? ''
        : kind === 'cone-rejecting'
          ? 'iifname "wan" ct state != established reject'
          : 'iifname "wan" ct state != established drop'
    const blocked = kind === 'udp-blocked' ? 'meta l4proto udp drop' : ''
    nft(
      side.router,
      `table ip nat {
         chain pre { type nat hook prerouting priority -100; ${full ? `iifname "wan" udp dport ${PORT} dnat to ${side.lan}.2:${PORT}` : ''}
         }
         chain post { type nat hook postrouting priority 100;
           oifname "wan" ${nat[kind] ?? 'masquerade'}
         }
       }
       table ip way {
         chain through { type filter hook forward priority 0;
           ${blocked}
           ct state established,related accept
           ${full || (which === 'b' && this.#options.igd) ? 'ct status dnat accept' : ''}
           iifname "wan" drop
         }
         chain here { type filter hook input priority 0;
           ${input}
         }
       }`,
    )
  }

  /** IPv6 alone: no NAT, but routers that let nothing in unasked. */
  #six(): void {
    for (const side of Object.values(SIDES)) {
      this.#links(side)
      sh(
        `for n in ${side.host} ${side.router} inet; do ip netns exec $n sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0; done
         ip netns exec ${side.router} sysctl -qw net.ipv6.conf.all.forwarding=1
         ip -n ${side.host} addr add ${side.wan6}:1::2/64 dev lan nodad; ip -n ${side.router} addr add ${side.wan6}:1::1/64 dev lan nodad
         ip -n ${side.router} addr add ${side.wan6}:0::2/64 dev wan nodad; ip -n inet addr add ${side.wan6}:0::1/64 dev ${side.router} nodad
         ip -n ${side.host} route add default via ${side.wan6}:1::1; ip -n ${side.router} route add default via ${side.wan6}:0::1
         ip -n inet route add ${side.wan6}:1::/64 via ${side.wan6}:0::2`,
      )
      nft(
        side.router,
        `table ip6 way {
           chain through { type filter hook forward priority 0;
             ct state established,related accept
             iifname "wan" drop
           }
         }`,
      )
    }
  }
}

function nft(where: string, rules: string): void {
  const run = spawnSync('ip', ['netns', 'exec', where, 'nft', '-f', '-'], { input: rules })
  if (run.status !== 0) throw new Error(`nft in ${where}: ${String(run.stderr)}\n${rules}`)
}
