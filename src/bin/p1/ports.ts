// `wattle p1 ports`: the serial ports of this machine, P1 cables first.

import { EXIT, type ExitCode } from '../../base/errors.ts'
import { listPorts, usedBy } from '../../hw/linux/serial-ports.ts'
import { parse, say } from '../cli.ts'

export async function ports(args: string[]): Promise<ExitCode> {
  const options = parse(args, { json: { type: 'boolean' } })
  const found = listPorts().map((port) => ({ ...port, usedBy: usedBy(port.path) }))
  if (options.flag('json') || !process.stdout.isTTY) {
    for (const port of found) process.stdout.write(`${JSON.stringify(port)}\n`)
  } else {
    for (const port of found) {
      const mark = port.likely ? '*' : ' '
      const use = port.usedBy === null ? '' : `, in use by ${port.usedBy}`
      process.stdout.write(`${mark} ${port.stable ?? port.path}  ${port.path}  ${port.text}${use}\n`)
    }
  }
  if (found.length === 0)
    say('no serial port is here: plug the P1 cable in (a USB cable shows up as /dev/ttyUSB0)')
  return EXIT.done
}
