// Sockets over node:net for the tests of net that meet real libp2p; hw/linux has the product's own.
import { connect, createServer, type Socket } from 'node:net'
import type { Sockets, TcpEvents, TcpSocket } from '../../../src/hw/hardware.ts'

const NO_EVENTS: TcpEvents = { onData: () => {}, onDrain: () => {}, onClose: () => {} }

function wrap(socket: Socket): TcpSocket {
  let failure: Error | null = null
  const self: TcpSocket = {
    remote: `${socket.remoteAddress}:${socket.remotePort}`,
    local: `${socket.localAddress}:${socket.localPort}`,
    events: NO_EVENTS,
    write: (bytes) => {
      if (!socket.destroyed && !socket.writableEnded) socket.write(Uint8Array.from(bytes))
    },
    queued: () => socket.writableLength,
    pause: () => socket.pause(),
    resume: () => socket.resume(),
    end: () => socket.end(),
    destroy: () => socket.destroy(),
  }
  socket.setNoDelay(true)
  socket.on('data', (bytes) => self.events.onData(bytes))
  socket.on('drain', () => self.events.onDrain())
  socket.on('error', (error) => {
    failure = error
  })
  socket.on('close', () => self.events.onClose(failure))
  return self
}

function split(address: string): { host: string; port: number } {
  const at = address.lastIndexOf(':')
  return { host: address.slice(0, at).replace(/[[\]]/g, ''), port: Number(address.slice(at + 1)) }
}

export const realSockets: Sockets = {
  listenTcp: (address, onSocket, done) => {
    const sockets = new Set<Socket>()
    const server = createServer((socket) => {
      sockets.add(socket)
      socket.on('close', () => sockets.delete(socket))
      onSocket(wrap(socket))
    })
    server.on('error', (error) => done(error, null))
    server.listen(split(address), () => {
      const bound = server.address() as { address: string; port: number }
      done(null, { address: `${bound.address}:${bound.port}`, close: () => server.close() })
    })
  },
  dialTcp: (address, done) => {
    const socket = connect(split(address))
    socket.once('error', (error) => done(error, null))
    socket.once('connect', () => {
      socket.removeAllListeners('error')
      done(null, wrap(socket))
    })
  },
  bindUdp: () => {
    throw new Error('no datagrams here')
  },
}
