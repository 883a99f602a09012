// The page's one WebSocket to its server: connects, comes back after a loss with growing pauses, tells
// the newest state to whoever listens, and matches answers to questions. Works on plain http.

import type { Answer, Ask } from '../../protocol.ts'

/** A question without its id. */
export type Question = Ask extends infer A ? (A extends Ask ? Omit<A, 'id'> : never) : never

export type Outcome = Pick<Answer, 'ok' | 'code' | 'text' | 'result'>

/** How a panel asks My Home; never rejects. */
export type AskHome = (question: Question) => Promise<Outcome>

export interface LiveEvents<Message> {
  onMessage(message: Message): void
  onLink(connected: boolean): void
  /** The server wants a key that this page does not have. */
  onLocked?(): void
}

const FIRST_PAUSE_MS = 300
const LONGEST_PAUSE_MS = 5_000
const ANSWER_MS = 20_000
/** A claim may wait for the button; its window and its handshake are over by then. */
const CLAIM_MS = 90_000
/** Firmware for a device, a copy of everything. */
const LONG_MS = 1_800_000
/** Without any message for this long, a page that comes to the front connects anew. */
const QUIET_MS = 15_000

const MOST_WAITING = 1_000_000

export class Live<Message extends { readonly t: string }> {
  readonly #events: LiveEvents<Message>
  readonly #waiting: Map<number, (outcome: Outcome) => void>
  #socket: WebSocket | null
  #pause: number
  #nextId: number
  #heard: number
  #timer: ReturnType<typeof setTimeout> | undefined
  readonly #key: (() => string) | null

  /** @param key what the server wants to see before it speaks, asked for at each attempt. */
  constructor(events: LiveEvents<Message>, key: (() => string) | null = null) {
    this.#events = events
    this.#key = key
    this.#waiting = new Map()
    this.#socket = null
    this.#pause = FIRST_PAUSE_MS
    this.#nextId = 1
    this.#heard = 0
    this.#timer = undefined
    document.addEventListener('visibilitychange', () => {
      if (!document.hidden && performance.now() - this.#heard > QUIET_MS) this.connect()
    })
  }

  connect(): void {
    // Without a key it is asked first whether one is needed.
    if (this.#key?.() === '') void this.#isLocked('').then((is) => is || this.#connect())
    else this.#connect()
  }

  #connect(): void {
    clearTimeout(this.#timer)
    const old = this.#socket
    this.#socket = null
    old?.close()
    const path = this.#key ? `/live?key=${this.#key()}` : '/live'
    const socket = new WebSocket(`${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}${path}`)
    this.#socket = socket
    let opened = false
    socket.addEventListener('open', () => {
      this.#pause = FIRST_PAUSE_MS
      opened = true
      if (socket === this.#socket) this.#events.onLink(true)
    })
    socket.addEventListener('message', (event) => {
      if (socket === this.#socket && typeof event.data === 'string') this.#onText(event.data)
    })
    socket.addEventListener('close', () => {
      if (socket !== this.#socket) return
      this.#lost()
      if (!opened && this.#key) void this.#isLocked(this.#key())
    })
  }

  /** Bytes for the server; they wait here while it is slow. False where there is no connection. */
  async send(bytes: Uint8Array<ArrayBuffer>): Promise<boolean> {
    const socket = this.#socket
    while (socket?.readyState === WebSocket.OPEN && socket.bufferedAmount > MOST_WAITING)
      await new Promise((resolve) => setTimeout(resolve, 10))
    if (socket?.readyState !== WebSocket.OPEN) return false
    socket.send(bytes)
    return true
  }

  /** True, and told, where the server is there and does not take this key. */
  async #isLocked(key: string): Promise<boolean> {
    const answer = await fetch(`/open?key=${key}`)
      .then((response) => response.text())
      .catch(() => null)
    if (answer?.trim() !== 'no') return false
    clearTimeout(this.#timer)
    this.#events.onLocked?.()
    return true
  }

  /** Never rejects: a lost connection or silence is an outcome too. */
  ask(question: Question): Promise<Outcome> {
    const socket = this.#socket
    if (socket === null || socket.readyState !== WebSocket.OPEN)
      return Promise.resolve({ ok: false, code: 'no-answer' })
    const id = this.#nextId++
    return new Promise((resolve) => {
      const ms = question.do === 'claim' ? CLAIM_MS : isLong(question) ? LONG_MS : ANSWER_MS
      const timer = setTimeout(() => this.#settle(id, { ok: false, code: 'no-answer' }), ms)
      this.#waiting.set(id, (outcome) => {
        clearTimeout(timer)
        resolve(outcome)
      })
      socket.send(JSON.stringify({ id, ...question }))
    })
  }

  #onText(text: string): void {
    this.#heard = performance.now()
    let message: Message | Answer
    try {
      message = JSON.parse(text) as Message | Answer
    } catch {
      return
    }
    if (message.t === 'answer') this.#settle((message as Answer).id, message as Answer)
    else this.#events.onMessage(message as Message)
  }

  #settle(id: number, outcome: Outcome): void {
    const resolve = this.#waiting.get(id)
    this.#waiting.delete(id)
    resolve?.(outcome)
  }

  #lost(): void {
    this.#socket = null
    for (const id of [...this.#waiting.keys()]) this.#settle(id, { ok: false, code: 'no-answer' })
    this.#events.onLink(false)
    this.#timer = setTimeout(() => this.connect(), this.#pause * (0.75 + Math.random() / 2))
    this.#pause = Math.min(this.#pause * 2, LONGEST_PAUSE_MS)
  }
}

function isLong(question: Question): boolean {
  return question.do === 'desk' && ['update', 'backup', 'restore'].includes(question.verb)
}
