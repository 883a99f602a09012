// What the caps of base/limits.ts come to when every one of them is reached at once.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { LIMITS } from '../../src/base/limits.ts'
import { FRAMES_PER_MESSAGE } from '../../src/wire/channel.ts'
import { FRAME_BYTES } from '../../src/wire/frame.ts'
import { rotationParts } from '../../src/wire/rotation.ts'

const MiB = 1_048_576
const L = LIMITS

/** Bytes that a device can be made to hold, by part. */
function deviceBytes(): Record<string, number> {
  const subscribers = L.channel.readers * L.channel.classes
  return {
    p1: L.p1.ringBytes + 3 * L.p1.telegramBytes + L.channel.heldTelegrams * L.p1.telegramBytes,
    channels: L.channel.classes * (L.channel.ringTailFrames + 4) * FRAME_BYTES,
    subscribers: subscribers * (1 + FRAMES_PER_MESSAGE * FRAME_BYTES),
    owed: L.channel.readers * L.channel.unwitnessedEpochs * 512,
    ownerLog: 2 * L.ownership.logBytes,
    journal: 2 * L.journal.batchBytes,
    claim: L.ownership.links * L.net.messageBytes,
    handshakes: L.net.handshakesAtOnce * L.net.handshakeBytes,
    unread: L.net.unreadBytes,
    unsent: L.net.unsentBytes,
    sockets: L.net.sockets * 2 * L.net.socketSendBytes,
    page: L.http.connections * (L.http.bodyBytes + L.http.socketSendBytes),
    dht: L.dht.maxBytes,
    update: L.update.windowBytes + L.update.readBytes + L.net.messageBytes,
    pipes: L.udp.pipesBytes,
    messages: 2 * L.udp.messagesBytes,
    sessions: L.udp.sessions * 4_096,
    circuits: L.circuit.inbound * L.circuit.messageBytes + L.net.frameBytes + 2 * L.net.chunkBytes,
    punchSockets: L.udp.punchSockets * 4_096,
    // Beside one piece that is on its way.
    tunnels: L.tunnel.ofDevice * (L.tunnel.socketBytes + L.net.chunkBytes),
    communities: 3 * L.peers.lists * L.peers.listBytes,
  }
}

t.test('all caps of a device together stay far below its 90 MB', async (t) => {
  const parts = deviceBytes()
  const sum = Object.values(parts).reduce((a, b) => a + b, 0)
  t.ok(Object.values(parts).every((n) => Number.isSafeInteger(n) && n > 0))
  t.ok(sum < 40 * MiB, `${(sum / MiB).toFixed(1)} MiB: ${JSON.stringify(parts)}`)
})

t.test('caps that depend on each other fit', async (t) => {
  t.ok(1 + FRAMES_PER_MESSAGE * FRAME_BYTES <= L.net.messageBytes, 'a FRAMES message is one message')
  t.ok(L.net.messageBytes + 8 <= L.net.streamSendBytes, 'and fits into what a stream may hold')
  t.ok(L.p1.packedBytes + 7 <= L.channel.payloadBytes, 'a telegram at its worst is one payload')
  t.ok(L.p1.packedBytes + 300 <= L.net.messageBytes, 'a grant with a telegram at its worst is one message')
  t.ok(L.ownership.eventBytes + 1 <= L.net.messageBytes, 'an owner event is one message')
  t.ok(L.ownership.eventBytes <= L.jws.textBytes && L.ownership.eventBytes <= L.journal.recordBytes)
  t.ok(rotationParts(L.channel.readers) < 256, 'a rotation for every reader counts its parts in one byte')
  t.ok(L.channel.frameBytes === FRAME_BYTES)
  t.ok(
    L.home.devices <= L.net.connections && L.provider.channels <= L.net.connections,
    'a connection for each peer',
  )
  t.ok(
    3 * L.home.devices + 16 <= L.node.peerTimers && L.provider.channels + 16 <= L.node.peerTimers,
    'and its timers',
  )
  t.ok(L.p1.telegramBytes <= L.p1.ringBytes / 2)
  t.ok(L.update.chunkBytes + 7 <= L.net.messageBytes, 'a piece of an update is one message')
  t.ok(L.update.windowBytes <= L.net.streamSendBytes, 'and those on their way fit into the stream')
})

t.test('no cap is written down that nobody keeps', async (t) => {
  const source = (readdirSync('src', { recursive: true }) as string[])
    .filter((name) => name.endsWith('.ts') && name !== join('base', 'limits.ts'))
    .map((name) => readFileSync(join('src', name), 'utf8'))
    .join('\n')
  for (const [part, caps] of Object.entries(LIMITS))
    for (const name of Object.keys(caps))
      t.match(source, new RegExp(`\\b${name}\\b`), `${part}.${name} is read somewhere`)
})
