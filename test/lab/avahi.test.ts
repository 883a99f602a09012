// Avahi as a foreign neighbour, in network namespaces that are made and removed here: it finds and
// resolves us, sees us go, shares the port with us, and we see what it publishes. Needs root, iproute2,
// avahi-daemon, avahi-utils and dbus (`make lan-lab` installs them); says so where they are missing.

import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import t from 'tap'

const TOOLS = [
  '/usr/sbin/avahi-daemon',
  '/usr/bin/avahi-browse',
  '/usr/bin/avahi-publish',
  '/usr/bin/dbus-daemon',
]
const NETWORKS = ['wtl-lan-a', 'wtl-lan-b'] as const
const WATTLE = resolve('dist/wattle')

function missing(): string | false {
  if (process.getuid?.() !== 0) return 'network namespaces need root here'
  const absent = TOOLS.filter((tool) => !existsSync(tool))
  if (absent.length > 0) return `${absent.join(', ')} not installed; make lan-lab does`
  if (spawnSync('ip', ['netns', 'add', 'wtl-lan-try']).status !== 0)
    return 'this kernel makes no network namespaces'
  spawnSync('ip', ['netns', 'del', 'wtl-lan-try'])
  return existsSync(WATTLE) ? false : 'dist/wattle is not built'
}

interface Lab {
  folder: string
  start: (network: string, command: string[], env?: Record<string, string>) => ChildProcess & { out: string }
  /** Lines of avahi-browse, resolved, parsable. */
  browse: (type: string) => string[]
}

const pause = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms))
async function until(what: () => boolean, ms: number): Promise<number> {
  const from = Date.now()
  while (!what()) {
    if (Date.now() - from > ms) return Number.POSITIVE_INFINITY
    await pause(20)
  }
  return Date.now() - from
}

function lab(t: { teardown: (end: () => Promise<void>) => void }, net = '198.18.0'): Lab {
  const folder = mkdtempSync(join(tmpdir(), 'wattle-lan-'))
  const children: ChildProcess[] = []
  const ip = (...args: string[]): void => void execFileSync('ip', args, { stdio: 'pipe' })
  for (const name of NETWORKS) spawnSync('ip', ['netns', 'del', name])
  t.teardown(async () => {
    for (const child of children) child.kill('SIGKILL')
    await pause(100)
    for (const name of NETWORKS) spawnSync('ip', ['netns', 'del', name])
    rmSync(folder, { recursive: true, force: true })
  })
  for (const name of NETWORKS) ip('netns', 'add', name)
  ip(
    'link',
    'add',
    'wtla',
    'netns',
    NETWORKS[0],
    'type',
    'veth',
    'peer',
    'name',
    'wtlb',
    'netns',
    NETWORKS[1],
  )
  NETWORKS.forEach((name, i) => {
    const card = i === 0 ? 'wtla' : 'wtlb'
    ip('-n', name, 'link', 'set', 'lo', 'up')
    ip('-n', name, 'link', 'set', card, 'up')
    ip('-n', name, 'addr', 'add', `${net}.${i + 1}/24`, 'dev', card)
    ip('-n', name, 'route', 'add', '224.0.0.0/4', 'dev', card)
  })
  const bus = `unix:path=${folder}/bus`
  const start: Lab['start'] = (network, command, env = {}) => {
    const child = Object.assign(
      spawn('ip', ['netns', 'exec', network, ...command], {
        env: { ...process.env, DBUS_SYSTEM_BUS_ADDRESS: bus, WATTLE_LAN: 'on', ...env },
        stdio: ['pipe', 'pipe', 'pipe'],
      }),
      { out: '' },
    )
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (data: string) => {
        child.out += data
      })
    children.push(child)
    return child
  }
  const browse: Lab['browse'] = (type) =>
    spawnSync('ip', ['netns', 'exec', NETWORKS[0], 'avahi-browse', '-rpt', type], {
      env: { ...process.env, DBUS_SYSTEM_BUS_ADDRESS: bus },
      encoding: 'utf8',
      timeout: 5_000,
    }).stdout.split('\n')
  return { folder, start, browse }
}

