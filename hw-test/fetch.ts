// Everything that the rig needs and this computer does not have yet: tools, QEMU, the board's packages.
// Exit code 4: it cannot be had here (no root to install, or the archive has no such version any more).

import { mkdirSync } from 'node:fs'
import { loadBoard } from '../scripts/image/board.ts'
import { unpack } from '../scripts/image/packages.ts'
import { demand } from '../scripts/image/tools.ts'
import { TOOLS } from './rig/machine.ts'

const NOT_HERE = 4

try {
  const board = loadBoard(process.argv[2])
  demand()
  demand({ ...TOOLS, [board.addons.compiler]: board.addons.compilerPackage })
  const into = `build/image/unpacked/${board.debian.arch}`
  mkdirSync(into, { recursive: true })
  unpack(board, into)
} catch (error) {
  console.error((error as Error).message)
  process.exitCode = NOT_HERE
}
