// QEMU's monitor over its JSON protocol (docs/interop/qmp-spec of QEMU): one command at a time.

import { connect, type Socket } from 'node:net'
import { createInterface } from 'node:readline'

interface Answer {
  return?: unknown
  error?: { desc: string }
  event?: string
}

export class Qmp {
  readonly #socket: Socket
  #waiting: ((answer: Answer) => void)[]

  private constructor(socket: Socket) {
    this.#socket = socket
    this.#waiting = []
    const lines = createInterface({ input: socket })
    // A machine whose power is cut takes its monitor along.
    lines.on('error', () => {})
    socket.on('error', () => {})
    socket.on('close', () => {
      for (const end of this.#waiting.splice(0)) end({ error: { desc: 'the machine is gone' } })
    })
    lines.on('line', (line) => {
      const answer = JSON.parse(line) as Answer
      if (answer.event === undefined && !('QMP' in answer)) this.#waiting.shift()?.(answer)
    })
  }

  static open(path: string): Promise<Qmp> {
    return new Promise((resolve, reject) => {
      const socket = connect(path)
      socket.on('error', reject)
      socket.on('connect', () => {
        const qmp = new Qmp(socket)
        qmp.command('qmp_capabilities').then(() => resolve(qmp), reject)
      })
    })
  }

  command(execute: string, args: Record<string, unknown> = {}): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#socket.destroyed) return reject(new Error(`${execute}: the machine is gone`))
      this.#waiting.push((answer) =>
        answer.error ? reject(new Error(`${execute}: ${answer.error.desc}`)) : resolve(answer.return),
      )
      this.#socket.write(`${JSON.stringify({ execute, arguments: args })}\n`)
    })
  }

  /** A command for people, and what it prints. */
  async human(line: string): Promise<string> {
    const text = await this.command('human-monitor-command', { 'command-line': line })
    if (typeof text !== 'string') throw new Error(`${line}: ${JSON.stringify(text)}`)
    return text
  }

  close(): void {
    this.#socket.destroy()
  }
}
