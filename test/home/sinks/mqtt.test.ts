// The house's broker for real: Debian's mosquitto on loopback. Late subscribers, a broker that goes and
// comes back, our own end, entities that go with their device.

import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect } from 'mqtt'
import t, { type Test } from 'tap'
import { freeAddress } from '../../../src/bin/run/ports.ts'
import { discoveryTopic, HOME_TOPIC, stateTopic } from '../../../src/home/sinks/hass.ts'
import { MqttSink } from '../../../src/home/sinks/mqtt.ts'
import { full, meter } from './readings.ts'

const MOSQUITTO = ['/usr/sbin/mosquitto', '/usr/bin/mosquitto'].find((path) => existsSync(path))
const skip = MOSQUITTO ? false : 'mosquitto is not installed: apt-get install mosquitto'

const pause = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms))
async function until(what: () => boolean, ms = 10_000): Promise<boolean> {
  for (let waited = 0; !what() && waited < ms; waited += 20) await pause(20)
  return what()
}

const freePort = async (): Promise<number> => Number((await freeAddress('127.0.0.1:0')).split(':')[1])

async function broker(t: Test, port: number): Promise<ChildProcess> {
  const folder = mkdtempSync(join(tmpdir(), 'wattle-mqtt-'))
  writeFileSync(
    join(folder, 'm.conf'),
    `listener ${port} 127.0.0.1\nallow_anonymous true\npersistence false\n`,
  )
  const child = spawn(MOSQUITTO!, ['-c', join(folder, 'm.conf')], { stdio: ['ignore', 'ignore', 'pipe'] })
  let out = ''
  child.stderr.setEncoding('utf8').on('data', (data: string) => {
    out += data
  })
  t.teardown(() => {
    child.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  })
  t.ok(await until(() => out.includes('running')), out)
  return child
}

/** What a subscriber that comes now gets from retained messages. */
async function retained(port: number): Promise<Record<string, string>> {
  const got: Record<string, string> = {}
  const client = connect(`mqtt://127.0.0.1:${port}`)
  client.on('message', (topic, payload, packet) => {
    if (packet.retain) got[topic] = payload.toString()
  })
  await new Promise((done) => client.on('connect', done))
  await client.subscribeAsync('#')
  await pause(200)
  await client.endAsync()
  return got
}

t.test('a late subscriber gets everything; away for a while and back; gone is gone', { skip }, async (t) => {
  const port = await freePort()
  const first = await broker(t, port)
  const states: string[] = []
  const sink = new MqttSink({ url: `mqtt://127.0.0.1:${port}`, report: (state) => states.push(state) })
  sink.onReading(meter, full)
  t.ok(await until(() => states.includes('connected')))
  await pause(200)
  const late = await retained(port)
  t.equal(late[HOME_TOPIC], 'online')
  t.equal(JSON.parse(late[discoveryTopic('homeassistant', meter)]!).dev.name, 'wattle-ab12')
  t.equal(JSON.parse(late[stateTopic(meter)]!).power_in, 451)

  first.kill('SIGKILL')
  t.ok(await until(() => states.at(-1) === 'away'))
  for (let i = 0; i < 3_600; i++) sink.onReading(meter, { ...full, powerInW: i })
  sink.onSilent(meter.key)
  await broker(t, port)
  t.ok(await until(() => states.at(-1) === 'connected'))
  await pause(200)
  const back = await retained(port)
  const state = JSON.parse(back[stateTopic(meter)]!)
  t.equal(state.power_in, 3_599, 'the newest, not the oldest')
  t.equal(state.link, 'silent')
  t.ok(back[discoveryTopic('homeassistant', meter)])

  sink.forget(meter.key)
  await pause(200)
  t.same(Object.keys(await retained(port)), [HOME_TOPIC])
  await new Promise<void>((done) => sink.close(done))
  t.equal((await retained(port))[HOME_TOPIC], 'offline')
})

t.test(
  'when we die, the broker says so; when Home Assistant is born, it is told again',
  { skip },
  async (t) => {
    const port = await freePort()
    await broker(t, port)
    const states: string[] = []
    const sink = new MqttSink({ url: `mqtt://127.0.0.1:${port}`, report: (state) => states.push(state) })
    sink.onReading(meter, full)
    await until(() => states.includes('connected'))
    const client = connect(`mqtt://127.0.0.1:${port}`)
    const heard: string[] = []
    client.on('message', (topic) => heard.push(topic))
    await client.subscribeAsync('homeassistant/device/#')
    await until(() => heard.length === 1)
    await client.publishAsync('homeassistant/status', 'online')
    t.ok(await until(() => heard.length === 2), 'announced anew')
    await client.endAsync()
    await new Promise<void>((done) => sink.close(done))
  },
)

t.test('no broker at all: told once, nothing grows, ends at once', async (t) => {
  const port = await freePort()
  const states: string[] = []
  const sink = new MqttSink({ url: `mqtt://127.0.0.1:${port}`, report: (state) => states.push(state) })
  for (let i = 0; i < 1_000; i++) sink.onReading(meter, full)
  t.ok(await until(() => states.length > 0))
  t.same(states, ['away'])
  await new Promise<void>((done) => sink.close(done))
})
