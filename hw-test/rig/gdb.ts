// A word into the machine's physical memory over QEMU's gdb stub: that is how a button on an emulated
// pin is pressed. Each write stops the machine for a moment and lets it go on.

import { connect, type Socket } from 'node:net'

const HEX = (n: number, bytes: number): string => n.toString(16).padStart(bytes * 2, '0')

function framed(text: string): string {
  let sum = 0
  for (const c of text) sum = (sum + c.charCodeAt(0)) & 255
  return `$${text}#${HEX(sum, 1)}`
}

/** One answer, acknowledged. */
function ask(socket: Socket, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let held = ''
    const onData = (data: Buffer): void => {
      held += data.toString('latin1')
      const found = /\$([^#]*)#[0-9a-f]{2}/.exec(held)
      if (!found) return
      socket.off('data', onData)
      socket.write('+')
      resolve(found[1]!)
    }
    socket.on('data', onData)
    socket.once('error', reject)
    socket.write(framed(text))
  })
}

/** Writes 32 bits, little-endian, at a physical address. */
export async function poke(path: string, address: number, word: number): Promise<void> {
  const socket = connect(path)
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve)
    socket.once('error', reject)
  })
  const bytes = [0, 8, 16, 24].map((shift) => HEX((word >>> shift) & 255, 1)).join('')
  for (const text of ['?', 'Qqemu.PhyMemMode:1', `M${HEX(address, 4)},4:${bytes}`, 'D']) {
    const answer = await ask(socket, text)
    if (answer.startsWith('E')) throw new Error(`gdb stub: ${text} was answered with ${answer}`)
  }
  socket.destroy()
}
