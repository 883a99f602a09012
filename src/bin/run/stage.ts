// The cast of `wattle run`: device, home and providers as processes of their own, over TCP on loopback.
// Starts, kills and restarts them; collects their events; carries out the steps of a life script.

import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { WattleError } from '../../base/errors.ts'
import { askControl, type ControlRequest } from '../control.ts'
import { freeAddress } from './ports.ts'
import type { Line, Stage, Step } from './script.ts'
import { keepStay, type Stay } from './stay.ts'

export interface CastOptions {
  folder: string
  stay: Stay
  providers: number
  /** Address of My Home's page. */
  page: string
  terminal: boolean
  onEvent: (line: Line) => void
}

interface Actor {
  name: string
  args: string[]
  child: ChildProcess | null
  ready: Line | null
  /** It ended without being told to. */
  died: boolean
}

const READY_MS = 30_000

export class Cast implements Stage {
  readonly #options: CastOptions
  readonly #actors: Map<string, Actor>
  readonly #waiting: { who: string; event: string; resolve: (line: Line) => void }[]
  #closing: boolean

  constructor(options: CastOptions) {
    this.#options = options
    this.#actors = new Map()
    this.#waiting = []
    this.#closing = false
  }

  get names(): string[] {
    return [...this.#actors.keys()]
  }

  /** Brings everybody up, in the order in which they need each other. */
  /** @returns `link`: the page with its key. */
  async open(): Promise<{ page: string; link: string; devicePage: string }> {
    const { folder, stay, providers, terminal } = this.#options
    mkdirSync(join(folder, 'device'), { recursive: true, mode: 0o700 })
    writeFileSync(join(folder, 'device', 'label.json'), stay.label.record, { mode: 0o600 })
    const page = await freeAddress(this.#options.page)
    const deviceAddress = await this.#address('device')
    // The overlay among them: the device keeps its head record at home's node, home finds it there.
    const [deviceDht, homeDht] = [await this.#address('device dht'), await this.#address('home dht')]
    const devicePage = await this.#address('device page')
    this.#add('device', [
      'device',
      '--serial',
      'sim',
      '--button',
      'sim',
      '--listen',
      deviceAddress,
      '--state',
      join(folder, 'device'),
      '--ring-frames',
      '100000',
      '--dht',
      deviceDht,
      '--dht-bootstrap',
      homeDht,
      '--page',
      devicePage,
    ])
    const cards: string[] = []
    let providerPage = ''
    const starting: Promise<unknown>[] = [this.start('device')]
    for (let n = 1; n <= providers; n++) {
      const name = `provider${n}`
      const [listen, own] = [await this.#address(name), await this.#address(`${name} page`)]
      this.#add(name, [
        'provider',
        'follow',
        '--who',
        name,
        '--name',
        n === 1 ? 'EnergieLab' : `Provider ${n}`,
        '--domain',
        n === 1 ? 'energielab.example' : `provider${n}.example`,
        '--listen',
        listen,
        '--page',
        own,
        '--ancestor',
        `http://${page}/`,
        '--dht',
        '127.0.0.1:0',
        '--dht-bootstrap',
        homeDht,
        '--state',
        join(folder, name),
      ])
      starting.push(
        this.start(name).then((line) => {
          cards[n - 1] = String(line['card'])
          if (n === 1) providerPage = String(line['page'])
        }),
      )
    }
    keepStay(folder, stay)
    await Promise.all(starting)
    this.#add('home', [
      'home',
      'serve',
      '--listen',
      page,
      // Any: the port behind the page's may be somebody's who does not listen yet.
      '--gateway',
      '127.0.0.1:0',
      '--device',
      deviceAddress,
      '--dht',
      homeDht,
      '--state',
      join(folder, 'home'),
      ...cards.flatMap((card) => ['--card', card]),
      ...(providerPage === '' ? [] : ['--provider-page', providerPage]),
      ...(terminal ? ['--terminal'] : []),
    ])
    const ready = await this.start('home')
    const { result } = (await askControl(join(folder, 'home'), { do: 'link' })) ?? {}
    return { page: String(ready['page']), link: String(result).trim(), devicePage: `http://${devicePage}/` }
  }

  /** Where this one listened at an earlier start, or somewhere free. */
  async #address(name: string): Promise<string> {
    const { addresses } = this.#options.stay
    addresses[name] ??= await freeAddress('127.0.0.1:0')
    return addresses[name]
  }

  /** Ends everybody in order; whoever does not end within 3 s is killed. */
  async close(): Promise<void> {
    this.#closing = true
    await Promise.all([...this.#actors.values()].map((actor) => this.#end(actor, 'SIGTERM')))
  }

  async start(who: string): Promise<Line> {
    const actor = this.#actor(who)
    if (actor.child) throw new WattleError('running', `${who} runs already`)
    const child = spawn(process.execPath, [...self(), ...actor.args], {
      stdio: ['pipe', 'pipe', 'pipe'],
      // Everybody is on loopback and told where the others are.
      env: { WATTLE_LAN: 'off', ...process.env, WATTLE_CHILD: '1' },
    })
    actor.child = child
    actor.died = false
    const ready = this.#next(who, 'ready')
    createInterface({ input: child.stdout! }).on('line', (text) => this.#onLine(who, text))
    let last = 'it said nothing'
    createInterface({ input: child.stderr! }).on('line', (text) => {
      last = text
      this.#onEvent({ t: Date.now(), who, event: 'says', text })
    })
    child.stdin!.on('error', () => {})
    const gone = new Promise<never>((_resolve, reject) => {
      // `close`, not `exit`: its last words have been read by then.
      child.once('close', (code, signal) => {
        actor.child = null
        actor.died = !this.#closing
        this.#onEvent({ t: Date.now(), who, event: 'ended', code, signal })
        reject(
          new WattleError('ended', `${who} ended before it was ready (exit code ${code ?? signal}): ${last}`),
        )
      })
    })
    gone.catch(() => {})
    const late = new Promise<never>((_resolve, reject) => {
      setTimeout(
        () => reject(new WattleError('slow', `${who} was not ready within ${READY_MS / 1_000} s`)),
        READY_MS,
      ).unref()
    })
    late.catch(() => {})
    actor.ready = await Promise.race([ready, gone, late])
    return actor.ready
  }

  press(ms = 200): void {
    this.#actor('device').child?.stdin?.write(
      `${JSON.stringify(ms > 1_000 ? { do: 'hold', ms } : { do: 'press', ms })}\n`,
    )
  }

  act(step: Step, done: (result: string, detail?: Record<string, unknown>) => void): void {
    this.#act(step).then(
      ([result, detail]) => done(result, detail),
      (error: Error & { code?: string }) => done(error.code ?? 'failed', { text: error.message }),
    )
  }

  async #act(step: Step): Promise<[string, Record<string, unknown>]> {
    const text = (name: string, otherwise: string): string =>
      typeof step[name] === 'string' ? (step[name] as string) : otherwise
    switch (step.do) {
      case 'press':
        this.press(Number(step['ms'] ?? 200))
        return ['ok', {}]
      case 'hold':
        this.press(Number(step['ms'] ?? 10_500))
        return ['ok', {}]
      case 'claim': {
        const code = text('code', 'label')
        return this.#ask({
          do: 'claim',
          code: code === 'label' ? this.#options.stay.label.code : code,
          wait: Number(step['wait'] ?? 0),
        })
      }
      case 'grant': {
        const to = text('to', 'provider1')
        const card = String(this.#actor(to).ready?.['card'] ?? '')
        return this.#ask({
          do: 'grant',
          device: await this.#device(),
          card,
          provider: to,
          class: text('class', 'raw'),
          purpose: text('purpose', 'to show what sharing is'),
        })
      }
      case 'revoke':
        return this.#ask({
          do: 'revoke',
          device: await this.#device(),
          provider: String(this.#actor(text('from', 'provider1')).ready?.['name'] ?? ''),
        })
      case 'delete':
        return this.#ask({ do: 'delete', device: await this.#device() })
      case 'kill':
        await this.#end(this.#actor(text('who', 'device')), 'SIGKILL')
        return ['ok', {}]
      case 'stop':
        await this.#end(this.#actor(text('who', 'device')), 'SIGTERM')
        return ['ok', {}]
      case 'start':
        await this.start(text('who', 'device'))
        return ['ok', {}]
      default:
        throw new WattleError('bad-script', `no step ${step.do}`, 2)
    }
  }

  async #device(): Promise<string> {
    const answer = await askControl(join(this.#options.folder, 'home'), { do: 'devices' })
    const [first] = (answer?.result ?? []) as { name: string }[]
    return first?.name ?? 'none'
  }

  async #ask(request: ControlRequest): Promise<[string, Record<string, unknown>]> {
    const answer = await askControl(join(this.#options.folder, 'home'), request)
    if (!answer) return ['home-away', {}]
    return [
      answer.ok ? 'ok' : (answer.code ?? 'failed'),
      answer.text === undefined ? {} : { text: answer.text },
    ]
  }

  #actor(who: string): Actor {
    const actor = this.#actors.get(who)
    if (!actor)
      throw new WattleError('unknown', `nobody here is called ${who}; there are ${this.names.join(', ')}`)
    return actor
  }

  #add(name: string, args: string[]): void {
    this.#actors.set(name, { name, args, child: null, ready: null, died: false })
  }

  #end(actor: Actor, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const child = actor.child
    if (!child) return Promise.resolve()
    return new Promise((resolve) => {
      const late = setTimeout(() => child.kill('SIGKILL'), 3_000)
      child.once('close', () => {
        clearTimeout(late)
        resolve()
      })
      child.kill(signal)
    })
  }

  #next(who: string, event: string): Promise<Line> {
    return new Promise((resolve) => this.#waiting.push({ who, event, resolve }))
  }

  #onLine(who: string, text: string): void {
    try {
      this.#onEvent({ ...(JSON.parse(text) as Line), who })
    } catch {
      this.#onEvent({ t: Date.now(), who, event: 'says', text })
    }
  }

  #onEvent(line: Line): void {
    const i = this.#waiting.findIndex((w) => w.who === line.who && w.event === line.event)
    if (i >= 0) this.#waiting.splice(i, 1)[0]!.resolve(line)
    this.#options.onEvent(line)
  }
}

/** This program as an argument of itself: nothing where it is a single executable. */
function self(): string[] {
  try {
    const sea = createRequire(process.execPath)('node:sea') as { isSea(): boolean }
    if (sea.isSea()) return []
  } catch {
    // Older than the module: then it is no single executable either.
  }
  return [process.argv[1]!]
}
