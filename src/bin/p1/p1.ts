// `wattle p1`: the meter side by itself. Decoding of any bytes, the cables on this machine, live values,
// and the simulated meter.

import { EXIT, type ExitCode } from '../../base/errors.ts'
import { usage } from '../cli.ts'
import { decode } from './decode.ts'
import { ports } from './ports.ts'
import { simulate } from './simulate.ts'
import { watch } from './watch.ts'

export const P1_HELP: readonly string[] = [
  'p1 decode [FILE|-] [--key HEX] [--auth-key HEX] [--decrypt strict|crc-only|off] [--stats]   telegrams to JSON',
  'p1 ports [--json]                      the cables on this machine',
  'p1 watch [PATH|tcp:HOST:PORT|sim] [--key HEX] [--auth-key HEX] [--json]   live values',
  'p1 simulate [--meter NAME|FILE] [--to stdout|tcp:HOST:PORT|pty] [--seed N] [--period MS] [--count N]',
  '    [--at TIME] [--noise SHARE] [--cut SHARE] [--parity]   the simulated meter by itself',
]

const COMMANDS: Readonly<Record<string, (args: string[]) => Promise<ExitCode>>> = {
  decode,
  ports,
  watch,
  simulate,
}

export async function p1(args: string[]): Promise<ExitCode> {
  const [name, ...rest] = args
  if (name === undefined || name === 'help' || name === '--help') {
    process.stdout.write(`${P1_HELP.map((line) => `  wattle ${line}`).join('\n')}\n`)
    return name === undefined ? EXIT.usage : EXIT.done
  }
  if (!Object.hasOwn(COMMANDS, name)) throw usage(`no command p1 ${name}`)
  return COMMANDS[name]!(rest)
}
