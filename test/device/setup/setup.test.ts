// First boot, Wi-Fi and time of a whole simulated device.
import t from 'tap'
import { text, utf8 } from '../../../src/base/bytes.ts'
import { putTime } from '../../../src/device/setup/sntp.ts'
import type { SimBoard } from '../../../src/hw/sim/board.ts'
import type { Machine } from '../../../src/hw/sim/world.ts'
import { House } from '../../scenario/house.ts'

function rig(seed: number): {
  house: House
  board: SimBoard
  machine: Machine
  status: () => string
  start: () => void
} {
  const house = new House(seed)
  const machine = house.world.machine('device', { board: { kind: 'pizero', slotBytes: 4_096 } })
  const board = machine.board!
  board.facts.set('slot', 'a')
  board.connected = false
  return {
    house,
    board,
    machine,
    status: () => machine.leds.showing('status'),
    start: () => {
      house.startDevice()
      house.world.runFor(1_000)
    },
  }
}

const file = (board: SimBoard, name: string): string | null => {
  const bytes = board.bootFiles.get(name)
  return bytes ? text(bytes) : null
}

t.test('wattle.txt: taken, kept, off the card, joined', async (t) => {
  const { house, board, machine, status, start } = rig(31)
  board.bootFiles.set(
    'wattle.txt',
    utf8('wifi = My Network\r\npassword = correct horse\r\ncountry = NL\r\nname = attic\r\n'),
  )
  start()
  t.equal(board.radio.doing, 'join')
  t.match(board.radio.config, /country=NL/)
  t.match(board.radio.config, /psk="correct horse"/)
  t.notMatch(file(board, 'wattle.txt'), /correct horse|My Network/)
  t.equal(board.notes.get('hostname'), 'attic\n')
  t.match(JSON.parse(text(machine.disk.peek('wifi.json')!)), { v: 1, wifi: { ssid: 'My Network' } })
  board.radio.say('wlan0: CTRL-EVENT-CONNECTED - Connection to 00:11:22:33:44:55 completed')
  board.connected = true
  house.world.runFor(40_000)
  t.equal(status(), 'unpaired')
  t.notMatch(JSON.stringify(house.log), /correct horse/, 'never in the log')
  machine.kill()
  house.startDevice()
  house.world.runFor(1_000)
  t.equal(board.radio.doing, 'join', 'from the state folder')
})

t.test(
  'the FAT partition comes later: the network of before meanwhile, then what the card says',
  async (t) => {
    const { house, board, machine, start } = rig(40)
    board.bootFiles.set('wattle.txt', utf8('wifi = Old\npassword = 12345678\n'))
    start()
    machine.kill()
    board.bootFiles.set('wattle.txt', utf8('wifi = New\npassword = 87654321\n'))
    board.bootReady = false
    start()
    t.match(board.radio.config, /12345678/)
    house.world.runFor(10_000)
    t.match(board.radio.config, /12345678/)
    board.bootReady = true
    house.world.runFor(2_000)
    t.match(board.radio.config, /87654321/)
    machine.kill()
    board.bootReady = false
    start()
    const joins = house.events('device', 'wifi').filter((l) => l['joining'] !== undefined).length
    house.world.runFor(300_000)
    t.equal(
      house.events('device', 'wifi').filter((l) => l['joining'] !== undefined).length,
      joins,
      'never mounted: nothing is joined anew',
    )
  },
)

t.test('a reset at the device forgets the Wi-Fi, also after the next start', async (t) => {
  const { house, board, machine, start } = rig(37)
  board.bootFiles.set('wattle.txt', utf8('wifi = My Network\npassword = correct horse\n'))
  start()
  t.ok(machine.disk.peek('wifi.json'))
  machine.button.press(10_500)
  house.world.runFor(11_000)
  t.equal(board.radio.doing, 'join', 'armed is not confirmed')
  machine.button.press(200)
  house.world.runFor(2_000)
  t.equal(house.events('device', 'reset').length, 1)
  t.equal(board.radio.doing, 'off')
  t.notOk(machine.disk.peek('wifi.json'))
  machine.kill()
  house.startDevice()
  house.world.runFor(5_000)
  t.equal(board.radio.doing, 'off')
})

t.test('a wrong password is told by the LEDs; wattle.txt puts it right', async (t) => {
  const { house, board, machine, status, start } = rig(32)
  board.bootFiles.set('wattle.txt.txt', utf8('wifi = My Network\npassword = wrong password\n'))
  start()
  board.radio.say(
    'wlan0: CTRL-EVENT-SSID-TEMP-DISABLED id=0 ssid="x" auth_failures=1 duration=10 reason=WRONG_KEY',
  )
  t.equal(status(), 'no-wifi')
  t.equal(machine.leds.showing('meter'), 'no-wifi')
  t.match(house.events('device', 'wifi').at(-1), { state: 'wrong-password' })
  machine.kill()
  board.bootFiles.set('wattle.txt', utf8('wifi = My Network\npassword = right password\n'))
  start()
  t.match(board.radio.config, /right password/)
  board.radio.say('wlan0: CTRL-EVENT-CONNECTED')
  board.connected = true
  house.world.runFor(6_000)
  t.equal(status(), 'unpaired')
})

