// Serial lines without a cable: the generator, and TCP with its back-off.

import t from 'tap'
import { concat, equal } from '../../../src/base/bytes.ts'
import type { SerialState, TcpSocket } from '../../../src/hw/hardware.ts'
import { LinuxClock } from '../../../src/hw/linux/clock.ts'
import { GeneratedSerial, TcpSerial } from '../../../src/hw/linux/serial-sim.ts'
import { LinuxSockets } from '../../../src/hw/linux/sockets.ts'

function listen(bufferBytes: number): {
  got: () => Uint8Array
  states: string[]
  largest: () => number
  events: { buffer: () => Uint8Array; onBytes: (n: number) => void; onState: (s: SerialState) => void }
} {
  const buffer = new Uint8Array(bufferBytes)
  let got: Uint8Array = new Uint8Array(0)
  let largest = 0
  const states: string[] = []
  return {
    got: () => got,
    states,
    largest: () => largest,
    events: {
      buffer: () => buffer,
      onBytes: (n) => {
        largest = Math.max(largest, n)
        got = concat(got, buffer.subarray(0, n))
      },
      onState: (s) => states.push(s.kind === 'up' ? 'up' : `down ${s.reason}`),
    },
  }
}

async function until(predicate: () => boolean, ms = 4_000): Promise<boolean> {
  const end = performance.now() + ms
  while (!predicate() && performance.now() < end) await new Promise((r) => setTimeout(r, 3))
  return predicate()
}

t.test('generated telegrams arrive once a period, at line speed, in pieces', async (t) => {
  const line = listen(50)
  let asked = 0
  const telegram = new Uint8Array(640).map((_b, i) => i)
  const serial = new GeneratedSerial(
    new LinuxClock(),
    (wall) => {
      t.ok(Math.abs(wall - Date.now()) < 1_000)
      asked++
      return telegram
    },
    150,
  )
  const open = serial.open('sim', line.events)
  t.same(line.states, [], 'not inside the call')
  t.ok(await until(() => line.got().length >= 640))
  t.ok(equal(line.got().subarray(0, 640), telegram))
  t.ok(line.largest() <= 50)
  t.ok(await until(() => line.got().length >= 1_280))
  t.same(line.states, ['up'])
  open.close()
  const before = asked
  await new Promise((r) => setTimeout(r, 200))
  t.equal(asked, before, 'closed is closed')
})

t.test('a meter on the network: comes back after the connection ends', async (t) => {
  const sockets = new LinuxSockets()
  const dialled: TcpSocket[] = []
  const listener = await new Promise<{ address: string; close(): void }>((done) =>
    sockets.listenTcp(
      '127.0.0.1:0',
      (socket) => dialled.push(socket),
      (_e, l) => done(l!),
    ),
  )
  const line = listen(7)
  const open = new TcpSerial(sockets).open(`tcp:${listener.address}`, line.events)
  t.ok(await until(() => dialled.length === 1))
  const bytes = new Uint8Array(100).map((_b, i) => i)
  dialled[0]!.write(bytes)
  t.ok(await until(() => line.got().length === 100))
  t.ok(equal(line.got(), bytes))
  t.ok(line.largest() <= 7)
  dialled[0]!.destroy()
  t.ok(await until(() => dialled.length === 2), 'dials again')
  t.same(line.states, ['up', 'down closed', 'up'])
  open.close()
  t.ok(await until(() => line.states.length === 3))
  await new Promise((r) => setTimeout(r, 50))
  t.equal(line.states.length, 3, 'nothing after close')
  listener.close()
  const nobody = listen(7)
  const again = new TcpSerial(sockets).open(`tcp:${listener.address}`, nobody.events)
  t.ok(await until(() => nobody.states.length === 1))
  t.same(nobody.states, ['down ECONNREFUSED'])
  again.close()
})
