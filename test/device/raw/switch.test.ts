// Raw P1 as an owner switches it from a page or a home: off at first, on over a restart, off for the next
// owner; only an owner may. And who is no owner any more is put out of the page and of the desk at once:
// the way to shut a stolen computer out, by another owner or by the button.
import t from 'tap'
import { type Bytes, text, utf8 } from '../../../src/base/bytes.ts'
import { LIMITS } from '../../../src/base/limits.ts'
import { Signer, Verifier } from '../../../src/crypto/native.ts'
import { RawPort, tapped } from '../../../src/device/raw/port.ts'
import { Desks } from '../../../src/home/network/desks.ts'
import type { PageSocket } from '../../../src/hw/sim/net/http.ts'
import type { Machine } from '../../../src/hw/sim/world.ts'
import { adding, removing } from '../../../src/ownership/owners/edits.ts'
import type { DeviceInfo, RawView } from '../../../src/page/protocol.ts'
import { openDoor, type PageSession } from '../../../src/page/session.ts'
import { PAGE_STREAM, PLANE } from '../../../src/wire/page.ts'
import { Family } from '../../scenario/family.ts'

const RAW = 2001

/** A device with a page and a raw port, and what its homes are told. */
function street(seed: number): {
  family: Family
  told: Map<string, DeviceInfo | null>
  desks: Map<string, Desks>
} {
  const family = new Family(seed)
  const { house } = family
  house.page = (machine: Machine) => {
    const port = new RawPort({ report: () => {} })
    return {
      hardware: { ...machine.hardware, serial: tapped(machine.hardware.serial, (b) => port.onBytes(b)) },
      page: {
        assets: { '/': { type: 'text/html', bytes: utf8('page') } },
        address: `${machine.address}:80`,
        version: '1.2.3',
        board: 'sim',
        written: () => 12_345,
        raw: { port, address: `0.0.0.0:${RAW}`, fixed: false },
      },
    }
  }
  house.startDevice()
  return { family, told: new Map(), desks: new Map() }
}

function follow(s: ReturnType<typeof street>, name: string): Desks {
  const home = s.family.home(name)
  const loop = s.family.loops.get(name)!
  const desks = new Desks({ home, loop, onInfo: (_device, info) => s.told.set(name, info) })
  s.desks.set(name, desks)
  return desks
}

/** Bytes that come to somebody in the network who connects; null where nobody listens. */
function listener(s: ReturnType<typeof street>): { bytes: number[]; closed: boolean } | null {
  const { house } = s.family
  const got = { bytes: [] as number[], closed: false }
  let done: boolean | null = null
  house
    .machine('neighbour')
    .hardware.sockets.dialTcp(`${house.machine('device').address}:${RAW}`, (_error, socket) => {
      done = socket !== null
      if (!socket) return
      socket.events = {
        onData: (data: Bytes) => void got.bytes.push(...data),
        onDrain() {},
        onClose: () => {
          got.closed = true
        },
      }
    })
  house.until(() => done !== null)
  return done ? got : null
}

interface OpenPage {
  socket: PageSocket
  session: PageSession
  got: Bytes[]
  told: DeviceInfo[]
}

/** The page of an owner in a phone, its session open. */
function openPage(s: ReturnType<typeof street>, name: string): OpenPage | null {
  const { house } = s.family
  const address = `${house.machine('device').address}:80`
  const { seed } = s.family.home(name).store.keys
  const got: Bytes[] = []
  const told: DeviceInfo[] = []
  let page: PageSocket | null = null
  let session: PageSession | null = null
  house
    .machine('phone')
    .browser.socket(address, { url: '/live', headers: { origin: `http://${address}` } }, (_error, socket) => {
      page = socket
    })
  house.until(() => page !== null)
  const socket = page! as PageSocket
  socket.onMessage = (message) => {
    if (typeof message === 'string') return
    got.push(message)
    const stream = session && message[0] === PLANE.sealed ? session.open(message) : null
    if (stream?.stream === PAGE_STREAM.page) told.push(JSON.parse(text(stream.message)) as DeviceInfo)
  }
  socket.send(Uint8Array.of(PLANE.session))
  house.world.runFor(300)
  const door = openDoor(got.at(-1)!, Verifier.of(house.device!.key!)!, new Signer(seed), (into) =>
    house.world.chance.fill(into),
  )
  if (!door) return null
  session = door.session
  socket.send(door.message)
  house.world.runFor(300)
  return got.at(-1)![0] === PLANE.session && got.at(-1)!.length === 1 ? null : { socket, session, got, told }
}

const wish = (page: OpenPage, value: unknown): void =>
  page.socket.send(page.session.seal(PAGE_STREAM.page, utf8(JSON.stringify(value))))

