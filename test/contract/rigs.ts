// The two sets of hardware as the contract suites see them: hw/sim in virtual time, hw/linux in real
// time on loopback and a temporary folder.

import { mkdtempSync, rmSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import type { Clock, Failure, Files, Http, HttpAnswer, Random, Sockets } from '../../src/hw/hardware.ts'
import { LinuxClock, linuxRandom } from '../../src/hw/linux/clock.ts'
import { openFolder } from '../../src/hw/linux/files.ts'
import { LinuxHttp } from '../../src/hw/linux/http.ts'
import { LinuxSockets } from '../../src/hw/linux/sockets.ts'
import type { BrowserRequest, PageSocket } from '../../src/hw/sim/net/http.ts'
import { World } from '../../src/hw/sim/world.ts'

export interface Browser {
  request(
    address: string,
    ask: BrowserRequest,
    done: (error: Failure, answer: HttpAnswer | null) => void,
  ): void
  socket(
    address: string,
    ask: BrowserRequest,
    done: (error: Failure, socket: PageSocket | null) => void,
  ): void
}

export interface Rig {
  readonly name: string
  readonly clock: Clock
  readonly random: Random
  readonly files: Files
  readonly http: Http
  readonly browser: Browser
  /** Two ends of a network; the second listens on `host`. */
  readonly near: Sockets
  readonly far: Sockets
  readonly host: string
  /** Lets time pass until it holds; false when it did not within `ms`. */
  until(predicate: () => boolean, ms?: number): Promise<boolean>
  close(): void
}

export function simRig(seed = 1): Rig {
  const world = new World({ seed })
  const near = world.machine('near')
  const far = world.machine('far')
  return {
    name: 'sim',
    clock: near.hardware.clock,
    random: near.hardware.random,
    files: near.hardware.files,
    http: far.hardware.http,
    browser: near.browser,
    near: near.hardware.sockets,
    far: far.hardware.sockets,
    host: far.address,
    until: async (predicate, ms = 60_000) => world.runUntil(predicate, ms),
    close: () => {},
  }
}

export async function linuxRig(): Promise<Rig> {
  const folder = mkdtempSync(join(tmpdir(), 'wattle-'))
  const files = await new Promise<Files>((done, failed) =>
    openFolder(join(folder, 'state'), (error, opened) => (opened ? done(opened) : failed(error))),
  )
  const clock = new LinuxClock()
  return {
    name: 'linux',
    clock,
    random: linuxRandom,
    files,
    http: new LinuxHttp(),
    browser: nodeBrowser,
    near: new LinuxSockets(),
    far: new LinuxSockets(),
    host: '127.0.0.1',
    until: async (predicate, ms = 8_000) => {
      const end = performance.now() + ms
      while (!predicate()) {
        if (performance.now() > end) return false
        await new Promise((r) => setTimeout(r, 2))
      }
      return true
    },
    close: () => {
      clock.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Runs one suite on both sets. */
export function contract(name: string, suite: (t: Test, rig: Rig) => Promise<void>): void {
  t.test(`${name} on hw/sim`, async (t) => suite(t, simRig()))
  t.test(`${name} on hw/linux`, async (t) => {
    const rig = await linuxRig()
    t.teardown(() => rig.close())
    await suite(t, rig)
  })
}

const nodeBrowser: Browser = {
  request(address, ask, done) {
    const headers = { ...ask.headers, ...(ask.body ? { 'content-length': String(ask.body.length) } : {}) }
    const request = httpRequest(`http://${address}${ask.url}`, {
      method: ask.method ?? 'GET',
      headers,
      agent: false,
    })
    request.on('error', (error) => done(error, null))
    request.on('response', (response) => {
      const pieces: Uint8Array[] = []
      response.on('data', (piece: Uint8Array) => pieces.push(piece))
      response.on('error', () => {})
      response.on('end', () =>
        done(null, {
          status: response.statusCode ?? 0,
          headers: response.headers as Record<string, string>,
          body: new Uint8Array(Buffer.concat(pieces)),
        }),
      )
    })
    request.end(ask.body)
  },
  socket(address, ask, done) {
    const ws = new WebSocket(`ws://${address}${ask.url}`, { headers: ask.headers ?? {} })
    let over = false
    const once = (error: Failure, socket: PageSocket | null): void => {
      if (!over) done(error, socket)
      over = true
    }
    const page: PageSocket = {
      onMessage: () => {},
      onClose: () => {},
      send: (message) => ws.send(message),
      pause: () => ws.pause(),
      resume: () => ws.resume(),
      close: () => ws.close(),
    }
    ws.on('open', () => once(null, page))
    ws.on('unexpected-response', (_request, response) => {
      response.resume()
      once(Object.assign(new Error('refused'), { code: `HTTP_${response.statusCode}` }), null)
      ws.terminate()
    })
    ws.on('error', (error) => once(error, null))
    ws.on('message', (data: Buffer, binary) =>
      page.onMessage(binary ? new Uint8Array(data) : data.toString()),
    )
    ws.on('close', () => page.onClose())
  },
}
