// What `wattle home serve` keeps beside its links, and who else in the house gets it: history in SQLite,
// the MQTT broker, /metrics. All of it fed from one place, none of it in the way of a telegram.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { base64url, utf8 } from '../../../base/bytes.ts'
import { WattleError } from '../../../base/errors.ts'
import { History } from '../../../home/history/history.ts'
import { METRICS_TYPE, type Measured, metricsText } from '../../../home/sinks/metrics.ts'
import type { MqttSink } from '../../../home/sinks/mqtt.ts'
import type { OwnedDevice } from '../../../home/store.ts'
import type { Hardware, Listener } from '../../../hw/hardware.ts'
import type { Loop } from '../../../node/loop.ts'
import type { PageReading } from '../../../page/protocol.ts'
import { emit, listenError, type Parsed, usage, wait } from '../../cli.ts'

export const KEEPING_OPTIONS = {
  mqtt: { type: 'string' },
  'mqtt-user': { type: 'string' },
  'mqtt-password-file': { type: 'string' },
  'mqtt-prefix': { type: 'string' },
  metrics: { type: 'string' },
} as const

export const HISTORY_FILE = 'history.db'
const FLUSH_MS = 20_000
/** Without a telegram for so long the meter counts as silent. */
const SILENT_MS = 90_000

export class Keeping {
  readonly history: History
  readonly #mqtt: MqttSink | null
  readonly #measured: Map<string, Measured>
  readonly #loop: Loop
  #metrics: Listener | null

  private constructor(history: History, mqtt: MqttSink | null, loop: Loop) {
    this.history = history
    this.#mqtt = mqtt
    this.#measured = new Map()
    this.#loop = loop
    this.#metrics = null
    loop.every('history', FLUSH_MS, () => this.#tick())
  }

  /** @throws WattleError `history-damaged`, `usage` */
  static async open(folder: string, given: Parsed, loop: Loop): Promise<Keeping> {
    const { DatabaseSync } = await import('node:sqlite')
    const history = History.open(DatabaseSync, join(folder, HISTORY_FILE))
    return new Keeping(history, await openMqtt(given), loop)
  }

  /** Serves the newest values to Prometheus. */
  async serveMetrics(hardware: Hardware, address: string): Promise<string> {
    const answer = (
      status: number,
      body: string,
    ): { status: number; headers: Record<string, string>; body: Uint8Array } => ({
      status,
      headers: { 'content-type': METRICS_TYPE, 'cache-control': 'no-store' },
      body: utf8(body),
    })
    const listener = await wait<Listener>((done) =>
      hardware.http.serve(
        address,
        {
          onRequest: ({ method, url }, done) => {
            if (method !== 'GET') done(answer(405, 'GET only\n'))
            else if (url === '/metrics') done(answer(200, metricsText([...this.#measured.values()])))
            else done(answer(404, 'only /metrics is here\n'))
          },
          admit: () => 404,
          onSocket: (link) => link.close(),
        },
        done,
      ),
    ).catch((error: Error) => {
      throw listenError('home serve --metrics', address, error)
    })
    this.#metrics = listener
    return listener.address
  }

  onReading(device: OwnedDevice, reading: PageReading, meter: string | null): void {
    const key = base64url(device.key)
    this.history.add(key, reading)
    this.#measured.set(key, { name: device.name, reading, received: Date.now() })
    this.#mqtt?.onReading({ key, name: device.name, meter, version: WATTLE_VERSION }, reading)
  }

  /** The device is no longer ours; its history stays. */
  forget(device: OwnedDevice): void {
    const key = base64url(device.key)
    this.#measured.delete(key)
    this.#mqtt?.forget(key)
  }

  async close(): Promise<void> {
    this.#loop.cancel('history')
    this.#metrics?.close()
    await new Promise<void>((done) => (this.#mqtt ? this.#mqtt.close(done) : done()))
    this.history.close()
  }

  #tick(): void {
    try {
      this.history.flush()
    } catch (error) {
      emit('home', 'failed', { what: 'history', text: (error as Error).message })
    }
    const now = Date.now()
    for (const [key, { received }] of this.#measured)
      if (now - received > SILENT_MS) this.#mqtt?.onSilent(key)
  }
}

async function openMqtt(given: Parsed): Promise<MqttSink | null> {
  const url = given.text('mqtt')
  if (url === undefined) return null
  const parsed = URL.canParse(url) ? new URL(url) : null
  if (!parsed || !/^mqtts?:$/.test(parsed.protocol))
    throw usage(`--mqtt ${url}: expected mqtt://HOST:PORT or mqtts://HOST:PORT`)
  // What is on a command line everybody on this computer can read.
  if (parsed.username !== '' || parsed.password !== '')
    throw usage(
      '--mqtt: name and password go into --mqtt-user and --mqtt-password-file, not into the address',
    )
  const user = given.text('mqtt-user')
  const prefix = given.text('mqtt-prefix')
  const password = passwordOf(given.text('mqtt-password-file'))
  const { MqttSink } = await import('../../../home/sinks/mqtt.ts')
  return new MqttSink({
    url,
    ...(user === undefined ? {} : { username: user }),
    ...(password === null ? {} : { password }),
    ...(prefix === undefined ? {} : { prefix }),
    report: (state, text) => emit('home', 'mqtt', { state, text }),
  })
}

function passwordOf(file: string | undefined): string | null {
  if (file === undefined) return null
  try {
    return readFileSync(file, 'utf8').split('\n')[0]!
  } catch (error) {
    throw new WattleError('usage', `--mqtt-password-file ${file}: ${(error as Error).message}`, 2)
  }
}
