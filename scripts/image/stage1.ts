// The initramfs of stage 1: a static busybox, the modules that the card and the lights need, and the
// two scripts of firmware-image/stage1.

import { readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { Board } from './board.ts'
import { cpio, type Entry, folder, link, PLAIN, PROGRAM } from './cpio.ts'
import type { Modules } from './modules.ts'
import { run } from './tools.ts'

/** Loaded when the script says so, not in order. */
const ON_DEMAND = ['softdog', 'ledtrig-pattern']
const applets = JSON.parse(readFileSync('firmware-image/applets.json', 'utf8')) as { stage1: string[] }
const plain = (name: string): string => name.replace(/\.ko$/, '').replaceAll('-', '_')

/** The compressed archive; build/image is there. */
export function stage1(board: Board, busybox: string, modules: Modules, mtime: number): Uint8Array {
  const paths = modules.closure([...board.stage1.modules, ...ON_DEMAND])
  const order = paths.map((path) => basename(path, '.ko'))
  const later = new Set(ON_DEMAND.map(plain))
  const file = (path: string, from: string, mode: number): Entry => ({
    path,
    mode,
    bytes: readFileSync(from),
  })
  const entries: Entry[] = [
    ...['bin', 'data', 'dev', 'lib', 'modules', 'proc', 'root', 'run', 'sys'].map(folder),
    file('bin/busybox', join(busybox, 'bin/busybox'), PROGRAM),
    ...applets.stage1.map((applet) => link(`bin/${applet}`, 'busybox')),
    file('init', 'firmware-image/stage1/init', PROGRAM),
    file('lib/card.sh', 'firmware-image/stage1/card.sh', PLAIN),
    {
      path: 'modules/order',
      mode: PLAIN,
      bytes: new TextEncoder().encode(`${order.filter((name) => !later.has(plain(name))).join('\n')}\n`),
    },
    ...paths.map((path) => file(`modules/${basename(path)}`, join(modules.folder, path), PLAIN)),
  ]
  const archive = 'build/image/stage1.cpio'
  writeFileSync(archive, cpio(entries, mtime))
  // The kernel's own form of LZ4: unpacked in a moment.
  run('lz4', ['-l', '-9', '-f', '-q', archive, `${archive}.lz4`])
  return readFileSync(`${archive}.lz4`)
}
