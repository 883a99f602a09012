// The program: one table of subcommands. Public and stable (DESIGN, "One program"): names and options
// stay. Each command is a function from its arguments to an exit code.

import { EXIT, type ExitCode } from '../base/errors.ts'
import { flash } from './card/flash.ts'
import { fail, say, usage } from './cli.ts'
import { device } from './device.ts'
import { dht } from './dht/dht.ts'
import { home } from './home/home.ts'
import { label } from './label.ts'
import { message } from './net/message.ts'
import { peer } from './net/peer.ts'
import { doctor, peers } from './net/sight.ts'
import { P1_HELP, p1 } from './p1/p1.ts'
import { provider } from './provider.ts'
import { run } from './run/run.ts'

interface Command {
  /** Lowest Node that has what it needs. */
  node: readonly [number, number]
  start: (args: string[]) => Promise<ExitCode>
  help: readonly string[]
}

const DEVICE_NODE = [18, 20] as const
const FULL_NODE = [22, 13] as const

const COMMANDS: Readonly<Record<string, Command>> = {
  run: {
    node: FULL_NODE,
    start: run,
    help: [
      'run                                    a whole home here: simulated meter, device, My Home, one provider',
      '    [--demo]                           plays a story of 60 seconds by itself',
      '    [--headless --script FILE.ndjson]  plays a life script, prints every event as NDJSON',
      '    [--providers N] [--state DIR] [--page ADDR]',
    ],
  },
  device: {
    node: DEVICE_NODE,
    start: device,
    help: [
      'device                                 the device on this machine',
      '    [--serial PATH|auto|tcp:HOST:PORT|sim] [--state DIR] [--config FILE] [--listen ADDR]',
      '    [--page ADDR:PORT]                         the page that a phone gets, for example 0.0.0.0:80',
      '    [--button sim|onoff|poll] [--leds report|class|gpio:STATUS,METER]   docs/leds.md',
      '    [--lan on|off|lo] [--bootstrap KEY@ADDR,…] [--relay KEY@ADDR,… [--nat-mapping on|off]] [--dht ADDR --dht-bootstrap KEY@ADDR,…]',
      '    the last line for home and provider too: how they find each other, docs/discovery.md',
    ],
  },
  home: {
    node: FULL_NODE,
    start: home,
    help: [
      'home serve [--listen ADDR] [--state DIR] [--device ADDR] [--card CARD]   My Home: page, owner keys, links',
      '    [--mailbox ADDR [--mailbox-address HOST:PORT]]   keep frames and serve readers while the device is away',
      'home claim CODE|URL [--device ADDR] [--wait SECONDS]',
      'home devices | delete DEVICE',
      'home grant DEVICE PROVIDER [--class raw|15min|day] [--until DATE] [--purpose TEXT]',
      'home revoke DEVICE PROVIDER|GRANT [--all]',
      'home pause|resume DEVICE [PROVIDER]',
      'home narrow DEVICE PROVIDER [--class 15min|day] [--until DATE]',
      'home grants [DEVICE] [--json]',
      'home export [DEVICE]',
      'home log DEVICE [--json]                      what the owners have signed, event by event',
      'home owners [show] | card | add | remove | replace | threshold | recovery | transfer | sign | join | recover …   docs/owners.md',
      'home device-key show|replace DEVICE, revoke DEVICE [SUCCESSOR]   another key for a device; one that is none any more',
      'home policy [show] | set MEMBER=VALUE… | reset [--device DEVICE]',
      'home update DEVICE FILE                new firmware for a device on a card of ours, over the network',
      'home history DEVICE [--from DATE] [--to DATE] [--step minute|quarter|hour|day|month] [--zone NAME] [--csv]',
      'home link                              the address of its page, with the key that opens it',
      'home backup FILE | restore FILE [--passphrase-file FILE]   keys, log, consents and history, encrypted',
      '    serve takes [--mqtt URL [--mqtt-user NAME --mqtt-password-file FILE] [--mqtt-prefix TEXT]] [--metrics ADDR]',
      "home open DEVICE                       the address of a device's page, from anywhere (docs/reach.md)",
      '    serve takes [--gateway ADDR|off]           pages of devices by name: http://localhost:PORT/p2p/DEVICE/',
      'home communities [DEVICE] | set NAME KEY@ADDR,… | clear | push DEVICE FILE | remove DEVICE NAME   lists of peers, docs/discovery.md',
      'home neighbours [DEVICE] | agree KEY@ADDR,… | disagree KEY   whom devices keep a relation with',
      'home invite RELAY GUEST [--until DATE]   lets the holder of a key use a relay of yours',
      'home peers DEVICE [vouch [KIND] | show KEY | hide KEY | forgive KEY]   opinions of others, with reasons',
    ],
  },
  provider: {
    node: FULL_NODE,
    start: provider,
    help: [
      'provider init [--name TEXT] [--domain NAME] [--state DIR]',
      'provider request [--class raw|15min|day] [--until DATE] [--purpose TEXT] [--address HOST:PORT]   a line for an owner',
      '    [--link URL [--redirect URL] [--answer-state TEXT] [--retention DAYS]]   the same as a link that opens My Home',
      'provider grants [--json]               what may be read, with proof',
      'provider serve (or follow) [--state DIR] [--listen ADDR] [--page ADDR] [--verify every|batch]',
    ],
  },
  p1: {
    node: DEVICE_NODE,
    start: p1,
    help: P1_HELP,
  },
  dht: {
    node: DEVICE_NODE,
    start: dht,
    help: [
      'dht node --listen ADDR[,ADDR6] (--overlay NAME --state DIR | --mainline [--read-only])',
      '    [--bootstrap ADDR[,…]] [--max-bytes N] [--id HEX]',
      'dht get|put|find|peers|announce|ping …   one operation, JSON on stdout; wattle dht alone says more',
    ],
  },
  tunnel: {
    node: FULL_NODE,
    start: (args) => home(['tunnel', ...args]),
    help: [
      'tunnel LOCALPORT DEVICE:PORT [--state DIR]   a port of your device on this computer; PORT is page, raw, raw-web or a number',
    ],
  },
  message: {
    node: DEVICE_NODE,
    start: message,
    help: [
      'message watch [--listen ADDR] [--relay KEY@ADDR] [--serve] [--state DIR]   shows direct messages as they come',
      'message send KEY[@ADDR] TEXT|- [--relay KEY@ADDR] [--no-ack] [--wait SECONDS]   sealed to that key, stored nowhere',
    ],
  },
  peer: {
    node: DEVICE_NODE,
    start: peer,
    help: [
      'peer serve [--listen ADDR] [--udp ADDR] [--state DIR] [--rendezvous on|off] [--list FILE]',
      '    [--relay off|mine|community|open] [--mine KEY] [--inviter KEY] [--overlay NAME [--dht-listen ADDR]]',
      '    [--mailbox on|off]                     keep frames of the devices of --mine for their readers',
      'peer list NAME KEY@ADDR[,…] [--m M] [--signer KEY] [--state DIR]   a list of peers, signed with the key of peer serve',
      'peer sign FILE [--state DIR]              one more signature of it',
    ],
  },
  peers: {
    node: FULL_NODE,
    start: peers,
    help: ['peers [--state DIR] [--json]               whom My Home sees, by which way, and the path in use'],
  },
  doctor: {
    node: DEVICE_NODE,
    start: doctor,
    help: [
      'doctor [--state DIR] [--json]              checks of this computer and its network, with what to do',
    ],
  },
  label: {
    node: DEVICE_NODE,
    start: label,
    help: [
      'label [--record FILE] [--svg FILE] [--png FILE] [--json]   a claim code, its QR, and the record for the device',
    ],
  },
  flash: {
    node: FULL_NODE,
    start: flash,
    help: [
      'flash IMAGE DISK|FILE [--record FILE | --without-label] [--png FILE] [--svg FILE] [--yes] [--json]',
      '    a card of Wattle: image (.img, also .gz .xz .zst) and label; flash --list shows the disks',
    ],
  },
}

