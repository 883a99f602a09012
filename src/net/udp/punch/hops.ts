// How far a hole punch's first datagram may go.

/** Out of our own NAT, and not into the other side's. */
export const OPENER_HOPS = 2
