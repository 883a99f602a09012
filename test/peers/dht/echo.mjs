// A raw dgram echo, the floor of every node:dgram program. Prints its figures on SIGUSR2.
import { createSocket } from 'node:dgram'

const [host, port] = process.argv[2].split(':')
const socket = createSocket({ type: 'udp4', recvBufferSize: 4 << 20, lookup: (name, _o, done) => done(null, name, 4) })
socket.on('message', (message, from) => socket.send(message, from.port, from.address))
socket.bind(Number(port), host, () => console.log(JSON.stringify({ ready: true })))
process.on('SIGUSR2', () => {
  globalThis.gc?.()
  const cpu = process.cpuUsage()
  console.log(JSON.stringify({ cpuUs: cpu.user + cpu.system, memory: process.memoryUsage() }))
})
