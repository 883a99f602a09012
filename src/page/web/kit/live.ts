// The page's one WebSocket to its server: connects, comes back after a loss with growing pauses, tells
// the newest state to whoever listens, and matches answers to questions. Works on plain http.

import type { Answer, Ask } from '../../protocol.ts'

/** A question without its id. */
export type Question = Ask extends infer A ? (A extends Ask ? Omit<A, 'id'> : never) : never

export type Outcome = Pick<Answer, 'ok' | 'code' | 'text'>

/** How a panel asks My Home; never rejects. */
export type AskHome = (question: Question) => Promise<Outcome>

export interface LiveEvents<Message> {
  onMessage(message: Message): void
  onLink(connected: boolean): void
}

const FIRST_PAUSE_MS = 300
const LONGEST_PAUSE_MS = 5_000
const ANSWER_MS = 20_000
/** A claim may wait for the button; its window and its handshake are over by then. */
const CLAIM_MS = 90_000
/** Without any message for this long, a page that comes to the front connects anew. */
const QUIET_MS = 15_000

export class Live<Message extends { readonly t: string }> {
  readonly #events: LiveEvents<Message>
  readonly #waiting: Map<number, (outcome: Outcome) => void>
  #socket: WebSocket | null
  #pause: number
  #nextId: number
  #heard: number
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(events: LiveEvents<Message>) {
    this.#events = events
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
    clearTimeout(this.#timer)
    const old = this.#socket
    this.#socket = null
    old?.close()
    const socket = new WebSocket(`${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/live`)
    this.#socket = socket
    socket.addEventListener('open', () => {
      this.#pause = FIRST_PAUSE_MS
      if (socket === this.#socket) this.#events.onLink(true)
    })
    socket.addEventListener('message', (event) => {
      if (socket === this.#socket && typeof event.data === 'string') this.#onText(event.data)
    })
    socket.addEventListener('close', () => {
      if (socket === this.#socket) this.#lost()
    })
  }

  /** Never rejects: a lost connection or silence is an outcome too. */
  ask(question: Question): Promise<Outcome> {
    const socket = this.#socket
    if (socket === null || socket.readyState !== WebSocket.OPEN)
      return Promise.resolve({ ok: false, code: 'no-answer' })
    const id = this.#nextId++
    return new Promise((resolve) => {
      const ms = question.do === 'claim' ? CLAIM_MS : ANSWER_MS
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
