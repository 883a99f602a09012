// hw/linux: garbage and CPU of what a device does once a second for each reader: a frame into a socket,
// a frame into the ring file.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { OpenFile, TcpSocket } from '../../src/hw/hardware.ts'
import { openFolder } from '../../src/hw/linux/files.ts'
import { LinuxSockets } from '../../src/hw/linux/sockets.ts'
import { collect, report } from './report.ts'

const READERS = 8
const ROUNDS = 300
const frame = new Uint8Array(340)

const sockets = new LinuxSockets()
const dialled: TcpSocket[] = []
let received = 0
const listener = await new Promise<{ address: string; close(): void }>((done) =>
  sockets.listenTcp(
    '127.0.0.1:0',
    (socket) => {
      socket.events = { onData() {}, onDrain() {}, onClose() {} }
      dialled.push(socket)
    },
    (_error, l) => done(l!),
  ),
)
for (let i = 0; i < READERS; i++)
  await new Promise<void>((done) =>
    sockets.dialTcp(listener.address, (_error, socket) => {
      socket!.events = {
        onData: (bytes) => {
          received += bytes.length
        },
        onDrain() {},
        onClose() {},
      }
      done()
    }),
  )

/** Writes to every reader and waits until all of it has arrived. */
async function round(): Promise<void> {
  const until = received + READERS * frame.length
  for (const socket of dialled) socket.write(frame)
  while (received < until) await new Promise((done) => setImmediate(done))
}

/** Median garbage of one round, and its CPU time. */
async function measure(name: string, once: () => Promise<void>): Promise<void> {
  for (let i = 0; i < 2_000; i++) await once()
  const garbage: number[] = []
  for (let k = 0; k < 7; k++) {
    collect()
    const before = process.memoryUsage().heapUsed
    for (let i = 0; i < 50; i++) await once()
    garbage.push((process.memoryUsage().heapUsed - before) / 50)
  }
  const cpu = process.cpuUsage()
  for (let i = 0; i < ROUNDS; i++) await once()
  const { user, system } = process.cpuUsage(cpu)
  report(`${name}: garbage`, garbage.sort((a, b) => a - b)[3]!, 'bytes', 16_384)
  report(`${name}: CPU`, (user + system) / ROUNDS, 'us')
}

await measure(`a frame to ${READERS} readers, both ends`, round)
for (const socket of dialled) socket.destroy()
listener.close()

const folder = mkdtempSync(join(tmpdir(), 'wattle-bench-'))
const file = await new Promise<OpenFile>((done) =>
  openFolder(join(folder, 'state'), (_error, files) => files!.open('ring', (_e, opened) => done(opened!))),
)
let at = 0
await measure('a frame into the ring file', () => {
  at = (at + frame.length) % 65_536
  return new Promise((done) => file.write(at, frame, () => done()))
})
file.close()
rmSync(folder, { recursive: true, force: true })
