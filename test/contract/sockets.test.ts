// What every Sockets must do (hw/hardware.ts): TCP with back-pressure and clean ends, UDP, failures
// with the codes of the operating system.

import type { Test } from 'tap'
import { concat, equal, hex, utf8 } from '../../src/base/bytes.ts'
import { LIMITS } from '../../src/base/limits.ts'
import type { Listener, TcpSocket, UdpSocket } from '../../src/hw/hardware.ts'
import { contract, type Rig } from './rigs.ts'

interface End {
  socket: TcpSocket
  got: Uint8Array
  drains: number
  closes: (string | null)[]
}

function watch(socket: TcpSocket): End {
  const end: End = { socket, got: new Uint8Array(0), drains: 0, closes: [] }
  socket.events = {
    onData: (bytes) => {
      end.got = concat(end.got, bytes)
    },
    onDrain: () => end.drains++,
    onClose: (error) => end.closes.push(error ? (error.code ?? '?') : null),
  }
  return end
}

async function connected(rig: Rig): Promise<{ near: End; far: End; listener: Listener }> {
  let near: End | null = null
  let far: End | null = null
  let listener: Listener | null = null
  rig.far.listenTcp(
    `${rig.host}:0`,
    (socket) => {
      far = watch(socket)
    },
    (_error, opened) => {
      listener = opened
    },
  )
  await rig.until(() => listener !== null)
  rig.near.dialTcp(listener!.address, (_error, socket) => {
    near = socket && watch(socket)
  })
  await rig.until(() => near !== null && far !== null)
  return { near: near!, far: far!, listener: listener! }
}

const random = (rig: Rig, n: number): Uint8Array => {
  const bytes = new Uint8Array(n)
  rig.random(bytes)
  return bytes
}

contract('TCP carries bytes both ways', async (t, rig) => {
  const { near, far, listener } = await connected(rig)
  t.match(listener.address, /:\d+$/)
  t.equal(near.socket.remote, listener.address)
  t.equal(far.socket.remote, near.socket.local)
  const there = random(rig, 100_000)
  const back = random(rig, 5_000)
  const reused = new Uint8Array(1_000)
  for (let i = 0; i < there.length; i += reused.length) {
    reused.set(there.subarray(i, i + reused.length))
    near.socket.write(reused)
  }
  reused.fill(0)
  far.socket.write(back)
  far.socket.write(new Uint8Array(0))
  t.equal(near.got.length, 0, 'nothing arrives inside the call')
  t.ok(await rig.until(() => far.got.length >= there.length && near.got.length >= back.length))
  t.ok(equal(far.got, there))
  t.ok(equal(near.got, back))
  t.ok(await rig.until(() => near.drains > 0 && far.drains > 0), 'drained')
  t.equal(near.socket.queued(), 0)
  near.socket.destroy()
  await rig.until(() => far.closes.length > 0)
  listener.close()
})

contract('TCP: what is handed out is a plain Uint8Array', async (t, rig) => {
  const { near, far, listener } = await connected(rig)
  const seen: Uint8Array[] = []
  for (const end of [near, far]) end.socket.events = { ...end.socket.events, onData: (b) => seen.push(b) }
  near.socket.write(utf8('there'))
  far.socket.write(utf8('back'))
  await rig.until(() => seen.length === 2)
  for (const bytes of seen) t.equal(Object.getPrototypeOf(bytes), Uint8Array.prototype)
  near.socket.destroy()
  listener.close()
})

contract('TCP: a paused reader makes the writer queue, resuming drains it', async (t, rig) => {
  const { near, far, listener } = await connected(rig)
  far.socket.pause()
  await rig.until(() => false, 20)
  const piece = random(rig, 65_536)
  let written = 0
  const stuck = (): boolean => near.socket.queued() > LIMITS.net.socketSendBytes
  while (!stuck() && written < 64 * 1_048_576) {
    near.socket.write(piece)
    written += piece.length
    await rig.until(() => near.socket.queued() === 0, 20)
  }
  t.ok(stuck(), 'the writer is told')
  t.equal(far.got.length, 0, 'nothing reaches a paused reader')
  let received = 0
  let good = true
  far.socket.events.onData = (bytes) => {
    for (let i = 0; i < bytes.length; i += 997) good &&= bytes[i] === piece[(received + i) % piece.length]
    received += bytes.length
  }
  const drains = near.drains
  far.socket.resume()
  t.ok(await rig.until(() => received === written), 'everything arrives')
  t.ok(good, 'in order')
  t.ok(await rig.until(() => near.drains > drains), 'onDrain')
  t.equal(near.socket.queued(), 0)
  near.socket.destroy()
  listener.close()
})