t.test('off, on, over a restart, off for the next owner', async (t) => {
  const s = street(81)
  const { family, told } = s
  const { house } = family
  family.start('anna')
  t.equal(family.claim('anna'), 'ok')
  const desks = follow(s, 'anna')
  house.until(() => told.get('anna') !== undefined && told.get('anna') !== null)
  const raw = (): RawView | undefined => told.get('anna')?.raw
  t.match(told.get('anna'), {
    version: '1.2.3',
    board: 'sim',
    written: 12_345,
    lights: {},
  })
  t.same(raw(), { on: false, address: null, clients: 0, fixed: false })
  t.equal(listener(s), null, 'nobody listens before an owner says so')
  const { device } = family.owned('anna')
  t.ok(desks.wish(device, { do: 'raw', on: true }))
  house.until(() => raw()?.on === true)
  t.match(raw(), { on: true, address: /:2001$/ })
  const program = listener(s)!
  const from = house.sent.length
  house.world.runFor(5_000)
  const heard = String.fromCharCode(...program.bytes)
  t.ok(heard.includes(house.sent[from + 2]!), 'the meter’s own bytes')
  t.equal(told.get('anna')?.raw?.clients, 1)

  const restart = (): void => {
    house.machine('device').kill()
    house.startDevice()
    told.clear()
    house.until(() => told.get('anna') != null && family.owned('anna').ready)
  }
  restart()
  t.equal(raw()?.on, true, 'on again after a restart')
  t.ok(listener(s))

  const page = openPage(s, 'anna')!
  wish(page, { do: 'raw', on: false })
  house.until(() => raw()?.on === false)
  t.equal(page.told.at(-1)?.raw?.on, false, 'the page is told at once')
  t.equal(listener(s), null)
  restart()
  t.equal(raw()?.on, false, 'off stays off')
  t.equal(listener(s), null)

  const again = openPage(s, 'anna')!
  for (let i = 0; i < 7; i++) wish(again, { do: 'raw', on: i % 2 === 0 })
  house.until(() => raw()?.on === true)
  house.world.runFor(2_000)
  t.equal(raw()?.on, true, 'the last of many in a row counts')
  const reading = listener(s)!
  let gone = ''
  family.home('anna').delete(family.owned('anna'), (error) => {
    gone = error?.code ?? 'ok'
  })
  house.until(() => gone !== '')
  house.world.runFor(3_000)
  t.ok(reading.closed, 'a device that is given up lets go of whoever reads')
  t.equal(listener(s), null)
  desks.stop()
  family.start('bram')
  t.equal(family.claim('bram'), 'ok')
  follow(s, 'bram')
  house.until(() => told.get('bram')?.raw !== undefined)
  t.equal(told.get('bram')?.raw?.on, false, 'the next owner decides anew')
})

t.test('wishes that are none, and more homes than there is room for', async (t) => {
  const s = street(82)
  const { family } = s
  const { house } = family
  family.start('anna')
  t.equal(family.claim('anna'), 'ok')
  for (const value of [
    { do: 'raw' },
    { do: 'raw', on: 1 },
    { do: 'raw', on: 'true' },
    { do: 'reboot' },
    null,
    3,
  ]) {
    const page = openPage(s, 'anna')!
    for (let i = 0; i < LIMITS.page.wrongShapes; i++) wish(page, value)
    let closed = false
    page.socket.onClose = () => {
      closed = true
    }
    house.world.runFor(500)
    t.ok(closed, JSON.stringify(value))
  }
  t.equal(listener(s), null)
})

t.test('a stolen computer: shut out by another owner', async (t) => {
  const s = street(83)
  const { family, told } = s
  const { house } = family
  family.start('anna')
  family.start('bram')
  t.equal(family.claim('anna'), 'ok')
  t.equal(family.edit('anna', adding(family.card('bram'))).devices[0]?.state, 'done')
  house.world.runFor(61_000)
  t.equal(family.join('bram'), 'ok')
  const stolen = follow(s, 'anna')
  follow(s, 'bram')
  house.until(() => told.get('anna') != null && told.get('bram') != null)
  const page = openPage(s, 'anna')!
  const other = openPage(s, 'bram')!
  const { device } = family.owned('anna')
  t.equal(family.edit('bram', removing(family.home('anna').key)).devices[0]?.state, 'done')
  house.world.runFor(2_000)
  t.same(page.got.at(-1), Uint8Array.of(PLANE.session), 'its open page is put out at once')
  t.notSame(other.got.at(-1), Uint8Array.of(PLANE.session), 'the other owner’s is not')
  t.notOk(stolen.wish(device, { do: 'raw', on: true }), 'its desk too')
  wish(page, { do: 'raw', on: true })
  house.world.runFor(2_000)
  t.equal(listener(s), null, 'and what it wants is not done')
  t.equal(openPage(s, 'anna'), null, 'no new session')
  const got = family.got.get('anna') ?? 0
  house.world.runFor(10_000)
  t.equal(family.got.get('anna') ?? 0, got, 'not one telegram more')
  t.ok(told.get('bram'), 'bram is told on')
})

t.test('a stolen computer of the only owner: shut out by the button', async (t) => {
  const s = street(84)
  const { family } = s
  const { house } = family
  family.start('anna')
  family.start('anna2')
  t.equal(family.claim('anna'), 'ok')
  const page = openPage(s, 'anna')!
  family.hold(10_500)
  house.machine('device').button.press()
  house.until(() => house.events('device', 'reset').length > 0)
  house.world.runFor(3_000)
  t.same(page.got.at(-1), Uint8Array.of(PLANE.session))
  t.equal(family.claim('anna2'), 'ok', 'claimed anew, with keys that the thief does not have')
  const got = family.got.get('anna') ?? 0
  house.world.runFor(10_000)
  t.equal(family.got.get('anna') ?? 0, got, 'not one telegram for the stolen one')
  t.equal(openPage(s, 'anna'), null)
})
