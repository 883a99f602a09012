// Who lives around the emulated board: a fresh card with its label, My Home and a provider on this
// computer, and what its owner types. Waiting is bounded by what a busy computer needs, not by what is
// usual.

import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { writeLabel } from './label.ts'
import { copyCard, type Machine } from './machine.ts'
import { Party, wattle } from './people.ts'

/** For an event of another process, ours. */
export const EVENT_MS = 180_000
/** Short for the device (under 3 s), of its own time. */
export const PRESS_MS = 300
const ATTEMPTS = 5
const TOO_SLOW = /not answer|stopped answering|took too long|cannot be reached now/

export interface LabelledCard {
  readonly card: string
  readonly code: string
  /** `wattle-` and four characters. */
  readonly name: string
}

/** Empties `folder` and puts a card with the image and a label of its own there; its size is a power of two. */
export async function freshCard(image: string, folder: string, mebibytes = 512): Promise<LabelledCard> {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const record = join(folder, 'label.json')
  const label = await wattle(['label', '--json', '--record', record])
  const { code, name } = JSON.parse(label.out) as { code: string; name: string }
  const card = copyCard(image, join(folder, 'card.img'), mebibytes)
  writeLabel(card, readFileSync(record, 'utf8'))
  return { card, code, name }
}

export class Household {
  readonly home: Party
  readonly provider: Party
  readonly #state: string
  readonly #address: string
  readonly #label: LabelledCard
  #providerCard = ''

  private constructor(folder: string, address: string, label: LabelledCard) {
    this.#state = join(folder, 'home')
    this.#address = address
    this.#label = label
    const listen = ['--listen', '127.0.0.1:0']
    this.home = new Party(['home', 'serve', '--state', this.#state, ...listen, '--device', address])
    this.provider = new Party([
      ...['provider', 'follow', '--name', 'EnergieLab', '--state', join(folder, 'provider')],
      ...[...listen, '--page', '127.0.0.1:0'],
    ])
  }

  /** @param address where the board's port 4001 is reached. */
  static async start(folder: string, address: string, label: LabelledCard): Promise<Household> {
    const household = new Household(folder, address, label)
    const [{ card }] = await Promise.all([
      household.provider.next('ready', EVENT_MS),
      household.home.next('ready', EVENT_MS),
    ])
    household.#providerCard = String(card)
    return household
  }

  /**
   * `wattle home …`, to its end; once more where the board was too slow for home's ten seconds.
   * @throws Error with what it said where it fails.
   */
  async say(args: readonly string[], attempts: number = ATTEMPTS): Promise<string> {
    for (let attempt = 1; ; attempt++) {
      const answer = await wattle(['home', ...args, '--state', this.#state], EVENT_MS)
      if (answer.code === 0) return answer.out.trim()
      if (attempt >= attempts || !TOO_SLOW.test(answer.said)) throw new Error(answer.said.trim())
      await this.home.next('telegram', EVENT_MS)
    }
  }

  /** One attempt with the label's code; what it said where it fails. */
  async tryClaim(wait: number): Promise<string | null> {
    return this.say(['claim', this.#label.code, '--device', this.#address, '--wait', String(wait)], 1).then(
      () => null,
      (error: Error) => error.message,
    )
  }

  /**
   * A person's claim: press, type the code, and once more where the board was too slow for it.
   * @returns how many attempts it took.
   */
  async claim(machine: Machine): Promise<number> {
    for (let attempt = 1; ; attempt++) {
      await machine.press(PRESS_MS)
      const failed = await this.tryClaim(60)
      if (failed === null) {
        await this.home.next('telegram', EVENT_MS)
        return attempt
      }
      if (attempt === ATTEMPTS || !TOO_SLOW.test(failed)) throw new Error(failed)
      await machine.lights.wait(2_000)
    }
  }

  /** @returns after `readings` of the provider. */
  async grant(readings: number): Promise<void> {
    await this.say(['grant', this.#label.name, this.#providerCard, '--purpose', 'rig'])
    for (let i = 0; i < readings; i++) await this.provider.next('reading', EVENT_MS)
  }

  /**
   * Revokes, and hears three telegrams of the epoch that begins then.
   * @throws Error where the provider could read anything of it.
   */
  async revoke(): Promise<string> {
    const { epoch } = await this.home.next('telegram', EVENT_MS)
    await this.say(['revoke', this.#label.name, 'EnergieLab'])
    const later = (event: Record<string, unknown>): boolean => Number(event['epoch']) > Number(epoch)
    for (let i = 0; i < 3; i++) await this.home.next('telegram', EVENT_MS, later)
    const opened = this.provider.events.filter((event) => event.event === 'reading' && later(event))
    if (opened.length > 0) throw new Error(`${opened.length} readings after the revocation`)
    const sealed = this.provider.events.filter((event) => event.event === 'sealed' && later(event))
    return `${sealed.length} sealed frames, 0 readings`
  }

  async stop(): Promise<void> {
    await Promise.all([this.home.stop(), this.provider.stop()])
  }
}