contract('TCP: end sends what is queued and closes both sides once', async (t, rig) => {
  const { near, far, listener } = await connected(rig)
  const bytes = random(rig, 300_000)
  near.socket.write(bytes)
  near.socket.end()
  near.socket.write(utf8('too late'))
  t.ok(await rig.until(() => near.closes.length > 0 && far.closes.length > 0))
  t.ok(equal(far.got, bytes), 'all of it and no more')
  t.same([near.closes, far.closes], [[null], [null]])
  near.socket.write(utf8('after close'))
  near.socket.end()
  near.socket.destroy()
  await rig.until(() => false, 20)
  t.same([near.closes, far.closes], [[null], [null]], 'nothing more after the end')
  listener.close()
})

contract(
  'TCP: what was queued on the answering side still leaves after the other end ended',
  async (t, rig) => {
    const { near, far, listener } = await connected(rig)
    const answer = random(rig, 200_000)
    far.socket.events.onData = () => far.socket.write(answer)
    near.socket.write(utf8('?'))
    near.socket.end()
    t.ok(await rig.until(() => near.closes.length > 0 && far.closes.length > 0))
    t.ok(equal(near.got, answer))
    listener.close()
  },
)

contract('TCP: destroy closes both sides', async (t, rig) => {
  const { near, far, listener } = await connected(rig)
  near.socket.write(random(rig, 50_000))
  near.socket.destroy()
  t.equal(near.closes.length, 0, 'not inside the call')
  t.ok(await rig.until(() => near.closes.length > 0 && far.closes.length > 0))
  t.same(near.closes, [null])
  t.equal(far.closes.length, 1)
  t.equal(near.socket.queued(), 0)
  listener.close()
})

async function codeOf(
  rig: Rig,
  ask: (done: (error: { code?: string | undefined } | null) => void) => void,
): Promise<string | null> {
  let code: string | null | undefined
  ask((error) => {
    code = error ? (error.code ?? '?') : null
  })
  const inside = code !== undefined
  await rig.until(() => code !== undefined)
  return inside ? 'answered inside the call' : (code ?? null)
}

contract('sockets fail with the system’s codes', async (t, rig) => {
  const { listener, near } = await connected(rig)
  const ignore = (): void => {}
  t.equal(await codeOf(rig, (d) => rig.far.listenTcp(listener.address, ignore, d)), 'EADDRINUSE')
  t.equal(await codeOf(rig, (d) => rig.far.listenTcp('192.0.2.1:0', ignore, d)), 'EADDRNOTAVAIL')
  t.equal(await codeOf(rig, (d) => rig.far.bindUdp('192.0.2.1:0', ignore, d)), 'EADDRNOTAVAIL')
  for (const bad of ['nowhere', '1.2.3.4', '1.2.3.4:99999', '::1:4']) {
    t.equal(await codeOf(rig, (d) => rig.far.listenTcp(bad, ignore, d)), 'ERR_INVALID_ARG_VALUE', bad)
    t.equal(await codeOf(rig, (d) => rig.near.dialTcp(bad, d)), 'ERR_INVALID_ARG_VALUE', bad)
    t.equal(await codeOf(rig, (d) => rig.near.bindUdp(bad, ignore, d)), 'ERR_INVALID_ARG_VALUE', bad)
  }
  near.socket.destroy()
  listener.close()
  await rig.until(() => false, 20)
  t.equal(await codeOf(rig, (d) => rig.near.dialTcp(listener.address, d)), 'ECONNREFUSED')
})

contract('TCP: a listener keeps to its number of connections', async (t, rig) => {
  const { listener, near } = await connected(rig)
  const ends: End[] = [near]
  let answers = 0
  const more = LIMITS.net.sockets + 4
  for (let i = 0; i < more; i++)
    rig.near.dialTcp(listener.address, (_error, socket) => {
      answers++
      if (socket) ends.push(watch(socket))
    })
  t.ok(await rig.until(() => answers === more))
  const open = (): number => ends.filter((e) => e.closes.length === 0).length
  t.ok(await rig.until(() => open() === LIMITS.net.sockets), `${open()} stay open`)
  for (const end of ends) end.socket.destroy()
  listener.close()
})