function help(commands: readonly Command[] = Object.values(COMMANDS)): void {
  const lines = commands.flatMap((command) => command.help)
  process.stdout.write(`wattle ${WATTLE_VERSION}\n\n${lines.map((l) => `  wattle ${l}`.replace('  wattle     ', '             ')).join('\n')}\n
Events and results are NDJSON on stdout, words are on stderr.
Exit codes: 0 done, 1 refused or failed, 2 wrong use, 3 do not restart.
`)
}

async function main(args: string[]): Promise<ExitCode> {
  const [name, ...rest] = args
  if (name === undefined || name === 'help' || name === '--help' || name === '-h') {
    help()
    return name === undefined ? EXIT.usage : EXIT.done
  }
  if (name === '--version' || name === 'version') {
    process.stdout.write(`wattle ${WATTLE_VERSION} node ${process.version}\n`)
    return EXIT.done
  }
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name]! : null
  if (!command) throw usage(`no command ${name}`)
  const [major, minor] = process.versions.node.split('.').map(Number) as [number, number]
  const [needMajor, needMinor] = command.node
  if (major < needMajor || (major === needMajor && minor < needMinor)) {
    say(
      `wattle ${name} needs Node ${needMajor}.${needMinor} or newer; this is ${process.version}. make run brings one along.`,
    )
    return EXIT.usage
  }
  if (rest.includes('--help') || rest.includes('-h')) {
    help([command])
    return EXIT.done
  }
  return command.start(rest)
}

// A reader of our output that goes away (a closed pipe) ends us quietly.
process.stdout.on('error', () => process.exit(EXIT.done))

main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code
    // What is still open (a slow socket, a child's pipe) must not keep a finished command alive.
    setTimeout(() => process.exit(code), 200).unref()
  },
  (error: unknown) => process.exit(fail(error)),
)
