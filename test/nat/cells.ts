// The cells of the laboratory's matrix: which routers, what is done, what must hold. Each is run in a
// fresh set of namespaces with two relays, which are also the STUN servers; b reserves there, a knows
// b's key and the relays and nothing else.
import type { ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { createInterface } from 'node:readline'
import { hex, unhex } from '../../src/base/bytes.ts'
import { Signer } from '../../src/crypto/native.ts'
import { Secret } from '../../src/crypto/secret.ts'
import { type Kind, Lab, type LabOptions, PORT, RELAY6, RELAYS } from './lab.ts'
import type { PartyOptions } from './party.ts'

export interface Cell {
  name: string
  lab: LabOptions
  /** direct: a path without a relay, within so many ms after the first frame came by relay. */
  expect: 'direct' | 'relay'
  withinMs: number
  /** Then, with frames flowing. */
  upset?: 'forget' | 'change'
  /** The way from the relays to b is so much longer: a is early by half of it. */
  delayMs?: number
  opener?: boolean
  /** b's router is asked for a port, and says yes in this way. */
  how?: string
  /** How many relays there are; with one, nobody knows how a router maps. */
  relays?: number
}

const cell = (name: string, a: Kind, b: Kind, rest: Partial<Cell> = {}): Cell => ({
  name,
  lab: { a, b },
  expect: 'direct',
  withinMs: 2_500,
  ...rest,
})

export const CELLS: readonly Cell[] = [
  cell('cone x cone', 'cone', 'cone'),
  cell('rewritten ports x same', 'cone-rewritten', 'cone-rewritten'),
  cell('full cone x symmetric', 'full-cone', 'symmetric'),
  cell('symmetric x full cone', 'symmetric', 'full-cone'),
  cell('cone x symmetric', 'cone', 'symmetric'),
  cell('symmetric x cone', 'symmetric', 'cone'),
  cell('cone x symmetric, one relay', 'cone', 'symmetric', { relays: 1 }),
  cell('symmetric x cone, one relay', 'symmetric', 'cone', { relays: 1 }),
  cell('symmetric x symmetric', 'symmetric', 'symmetric', { expect: 'relay', withinMs: 5_000 }),
  cell('symmetric x same, PCP', 'symmetric', 'symmetric', {
    lab: { a: 'symmetric', b: 'symmetric', igd: 'pcp' },
    how: 'pcp',
  }),
  cell('symmetric x same, UPnP', 'symmetric', 'symmetric', {
    lab: { a: 'symmetric', b: 'symmetric', igd: 'upnp' },
    how: 'upnp',
  }),
  cell('UDP blocked x cone', 'udp-blocked', 'cone', { withinMs: 3_000 }),
  cell('UDP blocked x same', 'udp-blocked', 'udp-blocked', { withinMs: 3_000 }),
  cell('accepts WAN input, 60 ms', 'cone-accepting', 'cone-accepting', { delayMs: 120 }),
  cell('rejects WAN input, 60 ms', 'cone-rejecting', 'cone-rejecting', { delayMs: 120 }),
  cell('mapping forgotten', 'cone', 'cone', { upset: 'forget' }),
  cell('address changed', 'cone', 'cone', { upset: 'change' }),
  cell('10 % loss', 'cone', 'cone', { lab: { a: 'cone', b: 'cone', loss: 10 }, withinMs: 5_000 }),
  cell('MTU 1280', 'cone', 'cone', { lab: { a: 'cone', b: 'cone', mtu: 1_280 } }),
  cell('IPv6 only', 'six', 'six'),
]

/** The punch without its first, short-lived datagram: what a naive one makes of such a router. */
export const NAIVE: Cell = cell('accepts WAN input, naive', 'cone-accepting', 'cone-accepting', {
  delayMs: 120,
  opener: false,
})

export interface Outcome {
  ok: boolean
  /** Milliseconds from the first frame by relay to the direct path, or -1. */
  directMs: number
  /** From the order to the first frame, by whatever path. */
  firstMs: number
  text: string
}

interface Event {
  event: string
  ms: number
  [detail: string]: unknown
}

class Party {
  readonly events: Event[] = []
  readonly #child: ChildProcess

  constructor(lab: Lab, where: 'a' | 'b' | 'inet', program: string, options: PartyOptions) {
    this.#child = lab.spawn(where, [program, JSON.stringify(options)])
    createInterface({ input: this.#child.stdout! }).on('line', (line) => {
      if (process.env['NAT_LAB_TRACE']) console.error(where, line)
      this.events.push(JSON.parse(line) as Event)
    })
  }

  order(order: Record<string, unknown>): void {
    this.#child.stdin!.write(`${JSON.stringify(order)}\n`)
  }

  find(event: string, where: (e: Event) => boolean = () => true): Event | undefined {
    return this.events.find((e) => e.event === event && where(e))
  }

  last(event: string): Event | undefined {
    return this.events.findLast((e) => e.event === event)
  }

  async until(done: () => boolean, ms: number): Promise<boolean> {
    const end = performance.now() + ms
    while (!done() && performance.now() < end) await sleep(5)
    return done()
  }

  async status(): Promise<Event> {
    const before = this.events.length
    this.order({ do: 'status' })
    await this.until(() => this.events.slice(before).some((e) => e.event === 'status'), 3_000)
    return this.last('status') ?? { event: 'status', ms: 0 }
  }
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
const keyOf = (seed: string): string => hex(new Signer(new Secret(unhex(seed)!)).publicKey)

interface PeerStatus {
  key: string
  path: string | null
  handshakes: number
}

export async function runCell(cell: Cell, program: string): Promise<Outcome> {
  const lab = new Lab(cell.lab)
  try {
    return await conduct(cell, lab, program)
  } finally {
    lab.close()
  }
}

async function conduct(cell: Cell, lab: Lab, program: string): Promise<Outcome> {
  const failed = (text: string): Outcome => ({ ok: false, directMs: -1, firstMs: -1, text })
  const six = cell.lab.a === 'six'
  const seed = (): string => randomBytes(32).toString('hex')
  const count = cell.relays ?? RELAYS.length
  const places = (six ? [RELAY6, RELAY6] : RELAYS).slice(0, count)
  const relays = places.map((address, i) => {
    const port = PORT + (six ? i : 0)
    const place = six ? `[${address}]:${port}` : `${address}:${port}`
    const own = seed()
    const delay = cell.delayMs ? { delay: { prefix: '5.2.', ms: cell.delayMs } } : {}
    return {
      key: keyOf(own),
      place,
      party: new Party(lab, 'inet', program, { role: 'relay', seed: own, listen: [place], ...delay }),
    }
  })
  const seeds = { a: seed(), b: seed() }
  const peer = (where: 'a' | 'b'): Party =>
    new Party(lab, where, program, {
      role: 'peer',
      seed: seeds[where],
      listen: [six ? `[::]:${PORT}` : `0.0.0.0:${PORT}`],
      relays: relays.map(({ key, place }) => ({ key, place })),
      opener: cell.opener ?? true,
      mapping: where === 'b' && cell.how !== undefined,
    })
  for (const { party } of relays)
    if (!(await party.until(() => party.find('ready') !== undefined, 10_000)))
      return failed('relay did not start')
  const a = peer('a')
  const b = peer('b')
  const knows = (p: Party): boolean => p.events.filter((e) => e.event === 'session').length >= count
  if (!(await a.until(() => knows(a) && knows(b), 10_000))) return failed('the relays were not reached')
  if (
    cell.how &&
    !(await b.until(() => b.find('mapping', (e) => e['how'] === cell.how) !== undefined, 15_000))
  )
    return failed(`no mapping by ${cell.how}: ${(await b.status())['port']}`)
  // Time for STUN answers of both relays.
  await sleep(300 + 2 * (cell.delayMs ?? 0))
  const start = performance.now()
  a.order({ do: 'want', key: keyOf(seeds.b) })
  if (!(await a.until(() => a.find('first-frame') !== undefined, 10_000))) return failed('no frame came')
  const firstMs = Math.round(performance.now() - start)
  const peerKey = Buffer.from(keyOf(seeds.b), 'hex').toString('base64url')
  const isDirect = (e: Event): boolean =>
    e['peer'] === peerKey && typeof e['path'] === 'string' && !String(e['path']).startsWith('relay')
  const direct = (): Event | undefined => a.find('path', isDirect)
  await a.until(() => direct() !== undefined, Math.max(cell.withinMs, cell.expect === 'direct' ? 8_000 : 0))
  const relayedAt = a.find('path', (e) => e['peer'] === peerKey)!.ms
  const directMs = direct() ? direct()!.ms - relayedAt : -1
  await sleep(500)
  if (cell.upset) return after(cell, lab, { a, b }, peerKey, { directMs, firstMs })
  const status = await a.status()
  const lost = Number(status['missing'])
  const good = cell.expect === 'direct' ? directMs >= 0 && directMs <= cell.withinMs : directMs < 0
  const path = cell.expect === 'direct' ? `direct after ${directMs} ms` : `by relay`
  const taken = cell.how ? await takenBack(lab, b) : true
  const text = `${directMs < 0 ? 'by relay' : path}; first frame ${firstMs} ms, ${status['frames']} frames, ${lost} missing${taken ? '' : ', the mapping is still there'}`
  return { ok: good && taken && lost === 0 && Number(status['frames']) > 5, directMs, firstMs, text }
}

/** The router has our port, and no more when we have stopped. */
async function takenBack(lab: Lab, b: Party): Promise<boolean> {
  const there = (): boolean => /dport 4001 dnat/.test(lab.ruleset('b'))
  const before = there()
  b.order({ do: 'close' })
  await b.until(() => !there(), 2_000)
  return before && !there()
}

/** Routers forget, or an address changes, while frames flow: how long until they flow again? */
async function after(
  cell: Cell,
  lab: Lab,
  parties: { a: Party; b: Party },
  peerKey: string,
  before: { directMs: number; firstMs: number },
): Promise<Outcome> {
  const { a } = parties
  const handshakes = (status: Event): number =>
    (status['peers'] as PeerStatus[]).find((p) => p.key === peerKey)?.handshakes ?? -1
  const first = await a.status()
  if (cell.upset === 'forget') {
    lab.forget('a')
    lab.forget('b')
  } else lab.changeAddress('a')
  const from = Number((await a.status())['frames'])
  const start = performance.now()
  let resumed = -1
  let direct = -1
  while (performance.now() - start < 25_000 && (resumed < 0 || direct < 0)) {
    await sleep(50)
    const now = await a.status()
    const path = (now['peers'] as PeerStatus[]).find((p) => p.key === peerKey)?.path ?? null
    if (resumed < 0 && Number(now['frames']) > from) resumed = Math.round(performance.now() - start)
    if (direct < 0 && resumed >= 0 && path && !path.startsWith('relay') && performance.now() - start > 4_000)
      direct = Math.round(performance.now() - start)
  }
  const last = await a.status()
  const fresh = handshakes(last) - handshakes(first)
  const ok = before.directMs >= 0 && resumed >= 0 && resumed <= 20_000 && fresh === 0 && last['missing'] === 0
  const text = `frames again after ${resumed} ms, direct again ${direct >= 0 ? 'yes' : 'no'}, ${fresh} new handshakes, ${last['missing']} missing`
  return { ok, ...before, text }
}
