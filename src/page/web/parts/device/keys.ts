// The owner's keys in this phone: a sealed copy to keep or for a second phone, taking one in, and in
// plain words what this way of owning a device protects against and what not.

import { openSheet, toast } from '../../kit/dialog.ts'
import { button, h } from '../../kit/dom.ts'
import { icon } from '../../kit/icons.ts'
import type { Box } from '../../own/box.ts'
import { openKeys, sealKeys } from '../../own/file.ts'
import type { OwnHome } from '../../own/home.ts'
import { more, words } from '../../words/words.ts'
import { helped } from './help.ts'

/** Lets the page paint before a second of computing. */
const PAINT_MS = 30
/** Shorter pass-phrases are refused: who has the file can try them at scrypt's speed. */
const PASSPHRASE_CHARS = 10

export class KeyPanel {
  readonly #box: Box
  readonly #home: OwnHome

  constructor(box: Box, home: OwnHome) {
    this.#box = box
    this.#home = home
  }

  /** For the device's section. */
  card(): HTMLElement {
    return h(
      'div',
      { class: 'card keys' },
      h('h2', {}, icon('key'), words.keys.title),
      h('p', { class: 'quiet' }, words.keys.why),
      h(
        'div',
        { class: 'row' },
        button({ class: 'plain', 'data-key': 'export' }, [words.keys.save], () => this.#export()),
        button({ class: 'plain', 'data-key': 'blink' }, [words.keys.identify], () => this.#home.identify()),
      ),
      this.#explained(words.keys.second, h('ol', { class: 'steps' }), () => more.help.secondSteps),
      this.#explained(words.keys.safety, h('ul', { class: 'safety' }), () => more.help.safetyIs),
    )
  }

  /** For whoever stands before a device whose key is not here. */
  stranger(): HTMLElement {
    return h(
      'div',
      { class: 'card keys' },
      h('h2', {}, icon('lock'), words.keys.stranger),
      h('p', {}, words.keys.strangerWhy),
      h('ul', { class: 'safety' }, ...words.keys.strangerHow.map((line) => h('li', {}, line))),
      button({ class: 'main', 'data-key': 'import' }, [words.keys.take], () => this.#import()),
    )
  }

  #explained(title: string, list: HTMLElement, lines: () => readonly string[]): HTMLElement {
    return h('details', {}, h('summary', {}, title), helped(list, lines))
  }

  #export(): void {
    const first = passphrase('key-pass', words.keys.passphrase)
    const again = passphrase('key-again', words.keys.again)
    openSheet({
      title: words.keys.save,
      body: [
        h('p', {}, words.keys.saveNote(PASSPHRASE_CHARS)),
        h('label', { class: 'field', for: 'key-pass' }, words.keys.passphrase),
        first,
        h('label', { class: 'field', for: 'key-again' }, words.keys.again),
        again,
      ],
      yes: words.keys.saveYes,
      run: async () => {
        if (first.value.trim().length < PASSPHRASE_CHARS) return words.keys.tooShort(PASSPHRASE_CHARS)
        if (first.value !== again.value) return words.keys.notSame
        await paint()
        const file = sealKeys(this.#box.kept, first.value)
        download(`${this.#box.kept.device?.name ?? 'wattle'}-key.json`, file)
        toast(words.keys.saved)
        return null
      },
    })
  }

  #import(): void {
    const file = h('input', { type: 'file', id: 'key-file' })
    file.setAttribute('accept', '.json,application/json')
    const typed = passphrase('key-pass', words.keys.passphrase)
    openSheet({
      title: words.keys.take,
      body: [
        h('label', { class: 'field', for: 'key-file' }, words.keys.file),
        file,
        h('label', { class: 'field', for: 'key-pass' }, words.keys.passphrase),
        typed,
      ],
      yes: words.keys.takeYes,
      run: async () => {
        const chosen = file.files?.[0]
        if (!chosen) return words.keys.noFile
        const text = await chosen.text()
        await paint()
        const kept = openKeys(text, typed.value)
        if (!kept) return words.keys.notOpened
        if (!this.#box.replace(kept)) return words.answers['not-kept']
        // Everything is made anew from what is kept.
        location.reload()
        return null
      },
    })
  }
}

function passphrase(id: string, label: string): HTMLInputElement {
  return h('input', { type: 'password', id, autocomplete: 'off', 'aria-label': label, maxlength: '200' })
}

function paint(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, PAINT_MS))
}

function download(name: string, content: string): void {
  const link = h('a', {})
  const address = URL.createObjectURL(new Blob([content], { type: 'application/json' }))
  link.setAttribute('href', address)
  link.setAttribute('download', name)
  document.body.append(link)
  link.click()
  link.remove()
  setTimeout(() => URL.revokeObjectURL(address), 60_000)
}
