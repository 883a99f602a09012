// Every cap of the system, in items and in bytes: the one table that the tests add up.
// A module takes its caps from here and from nowhere else.

export const LIMITS = {
  /** P1: bytes. The longest legal telegram needs 2,062 B in one line; Belgian peaks made telegrams outgrow 3 kB. */
  p1: {
    ringBytes: 8_192,
    telegramBytes: 4_096,
    lineBytes: 2_112,
    /** A packed telegram at its worst: as it is, behind one byte. */
    packedBytes: 4_097,
    /** Raw P1 on the network: clients at once, and bytes that may wait for one of them (about six seconds of the line). */
    rawClients: 10,
    rawQueuedBytes: 65_536,
  },
  /** Stream plane (net). */
  net: {
    connections: 64,
    /** TCP sockets of one listener: enough above `connections` for net to choose whom it lets in. */
    sockets: 96,
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
    socketSendBytes: 65_536,
    messageBytes: 16_384,
    /** Bytes that wait on streams of the whole process; above it the slowest reader's stream is reset. */
    unsentBytes: 1_048_576,
    /** Unfinished inbound handshakes; a further one takes the place of the oldest. */
    handshakesAtOnce: 16,
    /** Inbound connections per second that may begin a handshake, and how many may come at once. */
    acceptsPerSecond: 16,
    acceptBurst: 128,
    /** The same for one source (an IPv4 address, an IPv6 /64), and how many sources are remembered. */
    acceptsPerSecondOfOne: 8,
    acceptBurstOfOne: 64,
    sources: 64,
    /** Longest Noise message that is taken (its length has 16 bits), and the largest piece we seal. */
    frameBytes: 65_535,
    chunkBytes: 16_384,
    /** Protocol ids: bytes of one line, lines of one negotiation, entries of a host's table. */
    protocolBytes: 256,
    protocolLines: 16,
    protocols: 32,
    listeners: 8,
    dials: 16,
    /** A connection that was silent for this long is asked, and given up. */
    keepAliveMs: 30_000,
    silentMs: 90_000,
    /** Given to the other side to close after us. */
    closeMs: 2_000,
  },
  /** Datagram plane (net/udp). */
  udp: {
    /** Largest datagram of ours, and the largest that carries one inside it: IPv6 guarantees 1,280 bytes. */
    datagramBytes: 1_184,
    relayedBytes: 1_232,
    sessions: 64,
    /** Of strangers, whom this process neither looks for nor knows: sessions, pipes, bytes of messages being put together. */
    strangers: 48,
    strangersPipes: 48,
    strangersMessagesBytes: 131_072,
    /** Paths that one session knows, and addresses that one party may name at once. */
    paths: 8,
    /** Our handshakes under way; those of others that wait for their last message. */
    attempts: 16,
    handshakesAtOnce: 32,
    handshakeMs: 10_000,
    /** First messages of a handshake that are answered each second before sources must prove themselves. */
    handshakesPerSecond: 16,
    /** Answers a second to those who have proved nothing: cookies, STUN. */
    cookiesPerSecond: 20_000,
    stunPerSecond: 500,
    /** Our STUN questions under way. */
    stunAtOnce: 16,
    /** Keys are replaced after this, and refused after that; in ms and in datagrams. */
    rekeyMs: 120_000,
    rejectMs: 180_000,
    rekeyDatagrams: 1_048_576,
    rejectDatagrams: 16_777_216,
    /** A session that nobody keeps ends when it was silent for this long. */
    idleMs: 300_000,
    /** A kept session says something this often: NATs forget a mapping after 30 s at worst. */
    keepAliveMs: 20_000,
    /** Direct messages: largest, on their way at once to one peer and from one, parts of one. */
    messageBytes: 65_536,
    messagesOut: 4,
    messagesIn: 4,
    messageMs: 30_000,
    /** Bytes of messages of all peers that are being put together, or wait for their acknowledgement. */
    messagesBytes: 524_288,
    /** Identifiers of messages that came whole, kept to recognise their repetition; for each peer. */
    messagesKnown: 64,
    /** Byte pipes of one session and of the process; bytes of one that are not acknowledged. */
    pipesOfOne: 4,
    /** Above `net.connections`: whom to let in over pipes is the stream plane's choice. */
    pipes: 96,
    pipeBytes: 65_536,
    /** Bytes that pipes of the whole process hold: unacknowledged, out of order, unread. */
    pipesBytes: 1_572_864,
    /** Relay: reservations of owners and invited ones, of everybody else, of those from one source; circuits. */
    reservations: 64,
    openReservations: 16,
    openReservationsOfOne: 4,
    circuits: 64,
    circuitsOfOne: 8,
    /** Bytes a second through one circuit and how many at once; of a stranger's reservation, and how long it lasts. */
    circuitRate: 4_096,
    circuitBurst: 65_536,
    openCircuitRate: 1_092,
    openCircuitBurst: 131_072,
    openReservationMs: 3_600_000,
    reservationMs: 3_600_000,
    /** A circuit that carries nothing for this long is hung up. */
    circuitIdleMs: 120_000,
    /** Hole punches under way; those of them that try ports at random. */
    punches: 8,
    randomPunches: 2,
    /** TCP simultaneous opens under way. */
    crossings: 4,
    /** Sockets of one that tries ports at random; guesses a second and in all. */
    punchSockets: 256,
    guessesPerSecond: 1_000,
    guesses: 4_000,
    /** A pipe whose other side acknowledges nothing for this long is given up. */
    pipeMs: 60_000,
  },
  /** What a router may say when it is asked for a port (net/udp/mapping). */
  mapping: {
    /** One HTTP answer, and the pieces in which it may come; one SSDP answer; a URL in either. */
    httpBytes: 65_536,
    httpPieces: 128,
    ssdpBytes: 1_440,
    urlChars: 256,
    /** XML: characters, depth, elements. */
    xmlChars: 65_536,
    xmlDepth: 16,
    xmlElements: 2_048,
    /** One exchange may take this long. */
    exchangeMs: 3_000,
  },
  /** Connections through other peers' connections (net/circuit): libp2p's circuit relay v2. */
  circuit: {
    /** One message of the protocol. */
    messageBytes: 4_096,
    /** As a relay: reservations, those of strangers, of strangers from one source. */
    reservations: 32,
    openReservations: 16,
    openReservationsOfOne: 4,
    reservationMs: 3_600_000,
    /** Circuits, being connected ones included; of one peer, calling or called. */
    circuits: 32,
    circuitsOfOne: 8,
    /** Bytes a second through one circuit in each direction, and how many at once. */
    rate: 4_096,
    burst: 65_536,
    /** A circuit to a stranger's reservation: bytes in each direction, and how long it lasts. */
    openBytes: 131_072,
    openMs: 120_000,
    /** Questions of one connection: at once, and a second. Streams of it that have asked nothing yet. */
    asksAtOnce: 16,
    asksPerSecond: 1,
    waitingOfOne: 2,
    /** As a peer that is called: relayed connections at once. */
    inbound: 8,
    /** Relays that are kept up. */
    relays: 4,
  },
  /** TCP connections through streams (net/tunnel): of a device, of a home; bytes that wait for a slow port. */
  tunnel: {
    ofDevice: 10,
    ofHome: 48,
    socketBytes: 16_384,
    /** What is left of a connection whose other side is gone. */
    lingerMs: 30_000,
    /** Ports of one device that are carried; head of a request by which the gateway knows its device. */
    ports: 8,
    headBytes: 8_192,
    headMs: 10_000,
  },
  channel: {
    /** One constant frame size (docs/decisions/0003-frame.md). */
    frameBytes: 256,
    classes: 3,
    readers: 32,
    /** Largest opaque payload that may be split into frames. */
    payloadBytes: 6_144,
    /** Frames on the card per class: about four days at 1 Hz. */
    ringFrames: 400_000,
    /** The same for 15min and day: over a year. */
    aggregateRingFrames: 60_000,
    /** KEY_ROTATION frames kept by themselves, so that none goes before the frames that it opens: 512 kB a class. */
    headsFrames: 2_048,
    /** Newest frames of each class that are also in memory. */
    ringTailFrames: 128,
    /** A device's log of keys; the oldest entries that nobody's access rests on go first. */
    accessBytes: 1_048_576,
    /** One entry of it; the longest names 32 consents. */
    entryBytes: 768,
    /** Telegrams that may wait while keys are changed. */
    heldTelegrams: 8,
    /** Of these, after a start, until the time is known by which a consent may be over. */
    doubtfulTelegrams: 6,
    /** Epochs that a device may have lost with an old card: centuries of its own; more are somebody else's. */
    epochJump: 1_000_000,
    /** Epoch start keys kept in memory until a witness confirms. */
    unwitnessedEpochs: 8,
    /** Ratchet steps a reader takes at once: a week of raw frames. */
    skipFrames: 700_000,
  },
  ownership: {
    owners: 8,
    challengesPerWindow: 10,
    /** Streams that have the claim open. */
    links: 32,
    handshakesAtOnce: 4,
    handshakeMs: 10_000,
    windowMs: 60_000,
    /** A handshake that was silent so long may be dropped for a newcomer. */
    handshakeGraceMs: 2_000,
    policyBytes: 4_096,
    eventBytes: 8_192,
    /** Events of all owners that wait while one is written. */
    eventsWaiting: 16,
    /** Mailboxes that a policy names: with the owner's home as many as an invitation holds. */
    mailboxes: 3,
    logBytes: 4_194_304,
    /** Characters of an owner's card; of a change that travels between owners. */
    cardChars: 2_048,
    changeChars: 524_288,
    /** Successor keys of one owner, and so changes that give power, in a lifetime. */
    successors: 512,
    /** From the paper key's word to its effect, telegram time; and the press that lets power grow. */
    recoveryMs: 259_200_000,
    pressMs: 600_000,
    /** Streams of people who are no owners, on which only an event that speaks for itself is taken. */
    visitors: 2,
    /** How often a device's key may be replaced in one life: each step is shown to whoever follows it. */
    keySteps: 16,
  },
  reputation: {
    /** Keys that one process has an opinion of, and bytes for each. */
    keys: 256,
    entryBytes: 50,
    /** Keys of one /24 (IPv4) or /64 (IPv6): many names for one place count no more than a few. */
    keysOfOnePrefix: 8,
    /** Vouches that a subject keeps, and characters of one. */
    vouches: 16,
    vouchChars: 1_024,
    /** Vouches that count for one key. */
    vouchesCounted: 2,
    /** Statements signed or verified for others: at once, and milliseconds until there is another. */
    statementsAtOnce: 16,
    statementMs: 2_000,
    /** Streams of the peers protocol at once. */
    streams: 16,
  },
  jws: {
    /** Whole text of one JWS, in characters. */
    textBytes: 16_384,
    signatures: 16,
  },
  journal: {
    recordBytes: 65_536,
    /** Records that are written and synced together. */
    batchBytes: 262_144,
    fileBytes: 16_777_216,
    /** Above this a journal is written anew when it is opened, where that would halve it. */
    compactBytes: 1_048_576,
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
    /** Gaps of a channel that a provider's page shows. */
    gaps: 16,
    /** Homes of owners that a device tells of itself at once. */
    deskStreams: 8,
  },
  /** Multicast DNS. */
  mdns: {
    /** RFC 6762 section 17: what fits into an Ethernet frame; larger ones are not taken. */
    messageBytes: 1_440,
    takenBytes: 9_000,
    nameBytes: 255,
    /** Questions and records of one message together. */
    recordsPerMessage: 96,
    /** Instances that a browser remembers, and TXT bytes of one. */
    instances: 64,
    txtBytes: 512,
    addressesOfOne: 8,
    /** The same of libp2p's, which has multiaddrs there. */
    p2pTxtBytes: 1_024,
    /** Longest an instance is believed, whatever it says: seconds. */
    ttlSeconds: 4_500,
    /** Services that one responder offers. */
    services: 8,
    /** Answers to askers outside port 5353, a second. */
    legacyPerSecond: 10,
    /** Interfaces at once. */
    interfaces: 8,
  },
  /** Who is known to be where (node/peers). */
  peers: {
    known: 64,
    /** Of one source: one that is noisy does not push the others out. */
    local: 32,
    nearby: 16,
    bootstrap: 16,
    dht: 48,
    /** New names from one source: at once, and milliseconds until there may be another. */
    offersAtOnce: 64,
    offerMs: 1_000,
    addressesOfOne: 12,
    addressChars: 64,
    /** A contact record; contacts that a rendezvous keeps for others, and of one /24 or /64. */
    contactBytes: 800,
    contacts: 4_096,
    contactsOfOnePrefix: 32,
    /** Longest a contact is believed: milliseconds. */
    contactMs: 7_200_000,
    /** Streams of the rendezvous protocol at once; questions of one connection a second, at once. */
    rendezvousStreams: 48,
    asksPerSecond: 4,
    asksAtOnce: 32,
    /** A signed list of peers: text, lists kept, peers and signers of one. */
    listBytes: 16_000,
    lists: 8,
    listPeers: 32,
    listSigners: 8,
    /** Devices with which one keeps a relation. */
    neighbours: 16,
    /** Addresses that did not answer, and how long they are left alone: at first, at most. */
    failed: 256,
    failedFirstMs: 1_000,
    failedMostMs: 600_000,
  },
  node: {
    /** Named timers of a device; of a home or provider, which has some for each peer. */
    timers: 64,
    peerTimers: 512,
    /** Longest wait between two attempts to reach a peer. */
    backoffMs: 30_000,
  },
  provider: {
    /** Entries of one device's log of keys, and events of its owners, that a provider keeps. */
    entriesOfOne: 256,
    /** Devices times classes that one process follows: each may need a connection of its own. */
    channels: 48,
  },
  home: {
    devices: 48,
    cards: 256,
    /** Frames of `raw` that a mailbox keeps of one device: about four days at 1 Hz, 100 MB. */
    mailboxFrames: 400_000,
    /** GRANTs that a mailbox keeps of one device, for readers that were away when they were made. */
    mailboxGrantBytes: 262_144,
    /** Devices for which a peer keeps frames. */
    mailboxDevices: 16,
    /** Other owners whose names are known. */
    ownerCards: 64,
    /** Minutes of the history that wait for their commit, of all devices. */
    pendingMinutes: 1_024,
    /** A backup, unpacked: ten years of history of several devices. */
    backupBytes: 1_073_741_824,
    /** A file that the page of a home brings: a backup, or firmware. On the disk, one at a time. */
    uploadBytes: 1_073_741_824,
    fileNameBytes: 128,
  },
  /** Firmware over the network, one at a time. */
  update: {
    manifestBytes: 2_048,
    /** Bytes of one DATA message, and what may be on its way or wait for the card. */
    chunkBytes: 16_000,
    windowBytes: 48_000,
    /** The place is made durable as often, so that a cut costs no more. */
    syncBytes: 4_194_304,
    readBytes: 65_536,
  },
  dht: {
    /** One instance's ArrayBuffer: default, least and most. */
    maxBytes: 524_288,
    minBytes: 65_536,
    mostBytes: 4_194_304,
    /** BEP-44: encoded value and salt. */
    valueBytes: 1_000,
    saltBytes: 64,
    /** A token we are willing to give back; longer ones make a node useless for storing. */
    tokenBytes: 40,
    /** Items that this node itself keeps alive in the network. */
    ownItems: 16,
    /** Peers kept and returned for one topic. */
    peersPerTopic: 32,
    bootstrap: 8,
    /** Keys that a device or a home looks for at once. */
    looking: 8,
  },
} as const
