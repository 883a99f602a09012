// The program: subcommands and their options. A stand-in until they are written: it knows `help` and
// `--version` only.

import { pages } from 'wattle:page'

const [command] = process.argv.slice(2)
if (command === '--version' || command === 'version')
  console.log(`wattle ${WATTLE_VERSION} node ${process.version}`)
else if (command === undefined || command === 'help')
  console.log(`wattle help (pages: ${Object.keys(pages).join(', ')})`)
else {
  console.error(`wattle: no command ${command}; see wattle help`)
  process.exitCode = 2
}
