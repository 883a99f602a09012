// The page that a device serves, against everybody on the network: who is no owner gets assets and the
// look, and nothing else; forged, replayed, oversized and senseless messages cost the sender his socket
// and nobody else anything.
import t from 'tap'
import { base64url, concat, text } from '../../src/base/bytes.ts'
import { LIMITS } from '../../src/base/limits.ts'
import { Signer, Verifier } from '../../src/crypto/native.ts'
import { Secret } from '../../src/crypto/secret.ts'
import { Device } from '../../src/device/device.ts'
import type { PageSocket } from '../../src/hw/sim/net/http.ts'
import { type Machine, World } from '../../src/hw/sim/world.ts'
import { ClaimOwner, type OwnerStep } from '../../src/ownership/claim-owner.ts'
import { freshCode, makeRecord, parseCode } from '../../src/ownership/label.ts'
import type { DeviceLook } from '../../src/page/protocol.ts'
import { openDoor } from '../../src/page/session.ts'
import { PAGE_STREAM, PLANE } from '../../src/wire/page.ts'
import { claimant } from '../ownership/claim-world.ts'

interface Wire {
  readonly socket: PageSocket
  readonly looks: DeviceLook[]
  readonly bytes: Uint8Array[]
  closed: boolean
}

const NAME = 'wattle-ab12.local'

class Street {
  readonly world: World
  readonly device: Machine
  readonly phone: Machine
  readonly code: string
  readonly seen: { event: string; detail: Record<string, unknown> }[] = []
  running!: Device

  constructor(seed: number) {
    this.world = new World({ seed })
    this.device = this.world.machine('device')
    this.phone = this.world.machine('phone')
    const random = (into: Uint8Array): void => this.world.chance.fill(into)
    const salt = new Uint8Array(16)
    random(salt)
    this.code = freshCode(random)
    Device.start(
      {
        hardware: this.device.hardware,
        record: makeRecord(this.code, 0xab12, salt),
        listen: `${this.device.address}:4001`,
        serial: 'sim',
        ringFrames: 500,
        page: {
          assets: {
            '/': { type: 'text/html; charset=utf-8', bytes: new TextEncoder().encode('owned') },
            '/start': { type: 'text/html; charset=utf-8', bytes: new TextEncoder().encode('free') },
          },
          address: `${this.device.address}:80`,
          version: '0',
          board: 'sim',
        },
        report: (event, detail = {}) => this.seen.push({ event, detail }),
      },
      (_error, device) => {
        this.running = device!
      },
    )
    this.world.runUntil(() => this.running !== undefined, 5_000)
  }

  get address(): string {
    return `${this.device.address}:80`
  }

  open(headers: Record<string, string> = { origin: `http://${this.address}` }): {
    wire: Wire | null
    code: string
  } {
    let result: { wire: Wire | null; code: string } | null = null
    this.phone.browser.socket(this.address, { url: '/live', headers }, (error, socket) => {
      if (!socket) {
        result = { wire: null, code: error?.code ?? '' }
        return
      }
      const wire: Wire = { socket, looks: [], bytes: [], closed: false }
      socket.onMessage = (message) => {
        if (typeof message === 'string') wire.looks.push((JSON.parse(message) as { look: DeviceLook }).look)
        else wire.bytes.push(message)
      }
      socket.onClose = () => {
        wire.closed = true
      }
      result = { wire, code: '' }
    })
    this.world.runUntil(() => result !== null, 1_000)
    this.world.runFor(200)
    return result!
  }

  get(url: string, headers: Record<string, string> = {}): { status: number; body: string } {
    let result: { status: number; body: string } | null = null
    this.phone.browser.request(this.address, { url, headers }, (_error, answer) => {
      result = { status: answer!.status, body: text(answer!.body) }
    })
    this.world.runUntil(() => result !== null, 1_000)
    return result!
  }
}

/** Claims the device as a page does, with the wire messages over its WebSocket. */
function claimOver(street: Street): Signer {
  const owner = claimant(7)
  const { wire } = street.open()
  const { world, device } = street
  const machine = new ClaimOwner(parseCode(street.code)!, owner, null, (into) => world.chance.fill(into))
  const take = (steps: OwnerStep[]): void => {
    for (const step of steps) {
      if (step.do === 'send') wire!.socket.send(concat(Uint8Array.of(PLANE.claim), step.message))
      else if (step.do === 'remember') take(machine.remembered(world.now()))
      else if (step.do === 'refused') throw new Error(step.reason)
    }
  }
  wire!.socket.onMessage = (message) => {
    if (typeof message !== 'string' && message[0] === PLANE.claim && message.length > 1)
      take(machine.onMessage(message.subarray(1), world.now()))
  }
  device.button.press(200)
  world.runFor(500)
  wire!.socket.send(Uint8Array.of(PLANE.claim))
  world.runFor(3_000)
  if (!machine.done) throw new Error('the claim is not done')
  wire!.socket.close()
  world.runFor(200)
  return owner.signer
}

