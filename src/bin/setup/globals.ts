// What Node 18 lacks of the language's and the platform's globals, filled in once, before anything else
// runs (the build puts this file first). Only what our dependencies ask for; our own code for the
// device does without.

import { webcrypto } from 'node:crypto'

type CustomEventInit = ConstructorParameters<typeof Event>[1] & { detail?: unknown }

function fill(on: object, name: string, value: unknown): void {
  if (!(name in on)) Object.defineProperty(on, name, { value, writable: true, configurable: true })
}

fill(globalThis, 'crypto', webcrypto)

fill(
  globalThis,
  'CustomEvent',
  class extends Event {
    readonly detail: unknown

    constructor(type: string, options: CustomEventInit = {}) {
      super(type, options)
      this.detail = options.detail ?? null
    }
  },
)

fill(Promise, 'withResolvers', function withResolvers(this: PromiseConstructor) {
  let resolve: unknown
  let reject: unknown
  const promise = new this((yes, no) => {
    resolve = yes
    reject = no
  })
  return { promise, resolve, reject }
})

fill(
  Array.prototype,
  'toSorted',
  function toSorted(this: unknown[], compare?: (a: unknown, b: unknown) => number) {
    return [...this].sort(compare)
  },
)

fill(Array.prototype, 'toReversed', function toReversed(this: unknown[]) {
  return [...this].reverse()
})
