// Raw P1 for other programs in the house: whether it is on, where, who reads, and the switch, with the
// words that say what it gives away.

import type { PageDevice, RawView } from '../../../protocol.ts'
import { openSheet, toast } from '../../kit/dialog.ts'
import { button, type Child, h } from '../../kit/dom.ts'
import type { AskHome } from '../../kit/live.ts'
import { refusal, words } from '../../words/words.ts'

export function rawPort(port: RawView, device: PageDevice, ask: AskHome): Child[] {
  const texts = words.device.port
  const turn = async (on: boolean): Promise<string | null> => {
    const outcome = await ask({ do: 'desk', verb: 'raw-port', device: device.id, with: { on } })
    return outcome.ok ? null : refusal(outcome)
  }
  const change = (): void => {
    if (port.on) return void turn(false).then((text) => text !== null && toast(text))
    openSheet({
      title: texts.title,
      body: [h('p', {}, texts.note)],
      yes: texts.turnOn,
      danger: true,
      run: () => turn(true),
    })
  }
  return [
    h('h2', {}, texts.title),
    h('p', {}, port.on ? texts.on(reached(port.address), port.clients) : texts.off),
    port.on && h('p', { class: 'quiet' }, texts.note),
    port.text !== undefined && h('p', { class: 'problem' }, texts.trouble(port.text)),
    port.fixed
      ? h('p', { class: 'quiet' }, texts.fixed)
      : button({ class: 'plain', 'data-key': 'raw-port' }, [port.on ? texts.turnOff : texts.turnOn], change),
  ]
}

/** Every address of the device: the name by which this page has reached it will do. */
function reached(address: string | null): string {
  return (address ?? '').replace(/^(0\.0\.0\.0|\[::\])(?=:)/, location.hostname)
}
