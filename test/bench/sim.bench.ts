// The simulated world: what one event, one frame over TCP and one journal batch cost in time and in
// garbage, so that garbage measured for a whole device in virtual time is the device's own.

import type { OpenFile, TcpSocket } from '../../src/hw/hardware.ts'
import { World } from '../../src/hw/sim/world.ts'
import { garbageOf, report, timeOf } from './report.ts'

const world = new World({ seed: 1 })
const a = world.machine('a')
const b = world.machine('b')

const life = { alive: true }
const nothing = (): void => {}
const event = (): void => {
  world.scheduler.after(1, life, nothing, null, null)
  world.step()
}
report('an event: time', timeOf(event), 'ns')
report('an event: garbage', garbageOf(event), 'bytes', 16)

let socket: TcpSocket | null = null
b.hardware.sockets.listenTcp('0.0.0.0:1', nothing, nothing)
a.hardware.sockets.dialTcp('b:1', (_error, dialled) => {
  socket = dialled
})
world.runFor(10)
const frame = new Uint8Array(320)
const send = (): void => {
  socket!.write(frame)
  world.runFor(5)
}
report('320 bytes over TCP: time', timeOf(send), 'ns')
report('320 bytes over TCP: garbage', garbageOf(send), 'bytes', 600)

let file: OpenFile | null = null
a.hardware.files.open('ring', (_error, opened) => {
  file = opened
})
world.runFor(10)
let at = 0
const write = (): void => {
  file!.write(at, frame, nothing)
  at = (at + frame.length) % 65_536
  if (at === 0) file!.sync(nothing)
  world.runFor(5)
}
report('320 bytes into a file: time', timeOf(write), 'ns')
report('320 bytes into a file: garbage', garbageOf(write), 'bytes', 1_500)
