// Who may read: one card for each provider with what, how finely, since, until, what for, and one
// button. Below the cards the provider's own page in a frame, so that a person watches it open and
// close. The frame is only ever another origin over http or https.

import type { HomeState, PageDevice, PageGrant, PageProvider } from '../../../protocol.ts'
import type { ServerClock } from '../../kit/clock.ts'
import { openSheet, toast } from '../../kit/dialog.ts'
import { button, type Child, fill, h, redraw, show } from '../../kit/dom.ts'
import { count, dayText, momentText } from '../../kit/format.ts'
import { icon } from '../../kit/icons.ts'
import type { AskHome } from '../../kit/live.ts'
import { refusal, words } from '../../words/words.ts'
import { openShare } from './share-sheet.ts'
import { waiting, waitingCards } from './waiting.ts'

export class SharingPanel {
  readonly #ask: AskHome
  readonly #clock: ServerClock
  readonly #waiting: HTMLElement = h('div', {})
  readonly #cards: HTMLElement = h('div', { class: 'cards' })
  readonly #seen: HTMLElement = h('div', { class: 'card seen' })
  #page: string | null = null

  constructor(root: HTMLElement, ask: AskHome, clock: ServerClock) {
    this.#ask = ask
    this.#clock = clock
    fill(root, [
      h('h2', { class: 'title' }, words.share.title),
      h('p', { class: 'quiet intro' }, words.share.intro),
      this.#waiting,
      this.#cards,
      this.#seen,
    ])
    show(this.#seen, false)
  }

  show(state: HomeState, device: PageDevice): void {
    const grants = device.grants
    const list = waiting()
    redraw(
      this.#waiting,
      list.map((w) => w.query),
      () => waitingCards(list),
    )
    redraw(this.#cards, [state.providers, grants, device.id, device.info !== undefined], () => {
      const providers = known(state.providers, grants)
      if (providers.length === 0) return [h('p', { class: 'card quiet' }, words.share.nobody)]
      return providers.map((provider) => this.#card(provider, device, state.clock))
    })
    this.#frame(state.providerPage)
  }

  #card(provider: PageProvider, device: PageDevice, now: number): HTMLElement {
    const own = device.grants.filter((g) => g.providerId === provider.id)
    const going = own.filter((g) => g.state !== 'ended')
    const ended = own.filter((g) => g.state === 'ended')
    const reads = going.some((g) => g.state === 'active')
    const again = going.length > 0
    return h(
      'article',
      { class: reads ? 'card share on' : 'card share' },
      h(
        'header',
        {},
        h('span', { class: 'letter', 'aria-hidden': 'true' }, [...provider.name][0]?.toUpperCase() ?? '?'),
        h(
          'div',
          { class: 'who' },
          h('h3', {}, provider.name),
          h('p', { class: 'quiet' }, provider.domain),
          provider.domain !== '' &&
            h(
              'p',
              { class: 'quiet small' },
              provider.verified ? words.share.verified : words.share.unverified,
            ),
        ),
        h(
          'p',
          { class: reads ? 'state on' : 'state' },
          icon(reads ? 'eye' : 'lock'),
          reads ? words.share.reads : words.share.readsNothing,
        ),
      ),
      ...going.map((grant) => this.#grant(provider, device, grant, now)),
      button(
        { class: again ? 'link' : 'main', 'data-key': `share-${provider.id}` },
        again ? [words.share.shareMore] : [icon('share'), words.share.share],
        () => openShare({ provider, device, ask: this.#ask, now: () => this.#clock.now() }),
      ),
      ended.length > 0 && earlier(ended, now),
    )
  }

  #grant(provider: PageProvider, device: PageDevice, grant: PageGrant, now: number): HTMLElement {
    const rows: [string, string][] = [
      [words.share.what, words.share.classes[grant.class]],
      [words.share.since, momentText(grant.since, now)],
      [words.share.until, grant.until === null ? words.share.noEnd : until(grant.until, now)],
      [words.share.purpose, grant.purpose || words.share.noPurpose],
    ]
    // Only the device itself knows, and only since it started.
    if (device.info) {
      const { reads } = grant
      rows.push([words.share.lastRead, reads?.last ? momentText(reads.last, now) : words.share.never])
      if (reads)
        rows.push([
          words.share.readsName,
          words.share.readsThisWeek(count(reads.visits), count(reads.frames)),
        ])
    }
    return h(
      'div',
      { class: 'grant' },
      h(
        'dl',
        { class: 'facts' },
        ...rows.flatMap(([name, value]) => [h('dt', {}, name), h('dd', {}, value)]),
      ),
      h(
        'div',
        { class: 'row' },
        h('span', { class: `tag ${grant.state}` }, words.share.states[grant.state]),
        button({ class: 'stop', 'data-key': `stop-${grant.id}` }, [words.share.stop], () =>
          this.#stop(provider, device, grant),
        ),
      ),
    )
  }

  #stop(provider: PageProvider, device: PageDevice, grant: PageGrant): void {
    openSheet({
      title: words.share.stopTitle(provider.name),
      body: [h('p', {}, words.share.stopNote(provider.name))],
      yes: words.share.stopYes,
      no: words.share.stopNo,
      danger: true,
      run: async () => {
        const outcome = await this.#ask({ do: 'revoke', device: device.id, grant: grant.id })
        if (!outcome.ok) return refusal(outcome)
        toast(words.share.stopped(provider.name))
        return null
      },
    })
  }

  #frame(page: string | null): void {
    const address = page === null ? null : foreignPage(page)
    if (address === this.#page) return
    this.#page = address
    show(this.#seen, address !== null)
    fill(this.#seen, [])
    if (address === null) return
    const frame = h('iframe', { title: words.share.seen, class: 'frame' })
    frame.setAttribute('sandbox', 'allow-scripts allow-same-origin')
    frame.setAttribute('referrerpolicy', 'no-referrer')
    frame.setAttribute('src', address)
    fill(this.#seen, [
      h(
        'div',
        { class: 'row' },
        h('h2', {}, icon('eye'), words.share.seen),
        button({ class: 'link' }, [words.share.reload], () => frame.setAttribute('src', address)),
      ),
      h('p', { class: 'quiet' }, words.share.seenNote),
      frame,
    ])
  }
}

/** Providers of the state, then those that only an old grant still names. */
function known(providers: readonly PageProvider[], grants: readonly PageGrant[]): PageProvider[] {
  const out = [...providers]
  for (const grant of grants)
    if (!out.some((p) => p.id === grant.providerId))
      out.push({ id: grant.providerId, name: grant.provider, domain: '' })
  return out
}

function earlier(ended: readonly PageGrant[], now: number): HTMLElement {
  const items: Child[] = ended.map((g) =>
    h(
      'li',
      {},
      g.endedAt === undefined
        ? words.share.ended(words.share.classes[g.class], momentText(g.since, now))
        : words.share.endedOn(
            words.share.classes[g.class],
            momentText(g.since, now),
            momentText(g.endedAt, now),
          ),
    ),
  )
  return h(
    'details',
    { class: 'earlier' },
    h('summary', {}, words.share.earlier(ended.length)),
    h('ul', {}, ...items),
  )
}

function until(ms: number, now: number): string {
  return ms - now < 86_400_000 ? momentText(ms, now) : dayText(ms)
}

/** The address where it is http(s) and not our own origin (a sandbox there would hold nothing). */
function foreignPage(page: string): string | null {
  let url: URL
  try {
    url = new URL(page)
  } catch {
    return null
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return null
  return url.origin === location.origin ? null : url.href
}