t.test('names and origins', async (t) => {
  const street = new Street(1)
  t.match(street.get('/'), { status: 200, body: 'free' }, 'nobody owns it: the page with the claim')
  t.equal(street.get('/', { host: NAME }).status, 200)
  t.equal(street.get('/', { host: 'wattle-ab12' }).status, 200)
  for (const host of [
    'evil.example',
    'wattle-ab12.local.evil.example',
    'wattle-ab13.local',
    'wattle-ab12.com',
    '',
  ])
    t.equal(street.get('/', { host }).status, 403, `Host ${host}`)
  t.equal(street.get('/', { origin: 'http://evil.example' }).status, 403, 'another site asks')
  t.equal(street.open({ host: NAME, origin: `http://${NAME}` }).code, '')
  for (const headers of [
    {},
    { origin: 'null' },
    { origin: 'http://evil.example' },
    { origin: `https://${street.address}` },
    { host: 'evil.example', origin: 'http://evil.example' },
  ])
    t.equal(street.open(headers as Record<string, string>).code, 'HTTP_403', JSON.stringify(headers))
  street.running.stop(() => {})
})

t.test('a device without an owner shows its lights, and knows no session', async (t) => {
  const street = new Street(2)
  const { wire } = street.open()
  t.match(wire!.looks[0], { name: 'wattle-ab12', claimed: false, led: 'unpaired', window: null })
  wire!.socket.send(Uint8Array.of(PLANE.session))
  street.world.runFor(100)
  t.same(wire!.bytes, [Uint8Array.of(PLANE.session)], 'no session')
  street.device.button.press(200)
  street.world.runFor(1_000)
  t.match(wire!.looks.at(-1), { led: 'window-open' })
  t.ok(wire!.looks.at(-1)!.window! > 58_000)
  street.world.runFor(61_000)
  t.match(wire!.looks.at(-1), { led: 'unpaired', window: null })
  wire!.socket.send(Uint8Array.of(PLANE.claim))
  street.world.runFor(100)
  t.equal(wire!.bytes.at(-1)!.length, 72, 'HELLO of the claim')
  wire!.socket.send(Uint8Array.of(PLANE.claim, 99))
  street.world.runFor(100)
  t.same(wire!.bytes.at(-1), Uint8Array.of(PLANE.claim), 'ended at the first message that is none')
  t.notOk(wire!.closed)
  street.running.stop(() => {})
})

t.test('senseless messages: the sender is cut off, the others are not', async (t) => {
  const street = new Street(3)
  const good = street.open().wire!
  for (const bytes of [
    new Uint8Array(0),
    Uint8Array.of(0),
    Uint8Array.of(4),
    Uint8Array.of(255),
    new Uint8Array(60_000).fill(7),
    Uint8Array.of(PLANE.claim, 2, 3),
    Uint8Array.of(PLANE.sealed),
    new Uint8Array(200).fill(PLANE.sealed),
  ]) {
    const { wire } = street.open()
    for (let i = 0; i < LIMITS.page.wrongShapes && !wire!.closed; i++) {
      wire!.socket.send(bytes)
      street.world.runFor(20)
    }
    t.ok(wire!.closed, `${bytes.length} bytes, first ${bytes[0]}`)
  }
  const words = street.open().wire!
  words.socket.send('{"id":1,"do":"delete","device":"wattle-ab12"}')
  street.world.runFor(100)
  t.notOk(words.closed, 'a question is answered: not here')
  const big = street.open().wire!
  big.socket.send(new Uint8Array(LIMITS.http.socketMessageBytes + 1).fill(3))
  street.world.runFor(100)
  t.ok(big.closed, 'too big for a message')
  t.notOk(good.closed)
  street.running.stop(() => {})
})

t.test('more pages than there is room for are refused, and room comes back', async (t) => {
  const street = new Street(4)
  const wires = Array.from({ length: LIMITS.page.pages }, () => street.open().wire!)
  t.ok(wires.every(Boolean))
  t.equal(street.open().code, 'HTTP_503')
  wires[3]!.socket.close()
  street.world.runFor(200)
  t.ok(street.open().wire)
  street.running.stop(() => {})
})

t.test('a stranger with a key of his own gets no session of an owned device', async (t) => {
  const street = new Street(5)
  const owner = claimOver(street)
  t.match(street.get('/'), { body: 'owned' })
  const { wire } = street.open()
  t.match(wire!.looks[0], { claimed: true })
  const verifier = Verifier.of(street.running.key!)!
  const stranger = new Signer(Secret.fresh((into) => street.world.chance.fill(into)))
  const knock = (signer: Signer): ReturnType<typeof openDoor> => {
    wire!.socket.send(Uint8Array.of(PLANE.session))
    street.world.runFor(50)
    const door = openDoor(wire!.bytes.at(-1)!, verifier, signer, (into) => street.world.chance.fill(into))
    wire!.socket.send(door!.message)
    street.world.runFor(50)
    return door
  }
  knock(stranger)
  t.same(wire!.bytes.at(-1), Uint8Array.of(PLANE.session), 'refused')
  const door = knock(owner)
  const first = door!.session.open(wire!.bytes.at(-1)!)
  t.equal(first?.stream, PAGE_STREAM.page)
  t.match(JSON.parse(text(first!.message)), { owners: [base64url(owner.publicKey)], board: 'sim' })
  wire!.socket.send(door!.message)
  street.world.runFor(50)
  t.same(
    wire!.bytes.at(-1),
    Uint8Array.of(PLANE.session),
    'the same OPEN again: refused, and the session is over',
  )
  street.running.stop(() => {})
})