t.test('a broken wattle.txt: LED, words on the card, and the old settings go on', async (t) => {
  const { house, board, machine, status, start } = rig(33)
  board.bootFiles.set('wattle.txt', utf8('wifi = My Network\npassword = correct horse\n'))
  start()
  machine.kill()
  board.bootFiles.set('wattle.txt', utf8('wiffi = Other\npassword = x\n'))
  start()
  t.equal(status(), 'fault-8')
  t.match(file(board, 'wattle-error.txt'), /line 1: no setting "wiffi"/)
  t.match(house.events('device', 'wattle.txt')[0], { file: 'wattle.txt', errors: [{ line: 1 }, { line: 2 }] })
  t.match(board.radio.config, /correct horse/, 'the network of before')
  machine.kill()
  board.bootFiles.set('wattle.txt', utf8('wifi = Other\npassword = 87654321\n'))
  board.connected = true
  start()
  t.equal(status(), 'unpaired')
  t.equal(file(board, 'wattle-error.txt'), null, 'gone with the error')
})

t.test('Raspberry Pi Imager’s files, where there is no wattle.txt', async (t) => {
  const { board, start } = rig(34)
  board.bootFiles.set(
    'network-config',
    utf8(
      'network:\n  wifis:\n    wlan0:\n      regulatory-domain: "BE"\n      access-points:\n        "Thuis":\n          password: "12345678"\n',
    ),
  )
  board.bootFiles.set('user-data', utf8('hostname: zolder\n'))
  start()
  t.match(board.radio.config, /country=BE/)
  t.match(board.radio.config, /psk="12345678"/)
  t.equal(board.notes.get('hostname'), 'zolder\n')
})

t.test('no Wi-Fi set: told after half a minute; a cable is enough', async (t) => {
  const { house, board, status, start } = rig(35)
  start()
  t.equal(board.radio.doing, 'off')
  t.equal(status(), 'unpaired')
  house.world.runFor(35_000)
  t.equal(status(), 'no-wifi')
  board.connected = true
  house.world.runFor(6_000)
  t.equal(status(), 'unpaired')
})

t.test('no radio, no cable; a network that is not there', async (t) => {
  const { house, board, status, start } = rig(36)
  board.bootFiles.set('wattle.txt', utf8('wifi = a\npassword = 12345678\n'))
  start()
  board.radio.say('no radio')
  t.equal(status(), 'fault-4')
  board.connected = true
  house.world.runFor(6_000)
  t.equal(status(), 'unpaired', 'a cable: nobody misses the radio')
  const other = rig(37)
  other.board.bootFiles.set('wattle.txt', utf8('wifi = a\npassword = 12345678\n'))
  other.start()
  other.house.world.runFor(60_000)
  t.equal(other.status(), 'offline')
  t.match(other.house.events('device', 'wifi').at(-1), { state: 'not-found' })
})

t.test('the device’s own network: after a long press, for ten minutes, with a page that works', async (t) => {
  const { house, board, machine, start } = rig(38)
  start()
  machine.button.press(1_000)
  house.world.runFor(3_000)
  t.equal(board.radio.doing, 'off', 'a short press does not open it')
  machine.button.press(4_000)
  house.world.runFor(5_000)
  t.equal(board.radio.doing, 'access')
  t.match(board.radio.config, /mode=2/)
  let page = ''
  const browse = (body?: string): void => {
    page = ''
    machine.browser.request(
      `${machine.address}:80`,
      {
        url: '/',
        headers: { host: '192.168.77.1' },
        ...(body === undefined ? {} : { method: 'POST', body: utf8(body) }),
      },
      (error, answer) => {
        page = error ? String(error) : `${answer!.status} ${text(answer!.body)}`
      },
    )
    house.until(() => page !== '')
  }
  browse()
  t.match(page, /^200 [\s\S]*Wi-Fi for wattle-ab12/)
  browse('wifi=Garden&password=12345678&country=NL')
  t.match(page, /^200 [\s\S]*joins Garden/)
  house.world.runFor(5_000)
  t.equal(board.radio.doing, 'join')
  t.match(board.radio.config, /psk="12345678"/)
  browse()
  t.match(page, /ECONNREFUSED/, 'the page is gone')
  machine.button.press(4_000)
  house.world.runFor(5_000)
  t.equal(board.radio.doing, 'access')
  house.world.runFor(601_000)
  t.equal(board.radio.doing, 'join', 'ten minutes later it is as before')
})

t.test('time: the meter’s, then a server’s, from whom it was asked and nobody else', async (t) => {
  const { house, board, machine, start } = rig(39)
  board.connected = true
  house.timeServers = ['time.example']
  const server = house.machine('server')
  board.names.set('time.example', server.address)
  const off = 250_000
  let asked = 0
  server.hardware.sockets.bindUdp(
    `${server.address}:123`,
    (request, host, port) => {
      asked++
      const answer = new Uint8Array(48)
      answer[0] = (4 << 3) | 4
      answer[1] = 2
      answer.set(request.subarray(40, 48), 24)
      const now = house.world.wallAtStart + house.world.now() + off
      putTime(answer, 32, now)
      putTime(answer, 40, now)
      sendBack(answer, host, port)
    },
    (_, socket) => {
      sendBack = (bytes, host, port) => socket?.send(bytes, host, port)
    },
  )
  machine.wallOffset = -86_400_000
  start()
  house.world.runFor(4_000)
  t.equal(house.events('device', 'time')[0]?.['source'], 'meter')
  t.ok(board.timesSet.length >= 1)
  machine.wallOffset = 0
  house.world.runFor(20_000)
  t.equal(asked, 1)
  t.match(house.events('device', 'time').at(-1), { source: 'sntp' })
  t.ok(Math.abs(Number(house.events('device', 'time').at(-1)!['stepMs']) - off) < 1_000)
  house.world.runFor(3_700_000)
  t.equal(asked, 2, 'once an hour')
})

let sendBack: (bytes: Uint8Array, host: string, port: number) => void = () => {}
