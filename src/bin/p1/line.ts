// Which line to the meter: what was asked for, or what the environment says, as users of earlier tools
// know it: P1_SERIAL_PORT, and SMART_METER_VERSION, which only says which speed to try first.

import type { Serial } from '../../hw/hardware.ts'
import type { LinuxClock } from '../../hw/linux/clock.ts'
import { LinuxSerial } from '../../hw/linux/serial.ts'
import { GeneratedSerial, TcpSerial } from '../../hw/linux/serial-sim.ts'
import { LinuxSockets } from '../../hw/linux/sockets.ts'
import { simMeter } from '../../hw/sim/meter.ts'

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
