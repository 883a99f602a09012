// What the device says of the machine that it runs on, and what follows from how it is started.

import { existsSync, readFileSync } from 'node:fs'
import { text } from '../../base/bytes.ts'
import type { TunnelPort } from '../../device/network/tunnels.ts'
import type { RawPort } from '../../device/raw/port.ts'
import type { Board } from '../../hw/hardware.ts'
import { isLoopback } from '../net/discovery.ts'

/** On a card's FAT partition. */
const LISTS = 'communities.txt'
/** Of raw P1, as ser2net's examples have it. */
const RAW_PORT = 2001

/** Where raw P1 listens when an owner switches it on: the port that other programs expect; on loopback any. */
export function rawBeside(listen: string): string {
  return isLoopback(listen) ? '127.0.0.1:0' : `${listen.slice(0, listen.lastIndexOf(':'))}:${RAW_PORT}`
}

/** What this process has caused to be written to a disk, where the kernel counts it. */
export function bytesWritten(): number | null {
  try {
    const count = /^write_bytes: (\d+)$/m.exec(readFileSync('/proc/self/io', 'utf8'))?.[1]
    return count === undefined ? null : Number(count)
  } catch {
    return null
  }
}

/** The board as its firmware names it, or the kind of processor. */
export function boardName(): string {
  const path = '/proc/device-tree/model'
  return existsSync(path) ? readFileSync(path, 'utf8').replace(/\0/g, '').slice(0, 64) : process.arch
}

/** Raw P1 comes and goes where its owner switches it. */
export function withRaw(listening: readonly TunnelPort[], { address }: RawPort): TunnelPort[] {
  return [...listening, ...(address === null ? [] : [{ name: 'raw', address }])]
}

/** Signed lists of peers, one a line: in the file that the setting names, and on the FAT partition. */
export function cardLists(path: string | undefined, board: Board | null): string[] {
  const named = path !== undefined && existsSync(path) ? readFileSync(path, 'utf8') : ''
  const onCard = board?.boot?.read(LISTS)
  return `${named}\n${onCard ? text(onCard) : ''}`.split('\n').flatMap((line) => line.trim() || [])
}
