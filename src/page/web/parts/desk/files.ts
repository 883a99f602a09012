// Copies of everything, bringing one back into a new home, and firmware for the device: files that a
// person chooses here and the home on this computer works with.

import type { DeskProgress } from '../../../desk/desk.ts'
import type { PageDevice } from '../../../protocol.ts'
import { openSheet, toast } from '../../kit/dialog.ts'
import { button, h, say, show } from '../../kit/dom.ts'
import { decimalText } from '../../kit/format.ts'
import { desk, refusal, words } from '../../words/words.ts'
import { saveFile, type Talk } from './talk.ts'

/** As home/backup.ts asks for. */
const PASSPHRASE_CHARS = 10

export class FilesCard {
  readonly element: HTMLElement
  readonly #talk: Talk
  readonly #line: HTMLElement = h('p', { class: 'note', role: 'status' })
  readonly #bar: HTMLProgressElement = h('progress', { max: '1', 'aria-label': desk.files.update })
  #device: PageDevice | null = null

  constructor(talk: Talk) {
    this.#talk = talk
    this.element = h(
      'div',
      { class: 'card keys' },
      h('h2', {}, desk.files.title),
      h('p', { class: 'quiet' }, desk.files.why),
      h(
        'div',
        { class: 'row' },
        button({ class: 'plain' }, [desk.files.backup], () => this.#backup()),
        button({ class: 'plain' }, [desk.files.update], () => this.#update()),
      ),
      this.#bar,
      this.#line,
    )
    show(this.#bar, false)
    show(this.#line, false)
  }

  device(device: PageDevice): void {
    this.#device = device
  }

  progress({ at, of }: DeskProgress): void {
    this.#progress(at, of)
  }

  #progress(at: number, of: number): void {
    show(this.#bar, true)
    show(this.#line, true)
    this.#bar.value = of > 0 ? at / of : 0
    const megabytes = (bytes: number): string => decimalText(bytes / 1e6)
    say(this.#line, at >= of ? desk.files.compares : desk.files.sending(megabytes(at), megabytes(of)))
  }

  #backup(): void {
    const first = secret('copy-pass', words.keys.passphrase)
    const again = secret('copy-again', words.keys.again)
    openSheet({
      title: desk.files.backup,
      body: [
        h('p', {}, desk.files.backupNote(PASSPHRASE_CHARS)),
        h('label', { class: 'field', for: 'copy-pass' }, words.keys.passphrase),
        first,
        h('label', { class: 'field', for: 'copy-again' }, words.keys.again),
        again,
      ],
      yes: desk.files.backup,
      run: async () => {
        if (first.value.length < PASSPHRASE_CHARS) return words.keys.tooShort(PASSPHRASE_CHARS)
        if (first.value !== again.value) return words.keys.notSame
        const content = await this.#talk.fetch('backup', '', { secret: first.value })
        if (!(content instanceof Blob)) return refusal(content)
        saveFile('my-home.wattle-backup', content)
        toast(desk.files.backedUp)
        return null
      },
    })
  }

  #update(): void {
    const file = fileField('update-file', '.update')
    openSheet({
      title: desk.files.update,
      body: [
        h('p', {}, desk.files.updateNote(this.#device?.name ?? '')),
        h('label', { class: 'field', for: 'update-file' }, desk.files.updateFile),
        file,
      ],
      yes: desk.files.update,
      run: async () => {
        const chosen = file.files?.[0]
        if (!chosen) return words.keys.noFile
        if (!(await this.#talk.bring(chosen))) return desk.files.cannotSend
        void this.#send(this.#device?.id ?? '', chosen.size)
        return null
      },
    })
  }

  async #send(device: string, size: number): Promise<void> {
    this.#progress(0, size)
    const outcome = await this.#talk.ask('update', device, { size })
    show(this.#bar, false)
    show(this.#line, true)
    say(this.#line, outcome.ok ? desk.files.updated : refusal(outcome))
  }
}

/** A new home brings an old one back: asked where nothing is claimed yet. */
export function openRestore(talk: Talk): void {
  const file = fileField('copy-file', '.wattle-backup')
  const typed = secret('copy-pass', words.keys.passphrase)
  openSheet({
    title: desk.files.restore,
    body: [
      h('p', {}, desk.files.restoreNote),
      h('label', { class: 'field', for: 'copy-file' }, words.keys.file),
      file,
      h('label', { class: 'field', for: 'copy-pass' }, words.keys.passphrase),
      typed,
    ],
    yes: desk.files.restore,
    run: async () => {
      const chosen = file.files?.[0]
      if (!chosen) return words.keys.noFile
      if (!(await talk.bring(chosen))) return desk.files.cannotSend
      const outcome = await talk.ask('restore', '', { secret: typed.value, size: chosen.size })
      if (!outcome.ok) return outcome.code === 'bad-backup' ? words.keys.notOpened : refusal(outcome)
      toast(desk.files.restored)
      return null
    },
  })
}

function secret(id: string, label: string): HTMLInputElement {
  return h('input', { type: 'password', id, autocomplete: 'off', 'aria-label': label, maxlength: '200' })
}

function fileField(id: string, kinds: string): HTMLInputElement {
  const field = h('input', { type: 'file', id })
  field.setAttribute('accept', kinds)
  return field
}
