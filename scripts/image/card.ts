// The card: boot partition with firmware, kernel, device trees and stage 1 in two folders, root A, and
// the places of root B and data in the partition table. The file ends where root A ends.

import { mkdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Board } from './board.ts'
import { run } from './tools.ts'

const CARD = 'firmware-image/card'
/** From Debian's raspi-firmware; with gpu_mem=16 the boot firmware takes its cut-down pair. */
const FIRMWARE = ['bootcode.bin', 'start_cd.elf', 'fixup_cd.dat']
const CONFIG_BYTES = 512

export interface BootFiles {
  readonly board: Board
  readonly packages: ReadonlyMap<string, string>
  /** The compressed initramfs. */
  readonly stage1: Uint8Array
}

/** Lays out the boot partition as a folder. */
export function buildBoot(folder: string, { board, packages, stage1 }: BootFiles): void {
  rmSync(folder, { recursive: true, force: true })
  const kernel = packages.get(`linux-image-${board.kernel.version}`)!
  const firmware = packages.get('raspi-firmware')!
  mkdirSync(join(folder, 'licenses'), { recursive: true })
  for (const file of FIRMWARE) run('cp', [join(firmware, 'usr/lib/raspi-firmware', file), folder])
  const config = readFileSync(join(CARD, 'config.txt'), 'utf8')
  if (config.length >= CONFIG_BYTES)
    throw new Error(`config.txt: ${config.length} bytes, it has to fit into one sector`)
  writeFileSync(join(folder, 'config.txt'), `${config.padEnd(CONFIG_BYTES - 1, ' ')}\n`)
  for (const side of ['a', 'b']) {
    const into = join(folder, side)
    mkdirSync(into)
    run('cp', [join(kernel, board.kernel.file), join(into, 'kernel.img')])
    for (const name of board.kernel.deviceTree)
      writeFileSync(
        join(into, name),
        deviceTree(join(kernel, board.kernel.deviceTrees, name), join(CARD, board.kernel.addition)),
      )
    for (const name of ['cmdline.txt', 'cmdline-w.txt']) run('cp', [join(CARD, name), join(into, name)])
    writeFileSync(join(into, 'stage1.img'), stage1)
  }
  run('cp', [join(CARD, 'wattle.txt'), folder])
  run('cp', ['LICENSE', join(folder, 'licenses/wattle.txt')])
  for (const name of ['raspi-firmware', `linux-image-${board.kernel.version}`])
    run('cp', [
      join(packages.get(name)!, 'usr/share/doc', name, 'copyright'),
      join(folder, 'licenses', `${name}.txt`),
    ])
}

/** Debian's device tree with our addition, as its bytes. */
function deviceTree(file: string, addition: string): Uint8Array {
  const source = run('dtc', ['-q', '-I', 'dtb', '-O', 'dts', file])
  const out = 'build/image/tree.dtb'
  run('dtc', ['-q', '-@', '-I', 'dts', '-O', 'dtb', '-o', out, '-'], {
    input: `${source}\n${readFileSync(addition, 'utf8')}`,
  })
  return readFileSync(out)
}

export interface CardParts {
  readonly board: Board
  /** Folder of the boot partition. */
  readonly boot: string
  readonly squashfs: string
  readonly out: string
  readonly epoch: number
}

/** Makes the card image; returns its bytes in number. */
export function buildCard({ board, boot, squashfs, out, epoch }: CardParts): number {
  const [bytes, slot] = [statSync(squashfs).size, board.slotMiB * 1_048_576]
  if (bytes > slot) throw new Error(`the root has ${bytes} bytes, a slot has ${slot}`)
  const work = 'build/image/genimage'
  rmSync(work, { recursive: true, force: true })
  for (const part of ['root/boot', 'tmp', 'in', 'out']) mkdirSync(join(work, part), { recursive: true })
  run('cp', ['-r', `${boot}/.`, join(work, 'root/boot')])
  run('cp', [squashfs, join(work, 'in/root.squashfs')])
  const config = readFileSync(join(CARD, 'genimage.cfg'), 'utf8')
    .replaceAll('@BOOT@', String(board.bootMiB))
    .replaceAll('@SLOT@', String(board.slotMiB))
  writeFileSync(join(work, 'genimage.cfg'), config)
  // The boot file system takes its times from the files and, where it makes its own, from here.
  run('find', [join(work, 'root'), '-exec', 'touch', '-h', '-d', `@${epoch}`, '{}', '+'])
  run(
    'genimage',
    [
      '--config',
      join(work, 'genimage.cfg'),
      '--rootpath',
      join(work, 'root'),
      '--inputpath',
      join(work, 'in'),
      '--outputpath',
      join(work, 'out'),
      '--tmppath',
      join(work, 'tmp'),
    ],
    { env: { SOURCE_DATE_EPOCH: String(epoch) } },
  )
  run('cp', ['--sparse=always', join(work, 'out/card.img'), out])
  const end = (1 + board.bootMiB + board.slotMiB) * 1_048_576
  truncateSync(out, end)
  return end
}
