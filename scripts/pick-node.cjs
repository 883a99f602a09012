// Prints the Node to use: the system's if it is new enough, else the one from npm.
// Plain CommonJS, because the Node that runs this line may be old.
const fs = require('node:fs')
const path = require('node:path')
const [major, minor] = process.versions.node.split('.').map(Number)
const own = path.resolve(__dirname, `../node_modules/node-linux-${process.argv[2]}/bin/node`)
const newEnough = major > 22 || (major === 22 && minor >= 13)
const useOwn = !newEnough && fs.existsSync(own)
if (!newEnough && !useOwn)
  process.stderr.write(
    `This needs Node 22.13 or newer; this one is ${process.version}, and npm has none for this machine (${own}).\n`,
  )
process.stdout.write(useOwn ? own : process.execPath)
