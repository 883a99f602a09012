// The simulated world itself: repeatable, and as hostile as a real one when told to be.

import t from 'tap'
import { equal, hex, utf8 } from '../../../src/base/bytes.ts'
import type { OpenFile, TcpSocket } from '../../../src/hw/hardware.ts'
import { Chance, Scheduler } from '../../../src/hw/sim/scheduler.ts'
import { type Machine, World } from '../../../src/hw/sim/world.ts'

t.test('events run in time order, equal times in the order they were made', async (t) => {
  const chance = new Chance(1)
  const scheduler = new Scheduler()
  const life = { alive: true }
  const dead = { alive: true }
  const expected: { at: number; n: number }[] = []
  const got: number[] = []
  for (let n = 0; n < 2_000; n++) {
    const at = chance.below(50)
    const lost = chance.hit(0.1)
    if (!lost) expected.push({ at, n })
    scheduler.after(at, lost ? dead : life, (i: number) => got.push(i), n, null)
  }
  const timer = scheduler.timer(life, () => got.push(-1))
  timer.set(20)
  timer.set(90)
  timer.set(70)
  const never = scheduler.timer(life, () => got.push(-2))
  never.set(5)
  never.clear()
  dead.alive = false
  scheduler.run(100)
  expected.sort((a, b) => a.at - b.at || a.n - b.n)
  t.same(got, [...expected.map((e) => e.n), -1])
  t.equal(scheduler.now(), 100)
  t.equal(scheduler.waiting(), 0)
})

/** Two machines that talk over everything there is; every event in a log. */
function story(seed: number): string[] {
  const world = new World({ seed })
  const log: string[] = []
  const a = world.machine('a')
  const b = world.machine('b')
  world.network.udpLoss = 0.3
  world.network.udpJitterMs = 5
  b.hardware.sockets.bindUdp(
    '0.0.0.0:7',
    (bytes, host, port) => log.push(`${world.now()} ${hex(bytes)} ${host}:${port}`),
    () => {},
  )
  a.hardware.sockets.bindUdp(
    '0.0.0.0:0',
    () => {},
    (_e, socket) => {
      const bytes = new Uint8Array(8)
      for (let i = 0; i < 30; i++) {
        a.hardware.random(bytes)
        socket!.send(bytes, b.address, 7)
      }
    },
  )
  b.hardware.sockets.listenTcp(
    '0.0.0.0:8',
    (socket) => {
      socket.events = {
        onData: (bytes) => {
          log.push(`${world.now()} tcp ${bytes.length}`)
          socket.write(bytes)
        },
        onDrain: () => log.push(`${world.now()} drain`),
        onClose: () => log.push(`${world.now()} close`),
      }
    },
    () => {},
  )
  a.hardware.sockets.dialTcp('b.local:8', (_e, socket) => {
    socket!.write(new Uint8Array(200_000))
    socket!.end()
  })
  world.run(1_000)
  return log
}

t.test('the same seed is the same world, another seed another', async (t) => {
  t.same(story(5), story(5))
  t.notSame(story(5), story(6))
  t.ok(story(5).length > 20)
})

/** A connection from `a` to `b` that writes down what happens at each end. */
function connect(world: World, a: Machine, b: Machine): { near: TcpSocket; far: TcpSocket; log: string[] } {
  const log: string[] = []
  let near: TcpSocket | null = null
  let far: TcpSocket | null = null
  const note = (who: string, socket: TcpSocket): TcpSocket => {
    socket.events = {
      onData: (bytes) => log.push(`${who} ${bytes.length}`),
      onDrain: () => {},
      onClose: (error) => log.push(`${who} closed ${error?.code ?? 'well'}`),
    }
    return socket
  }
  b.hardware.sockets.listenTcp(
    '0.0.0.0:9',
    (socket) => {
      far = note('far', socket)
    },
    () => {},
  )
  a.hardware.sockets.dialTcp(`${b.name}:9`, (_e, socket) => {
    near = note('near', socket!)
  })
  world.runUntil(() => near !== null, 100)
  return { near: near!, far: far!, log }
}

