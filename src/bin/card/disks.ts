// Which disks a card may be in, and which are surely somebody's own. Everything is read from /sys/block
// and /proc; the judgement is a plain function of what was found. In doubt the answer is no.

import { realpathSync } from 'node:fs'
import { SYSFS, type Tree } from '../../hw/linux/board/sysfs.ts'

/** What is looked at; a made-up computer in tests. */
export interface Computer extends Pick<Tree, 'read' | 'list'> {
  /** Where a link leads; the path itself where it is none. */
  link(path: string): string
}

export const THIS_COMPUTER: Computer = {
  read: (path) => SYSFS.read(path),
  list: (path) => SYSFS.list(path),
  link: (path) => {
    try {
      return realpathSync(path)
    } catch {
      return path
    }
  },
}

export interface Disk {
  /** `sdb`, `mmcblk0`. */
  name: string
  bytes: number
  /** Vendor and model, as far as they are known. */
  model: string
  removable: boolean
  /** Behind USB, or a slot for SD cards. */
  external: boolean
  readOnly: boolean
  /** Where the disk or a part of it is in use: mount points, `swap`, names of devices built upon it. */
  uses: readonly string[]
}

/** A card beyond that is more likely a disk with somebody's data on it. */
export const LARGEST_BYTES = 137_438_953_472
const SECTOR = 512

/** Every whole disk; loops, RAM disks, and devices built upon others are passed over. */
export function listDisks(computer: Computer): Disk[] {
  return computer
    .list('/sys/block')
    .filter((name) => !/^(loop|ram|zram|dm-|md|sr|fd|nbd)/.test(name) && !/boot\d$|rpmb$/.test(name))
    .map((name) => readDisk(computer, name))
    .filter((disk) => disk.bytes > 0)
}

function readDisk(computer: Computer, name: string): Disk {
  const at = `/sys/block/${name}`
  const read = (file: string): string => computer.read(`${at}/${file}`) ?? ''
  const parts = computer.list(at).filter((part) => part.startsWith(name))
  const type = read('device/type')
  return {
    name,
    bytes: Number(read('size')) * SECTOR || 0,
    model: [read('device/vendor'), read('device/model') || read('device/name')]
      .filter((w) => w !== '')
      .join(' '),
    removable: read('removable') === '1',
    // An eMMC (type MMC) is soldered in; a USB disk hangs below its bus.
    external: (name.startsWith('mmcblk') && type === 'SD') || /\/usb\d/.test(computer.link(at)),
    readOnly: read('ro') === '1',
    uses: usesOf(computer, [name, ...parts]),
  }
}

/** By device number, and by name where a file system has numbers of its own (btrfs). */
function usesOf(computer: Computer, names: readonly string[]): string[] {
  const whole = names[0]!
  const folders = names.map((name) =>
    name === whole ? `/sys/block/${whole}` : `/sys/block/${whole}/${name}`,
  )
  const numbers = folders.map((at) => computer.read(`${at}/dev`))
  const paths = names.map((name) => `/dev/${name}`)
  const uses: string[] = []
  for (const line of (computer.read('/proc/self/mountinfo') ?? '').split('\n')) {
    const [before = '', after = ''] = line.split(' - ')
    const [, , number = '', , place = ''] = before.split(' ')
    const source = after.split(' ')[1] ?? ''
    if (
      numbers.includes(number) ||
      paths.includes(source.startsWith('/dev/') ? computer.link(source) : source)
    )
      uses.push(place)
  }
  for (const line of (computer.read('/proc/swaps') ?? '').split('\n').slice(1))
    if (paths.includes(line.split(/\s+/)[0] ?? '')) uses.push('swap')
  for (const at of folders) uses.push(...computer.list(`${at}/holders`))
  return [...new Set(uses)]
}

/**
 * Why this disk is not written to; null: it may be.
 * @param need bytes of the image.
 */
export function refuseDisk(disk: Disk, need: number): string | null {
  const path = `/dev/${disk.name}`
  if (disk.uses.includes('/')) return `${path} holds the system that is running`
  if (disk.uses.length > 0)
    return `${path} is in use (${disk.uses.slice(0, 3).join(', ')}): is it your own? If it is the card, eject it in your file manager, without pulling it out, and try again`
  if (!disk.removable && !disk.external) return `${path} is built in: it does not look like a card`
  if (disk.readOnly) return `${path} is write-protected: look at the switch on the card's side`
  if (disk.bytes > LARGEST_BYTES)
    return `${path} has ${size(disk.bytes)}: that is larger than a card of ours ever is (${size(LARGEST_BYTES)})`
  if (disk.bytes < need) return `${path} has ${size(disk.bytes)}: the image needs ${size(need)}`
  return null
}

/** 15.9 GB */
export function size(bytes: number): string {
  return bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : `${(bytes / 1e6).toFixed(1)} MB`
}
