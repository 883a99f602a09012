// The owner's switch for raw P1 (port.ts): off until an owner's page or home turns it on, on again after a
// restart, off for good when the device gets another owner. Nothing of it is sealed: whoever is in the
// same network reads along, which is why only an owner's own session can say so (docs/wire/page.md).

import type { Bytes } from '../../base/bytes.ts'
import type { Failure, Files, Sockets } from '../../hw/hardware.ts'
import { SnapshotFile } from '../../node/snapshot.ts'
import type { RawView } from '../../page/protocol.ts'
import type { RawPort } from './port.ts'

const FILE = { name: 'device.raw', kind: 'rawp', version: 1 } as const
const ON: Bytes = Uint8Array.of(1)

export interface RawSwitchOptions {
  files: Files
  sockets: Sockets
  port: RawPort
  /** `host:port` to listen on while it is on. */
  address: string
  /** Somebody should be told: what the view says is another. */
  onChange: () => void
}

export class RawSwitch {
  readonly #options: RawSwitchOptions
  readonly #file: SnapshotFile
  #on: boolean
  #address: string | null
  #trouble: string
  /** A change is being written or carried out. */
  #busy: boolean
  /** What is wanted when that is over. */
  #next: boolean | null

  constructor(options: RawSwitchOptions) {
    const { name, kind, version } = FILE
    this.#options = options
    this.#file = new SnapshotFile(options.files, name, kind, version)
    this.#on = false
    this.#address = null
    this.#trouble = ''
    this.#busy = false
    this.#next = null
  }

  get view(): RawView {
    const { port } = this.#options
    const text = this.#trouble === '' ? {} : { text: this.#trouble }
    return { on: this.#on, address: this.#address, clients: port.clients, fixed: false, ...text }
  }

  /** As it was before the restart; a device that nobody owns forgets it. */
  load(owned: boolean): void {
    if (!owned) return this.forget()
    this.#file.read((error, content) => {
      if (error) this.#trouble = error.message
      else if (content?.[0] === 1) this.#carryOut(true)
    })
  }

  /** Written down first; then it listens, or lets go of everybody. */
  set(on: boolean): void {
    this.#next = on
    this.#step()
  }

  /** Another owner decides anew. */
  forget(): void {
    this.#next = null
    this.#close()
    this.#trouble = ''
    this.#options.files.remove(FILE.name, () => {})
  }

  close(): void {
    this.#options.port.shut()
  }

  #step(): void {
    const on = this.#next
    if (this.#busy || on === null) return
    this.#next = null
    if (on === this.#on && this.#trouble === '') return this.#options.onChange()
    this.#busy = true
    this.#trouble = ''
    const written = (error: Failure): void => {
      this.#busy = false
      if (error) this.#fail(error)
      else this.#carryOut(on)
      this.#step()
    }
    if (on) this.#file.write(ON, written)
    else this.#options.files.remove(FILE.name, written)
  }

  #carryOut(on: boolean): void {
    if (!on) return this.#close()
    const { port, sockets, address, onChange } = this.#options
    if (this.#on) return onChange()
    this.#on = true
    this.#busy = true
    port.open(sockets, address, (error, bound) => {
      this.#busy = false
      if (error) {
        this.#on = false
        this.#fail(error)
      } else if (this.#on) this.#address = bound
      // Switched off, or another owner's, while it was being opened.
      else port.shut()
      onChange()
      this.#step()
    })
  }

  #close(): void {
    this.#on = false
    this.#address = null
    this.#options.port.shut()
    this.#options.onChange()
  }

  #fail(error: Error): void {
    this.#trouble = error.message
    this.#options.onChange()
  }
}
