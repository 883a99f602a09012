// First boot without a keyboard, and Wi-Fi from then on: what the card says (wattle.txt, or what Raspberry
// Pi Imager wrote) is kept in the state folder and taken off the card; the radio joins; LEDs tell what is
// wrong; after a long press the device opens a network of its own with one page for ten minutes. And the
// time: from the meter, and from time servers where the configuration names some.

import { text, utf8 } from '../../base/bytes.ts'
import type { Board, Hardware, HttpHandlers, Random, Sockets, UdpSocket } from '../../hw/hardware.ts'
import type { Loop } from '../../node/loop.ts'
import type { Lights } from '../lights.ts'
import { answerDns } from './dns.ts'
import { IMAGER_FILES, type ImagerFiles, parseImager } from './imager.ts'
import { portal } from './portal.ts'
import { SntpQuery } from './sntp.ts'
import { TimeKeeper } from './time.ts'
import { decodeText, errorPage, parseWattleTxt, type SetupSettings, withoutPassword } from './wattle-txt.ts'
import { accessConfig, joinConfig, PORTAL_ADDRESS, RadioMachine } from './wpa.ts'

export interface SetupOptions {
  board: Board
  hardware: Pick<Hardware, 'clock' | 'random' | 'sockets' | 'files'>
  loop: Loop
  lights: Lights
  /** `wattle-ab12`. */
  name: string
  /** Hosts to ask for the time. */
  timeServers: readonly string[]
  report: (event: string, detail?: Record<string, unknown>) => void
}

const FILE = 'wifi.json'
const TEXT_FILES = ['wattle.txt', 'wattle.txt.txt'] as const
const ERROR_FILE = 'wattle-error.txt'
const LOOK_MS = 5_000
/** After start a network may take so long before the LED says that there is none, ms. */
const PATIENCE_MS = 30_000
const PORTAL_MS = 600_000
/** The page's answer goes out first, ms. */
const LEAVE_MS = 3_000
const ASK_TIME_MS = 3_600_000
const ASK_AGAIN_MS = 60_000
const NTP_PORT = 123
/** The FAT partition is mounted beside us; it is looked for so long, and so often, ms. */
const MOUNTED_MS = 120_000
const CARD_AGAIN_MS = 1_000
const TIMERS = ['setup', 'setup-card', 'portal', 'sntp', 'sntp-end'] as const
const ADDRESS = PORTAL_ADDRESS.split('.').map(Number) as [number, number, number, number]

export class Setup {
  readonly #options: SetupOptions
  readonly #radio: RadioMachine
  readonly #time: TimeKeeper
  readonly #startedAt: number
  #settings: SetupSettings | null = null
  #portal: { dns: UdpSocket | null } | null = null
  #server = 0
  #asking: UdpSocket | null = null
  #savedAt = 0
  /** Configuration that the radio has. */
  #joined = ''

  constructor(options: SetupOptions) {
    this.#options = options
    this.#radio = new RadioMachine()
    this.#time = new TimeKeeper()
    this.#startedAt = options.loop.now()
  }

