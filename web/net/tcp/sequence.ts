// Sequence numbers of TCP: 32 bits that wrap (RFC 9293, 3.4).

/** The number `count` after `sequence`. */
export function advance(sequence: number, count: number): number {
  return (sequence + count) >>> 0;
}

/** How far `a` is ahead of `b`; negative when it is behind. Right for distances below 2^31. */
export function distance(a: number, b: number): number {
  return (a - b) | 0;
}
