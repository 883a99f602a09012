// The program as a card of ours carries it: the device and nothing else, since every byte of it is read
// and parsed by one slow core at each start. On any other computer it is bin/wattle.ts.

import { EXIT, type ExitCode } from '../../base/errors.ts'
import { fail, usage } from '../cli.ts'
import { device } from '../device.ts'

async function main([name, ...rest]: string[]): Promise<ExitCode> {
  if (name === '--version' || name === 'version') {
    process.stdout.write(`wattle ${WATTLE_VERSION} node ${process.version}\n`)
    return EXIT.done
  }
  if (name === 'device') return device(rest)
  throw usage(`${name ?? 'no command'}: on a card of ours there is only wattle device`)
}

process.stdout.on('error', () => process.exit(EXIT.done))

main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code
    setTimeout(() => process.exit(code), 200).unref()
  },
  (error: unknown) => process.exit(fail(error)),
)
