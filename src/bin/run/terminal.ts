// What a person sees in the terminal of `wattle run`: the LEDs as they change, what happened in one
// line each, and a live line with the power of now at owner and provider.

import type { Line } from './script.ts'

const STATUS: Readonly<Record<string, string>> = {
  booting: 'slow blink: starting',
  unpaired: 'a short wink every 3 s: nobody owns this device; press its button to let somebody claim it',
  'window-open': 'fast blink: the claim window is open for 60 s',
  claiming: 'on, with a short gap each second: a claim is under way',
  claimed: 'on for 3 s: claimed',
  refused: 'three long flashes: a claim was refused',
  paired: 'steady on: owned, all well',
  identify: 'double blink: this is me',
  'reset-armed': 'on, both: let go and press once within 5 s to reset the device',
}

const METER: Readonly<Record<string, string>> = {
  silent: 'slow blink: the meter is silent',
  bad: 'fast blink: the meter’s data is bad',
  'reset-armed': 'on',
}

export class Terminal {
  readonly #color: boolean
  #liveLine: boolean
  #owner: string
  #provider: string
  #providerSealed: boolean

  constructor(options: { color: boolean }) {
    this.#color = options.color
    this.#liveLine = false
    this.#owner = ''
    this.#provider = ''
    this.#providerSealed = false
  }

  welcome(o: { link: string; devicePage: string; code: string; name: string; demo: boolean }): void {
    this.#print('')
    this.#print(`  ${this.#bold('Open')}   ${o.link.replace('#', `#${o.code.replaceAll('-', '')}`)}`)
    this.#print(
      `  ${this.#bold('Phone')}  ${o.devicePage}#${o.code.replaceAll('-', '')} instead: the page that the device itself serves`,
    )
    this.#print(
      `  ${this.#bold('Device')} ${o.name}, its code is ${this.#bold(o.code)} (on a real one: on the label)`,
    )
    if (o.demo) this.#print('  The story plays by itself and takes about a minute.')
    else
      this.#print(
        `  ${this.#bold('Press Enter = press the button.')}  "hold" + Enter holds it for 10 s (reset).  Ctrl-C ends.`,
      )
    this.#print('')
  }

  caption(text: string | undefined): void {
    if (text !== undefined) this.#print(`\n${this.#bold(text)}`)
  }

  onEvent(line: Line): void {
    const at = `${(line.t / 1_000).toFixed(1).padStart(6)} s`
    const text = this.#words(line)
    if (text !== null) this.#print(`${at}  ${text}`)
    if (line.event === 'telegram' && line.who === 'home') this.#owner = power(line)
    else if (line.event === 'reading') {
      this.#provider = power(line)
      this.#providerSealed = false
    } else if (line.event === 'sealed') this.#providerSealed = true
    else return
    this.#live()
  }

  #words(line: Line): string | null {
    const who = line.who.padEnd(9)
    switch (line.event) {
      case 'led': {
        const table = line['led'] === 'status' ? STATUS : METER
        const words = table[String(line['pattern'])]
        return words === undefined
          ? null
          : `${who} ${this.#dot(line)} ${String(line['led']).toUpperCase()} ${words}`
      }
      case 'claimed':
        return `${who} its identity was made just now; it has an owner`
      case 'authorized':
        return `${who} ${String(line['reader'])} may read from the next frame on`
      case 'revoked':
        return `${who} keys changed (epoch ${String(line['epoch'])}): ${String(line['reader'])} is out`
      case 'deleted':
      case 'reset':
        return line.who === 'device' ? `${who} identity and keys are destroyed` : null
      case 'access':
        return `${who} access: ${String(line['access'])}`
      case 'gap':
        return `${who} frames are missing: ${JSON.stringify(line['from'])} to ${JSON.stringify(line['to'])}`
      case 'says':
        return `${who} ${String(line['text'])}`
      case 'ended':
        return `${who} has ended (${String(line['signal'] ?? line['code'])})`
      case 'sealed':
        return this.#providerSealed ? null : `${who} ${String(line['text'])}`
      default:
        return null
    }
  }

  #live(): void {
    const provider = this.#providerSealed ? 'sealed, cannot open' : this.#provider
    const text = `         owner reads ${this.#owner.padEnd(12)}${provider === '' ? '' : `provider reads ${provider}`}`
    if (!this.#color) return
    process.stderr.write(`${this.#liveLine ? '\r\x1b[K' : ''}${text}`)
    this.#liveLine = true
  }

  #print(text: string): void {
    if (this.#liveLine) process.stderr.write('\r\x1b[K')
    this.#liveLine = false
    process.stderr.write(`${text}\n`)
  }

  #dot(line: Line): string {
    if (!this.#color) return '*'
    return line['led'] === 'status' ? '\x1b[32m●\x1b[0m' : '\x1b[33m●\x1b[0m'
  }

  #bold(text: string): string {
    return this.#color ? `\x1b[1m${text}\x1b[0m` : text
  }
}

function power(line: Line): string {
  const net = Number(line['inW'] ?? 0) - Number(line['outW'] ?? 0)
  return `${net < 0 ? 'returning' : 'using'} ${Math.abs(net)} W`
}
