// `wattle p1 watch`: live values of a meter in the terminal, or as NDJSON with --json.

import { EXIT, type ExitCode } from '../../base/errors.ts'
import type { SerialEvents } from '../../hw/hardware.ts'
import { LinuxClock } from '../../hw/linux/clock.ts'
import { readingJson } from '../../p1/json/reading.ts'
import type { Json, JsonObject } from '../../p1/json/telegram.ts'
import { Reading } from '../../p1/reading.ts'
import { Telegram } from '../../p1/telegram.ts'
import { parse, say, untilStopped, usage } from '../cli.ts'
import { DECRYPT_OPTIONS, framerFor } from './decrypt.ts'
import { serialDriver, serialSpec } from './line.ts'

export async function watch(args: string[]): Promise<ExitCode> {
  const options = parse(args, { ...DECRYPT_OPTIONS, json: { type: 'boolean' } })
  if (options.words.length > 1) throw usage('p1 watch takes one port')
  const clock = new LinuxClock()
  const spec = serialSpec(options.words[0])
  const lines = options.flag('json') || !process.stdout.isTTY
  const telegram = new Telegram()
  const reading = new Reading()
  const framer = framerFor(options.text, {
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
