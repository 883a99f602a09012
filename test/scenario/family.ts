// Several homes around one device: each an owner with a machine and keys of its own. What they do is asked
// for as the commands ask, and waited for; who did what is told by names, never by keys.
import { base64url } from '../../src/base/bytes.ts'
import type { WattleError } from '../../src/base/errors.ts'
import { splitJws } from '../../src/crypto/jws.ts'
import { sha256 } from '../../src/crypto/native.ts'
import { Home } from '../../src/home/home.ts'
import type { Owned } from '../../src/home/owned.ts'
import type { Progress } from '../../src/home/owning/owning.ts'
import { Loop } from '../../src/node/loop.ts'
import type { Edit } from '../../src/ownership/owners/edits.ts'
import { type OwnerCard, readOwnerCard } from '../../src/ownership/owners/owner-card.ts'
import { paperKey } from '../../src/ownership/owners/paper.ts'
import { House } from './house.ts'

export interface Said {
  /** 'ok', or the code of the refusal. */
  code: string
  devices: Progress[]
  change: string | null
}

export class Family {
  readonly house: House
  readonly homes: Map<string, Home>
  /** The one loop of each. */
  readonly loops: Map<string, Loop>
  readonly #names: Map<string, string>
  readonly got: Map<string, number>

  constructor(seed: number, everyMs = 1_000) {
    this.house = new House(seed)
    this.house.everyMs = everyMs
    this.homes = new Map()
    this.loops = new Map()
    this.#names = new Map()
    this.got = new Map()
  }

  /** Switches a home on; the same name is the same keys. */
  start(name: string): Home {
    const { house } = this
    const machine = house.machine(name)
    if (!machine.on) machine.boot()
    let home: Home | null = null
    const loop = new Loop(machine.hardware.clock)
    this.loops.set(name, loop)
    Home.start(
      {
        hardware: machine.hardware,
        loop,
        report: (event, detail) => house.report(name, event, detail),
        events: {
          onTelegram: () => this.got.set(name, (this.got.get(name) ?? 0) + 1),
          onGap: () => {},
          onAccess: (_device, access) => house.report(name, 'access', { access }),
          onLog: (_device, decision) => house.report(name, 'log', { kind: decision.kind }),
          onReject: (_device, what) => house.report(name, 'reject', { what }),
        },
      },
      (error, started) => {
        if (error) throw error
        home = started
      },
    )
    house.until(() => home !== null)
    this.homes.set(name, home!)
    this.#names.set(base64url(home!.key), name)
    return home!
  }

  home(name: string): Home {
    return this.homes.get(name)!
  }

  owned(name: string): Owned {
    return this.home(name).owned[0]!
  }

  claim(name: string): string {
    const { house } = this
    house.machine('device').button.press()
    house.world.runFor(500)
    let result = ''
    const o = { code: house.code, address: house.deviceAddress, waitMs: 0 }
    this.home(name).claim(o, (error) => {
      result = error?.code ?? 'ok'
    })
    house.until(() => result !== '')
    house.until(() => this.owned(name)?.ready && this.owned(name).device.log.added)
    return result
  }

  card(name: string): OwnerCard {
    return readOwnerCard(this.home(name).owning.card(name))!
  }

  /** Holds the device's button for the second function. */
  hold(ms = 4_000): void {
    const { house } = this
    house.machine('device').button.level(true)
    house.world.runFor(ms)
    house.machine('device').button.level(false)
    house.world.runFor(200)
  }

  edit(name: string, edit: Edit): Said {
    return this.#ask((done) => this.home(name).owning.edit([this.owned(name)], edit, done))
  }

  sign(name: string, change: string): Said {
    return this.#ask((done) => this.home(name).owning.sign(change, done))
  }

  ask(call: (done: (e: WattleError | null, d: Progress[], c: string | null) => void) => void): Said {
    return this.#ask(call)
  }

  join(name: string): string {
    let result = ''
    this.home(name).joining.join({ address: this.house.deviceAddress, key: null }, (error) => {
      result = error?.code ?? 'ok'
    })
    this.house.until(() => result !== '')
    if (result === 'ok') this.house.until(() => this.owned(name).ready)
    return result
  }

  recover(name: string, paper: string, next: string): string {
    let result = ''
    const o = { address: this.house.deviceAddress, paper, next }
    this.home(name).joining.startRecovery(o, (error) => {
      result = error?.code ?? 'ok'
    })
    this.house.until(() => result !== '')
    return result
  }

  finish(name: string): string {
    let result = ''
    this.home(name).joining.finishRecovery(this.house.deviceAddress, (error) => {
      result = error?.code ?? 'ok'
    })
    this.house.until(() => result !== '')
    return result
  }

  knowPaper(name: string, code: string): void {
    this.#names.set(base64url(paperKey(code)!.publicKey), name)
  }

  /** The owner log as a person reads it: number, type, and who signed. */
  log(name: string): string[] {
    const { device } = this.owned(name)
    const names = new Map(this.#names)
    names.set(base64url(device.key), 'device')
    const who = (kid: string): string => {
      const [key, next] = kid.split('.')
      return next === undefined ? (names.get(key!) ?? 'stranger') : `a successor of ${this.#successor(key!)}`
    }
    return device.events.map((jws, i) => {
      const parts = splitJws(jws)!
      const { type } = JSON.parse(Buffer.from(parts.payload).toString()) as { type: string }
      return `${i + 1} ${type} signed by ${parts.kids.map(who).sort().join(', ')}`
    })
  }

  /** Whose successor a key was. */
  #successor(key: string): string {
    const digest = sha256(Buffer.from(key, 'base64url'))
    for (const [name, home] of this.homes) if (home.successors.numberOf(digest) >= 0) return name
    return 'stranger'
  }

  #ask(call: (done: (e: WattleError | null, d: Progress[], c: string | null) => void) => void): Said {
    let said: Said | null = null
    call((error, devices, change) => {
      said = { code: error?.code ?? 'ok', devices, change }
    })
    this.house.until(() => said !== null)
    return said!
  }
}