  /** Reads what is set, joins, and looks after it from then on. */
  start(): void {
    const { hardware, loop, timeServers } = this.#options
    hardware.files.read(FILE, (_, bytes) => {
      this.#settings = bytes === null ? null : parseStored(text(bytes))
      this.#waitForCard()
    })
    loop.every('setup', LOOK_MS, (now) => this.#look(now))
    if (timeServers.length > 0) loop.after('sntp', LOOK_MS, () => this.#askTime())
  }

  stop(): void {
    for (const timer of TIMERS) this.#options.loop.cancel(timer)
    this.#endPortal()
    this.#asking?.close()
    this.#asking = null
    this.#options.board.radio?.off()
  }

  /** The button was held for its second function. */
  openPortal(): void {
    const { board, hardware, loop, name, report } = this.#options
    const { radio } = board
    if (!radio || this.#portal) return
    const open: { dns: UdpSocket | null } = { dns: null }
    this.#portal = open
    const country = this.#settings?.country ?? ''
    this.#radio.stop(loop.now())
    radio.access(accessConfig(`Wattle-${name.replace(/^wattle-/, '')}`, { country }), () => {})
    report('wifi', { portal: 'open', ms: PORTAL_MS })
    const handlers = portal({ name, country, onSettings: (settings) => this.#onPortal(settings) })
    this.#listen(hardware.sockets, open, handlers)
    loop.after('portal', PORTAL_MS, () => this.#closePortal('over'))
  }

  /** A reset at the device: whoever has it next must not find this house's password. */
  forget(): void {
    const { board, hardware, report } = this.#options
    if (!this.#settings) return
    this.#settings = null
    this.#joined = ''
    hardware.files.remove(FILE, (error) => {
      if (error && error.code !== 'ENOENT') report('failed', { what: 'wifi', text: error.message })
      else report('wifi', { forgotten: true })
    })
    this.#radio.stop(this.#options.loop.now())
    board.radio?.off()
    this.#show()
  }

  /** Confirmed telegram time. */
  onMeterTime(utcMs: number): void {
    const { hardware, loop } = this.#options
    this.#step(this.#time.onTelegram(utcMs, loop.now(), hardware.clock.wall()))
  }

  // 1. What the card says

  /** The network of before is joined meanwhile; what the card says comes on top of it. */
  #waitForCard(): void {
    const { board, loop } = this.#options
    const late = loop.now() - this.#startedAt > MOUNTED_MS
    if (!board.boot || board.boot.ready() || late) return this.#readCard(() => this.#join())
    if (this.#radio.state === 'off') this.#join()
    loop.after('setup-card', CARD_AGAIN_MS, () => this.#waitForCard())
  }

  #readCard(done: () => void): void {
    const { board, report } = this.#options
    const { boot } = board
    if (!boot) return done()
    for (const file of TEXT_FILES) {
      const bytes = boot.read(file)
      if (!bytes) continue
      const { settings, errors } = parseWattleTxt(bytes)
      if (errors.length > 0) {
        report('wattle.txt', { file, errors })
        this.#options.lights.raiseFault(8)
        boot.write(ERROR_FILE, errorPage(file, errors), () => {})
        return done()
      }
      if (boot.read(ERROR_FILE)) boot.write(ERROR_FILE, null, () => {})
      if (settings.name !== '') this.#setName(settings.name)
      if (!settings.wifi) {
        if (settings.country !== '' && this.#settings) this.#settings.country = settings.country
        continue
      }
      return this.#keep(settings, () => {
        boot.write(file, withoutPassword(bytes), () => {})
        done()
      })
    }
    if (this.#settings?.wifi) return done()
    const files: ImagerFiles = Object.fromEntries(
      IMAGER_FILES.flatMap((name) => {
        const bytes = boot.read(name)
        return bytes ? [[name, decodeText(bytes)]] : []
      }),
    )
    const found = parseImager(files)
    if (!found) return done()
    report('wifi', { from: Object.keys(files).join(', ') })
    if (found.name !== '') this.#setName(found.name)
    if (found.wifi) this.#keep(found, done)
    else done()
  }

  #setName(name: string): void {
    this.#options.board.note('hostname', `${name}\n`)
  }

  /** Durable before the card's copy goes. */
  #keep(settings: SetupSettings, done: () => void): void {
    const { hardware, report } = this.#options
    this.#settings = settings
    hardware.files.replace(FILE, utf8(`${JSON.stringify({ v: 1, ...settings })}\n`), (error) => {
      if (error) report('failed', { what: 'wifi', text: error.message })
      else done()
    })
  }

  // 2. The radio

  #join(): void {
    const { board, loop, report } = this.#options
    const wifi = this.#settings?.wifi
    if (!board.radio || !wifi || this.#portal) return
    const config = joinConfig(wifi, this.#settings?.country ?? '')
    if (config === this.#joined && this.#radio.state !== 'off') return
    this.#joined = config
    this.#radio.start(loop.now())
    report('wifi', { joining: wifi.ssid })
    board.radio.join(config, (line) => {
      if (this.#radio.onLine(line, loop.now())) this.#tell()
    })
    this.#show()
  }

  #look(now: number): void {
    const { board, hardware } = this.#options
    if (this.#radio.tick(now)) this.#tell()
    this.#show()
    if (now - this.#savedAt < PORTAL_MS || hardware.clock.wall() === 0) return
    this.#savedAt = now
    board.keepTime()
  }

  #tell(): void {
    this.#options.report('wifi', { state: this.#radio.state })
    this.#show()
  }

  #show(): void {
    const { board, lights, loop } = this.#options
    const { state } = this.#radio
    const online = board.online()
    const early = loop.now() - this.#startedAt < PATIENCE_MS
    const noRadio = state === 'no-radio' && !online
    lights.set({
      noWifi: !online && (state === 'wrong-password' || (state === 'off' && board.radio !== null && !early)),
      offline: !online && !early && state !== 'wrong-password' && !(state === 'off' && board.radio !== null),
    })
    if (noRadio) lights.raiseFault(4)
    else lights.clearFault(4)
  }

  // 3. The device's own network

  #listen(sockets: Sockets, open: { dns: UdpSocket | null }, handlers: HttpHandlers): void {
    const { board, report } = this.#options
    board.portal(handlers, (error) => {
      if (error) report('failed', { what: 'portal', text: error.message })
    })
    sockets.bindUdp(
      '0.0.0.0:53',
      (query, host, port) => {
        const answer = host.startsWith('192.168.77.') ? answerDns(query, ADDRESS) : null
        if (answer) open.dns?.send(answer, host, port)
      },
      (error, socket) => {
        if (error) report('failed', { what: 'portal-names', text: error.message })
        if (this.#portal === open) open.dns = socket
        else socket?.close()
      },
    )
  }

  #onPortal(settings: SetupSettings): void {
    const { loop } = this.#options
    this.#keep({ ...settings, country: settings.country || (this.#settings?.country ?? '') }, () =>
      loop.after('portal', LEAVE_MS, () => this.#closePortal('set')),
    )
  }

  #closePortal(why: string): void {
    this.#endPortal()
    this.#options.report('wifi', { portal: why })
    this.#options.board.radio?.off()
    this.#join()
  }

  #endPortal(): void {
    this.#options.loop.cancel('portal')
    if (this.#portal) this.#options.board.portal(null, () => {})
    this.#portal?.dns?.close()
    this.#portal = null
  }

  // 4. Time

  #askTime(): void {
    const { board, hardware, loop, timeServers } = this.#options
    const host = timeServers[this.#server++ % timeServers.length]!
    // Asked again soon, unless an answer puts that off.
    loop.after('sntp', ASK_AGAIN_MS, () => this.#askTime())
    if (!board.online()) return
    board.resolve(host, ([address]) => {
      if (address !== undefined) this.#query(address, hardware.sockets, hardware.random)
    })
  }

  #query(address: string, sockets: Sockets, random: Random): void {
    const { loop, hardware, report } = this.#options
    const query = new SntpQuery(random)
    this.#asking?.close()
    sockets.bindUdp(
      address.includes(':') ? '[::]:0' : '0.0.0.0:0',
      (message, host, port) => {
        if (host !== address || port !== NTP_PORT) return
        const sample = query.onAnswer(message, loop.now())
        if (!sample) return
        this.#asking?.close()
        this.#asking = null
        loop.after('sntp', ASK_TIME_MS, () => this.#askTime())
        if (!this.#time.believes(sample.utcMs, loop.now())) report('time', { refused: host })
        this.#step(this.#time.onSample(sample, loop.now(), hardware.clock.wall()))
      },
      (error, socket) => {
        if (error || !socket) return
        this.#asking = socket
        socket.send(query.request(loop.now()), address, NTP_PORT)
      },
    )
  }

  #step(utcMs: number | null): void {
    if (utcMs === null) return
    const { board, hardware, report } = this.#options
    report('time', { source: this.#time.source, stepMs: Math.round(utcMs - hardware.clock.wall()) })
    board.setTime(utcMs)
  }
}

/** What `#keep` wrote, or null. */
function parseStored(json: string): SetupSettings | null {
  try {
    const value = JSON.parse(json) as Record<string, unknown>
    const wifi = value['wifi'] as Record<string, unknown> | null
    const { country, name } = value
    if (value['v'] !== 1 || typeof country !== 'string' || typeof name !== 'string') return null
    if (!wifi || typeof wifi['ssid'] !== 'string' || typeof wifi['password'] !== 'string') return null
    const { ssid, password, hidden } = wifi
    return { wifi: { ssid, password, hidden: hidden === true }, country, name }
  } catch {
    return null
  }
}
