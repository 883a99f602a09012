// What the runtime needs of a machine: serial line, button, LEDs, sockets, HTTP, files, clock and
// randomness. Types only. Two full sets implement them, hw/linux and hw/sim; test/contract holds the
// one suite that both pass. Everything completes through callbacks, called later and never from
// inside the call that asked for it; a durable write completes when it is on the medium.

import type { Bytes } from '../base/bytes.ts'
import type { LedName, LedPattern } from '../base/lights/leds.ts'

/** Failure as an answer: null, or what went wrong with a stable `code` (ENOENT, EADDRINUSE, …). */
export type Failure = (Error & { code?: string | undefined }) | null

export interface Clock {
  /** Monotonic milliseconds since an arbitrary start; never goes back. */
  now(): number
  /** Milliseconds since 1970 as this machine believes; may be wrong, may jump. */
  wall(): number
  /** Calls `onWake` once when `now()` has reached `at`; one pending wake only, a new one replaces it. */
  wake(at: number, onWake: () => void): void
}

/** Fills the whole array with unpredictable bytes. */
export type Random = (into: Bytes) => void

export interface SerialEvents {
  /** Where the next bytes go: at least one byte of room; asked before every read. */
  buffer(): Bytes
  /** `n` bytes were written to the start of the last `buffer()`. */
  onBytes(n: number): void
  /** Line state, in words a person can act on; `down` is followed by further attempts until `close`. */
  onState(state: SerialState): void
}

export type SerialState =
  | { kind: 'up'; path: string; baud: number }
  | { kind: 'down'; path: string; reason: string; text: string }

export interface Serial {
  /** Opens and keeps open: reconnects with back-off, finds the speed. */
  open(spec: string, events: SerialEvents): SerialLine
}

export interface SerialLine {
  /** What the framer learnt: the line is at the right speed, or should try the next one. */
  hint(speed: 'good' | 'wrong'): void
  close(): void
}

export interface Button {
  /** The level at this moment, as far as it is known: a button held at power-up is down. */
  pressed(): boolean
  /** Level changes; `now` is the clock's monotonic time of the change. A button that is down already is reported once. */
  onChange(listener: (pressed: boolean, now: number) => void): void
  close(): void
}

export interface Leds {
  show(led: LedName, pattern: LedPattern): void
}

export interface TcpEvents {
  /** Bytes are valid until the call returns. */
  onData(bytes: Bytes): void
  /** `queued()` has come back to 0. */
  onDrain(): void
  /** The other side will send no more; ours may go on. Left out: our side is ended too. */
  onEnd?(): void
  /** Once, last, and after our own `end` or `destroy` too. */
  onClose(error: Failure): void
}

export interface TcpSocket {
  /** `host:port` of the other side; IPv6 as `[::1]:4001`. */
  readonly remote: string
  readonly local: string
  /** It goes through a relay of strangers, which ends it after some bytes or minutes; may change. */
  readonly limited?: boolean
  /** Set once, before the first event. */
  events: TcpEvents
  /** Copies or sends at once; the caller may reuse `bytes` after the call. */
  write(bytes: Bytes): void
  /** Bytes that were written and have not left yet. */
  queued(): number
  pause(): void
  resume(): void
  /** Sends what is queued, then FIN. */
  end(): void
  /** Drops everything at once. */
  destroy(): void
}

export interface Listener {
  /** The address really bound, with its port. */
  readonly address: string
  close(): void
}

export interface UdpSocket {
  readonly address: string
  /** Fire and forget; a failed send is a lost datagram. `host` is a literal address; `bytes` may be reused after the call. */
  send(bytes: Bytes, host: string, port: number): void
  /** As `send`, but routers pass it on at most `hops` times; for a hole punch's first datagram. */
  sendShort(bytes: Bytes, host: string, port: number, hops: number): void
  close(): void
}

/** One address of this machine on one network. */
export interface NetworkAddress {
  /** As the system names the interface: `eth0`. */
  readonly name: string
  /** Literal, without a zone. */
  readonly address: string
  readonly family: 4 | 6
  /** Length of the network's prefix, in bits. */
  readonly prefix: number
  readonly loopback: boolean
}

/** A router of ours. */
export interface Gateway {
  /** Literal. */
  readonly address: string
  /** Our own address on its network. */
  readonly own: string
}

/** One multicast group on one interface. */
export interface Group {
  readonly group: string
  readonly port: number
  /** The interface, by one of its addresses, of the same family as the group. */
  readonly on: NetworkAddress
}

export interface Sockets {
  /** `address` is `host:port`; port 0 takes any. */
  listenTcp(
    address: string,
    onSocket: (socket: TcpSocket) => void,
    done: (error: Failure, listener: Listener | null) => void,
  ): void
  /** @param from the local port, where it matters; several connections may have one, a listener beside them may not. */
  dialTcp(address: string, done: (error: Failure, socket: TcpSocket | null) => void, from?: number): void
  bindUdp(
    address: string,
    /** Bytes are valid until the call returns. */
    onDatagram: (bytes: Bytes, host: string, port: number) => void,
    done: (error: Failure, socket: UdpSocket | null) => void,
  ): void
  /** Addresses of this machine now; they change. */
  networks(): NetworkAddress[]
  /** Routers that lead to everywhere else, the preferred one first; IPv4. They change too. */
  gateways(): Gateway[]
  /**
   * Joins a group, sharing its port with whoever else has it; what is sent to the group leaves by this
   * interface, with hop limit 255, and is heard by others on this machine too.
   */
  joinGroup(
    group: Group,
    /** Bytes are valid until the call returns. */
    onDatagram: (bytes: Bytes, host: string, port: number) => void,
    done: (error: Failure, socket: UdpSocket | null) => void,
  ): void
}