t.test('a partition holds everything back and loses nothing', async (t) => {
  const world = new World()
  const [a, b] = [world.machine('a'), world.machine('b')]
  const { near, log } = connect(world, a, b)
  world.network.partition('a', 'b')
  near.write(new Uint8Array(1_000))
  near.end()
  world.runFor(60_000)
  t.same(log, [])
  let code: string | undefined
  a.hardware.sockets.dialTcp('b:9', (error) => {
    code = error?.code
  })
  world.runFor(60_000)
  t.equal(code, 'ETIMEDOUT')
  world.network.heal('a', 'b')
  world.runFor(100)
  t.same(log, ['far 1000', 'far closed well', 'near closed well'])
})

t.test('cut and refuse', async (t) => {
  const world = new World()
  const [a, b] = [world.machine('a'), world.machine('b')]
  const { log } = connect(world, a, b)
  world.network.cut('a', 'b')
  t.same(log, [])
  world.runFor(10)
  t.same(
    log.sort((a, b) => (a < b ? -1 : 1)),
    ['far closed ECONNRESET', 'near closed ECONNRESET'],
  )
  world.network.host('b').refuse = true
  let code: string | undefined
  a.hardware.sockets.dialTcp('b:9', (error) => {
    code = error?.code
  })
  world.runFor(10)
  t.equal(code, 'ECONNREFUSED')
})

t.test('a killed program resets its connections, a machine without power says nothing', async (t) => {
  for (const how of ['kill', 'power'] as const) {
    const world = new World()
    const [a, b] = [world.machine('a'), world.machine('b')]
    const { near, log } = connect(world, a, b)
    let ticks = 0
    const tick = (): void => {
      ticks++
      b.hardware.clock.wake(world.now() + 10, tick)
    }
    tick()
    world.runFor(100)
    if (how === 'kill') b.kill()
    else b.cutPower()
    const before = ticks
    t.notOk(b.on)
    world.runFor(1_000)
    t.equal(ticks, before, 'nothing of the old run is called again')
    t.same(log, how === 'kill' ? ['near closed ECONNRESET'] : [])
    near.write(new Uint8Array(10))
    world.runFor(1_000)
    b.boot()
    world.runFor(1_000)
    t.same(log, ['near closed ECONNRESET'], 'the new run knows nothing of the connection')
    const again = connect(world, a, b)
    again.near.write(new Uint8Array(3))
    world.runFor(10)
    t.same(again.log, ['far 3'], 'its port is free again')
  }
})

t.test('a power cut keeps what was synced; the rest is whole, torn or lost', async (t) => {
  const fates = new Set<string>()
  for (let seed = 0; seed < 200; seed++) {
    const world = new World({ seed })
    const machine = world.machine('m')
    const synced = new Uint8Array(3_000).fill(1)
    let ready = false
    machine.hardware.files.open('f', (_e, file) => {
      file!.write(0, synced, () => {})
      file!.sync(() => {
        file!.write(1_000, new Uint8Array(4_000).fill(2), () => {
          ready = true
        })
      })
    })
    world.runUntil(() => ready, 1_000)
    machine.cutPower()
    const left = machine.disk.peek('f')!
    t.ok(equal(left.subarray(0, 1_000), synced.subarray(0, 1_000)) || t.fail('synced bytes changed'))
    const twos = left.filter((byte) => byte === 2).length
    fates.add(twos === 0 ? 'lost' : twos === 4_000 ? 'whole' : 'torn')
    if (left.some((byte, i) => i < 3_000 && byte !== 1 && byte !== 2)) t.fail('synced bytes turned to zeros')
  }
  t.same(
    [...fates].sort((a, b) => (a < b ? -1 : 1)),
    ['lost', 'torn', 'whole'],
  )
})

