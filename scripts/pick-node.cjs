// Prints the Node to use: the system's if it is new enough, else the one from npm.
// Plain CommonJS, because the Node that runs this line may be old.
const fs = require('node:fs')
const path = require('node:path')
const [major, minor] = process.versions.node.split('.').map(Number)
const own = path.resolve(__dirname, `../node_modules/node-linux-${process.argv[2]}/bin/node`)
const newEnough = major > 22 || (major === 22 && minor >= 13)
process.stdout.write(!newEnough && fs.existsSync(own) ? own : process.execPath)
