// What a provider must not forget (docs/wire.md "Provider files"): its name and keys with every
// invitation, in one snapshot that is replaced before an invitation is acknowledged.

import { type Bytes, equal, hex, text, utf8 } from '../base/bytes.ts'
import { Reader, Writer } from '../base/cursor.ts'
import { EXIT, WattleError } from '../base/errors.ts'
import { LIMITS } from '../base/limits.ts'
import { Secret } from '../crypto/secret.ts'
import type { Failure, Files, Random } from '../hw/hardware.ts'
import { SnapshotFile } from '../node/snapshot.ts'
import { type Mailbox, mailboxText, readMailboxes } from '../wire/consent.ts'
import { CLASS_NAMES, type ClassId } from '../wire/frame.ts'

export interface ProviderKeys {
  name: string
  domain: string
  seed: Secret
  boxSeed: Secret
}

/** One device and class we were invited to read. */
export interface Channel {
  device: Bytes
  deviceBox: Bytes
  class: ClassId
  grantId: Bytes
  until: number
  /** The owner's name for the device, and the purpose as granted. */
  name: string
  purpose: string
  addresses: string[]
  /** Who keeps the device's frames when it is away. */
  mailboxes: Mailbox[]
}

export interface FreshProvider {
  name: string
  domain: string
  random: Random
}

export class ProviderStore {
  readonly keys: ProviderKeys
  readonly channels: Channel[]
  readonly #file: SnapshotFile
  /** Who waits for a write; those of the write under way come first. */
  readonly #unsaved: ((error: Failure) => void)[]

  private constructor(file: SnapshotFile, keys: ProviderKeys, channels: Channel[]) {
    this.#file = file
    this.#unsaved = []
    this.keys = keys
    this.channels = channels
  }

  /** Opens the state, or makes it with these names where there is none. */
  static open(
    files: Files,
    fresh: FreshProvider,
    done: (error: Failure, store: ProviderStore | null) => void,
  ): void {
    const file = new SnapshotFile(files, 'provider.keys', 'prov', 1)
    file.read((error, content) => {
      if (error) return done(error, null)
      if (!content) return ProviderStore.#make(file, fresh, done)
      const found = decodeKeys(content)
      if (found) return done(null, new ProviderStore(file, found.keys, found.channels))
      done(
        new WattleError('state-damaged', 'provider.keys: its content is not that of a provider', EXIT.stay),
        null,
      )
    })
  }

  static #make(
    file: SnapshotFile,
    fresh: FreshProvider,
    done: (error: Failure, store: ProviderStore | null) => void,
  ): void {
    const seeds = new Uint8Array(64)
    fresh.random(seeds)
    const keys = {
      name: fresh.name,
      domain: fresh.domain,
      seed: new Secret(seeds.slice(0, 32)),
      boxSeed: new Secret(seeds.slice(32)),
    }
    seeds.fill(0)
    const store = new ProviderStore(file, keys, [])
    store.#saveKeys((error) => done(error, error ? null : store))
  }

  /** Adds or renews an invitation; done when it is durable. */
  invite(channel: Channel, done: (error: Failure) => void): void {
    const i = this.channels.findIndex((c) => equal(c.device, channel.device) && c.class === channel.class)
    if (i < 0 && this.channels.length >= LIMITS.provider.channels)
      return done(
        new WattleError('too-many-channels', `${LIMITS.provider.channels} channels are followed already`),
      )
    if (i < 0) this.channels.push(channel)
    else Object.assign(this.channels[i]!, channel)
    this.#saveKeys(done)
  }

  /** The device goes by other keys; on the card with the next write. */
  rename(channel: Channel, device: Bytes, deviceBox: Bytes): void {
    const there = this.channels.find((c) => equal(c.device, device) && c.class === channel.class)
    if (there) this.forget(channel)
    else Object.assign(channel, { device, deviceBox })
  }

  /** Writes what was forgotten. */
  save(done: (error: Failure) => void): void {
    this.#saveKeys(done)
  }

  /** Forgets an invitation; on the card with the next write. */
  forget(channel: Channel): void {
    const i = this.channels.indexOf(channel)
    if (i >= 0) this.channels.splice(i, 1)
  }

  /** Whoever comes while a write is under way is served by the one after it. */
  #saveKeys(done: (error: Failure) => void): void {
    this.#unsaved.push(done)
    if (this.#unsaved.length === 1) this.#write()
  }

  #write(): void {
    const served = this.#unsaved.length
    this.#file.write(encodeKeys(this.keys, this.channels), (error) => {
      for (const done of this.#unsaved.slice(0, served)) done(error)
      this.#unsaved.splice(0, served)
      if (this.#unsaved.length > 0) this.#write()
    })
  }
}

/** How a channel is named to people and in events. */
export function channelName(channel: Channel): string {
  return `${hex(channel.device.subarray(0, 4))} ${CLASS_NAMES[channel.class]}`
}

function encodeKeys(keys: ProviderKeys, channels: Channel[]): Bytes {
  const size =
    1_024 +
    channels.reduce(
      (n, c) => n + 1_500 + 3 * (c.name.length + c.purpose.length) + c.addresses.join(' ').length,
      0,
    )
  const w = new Writer(new Uint8Array(size))
  w.block(utf8(keys.name))
    .block(utf8(keys.domain))
    .put(keys.seed.bytes())
    .put(keys.boxSeed.bytes())
    .u16(channels.length)
  for (const c of channels) {
    w.put(c.device).put(c.deviceBox).u8(c.class).put(c.grantId).u48(c.until)
    w.block(utf8(c.name))
      .block(utf8(c.purpose))
      .block(utf8(c.addresses.join(' ')))
      .block(mailboxText(c.mailboxes))
  }
  return w.done()
}

function decodeKeys(bytes: Bytes): { keys: ProviderKeys; channels: Channel[] } | null {
  const r = new Reader(bytes)
  const name = text(r.block(256))
  const domain = text(r.block(256))
  const keys = { name, domain, seed: new Secret(r.take(32).slice()), boxSeed: new Secret(r.take(32).slice()) }
  const channels: Channel[] = []
  for (let n = r.u16(); n > 0 && r.ok; n--)
    channels.push({
      device: r.take(32).slice(),
      deviceBox: r.take(32).slice(),
      class: r.u8() as ClassId,
      grantId: r.take(16).slice(),
      until: r.u48(),
      name: text(r.block(256)),
      purpose: text(r.block(2_000)),
      addresses: text(r.block(1_000))
        .split(' ')
        .filter((a) => a.length > 0),
      mailboxes: readMailboxes(r.block(1_300)) ?? [],
    })
  return r.done ? { keys, channels } : null
}
