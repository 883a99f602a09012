// Pseudo terminals for tests, by way of python3: one process that opens them, writes into them, hangs
// up, and keeps a symbolic link pointing to the newest one, as udev does for a cable.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const PROGRAM = `
import os, pty, sys, time, tty
link = sys.argv[1]
m = s = -1
for line in sys.stdin:
    word, _, rest = line.strip().partition(' ')
    if word == 'plug':
        m, s = pty.openpty()
        tty.setraw(s)
        name = os.ttyname(s)
        if os.path.lexists(link): os.unlink(link)
        os.symlink(name, link)
        os.close(s)
        print(name, flush=True)
    elif word == 'send':
        os.write(m, bytes.fromhex(rest))
        print('sent', flush=True)
    elif word == 'burst':
        times, data = rest.split(' ')
        data = bytes.fromhex(data)
        for n in range(int(times)):
            for at in range(0, len(data), 64):
                os.write(m, data[at:at + 64])
                time.sleep(0.0005)
        print('sent', flush=True)
    elif word == 'pull':
        os.unlink(link)
        os.close(m)
        print('pulled', flush=True)
`

export class Pty {
  readonly path: string
  readonly #child: ChildProcess
  #answers: ((text: string) => void)[] = []

  constructor() {
    this.path = join(mkdtempSync(join(tmpdir(), 'wattle-pty-')), 'p1')
    this.#child = spawn('python3', ['-c', PROGRAM, this.path], { stdio: ['pipe', 'pipe', 'inherit'] })
    let held = ''
    this.#child.stdout!.on('data', (data: Buffer) => {
      held += data.toString()
      for (let end = held.indexOf('\n'); end >= 0; end = held.indexOf('\n')) {
        this.#answers.shift()?.(held.slice(0, end))
        held = held.slice(end + 1)
      }
    })
  }

  /** False where there is no python3 or no pseudo terminal to be had. */
  static available(): boolean {
    try {
      execFileSync('python3', ['-c', 'import pty; pty.openpty()'], { stdio: 'ignore' })
      return true
    } catch {
      return false
    }
  }

  #ask(line: string): Promise<string> {
    this.#child.stdin!.write(`${line}\n`)
    return new Promise((resolve) => this.#answers.push(resolve))
  }

  plug(): Promise<string> {
    return this.#ask('plug')
  }

  send(bytes: Uint8Array): Promise<string> {
    return this.#ask(`send ${Buffer.from(bytes).toString('hex')}`)
  }

  /** The same bytes `n` times, in pieces of 64, half a millisecond apart. */
  burst(n: number, bytes: Uint8Array): Promise<string> {
    return this.#ask(`burst ${n} ${Buffer.from(bytes).toString('hex')}`)
  }

  pull(): Promise<string> {
    return this.#ask('pull')
  }

  end(): void {
    this.#child.stdin!.end()
  }
}
