// What the datagram plane counts: what it refused, dropped or had to give up, and the handshakes that
// it answered and completed.

export const DATAGRAM_COUNTERS = [
  'datagrams',
  'garbage',
  'stunAnswered',
  'stunDropped',
  'badInits',
  'cookies',
  'rationed',
  'handshakesAnswered',
  'handshakes',
  'handshakesFailed',
  'handshakesEvicted',
  'handshakeErrors',
  'refused',
  'unknownIndex',
  'badTags',
  'sessionsEvicted',
  'pathChanges',
  'messagesDropped',
  'pipesRefused',
  'pipeErrors',
  'relayed',
  'relayDropped',
  'relayRefused',
  'punches',
] as const

export type DatagramCounter = (typeof DATAGRAM_COUNTERS)[number]
