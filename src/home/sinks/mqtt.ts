// The house's MQTT broker: discovery for Home Assistant and the newest values, both retained, so that
// whoever subscribes late gets everything. A broker that is away costs nothing: only the newest state of
// each meter is kept for it. Telegrams never wait for it.

import { connect, type MqttClient } from 'mqtt'
import { LIMITS } from '../../base/limits.ts'
import type { PageReading } from '../../page/protocol.ts'
import {
  discoveryPayload,
  discoveryTopic,
  HOME_TOPIC,
  type MeterDevice,
  statePayload,
  stateTopic,
} from './hass.ts'

export interface MqttOptions {
  /** `mqtt://host:port` or `mqtts://…`; name and password are not part of it. */
  url: string
  username?: string
  password?: string
  /** `homeassistant` unless told. */
  prefix?: string
  /** `connected`, `away` with the reason: once for each change. */
  report: (state: 'connected' | 'away', text: string) => void
}

interface Meter {
  device: MeterDevice
  reading: PageReading
  link: 'online' | 'silent'
  /** Which entities were announced: a gas meter that is found later is announced then. */
  announced: string
}

const BIRTH = 'online'

export class MqttSink {
  readonly #options: MqttOptions
  readonly #client: MqttClient
  readonly #meters: Map<string, Meter>
  readonly #prefix: string
  #state: 'connected' | 'away' | null

  constructor(options: MqttOptions) {
    const { url, username, password, prefix = 'homeassistant' } = options
    this.#options = options
    this.#meters = new Map()
    this.#prefix = prefix
    this.#state = null
    this.#client = connect(url, {
      ...(username === undefined ? {} : { username }),
      ...(password === undefined ? {} : { password }),
      clean: true,
      // What the broker missed is out of date: the newest is sent again on connecting.
      queueQoSZero: false,
      reconnectPeriod: 2_000,
      connectTimeout: 10_000,
      will: { topic: HOME_TOPIC, payload: Buffer.from('offline'), qos: 1, retain: true },
    })
    this.#client.on('connect', () => this.#onConnect())
    this.#client.on('error', (error) => this.#tell('away', error.message))
    this.#client.on('close', () => this.#tell('away', 'the connection was closed'))
    this.#client.on('message', (topic, payload) => {
      // Home Assistant has started anew and asks who is there.
      if (topic === `${this.#prefix}/status` && payload.toString() === BIRTH) this.#sendAll()
    })
  }

  onReading(device: MeterDevice, reading: PageReading): void {
    const known = this.#meters.get(device.key)
    if (!known && this.#meters.size >= LIMITS.home.devices) return
    const meter = known ?? { device, reading, link: 'online', announced: '' }
    Object.assign(meter, { device, reading, link: 'online' })
    this.#meters.set(device.key, meter)
    this.#send(meter)
  }

  /** The meter or its device fell silent. */
  onSilent(key: string): void {
    const meter = this.#meters.get(key)
    if (!meter || meter.link === 'silent') return
    meter.link = 'silent'
    this.#send(meter)
  }

  /** The device is no longer ours: its entities go. */
  forget(key: string): void {
    const meter = this.#meters.get(key)
    if (!meter) return
    this.#meters.delete(key)
    for (const topic of [discoveryTopic(this.#prefix, meter.device), stateTopic(meter.device)])
      this.#client.publish(topic, '', { retain: true, qos: 1 })
  }

  close(done: () => void): void {
    if (!this.#client.connected) {
      this.#client.end(true, {}, () => done())
      return
    }
    this.#client.publish(HOME_TOPIC, 'offline', { retain: true, qos: 1 }, () =>
      this.#client.end(false, {}, () => done()),
    )
  }

  #onConnect(): void {
    this.#tell('connected', this.#options.url)
    this.#client.publish(HOME_TOPIC, 'online', { retain: true, qos: 1 })
    this.#client.subscribe(`${this.#prefix}/status`, { qos: 0 })
    this.#sendAll()
  }

  #sendAll(): void {
    for (const meter of this.#meters.values()) {
      meter.announced = ''
      this.#send(meter)
    }
  }

  #send(meter: Meter): void {
    if (!this.#client.connected) return
    const { device, reading, link } = meter
    const payload = JSON.stringify(discoveryPayload(device, reading))
    if (payload !== meter.announced) {
      meter.announced = payload
      this.#client.publish(discoveryTopic(this.#prefix, device), payload, { retain: true, qos: 1 })
    }
    this.#client.publish(stateTopic(device), JSON.stringify(statePayload(reading, link)), {
      retain: true,
      qos: 0,
    })
  }

  #tell(state: 'connected' | 'away', text: string): void {
    if (state === this.#state) return
    this.#state = state
    this.#options.report(state, text)
  }
}
