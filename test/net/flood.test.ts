// Strangers on a real listening socket: 200 connections at once, garbage and cut handshakes, while an
// honest peer goes on being served.
import { randomFillSync } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import t from 'tap'
import { concat, equal } from '../../src/base/bytes.ts'
import { LIMITS } from '../../src/base/limits.ts'
import { line } from '../../src/net/link/multistream.ts'
import { dialled, listening, opened, ours, roundTrip } from './help/party.ts'

const randomBytes = (n: number): Uint8Array => randomFillSync(new Uint8Array(n))
const GREETING = concat(line('/multistream/1.0.0'), line('/noise'))

function attack(port: number, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve) => {
    const socket: Socket = connect({ host: '127.0.0.1', port })
    socket.on('error', () => {})
    socket.on('close', () => resolve())
    socket.on('connect', () => socket.write(bytes))
    socket.resume()
    setTimeout(() => socket.destroy(), 1_500)
  })
}

t.test('a flood of strangers beside an honest peer', async (t) => {
  const host = ours()
  const port = Number((await listening(host)).split(':')[1])
  const friend = ours()
  const connection = await dialled(friend, `127.0.0.1:${port}`, host.shared.identity.publicKey)
  t.teardown(() => {
    friend.close()
    host.close()
  })
  const bytes = randomBytes(200_000)
  await roundTrip(await opened(connection, '/echo/1.0.0'), bytes)
  const before = process.memoryUsage().rss
  const kinds = [
    () => randomBytes(5_000),
    () => GREETING,
    () => concat(GREETING, Uint8Array.of(0, 32), randomBytes(20)),
    () => concat(GREETING, Uint8Array.of(0xff, 0xff), randomBytes(60_000)),
    () => concat(GREETING, Uint8Array.of(0, 32), randomBytes(32), Uint8Array.of(0, 180), randomBytes(180)),
  ]
  const strangers = Array.from({ length: 200 }, (_, i) => attack(port, kinds[i % kinds.length]!()))
  for (let i = 0; i < 5; i++) {
    const back = await roundTrip(await opened(connection, '/echo/1.0.0'), bytes)
    t.ok(equal(back, bytes), 'the honest peer is served meanwhile')
  }
  await Promise.all(strangers)
  const { counters } = host
  t.equal(counters.get('accepted') + counters.get('connectionsRefused'), 201)
  t.ok(counters.get('accepted') <= LIMITS.net.acceptBurstOfOne + 2 * LIMITS.net.acceptsPerSecondOfOne + 1)
  t.ok(counters.get('handshakeErrors') + counters.get('badFrames') > 10, JSON.stringify(counters.report()))
  t.equal(host.connections().length, 1)
  t.equal(host.shared.unread.used <= 4_096, true)
  t.ok(process.memoryUsage().rss - before < 60_000_000)
})