async function startAvahi({ folder, start }: Lab): Promise<void> {
  const policy = '<allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/><allow user="*"/>'
  writeFileSync(
    `${folder}/bus.conf`,
    `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:path=${folder}/bus</listen><auth>EXTERNAL</auth><policy context="default">${policy}</policy></busconfig>`,
  )
  writeFileSync(
    `${folder}/avahi.conf`,
    '[server]\nhost-name=avahibox\nallow-interfaces=wtla\nenable-dbus=yes\n[publish]\npublish-workstation=no\n',
  )
  mkdirSync(`${folder}/run`)
  start(NETWORKS[0], ['dbus-daemon', `--config-file=${folder}/bus.conf`, '--nofork'])
  await until(() => existsSync(`${folder}/bus`), 5_000)
  // A /run of its own: an Avahi of this machine is left alone.
  const own = `mount -t tmpfs tmpfs /run && mkdir /run/avahi-daemon && exec avahi-daemon -f ${folder}/avahi.conf --no-drop-root --no-chroot --no-rlimits`
  const daemon = start(NETWORKS[0], ['unshare', '-m', 'sh', '-c', own])
  await until(() => daemon.out.includes('startup complete'), 10_000)
}

t.test('Avahi and we see each other', { skip: missing() }, async (t) => {
  const net = lab(t)
  await startAvahi(net)
  const device = (network: string, state: string): ReturnType<Lab['start']> =>
    net.start(
      network,
      [
        process.execPath,
        WATTLE,
        'device',
        '--serial',
        'sim',
        '--listen',
        '0.0.0.0:4001',
        '--state',
        `${net.folder}/${state}`,
      ],
      { WATTLE_CHILD: '1' },
    )
  const resolved = (): string[] =>
    net.browse('_sovereign._tcp').filter((l) => l.startsWith('=') && l.includes(';IPv4;'))

  const far = device(NETWORKS[1], 'far')
  t.ok((await until(() => far.out.includes('"ready"'), 15_000)) < Number.POSITIVE_INFINITY, far.out)
  t.ok((await until(() => resolved().length > 0, 5_000)) < 5_000, 'resolved')
  const line = resolved()[0] ?? ''
  t.match(line, /;wattle-[0-9a-f]{4}\.local;198\.18\.0\.2;4001;.*"pr=claim" "st=u" "txtvers=1"/)
  // Without -t, which waits for a second by itself.
  const looking = net.start(NETWORKS[0], ['avahi-browse', '-rp', '_sovereign._tcp'])
  const found = await until(() => looking.out.includes('=;'), 5_000)
  t.ok(found <= 1_000, `resolved within a second of the question: ${found} ms`)

  const near = device(NETWORKS[0], 'near')
  t.ok((await until(() => resolved().length === 2, 15_000)) < 15_000, 'one beside Avahi on the same port too')

  const watch = net.start(NETWORKS[0], ['avahi-browse', '-p', '_sovereign._tcp'])
  await until(() => watch.out.split('+;').length > 2, 5_000)
  const name = /wattle-[0-9a-f]{4}/.exec(line)?.[0] ?? 'none'
  const gone = (): boolean => watch.out.split('\n').some((l) => l.startsWith('-;') && l.includes(name))
  far.kill('SIGTERM')
  await until(() => far.exitCode !== null, 5_000)
  const left = await until(gone, 5_000)
  t.ok(left <= 1_500, `gone ${left} ms after it had stopped`)
  near.kill('SIGTERM')

  // What a foreigner publishes: an unclaimed device as far as TXT says, and nobody's name clash.
  const exp = Math.floor(Date.now() / 1_000) + 3_600
  net.start(NETWORKS[0], [
    'avahi-publish',
    '-s',
    'foreign',
    '_sovereign._tcp',
    '4711',
    'txtvers=1',
    'st=u',
    'pr=claim',
    'cap=1',
    'a=198.18.0.1',
    `exp=${exp}`,
  ])
  const home = net.start(
    NETWORKS[1],
    [process.execPath, WATTLE, 'home', 'serve', '--listen', '127.0.0.1:0', '--state', `${net.folder}/home`],
    { WATTLE_CHILD: '1' },
  )
  const seen = await until(() => home.out.includes('"name":"foreign._sovereign._tcp.local"'), 10_000)
  t.ok(seen < 10_000, home.out)
  t.match(home.out, /198\.18\.0\.1:4711/)
})

