// `wattle p1 watch`: live values of a meter in the terminal, or as NDJSON with --json. The port may come
// from the environment as users of earlier tools know it: P1_SERIAL_PORT, and SMART_METER_VERSION,
// which only says which speed to try first.

import { EXIT, type ExitCode } from '../../base/errors.ts'
import type { Serial, SerialEvents } from '../../hw/hardware.ts'
import { LinuxClock } from '../../hw/linux/clock.ts'
import { LinuxSerial } from '../../hw/linux/serial.ts'
import { GeneratedSerial, TcpSerial } from '../../hw/linux/serial-sim.ts'
import { LinuxSockets } from '../../hw/linux/sockets.ts'
import { simMeter } from '../../hw/sim/meter.ts'
import { readingJson } from '../../p1/json/reading.ts'
import type { Json, JsonObject } from '../../p1/json/telegram.ts'
import { Reading } from '../../p1/reading.ts'
import { Telegram } from '../../p1/telegram.ts'
import { parse, say, untilStopped, usage } from '../cli.ts'
import { DECRYPT_OPTIONS, framerFor } from './decrypt.ts'

/** The driver for PATH, `auto`, `tcp:HOST:PORT` or `sim`. */
export function serialDriver(spec: string, clock: LinuxClock): Serial {
  if (spec === 'sim') {
    const meter = simMeter('nl50', 1)
    return new GeneratedSerial(clock, (wall) => meter.telegramAt(wall))
  }
  if (spec.startsWith('tcp:')) return new TcpSerial(new LinuxSockets())
  return new LinuxSerial({ baud: /^[23]/.test(process.env['SMART_METER_VERSION'] ?? '') ? 9_600 : 115_200 })
}

/** Where the meter is when nobody says. */
export function serialSpec(given: string | undefined): string {
  return given ?? process.env['P1_SERIAL_PORT'] ?? 'auto'
}

export async function watch(args: string[]): Promise<ExitCode> {
  const options = parse(args, { ...DECRYPT_OPTIONS, json: { type: 'boolean' } })
  if (options.words.length > 1) throw usage('p1 watch takes one port')
  const clock = new LinuxClock()
  const spec = serialSpec(options.words[0])
  const lines = options.flag('json') || !process.stdout.isTTY
  const telegram = new Telegram()
  const reading = new Reading()
  const framer = framerFor(options, {
    onTelegram(frame) {
      line.hint('good')
      telegram.readFrame(frame)
      reading.read(telegram, clock.wall())
      reading.verified = frame.verified
      reading.encrypted = frame.encrypted
      reading.authenticated = frame.authenticated
      reading.duplicate = frame.duplicate
      const json = readingJson(reading, telegram)
      process.stdout.write(lines ? `${JSON.stringify(json)}\n` : screen(json))
    },
    onReject: (reason) => say(`refused: ${reason}`),
    onWrongSpeed: () => line.hint('wrong'),
    onBinary: once('this meter speaks binary DLMS, which is not supported'),
    onSealed: once('this meter encrypts: give its key with --key (and --auth-key)'),
  })
  const events: SerialEvents = {
    buffer: () => framer.room(),
    onBytes: (n) => framer.onBytes(n, clock.now()),
    onState(state) {
      framer.reset()
      say(
        state.kind === 'up'
          ? `${state.path} is open${state.baud > 0 ? ` at ${state.baud}` : ''}`
          : state.text,
      )
    },
  }
  const line = serialDriver(spec, clock).open(spec, events)
  const ticks = setInterval(() => framer.tick(clock.now()), 1_000)
  await untilStopped({ stdin: false })
  clearInterval(ticks)
  line.close()
  return EXIT.done
}

function once(text: string): () => void {
  let said = false
  return () => {
    if (!said) say(text)
    said = true
  }
}

function screen(json: JsonObject): string {
  const rows: string[] = []
  const show = (value: Json, indent: string): void => {
    for (const [name, v] of Object.entries(value as JsonObject)) {
      if (v === null) continue
      if (Array.isArray(v)) {
        for (const entry of v) {
          rows.push(`${indent}${name}`)
          show(entry, `${indent}  `)
        }
      } else if (typeof v === 'object') {
        rows.push(`${indent}${name}`)
        show(v, `${indent}  `)
      } else rows.push(`${indent}${name.padEnd(24 - indent.length)} ${v}`)
    }
  }
  show(json, '')
  // Home and clear, then the values.
  return `\x1b[H\x1b[2J${rows.join('\n')}\n`
}