contract('UDP carries datagrams whole', async (t: Test, rig) => {
  const got: { text: string; from: string }[] = []
  let a: UdpSocket | null = null
  let b: UdpSocket | null = null
  rig.near.bindUdp(
    `${rig.host === '127.0.0.1' ? rig.host : '0.0.0.0'}:0`,
    (bytes, host, port) => got.push({ text: hex(bytes), from: `${host}:${port}` }),
    (_e, s) => {
      a = s
    },
  )
  rig.far.bindUdp(
    `${rig.host}:0`,
    // Echoes.
    (bytes, host, port) => b!.send(bytes, host, port),
    (_e, s) => {
      b = s
    },
  )
  await rig.until(() => a !== null && b !== null)
  const near = a! as UdpSocket
  const far = b! as UdpSocket
  const [host, port] = far.address.split(':') as [string, string]
  const sent: string[] = []
  const buffer = new Uint8Array(1_200)
  for (const n of [0, 1, 100, 1_200]) {
    rig.random(buffer)
    sent.push(hex(buffer.subarray(0, n)))
    near.send(buffer.subarray(0, n), host, Number(port))
  }
  buffer.fill(0)
  t.ok(await rig.until(() => got.length === sent.length))
  t.same(
    got.map((g) => g.text),
    sent,
  )
  t.equal(got[0]?.from, far.address)
  near.send(new Uint8Array(70_000), host, Number(port))
  near.send(buffer, host, 0)
  near.close()
  near.send(buffer, host, Number(port))
  near.close()
  far.close()
})

contract('a multicast group is shared, and answers go to one', async (t: Test, rig) => {
  // On loopback: nothing of it leaves the machine.
  const on = rig.near.networks().find((n) => n.loopback && n.family === 4)
  t.same(on, { name: 'lo', address: '127.0.0.1', family: 4, prefix: 8, loopback: true })
  const group = { group: '224.0.0.251', port: 5_953, on: on! }
  const heard: [string, string, number][] = []
  const sockets: UdpSocket[] = []
  for (const who of ['a', 'b'])
    rig.near.joinGroup(
      group,
      (bytes, host, port) => heard.push([`${who} ${hex(bytes)}`, host, port]),
      (error, socket) => {
        t.equal(error, null, 'two share the port')
        if (socket) sockets.push(socket)
      },
    )
  t.ok(await rig.until(() => sockets.length === 2))
  sockets[0]!.send(Uint8Array.of(1, 2), group.group, group.port)
  t.ok(await rig.until(() => heard.length >= 2))
  t.same(heard.map(([what]) => what).sort(), ['a 0102', 'b 0102'], 'also by whoever sent it')
  t.same(heard[0]!.slice(1), ['127.0.0.1', 5_953])

  let asked: UdpSocket | null = null
  const answers: string[] = []
  rig.near.bindUdp(
    '127.0.0.1:0',
    (bytes, host, port) => answers.push(`${hex(bytes)} ${host}:${port}`),
    (_error, socket) => {
      asked = socket
    },
  )
  await rig.until(() => asked !== null)
  sockets[0]!.send(Uint8Array.of(3), '127.0.0.1', Number((asked! as UdpSocket).address.split(':')[1]))
  t.ok(await rig.until(() => answers.length === 1))
  t.equal(answers[0], '03 127.0.0.1:5953', 'from the port of the group')
  for (const socket of sockets) socket.close()
  ;(asked! as UdpSocket).close()
  sockets[0]!.send(Uint8Array.of(9), group.group, group.port)

  let refused: string | null = null
  rig.near.joinGroup(
    { ...group, on: { ...on!, name: 'none0', address: '203.0.113.9' } },
    () => {},
    (error) => {
      refused = error?.code ?? 'none'
    },
  )
  t.ok(await rig.until(() => refused !== null))
  t.equal(refused, 'ENODEV')
})

contract('TCP: who takes the end itself may go on', async (t, rig) => {
  const { near, far, listener } = await connected(rig)
  let ends = 0
  far.socket.events = { ...far.socket.events, onEnd: () => ends++ }
  near.socket.events = { ...near.socket.events, onEnd: () => {} }
  near.socket.write(utf8('question'))
  near.socket.end()
  t.ok(await rig.until(() => ends === 1))
  t.ok(equal(far.got, utf8('question')), 'after everything that was sent')
  await rig.until(() => false, 20)
  t.same([near.closes, far.closes], [[], []], 'neither has closed')
  far.socket.write(utf8('answer'))
  t.ok(await rig.until(() => equal(near.got, utf8('answer'))), 'the other direction is open')
  far.socket.end()
  t.ok(await rig.until(() => near.closes.length === 1 && far.closes.length === 1))
  t.equal(ends, 1)
  listener.close()
})