t.test('a replace is the old or the new, a kill keeps unsynced writes', async (t) => {
  const seen = new Set<string>()
  for (let seed = 0; seed < 40; seed++) {
    const world = new World({ seed })
    const machine = world.machine('m')
    machine.disk.poke('policy', utf8('old'))
    machine.disk.cutAfter(machine.disk.points + 1)
    machine.hardware.files.replace('policy', utf8('newer'), () => t.fail('acknowledged'))
    world.runFor(1_000)
    t.notOk(machine.on)
    seen.add(new TextDecoder().decode(machine.disk.peek('policy')!))
  }
  t.same(
    [...seen].sort((a, b) => (a < b ? -1 : 1)),
    ['newer', 'old'],
  )
  const world = new World()
  const machine = world.machine('m')
  let file: OpenFile | null = null
  machine.hardware.files.open('f', (_e, opened) => {
    file = opened
  })
  world.runFor(100)
  file!.write(0, utf8('unsynced'), () => {})
  world.runFor(100)
  machine.kill()
  machine.boot()
  t.equal(new TextDecoder().decode(machine.disk.peek('f')!), 'unsynced')
})

t.test('the cable: line speed, chunks, the wrong speed, pulled out and back', async (t) => {
  const world = new World()
  const machine = world.machine('m')
  const buffer = new Uint8Array(50)
  const got: number[] = []
  const chunks: number[] = []
  const states: string[] = []
  const line = machine.hardware.serial.open('sim', {
    buffer: () => buffer,
    onBytes: (n) => {
      chunks.push(n)
      got.push(...buffer.subarray(0, n))
    },
    onState: (state) => states.push(state.kind === 'up' ? `up ${state.baud}` : `down ${state.reason}`),
  })
  t.same(states, [])
  world.runFor(1)
  const bytes = new Uint8Array(1_152).map((_b, i) => i)
  const start = world.now()
  machine.cable.feed(bytes)
  world.runUntil(() => got.length === bytes.length, 1_000)
  t.same(got, [...bytes])
  t.ok(Math.abs(world.now() - start - 100) < 1, `1152 bytes take ${world.now() - start} ms`)
  t.equal(Math.max(...chunks), 50, 'never more than the buffer')
  machine.cable.baud = 9_600
  got.length = 0
  machine.cable.feed(bytes.subarray(0, 96))
  world.runFor(200)
  t.equal(got.length, 96)
  t.notSame(got, [...bytes.subarray(0, 96)], 'garbage')
  line.hint('wrong')
  world.runFor(1)
  got.length = 0
  machine.cable.feed(bytes.subarray(0, 96))
  world.runFor(200)
  t.same(got, [...bytes.subarray(0, 96)])
  machine.cable.unplug()
  machine.cable.feed(bytes)
  world.runFor(2_000)
  t.equal(got.length, 96)
  machine.cable.plug()
  machine.cable.every(1_000, (wall) => Uint8Array.of(wall % 251))
  world.runFor(3_500)
  t.equal(got.length, 99)
  t.same(states, ['up 115200', 'up 9600', 'down gone', 'up 9600'])
  line.close()
  world.runFor(3_500)
  t.equal(got.length, 99)
})

t.test('button and LEDs', async (t) => {
  const world = new World()
  const machine = world.machine('m')
  const log: string[] = []
  machine.button.level(true)
  machine.hardware.button.onChange((pressed, now) => log.push(`${pressed} ${now}`))
  world.runFor(100)
  machine.button.level(false)
  world.runFor(100)
  machine.button.press(3_000)
  world.runFor(5_000)
  t.same(log, ['true 0', 'false 100', 'true 200', 'false 3200'])
  const { leds } = machine.hardware
  leds.show('status', { name: 'paired', times: [0], repeat: true })
  world.runFor(10)
  leds.show('meter', { name: 'telegram', times: [30, 0], repeat: false })
  machine.kill()
  leds.show('status', { name: 'ghost', times: [0], repeat: true })
  t.same(machine.leds.timeline, [
    { t: 5_200, led: 'status', name: 'paired' },
    { t: 5_210, led: 'meter', name: 'telegram' },
    { t: 5_210, led: 'status', name: 'dark' },
    { t: 5_210, led: 'meter', name: 'dark' },
  ])
  t.equal(machine.leds.showing('status'), 'dark')
})
