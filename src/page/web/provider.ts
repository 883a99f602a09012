// The provider's own page: for each channel what came in and what of it could be opened. It shows the
// boundary that the owner draws: access open, access ended, frames that arrive and stay sealed.

import type { ProviderMessage, ProviderState } from '../protocol.ts'
import { ServerClock } from './kit/clock.ts'
import { byId, fill, h, redraw, say } from './kit/dom.ts'
import { icon } from './kit/icons.ts'
import { Live } from './kit/live.ts'
import { ChannelCard } from './parts/now/channel.ts'
import { loadMore, loadWords, more, words } from './words/words.ts'

const clock = new ServerClock()
const cards = new Map<string, ChannelCard>()
const live = new Live<ProviderMessage>({ onMessage, onLink })

function onMessage(message: ProviderMessage): void {
  if (message.t === 'state') {
    clock.set(message.state.clock)
    draw(message.state)
  } else if (message.t !== 'answer') {
    const card = cards.get(keyOf(message))
    if (message.t === 'reading') card?.reading(message.index, message.reading)
    else if (message.t === 'sealed') card?.sealed(message.index)
    else card?.history(message.points)
  }
}

function onLink(connected: boolean): void {
  const pill = byId('link')
  pill.className = connected ? 'pill on' : 'pill off'
  say(pill, connected ? words.app.live : words.app.lost)
  document.body.classList.toggle('lost', !connected)
}

function draw(state: ProviderState): void {
  document.title = state.name
  say(byId('provider-name'), state.name)
  say(byId('provider-domain'), state.domain)
  say(byId('letter'), [...state.name][0]?.toUpperCase() ?? '')
  const keys = state.channels.map(keyOf)
  for (const channel of state.channels) {
    const key = keyOf(channel)
    let card = cards.get(key)
    if (card === undefined) {
      card = new ChannelCard(clock)
      cards.set(key, card)
    }
    card.show(channel)
  }
  for (const key of [...cards.keys()]) if (!keys.includes(key)) cards.delete(key)
  redraw(byId('channels'), keys, () =>
    keys.length === 0
      ? [
          h(
            'div',
            { class: 'card verdict none' },
            h('p', { class: 'state' }, icon('lock'), more.provider.none),
            h('p', { class: 'quiet' }, more.provider.noneWhy),
          ),
        ]
      : keys.map((key) => cards.get(key)!.element),
  )
}

function keyOf(place: { readonly device: string; readonly class: string }): string {
  return `${place.class} ${place.device}`
}

document.body.classList.toggle('framed', window.top !== window)
void loadWords()
  .then(loadMore)
  .then(() => {
    document.documentElement.lang = words.tag
    fill(byId('channels'), [])
    say(byId('link'), words.app.connecting)
    live.connect()
    setInterval(() => {
      for (const card of cards.values()) card.tick()
    }, 1_000)
  })
