// Hypercore with the payloads of our channel, one append a telegram: CPU and disk of the appends, then
// bytes on the wire to one live follower. Payloads come as a JSON list of hex on stdin; one JSON line out.
// `append.mjs FOLDER` measures; `append.mjs FOLDER drip` appends one a second until it is ended.

import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import Hypercore from 'hypercore'

const [folder, how] = process.argv.slice(2)
const payloads = JSON.parse(readFileSync(0, 'utf8')).map((text) => Buffer.from(text, 'hex'))

/** Bytes of all files under a folder. */
function size(path) {
  return readdirSync(path, { recursive: true })
    .map((name) => statSync(join(path, name)))
    .reduce((sum, stat) => sum + (stat.isFile() ? stat.size : 0), 0)
}

const core = new Hypercore(join(folder, 'core'))
await core.ready()

if (how === 'drip') {
  let n = 0
  console.log(JSON.stringify({ ready: true }))
  setInterval(() => core.append(payloads[n++ % payloads.length]), 1_000)
} else {
  const warm = Math.floor(payloads.length / 5)
  for (const payload of payloads.slice(0, warm)) await core.append(payload)
  const before = size(folder)
  const cpu = process.cpuUsage()
  for (const payload of payloads.slice(warm)) await core.append(payload)
  const used = process.cpuUsage(cpu)
  const count = payloads.length - warm
  const disk = size(folder) - before

  const clone = new Hypercore(join(folder, 'clone'), core.key)
  await clone.ready()
  const here = core.replicate(true, { keepAlive: false })
  const there = clone.replicate(false, { keepAlive: false })
  let sent = 0
  here.on('data', (bytes) => {
    sent += bytes.length
    there.write(bytes)
  })
  there.on('data', (bytes) => here.write(bytes))
  await clone.update({ wait: true })
  clone.download({ start: core.length, end: -1 })
  await clone.get(core.length - 1)
  const from = sent
  const live = payloads.slice(0, 300)
  for (const payload of live) {
    await core.append(payload)
    await clone.get(core.length - 1)
  }
  const wire = (sent - from) / live.length
  console.log(JSON.stringify({ cpuMicros: (used.user + used.system) / count, disk: disk / count, wire }))
  process.exit(0)
}