export interface HttpRequest {
  readonly method: string
  /** Path with query, as sent. */
  readonly url: string
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly body: Bytes
  readonly remote: string
}

export interface HttpAnswer {
  status: number
  headers: Record<string, string>
  body: Bytes
}

export interface WebSocketLink {
  readonly request: HttpRequest
  /** Set once, in `onSocket`. */
  onMessage: (message: string | Bytes) => void
  onClose: () => void
  /** Copies. A page that lets more than LIMITS.http.socketSendBytes wait is cut off. */
  send(message: string | Bytes): void
  /** Bytes that were sent and have not left yet. */
  queued(): number
  close(): void
}

export interface HttpHandlers {
  /** Must call `answer` once. */
  onRequest(request: HttpRequest, answer: (answer: HttpAnswer) => void): void
  /** 101 accepts an upgrade; any other status refuses it before a byte of it is spoken. */
  admit(request: HttpRequest): number
  onSocket(link: WebSocketLink): void
}

export interface Http {
  serve(
    address: string,
    handlers: HttpHandlers,
    done: (error: Failure, listener: Listener | null) => void,
  ): void
}

export interface Files {
  /** Whole content, or null where there is no such file. */
  read(name: string, done: (error: Failure, bytes: Bytes | null) => void): void
  /** Temporary file, fsync, rename, fsync of the folder; mode 0600. Done when durable. */
  replace(name: string, bytes: Bytes, done: (error: Failure) => void): void
  /**
   * Opens (and makes, mode 0600) a file for reading and writing at places of our choice. One whose name ends
   * in `.mem` lies in RAM: it outlives the program and not the power, and where there is no such place the
   * opening fails.
   */
  open(name: string, done: (error: Failure, file: OpenFile | null) => void): void
  remove(name: string, done: (error: Failure) => void): void
  list(done: (error: Failure, names: string[]) => void): void
}

/** After a failed write or sync what the medium holds is unknown: close the file and read it anew. */
export interface OpenFile {
  /** Length in bytes when it was opened, or as grown by our writes. */
  size(): number
  /** Reads up to `into.length` bytes at `at`, writes asked for before included. */
  read(at: number, into: Bytes, done: (error: Failure, n: number) => void): void
  /** Writes take effect in the order they were asked for. Not durable before `sync`; the caller leaves `bytes` alone until `done`. */
  write(at: number, bytes: Bytes, done: (error: Failure) => void): void
  /** Done when everything written before is on the medium. */
  sync(done: (error: Failure) => void): void
  truncate(size: number, done: (error: Failure) => void): void
  close(): void
}

/** One machine. `files` is the state folder. */
export interface Hardware {
  readonly clock: Clock
  readonly random: Random
  readonly serial: Serial
  readonly button: Button
  readonly leds: Leds
  readonly sockets: Sockets
  readonly http: Http
  readonly files: Files
  /** Where the device was started from a card of ours. */
  readonly board?: Board
}

/**
 * The board under a device that was started from a card of ours (docs/wire/card.md); on other machines
 * there is none. Facts and notes are small files in memory that stage 1, the supervisor and we share.
 */
export interface Board {
  /** As update manifests name it: `pizero`, `pizero2w`. */
  readonly kind: string
  /** The card that we run from; null where it cannot be opened. */
  readonly card: Card | null
  /** What stage 1 left under this name (`slot`, `fault`, `safe`, …) without white space at its ends, or null. */
  fact(name: string): string | null
  /** Leaves a text for the supervisor (`ready`, `health`); replaced whole, gone at a restart. */
  note(name: string, text: string): void
  /** One byte for the hardware watchdog. */
  feed(): void
  /** Ends this run, so that the board starts anew; `reason` is one word. */
  restart(reason: string): void
  /** Small text files that a person sees on the card (its FAT partition); null where it is not mounted. */
  readonly boot: BootFiles | null
  /** Wi-Fi; null where the board has none, or is not to use it. */
  readonly radio: Radio | null
  /** On port 80, for those in the radio's own network alone; null ends it. Beside what is served there to others. */
  portal(handlers: HttpHandlers | null, done: (error: Failure) => void): void
  /** Whether any network but the loopback gave us an address. */
  online(): boolean
  /** Degrees Celsius of the processor; null where it is not known. */
  temperature(): number | null
  /** Literal addresses of a host name; none where it cannot be found. */
  resolve(host: string, done: (addresses: string[]) => void): void
  /** Sets the wall clock, and keeps its time for the next start. */
  setTime(utcMs: number): void
  /** Keeps the wall clock's time for the next start. */
  keepTime(): void
}

export interface BootFiles {
  /** Whether it is mounted; on a board that may be seconds after the start. */
  ready(): boolean
  /** At most 64 kB, or null where there is no such file. */
  read(name: string): Bytes | null
  /** Done when it is on the card, which waits until it is mounted; null removes the file. */
  write(name: string, content: string | null, done: (error: Failure) => void): void
}

/** Each call ends what went before. Lines of wpa_supplicant's log come until the next call. */
export interface Radio {
  join(config: string, onLine: (line: string) => void): void
  /** A network of our own, open, at the address that device/setup names. */
  access(config: string, onLine: (line: string) => void): void
  off(): void
}

export interface Card {
  /** One of the two copies of the slot record: 512 bytes. */
  readRecord(copy: 0 | 1, done: (error: Failure, bytes: Bytes | null) => void): void
  /** Done when it is on the medium. */
  writeRecord(copy: 0 | 1, bytes: Bytes, done: (error: Failure) => void): void
  /** A system's partition; `size()` is its room. Reads come from the medium after a `sync`. */
  openSlot(slot: 'a' | 'b', done: (error: Failure, file: OpenFile | null) => void): void
}
