// Serial ports of this machine as Linux shows them: names that stay (/dev/serial/by-id), what USB says
// about the adapter, who has a port open. Plain files under /dev, /sys and /proc; no addon.

import { readdirSync, readFileSync, readlinkSync, realpathSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'

export interface Port {
  /** `/dev/ttyUSB0` */
  readonly path: string
  /** The name under /dev/serial/by-id, which stays when the cable is moved or comes back; or null. */
  readonly stable: string | null
  /** `0403:6001`, or null for a port that is no USB adapter. */
  readonly usb: string | null
  readonly text: string
  /** One of the adapters that P1 cables are made with. */
  readonly likely: boolean
}

/** Adapters in P1 cables. */
const CABLES: Readonly<Record<string, string>> = {
  '0403:6001': 'FTDI FT232R',
  '0403:6010': 'FTDI FT2232',
  '0403:6014': 'FTDI FT232H',
  '0403:6015': 'FTDI FT-X',
  '067b:2303': 'Prolific PL2303',
  '067b:23a3': 'Prolific PL2303GC',
  '10c4:ea60': 'Silicon Labs CP210x',
  '1a86:7523': 'QinHeng CH340',
  '1a86:55d4': 'QinHeng CH9102',
}
/** Names of ports, the likely ones first. */
const NAMES: readonly RegExp[] = [/^ttyUSB\d+$/, /^ttyACM\d+$/, /^ttyAMA\d+$/, /^serial\d+$/]

function list(folder: string): string[] {
  try {
    return readdirSync(folder).sort()
  } catch {
    return []
  }
}

function line(path: string): string | null {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    return null
  }
}

function real(path: string): string | null {
  try {
    return realpathSync(path)
  } catch {
    return null
  }
}

/** What USB says about a tty: looks up the tree of /sys until a folder names vendor and product. */
function usbOf(root: string, name: string): { id: string; words: string } | null {
  let folder = real(join(root, 'sys/class/tty', name, 'device'))
  for (let steps = 0; folder !== null && steps < 6; steps++) {
    const vendor = line(join(folder, 'idVendor'))
    const product = line(join(folder, 'idProduct'))
    if (vendor !== null && product !== null) {
      const words = [line(join(folder, 'manufacturer')), line(join(folder, 'product'))]
      return { id: `${vendor}:${product}`, words: words.filter((w) => w !== null).join(' ') }
    }
    folder = dirname(folder)
  }
  return null
}

/** @param root for tests: the folder that stands for `/`. */
export function listPorts(root = '/'): Port[] {
  const stable = new Map<string, string>()
  const byId = join(root, 'dev/serial/by-id')
  for (const name of list(byId)) {
    const target = real(join(byId, name))
    if (target !== null) stable.set(basename(target), join(byId, name))
  }
  // Where the kernel writes its console there is no meter.
  const consoles = (line(join(root, 'sys/class/tty/console/active')) ?? '').split(' ')
  const names = list(join(root, 'dev')).filter(
    (n) => (stable.has(n) || NAMES.some((r) => r.test(n))) && !consoles.includes(n),
  )
  const ports = names.map((name): Port => {
    const usb = usbOf(root, name)
    const known = usb === null ? undefined : CABLES[usb.id]
    return {
      path: join(root, 'dev', name),
      stable: stable.get(name) ?? null,
      usb: usb?.id ?? null,
      text: usb === null ? 'no USB adapter' : usb.words || known || 'USB adapter',
      likely: known !== undefined,
    }
  })
  return ports.sort((a, b) => Number(b.likely) - Number(a.likely) || (a.path < b.path ? -1 : 1))
}

/** The name of a port that stays: by-id where there is one, else the path as given. */
export function stableName(path: string, root = '/'): string {
  const target = real(path)
  if (target === null) return path
  return listPorts(root).find((p) => real(p.path) === target)?.stable ?? path
}

/** Another process that has this device open: `name (pid)`, or null as far as we may see. */
export function usedBy(path: string, root = '/'): string | null {
  const target = real(path)
  if (target === null) return null
  for (const pid of list(join(root, 'proc'))) {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) continue
    const folder = join(root, 'proc', pid, 'fd')
    for (const fd of list(folder)) {
      let link: string
      try {
        link = readlinkSync(join(folder, fd))
      } catch {
        continue
      }
      if (link === target) return `${line(join(root, 'proc', pid, 'comm')) ?? 'a program'} (process ${pid})`
    }
  }
  return null
}
