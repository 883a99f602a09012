// What libp2p's interfaces expect of event targets: a listener count and a dispatch that does not
// throw. Shapes of @libp2p/interface; nothing of it is loaded.
// Events carry `detail` without CustomEvent, which older Nodes do not have.

import type { EventHandler, TypedEventTarget } from '@libp2p/interface'

type Listener = Parameters<EventTarget['addEventListener']>[1]
type ListenOptions = Parameters<EventTarget['addEventListener']>[2]

/** Runs after the present call and before any further input. */
export function soon(run: () => void): void {
  void Promise.resolve().then(run)
}

export abstract class Emitter<Events extends Record<string, unknown>>
  extends EventTarget
  implements TypedEventTarget<Events>
{
  readonly #listeners: Map<string, Set<unknown>>

  constructor() {
    super()
    this.#listeners = new Map()
  }

  listenerCount(type: string): number {
    return this.#listeners.get(type)?.size ?? 0
  }

  override addEventListener<K extends keyof Events>(
    type: K,
    listener: EventHandler<Events[K]> | null,
    options?: ListenOptions,
  ): void
  override addEventListener(type: string, listener: Listener, options?: ListenOptions): void
  override addEventListener(type: string, listener: unknown, options?: ListenOptions): void {
    if (listener === null) return
    super.addEventListener(type, listener as Listener, options)
    const set = this.#listeners.get(type) ?? new Set()
    this.#listeners.set(type, set.add(listener))
    if (typeof options === 'object' && options.once)
      super.addEventListener(type, () => void set.delete(listener), { once: true })
    this.onListener(type)
  }

  /** For classes that hold events until somebody listens. */
  protected abstract onListener(type: string): void

  override removeEventListener<K extends keyof Events>(
    type: K,
    listener?: EventHandler<Events[K]> | null,
    options?: ListenOptions,
  ): void
  override removeEventListener(type: string, listener?: Listener, options?: ListenOptions): void
  override removeEventListener(type: string, listener?: unknown, options?: ListenOptions): void {
    if (!listener) return
    super.removeEventListener(type, listener as Listener, options)
    this.#listeners.get(type)?.delete(listener)
  }

  safeDispatchEvent<Detail>(type: keyof Events, init?: { detail?: Detail }): boolean {
    const event = new Event(String(type))
    if (init?.detail !== undefined) Object.defineProperty(event, 'detail', { value: init.detail })
    return this.dispatchEvent(event)
  }
}
