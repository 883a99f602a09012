// One door for two hosts: whoever comes from the device's own network gets the portal while it is open,
// everybody else what is served there anyway. Port 80 can be listened on once only, so the portal sits
// behind whoever listens there already, or listens itself.

import type { Failure, Http, HttpHandlers, Listener } from '../../hardware.ts'

const PORT = ':80'
const ANYWHERE = '0.0.0.0:80'
/** The device's own network (device/setup/wpa.ts). */
const GUESTS = '192.168.77.'

export class DoorHttp implements Http {
  readonly #http: Http
  /** Listeners on port 80 that are not ours. */
  #hosts = 0
  #guest: HttpHandlers | null = null
  #own: Listener | null = null

  constructor(http: Http) {
    this.#http = http
  }

  serve(
    address: string,
    handlers: HttpHandlers,
    done: (error: Failure, listener: Listener | null) => void,
  ): void {
    if (!address.endsWith(PORT)) return this.#http.serve(address, handlers, done)
    this.#hosts++
    this.#http.serve(address, this.#between(handlers), (error, listener) => {
      if (!listener) this.#hosts--
      done(error, listener && this.#counted(listener))
    })
  }

  /** Lets guests in to these handlers, and to nobody else's; null: the portal is over. */
  portal(handlers: HttpHandlers | null, done: (error: Failure) => void): void {
    this.#guest = handlers
    this.#own?.close()
    this.#own = null
    if (handlers === null || this.#hosts > 0) {
      process.nextTick(done, null)
      return
    }
    this.#http.serve(ANYWHERE, this.#between(NOBODY), (error, listener) => {
      if (this.#guest === handlers) this.#own = listener
      else listener?.close()
      done(error)
    })
  }

  #between(handlers: HttpHandlers): HttpHandlers {
    const whose = (remote: string): HttpHandlers =>
      this.#guest && remote.startsWith(GUESTS) ? this.#guest : handlers
    return {
      onRequest: (request, answer) => whose(request.remote).onRequest(request, answer),
      admit: (request) => whose(request.remote).admit(request),
      onSocket: (link) => whose(link.request.remote).onSocket(link),
    }
  }

  #counted(listener: Listener): Listener {
    let open = true
    return {
      address: listener.address,
      close: () => {
        if (open) this.#hosts--
        open = false
        listener.close()
      },
    }
  }
}

/** Who comes from elsewhere while only the portal listens. */
const NOBODY: HttpHandlers = {
  onRequest: (_request, answer) =>
    answer({ status: 404, headers: { 'content-type': 'text/plain' }, body: new Uint8Array(0) }),
  admit: () => 404,
  onSocket: (link) => link.close(),
}