const JS = resolve('test/peers/net/mdns.mjs')
const noJs = existsSync('test/peers/net/node_modules/@libp2p/mdns')
  ? false
  : '@libp2p/mdns is not installed; make lan-lab does'

t.test('js-libp2p and we see each other', { skip: missing() || noJs }, async (t) => {
  // Its mDNS passes only addresses on that it takes for private ones.
  const net = lab(t, '10.99.0')
  const device = net.start(
    NETWORKS[1],
    [
      ...[process.execPath, WATTLE, 'device', '--serial', 'sim', '--listen', '0.0.0.0:4001'],
      ...['--state', `${net.folder}/device`],
    ],
    { WATTLE_CHILD: '1' },
  )
  await until(() => device.out.includes('"ready"'), 15_000)
  const homeOptions = ['--state', `${net.folder}/home`]
  const serve = [process.execPath, WATTLE, 'home', 'serve', '--listen', '127.0.0.1:0', ...homeOptions]
  const home = net.start(NETWORKS[0], serve, { WATTLE_CHILD: '1' })
  await until(() => home.out.includes('"ready"'), 15_000)
  device.stdin!.write('{"do":"press"}\n')
  await until(() => device.out.includes('"window"'), 5_000)
  const code = readFileSync(`${net.folder}/device/claim-code.txt`, 'utf8').trim()
  const claim = net.start(NETWORKS[0], [process.execPath, WATTLE, 'home', 'claim', code, ...homeOptions])
  await until(() => claim.exitCode !== null, 20_000)
  t.equal(claim.exitCode, 0, claim.out)
  const js = net.start(NETWORKS[0], [process.execPath, JS, '10.99.0.1'])
  const seen = await until(() => js.out.includes('"found"'), 25_000)
  t.ok(seen < 25_000, `js-libp2p saw the device after ${seen} ms: ${js.out}`)
  t.match(js.out, /"addresses":\["\/ip4\/10\.99\.0\.2\/tcp\/4001/)
  const id = /"ready":"(12D3KooW\w+)"/.exec(js.out)![1]!
  const known = (): boolean => home.out.includes('_p2p._udp.local') && home.out.includes('10.99.0.1:')
  t.ok((await until(known, 25_000)) < 25_000, `home saw ${id}`)
})

t.test('two devices of one name: both are announced, under two names', { skip: missing() }, async (t) => {
  const net = lab(t)
  await startAvahi(net)
  const device = (network: string, state: string): ReturnType<Lab['start']> =>
    net.start(
      network,
      [
        process.execPath,
        WATTLE,
        'device',
        '--serial',
        'sim',
        '--listen',
        '0.0.0.0:4001',
        '--state',
        `${net.folder}/${state}`,
      ],
      { WATTLE_CHILD: '1' },
    )
  const first = device(NETWORKS[1], 'one')
  await until(() => first.out.includes('"ready"'), 15_000)
  // The same label data on a second machine.
  mkdirSync(`${net.folder}/two`, { mode: 0o700 })
  writeFileSync(`${net.folder}/two/label.json`, readFileSync(`${net.folder}/one/label.json`), { mode: 0o600 })
  const second = device(NETWORKS[0], 'two')
  const names = (): string[] => [
    ...new Set(net.browse('_sovereign._tcp').flatMap((l) => /^=;[^;]*;IPv4;([^;]+);/.exec(l)?.[1] ?? [])),
  ]
  await until(() => names().length === 2, 20_000)
  const [a, b] = names().sort()
  t.equal(b, `${a}-2`, second.out)
})
