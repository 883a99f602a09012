// Every cap of the system, in items and in bytes: the one table that the tests add up.
// A module takes its caps from here and from nowhere else.

export const LIMITS = {
  /** P1: bytes. The longest legal telegram needs 2,062 B in one line; Belgian peaks made telegrams outgrow 3 kB. */
  p1: {
    ringBytes: 8_192,
    telegramBytes: 4_096,
    lineBytes: 2_112,
    objects: 160,
  },
  /** Stream plane (net). */
  net: {
    connections: 64,
    /** One inbound handshake may take this long and hold this much. */
    handshakeMs: 10_000,
    handshakeBytes: 4_096,
    streamsPerConnection: 128,
    /** Yamux's initial window, as its specification wants (bytes a peer may send unasked). */
    streamWindowBytes: 262_144,
    /** Unacknowledged bytes we keep on one stream. */
    streamSendBytes: 65_536,
    /** Unread bytes for the whole process; above it the slowest stream is reset. */
    unreadBytes: 1_048_576,
    /** Bytes waiting in one socket before we stop writing to it. */
    socketSendBytes: 262_144,
    messageBytes: 16_384,
  },
  channel: {
    /** One constant frame size (docs/decisions/0003-frame.md). */
    frameBytes: 320,
    classes: 3,
    readers: 32,
    /** Largest opaque payload that may be split into frames. */
    payloadBytes: 6_144,
    /** Frames on the card per class: about four days at 1 Hz. */
    ringFrames: 400_000,
    /** Epoch start keys kept in memory until a witness confirms. */
    unwitnessedEpochs: 8,
  },
  ownership: {
    owners: 8,
    challengesPerWindow: 10,
    handshakesAtOnce: 4,
    handshakeMs: 10_000,
    windowMs: 60_000,
    eventBytes: 8_192,
    logBytes: 4_194_304,
  },
  journal: {
    recordBytes: 65_536,
    fileBytes: 16_777_216,
  },
  http: {
    connections: 32,
    bodyBytes: 65_536,
    socketMessageBytes: 65_536,
    /** Bytes waiting for one slow page before it is cut off. */
    socketSendBytes: 262_144,
  },
  /** The page's server side: how many pages, and what one of them may ask. */
  page: {
    pages: 16,
    askBytes: 4_096,
    /** Questions of one page that have no answer yet. */
    asksOpen: 8,
    /** Messages of a wrong shape before a page is cut off. */
    wrongShapes: 32,
    /** Characters of a name, an id or an address; of a purpose. */
    nameChars: 128,
    purposeChars: 300,
    /** Points of the live chart that are kept for a page that comes later: ten minutes at 1 Hz. */
    tracePoints: 600,
    hostChars: 255,
  },
  node: {
    timers: 64,
  },
  dht: {
    maxBytes: 524_288,
    minBytes: 65_536,
  },
} as const
