// A whole world on one seed: machines with their meters, cards, buttons and LEDs, on one network, in
// virtual time. The same seed and the same calls give the same run, event for event. Nothing happens
// between calls of run, step and runUntil. Machines can be killed, lose their power and boot again on
// the same card; what belonged to the earlier run is never called again.

import type { Clock, Hardware } from '../hardware.ts'
import { SimBoard, type SimBoardOptions } from './board.ts'
import { SimDisk, SimFiles } from './files.ts'
import { SimBrowser, SimHttp } from './net/http.ts'
import { type Host, Network } from './net/network.ts'
import { SimSockets } from './net/sockets.ts'
import { SimButton, SimLeds } from './panel.ts'
import { Chance, type Life, Scheduler } from './scheduler.ts'
import { SimCable } from './serial.ts'

export interface WorldOptions {
  seed?: number
  /** Wall clock at virtual time 0, ms since 1970. */
  wall?: number
}

export class World {
  readonly scheduler: Scheduler = new Scheduler()
  readonly chance: Chance
  readonly network: Network
  readonly wallAtStart: number
  readonly #machines: Map<string, Machine> = new Map()

  constructor(options: WorldOptions = {}) {
    this.chance = new Chance(options.seed ?? 1)
    this.network = new Network(this.scheduler, this.chance)
    this.wallAtStart = options.wall ?? 1_795_000_000_000
  }

  /** Virtual milliseconds since the world began. */
  now(): number {
    return this.scheduler.now()
  }

  /** Runs everything up to virtual time `untilMs`. */
  run(untilMs: number): void {
    this.scheduler.run(untilMs)
  }

  /** Runs the next `ms`. */
  runFor(ms: number): void {
    this.scheduler.run(this.now() + ms)
  }

  /** Runs one event; false when nothing is left to happen. */
  step(): boolean {
    return this.scheduler.step()
  }

  /** Runs until `predicate` holds (asked after every event); false when `maxMs` passed first. */
  runUntil(predicate: () => boolean, maxMs: number): boolean {
    const end = this.now() + maxMs
    while (!predicate()) {
      if (this.scheduler.next() > end) {
        this.scheduler.run(end)
        return false
      }
      this.scheduler.step()
    }
    return true
  }

  /** The machine of that name: made and switched on at the first call. `disk` is an earlier one's card. */
  machine(name: string, options: MachineOptions = {}): Machine {
    const known = this.#machines.get(name)
    if (known) return known
    const machine = new Machine(this, this.network.host(name), options)
    this.#machines.set(name, machine)
    return machine
  }
}

export interface MachineOptions {
  disk?: SimDisk
  /** How wrong its wall clock is, ms. */
  wallOffset?: number
  accessMs?: number
  syncMs?: number
  /** A card of ours, with two systems. */
  board?: SimBoardOptions
}

export class Machine {
  readonly name: string
  readonly disk: SimDisk
  readonly cable: SimCable
  readonly button: SimButton
  readonly leds: SimLeds
  readonly board: SimBoard | null
  /** A browser on this machine, as a phone in the same network. */
  readonly browser: SimBrowser
  /** What its wall clock is off by, ms; may change while it runs. */
  wallOffset: number
  /** The run that is on now; after `boot` a new object. */
  hardware: Hardware
  readonly #world: World
  readonly #host: Host
  readonly #speed: { accessMs: number; syncMs: number }
  #life: Life = { alive: false }

  constructor(world: World, host: Host, options: MachineOptions) {
    const { scheduler, network } = world
    this.#world = world
    this.#host = host
    this.name = host.name
    this.#speed = { accessMs: options.accessMs ?? 0.1, syncMs: options.syncMs ?? 4 }
    this.wallOffset = options.wallOffset ?? 0
    this.disk = options.disk ?? new SimDisk(world.chance)
    this.disk.onCut = (how) => (how === 'power' ? this.cutPower() : this.kill())
    this.cable = new SimCable(scheduler, network.life, () => world.wallAtStart + scheduler.now())
    this.button = new SimButton(scheduler, network.life)
    this.leds = new SimLeds(scheduler)
    this.board = options.board ? new SimBoard(scheduler, world.chance, options.board) : null
    this.browser = new SimBrowser(network, host)
    this.hardware = this.boot()
  }

  get on(): boolean {
    return this.#life.alive
  }

  /** IPv4 address in the simulated network. */
  get address(): string {
    return this.#host.ip4
  }

  /** Starts a new run on the same card and address; a run that is still on is killed first. */
  boot(): Hardware {
    if (this.on) this.kill()
    const life: Life = { alive: true }
    const { scheduler, network, chance } = this.#world
    const http = new SimHttp(network, this.#host, life)
    this.#life = life
    this.#host.life = life
    this.hardware = {
      clock: this.#clock(life),
      random: (into) => chance.fill(into),
      serial: this.cable.serial(life),
      button: this.button.button(life),
      leds: this.leds.leds(life),
      sockets: new SimSockets(network, this.#host, life),
      http,
      files: new SimFiles(this.disk, scheduler, life, this.#speed),
      ...(this.board ? { board: this.board.board(life, this.#speed, http) } : {}),
    }
    network.retry(this.#host)
    return this.hardware
  }

  /** SIGKILL: what was written stays written, connections are reset. */
  kill(): void {
    const life = this.#end()
    for (const link of [...this.#world.network.links]) link.killed(life)
  }

  /** The plug is pulled: unsynced writes are kept, torn or lost; the others hear nothing. */
  cutPower(): void {
    this.#end()
    this.disk.lose()
    this.board?.disk.lose()
  }

  #end(): Life {
    const life = this.#life
    life.alive = false
    this.#host.life = null
    this.leds.dark()
    return life
  }

  #clock(life: Life): Clock {
    const { scheduler, wallAtStart } = this.#world
    let pending: () => void = () => {}
    const timer = scheduler.timer(life, () => pending())
    return {
      now: () => scheduler.now(),
      wall: () => Math.floor(wallAtStart + scheduler.now() + this.wallOffset),
      wake: (at, onWake) => {
        pending = onWake
        timer.set(at)
      },
    }
  }
}
