// TCP segments (RFC 9293): the header, its flags, and the options MSS and window scale. No connection is known.
import { foldSum, get16, get32, set16, set32, sumWords } from './bytes.ts';
import { PROTOCOL, pseudoSum } from './ipv4.ts';

/** The flags of a segment. */
export const TCP = { FIN: 1, SYN: 2, RST: 4, PSH: 8, ACK: 16 } as const;

/** One segment. Sequence and acknowledgment numbers are those on the wire, 0 to 2^32 - 1; `window` is unscaled. */
export interface Segment {
  sourcePort: number;
  destinationPort: number;
  sequence: number;
  acknowledgment: number;
  flags: number;
  window: number;
  /** The options of a SYN, where it has them: the largest segment it takes, and the shift of its windows. */
  mss?: number | undefined;
  scale?: number | undefined;
  data: Uint8Array;
}

/** The segment in a packet's payload; undefined when its lengths or its checksum are wrong. */
export function parseTcp(payload: Uint8Array, source: number, destination: number): Segment | undefined {
  const header = ((payload[12] ?? 0) >> 4) * 4;
  if (payload.length < 20 || header < 20 || header > payload.length) return;
  if (foldSum(sumWords(payload, pseudoSum(source, destination, PROTOCOL.TCP, payload.length))) !== 0) return;
  return {
    sourcePort: get16(payload, 0),
    destinationPort: get16(payload, 2),
    sequence: get32(payload, 4),
    acknowledgment: get32(payload, 8),
    flags: (payload[13] ?? 0) & 0x3f,
    window: get16(payload, 14),
    ...readOptions(payload.subarray(20, header)),
    data: payload.subarray(header),
  };
}

function readOptions(options: Uint8Array): Pick<Segment, 'mss' | 'scale'> {
  const found: Pick<Segment, 'mss' | 'scale'> = {};
  let at = 0;
  while (at < options.length && options[at] !== 0) {
    const length = options[at] === 1 ? 1 : (options[at + 1] ?? 0);
    if (length === 0 || at + length > options.length) break;
    if (options[at] === 2 && length === 4) found.mss = get16(options, at + 2);
    if (options[at] === 3 && length === 3) found.scale = Math.min(14, options[at + 2] ?? 0);
    at += length;
  }
  return found;
}

/** The payload of a packet from `source` to `destination`. */
export function tcpPayload(segment: Segment, source: number, destination: number): Uint8Array {
  const mss = segment.mss === undefined ? 0 : 4;
  const header = 20 + mss + (segment.scale === undefined ? 0 : 4);
  const bytes = new Uint8Array(header + segment.data.length);
  set16(bytes, 0, segment.sourcePort);
  set16(bytes, 2, segment.destinationPort);
  set32(bytes, 4, segment.sequence);
  set32(bytes, 8, segment.acknowledgment);
  bytes[12] = (header / 4) << 4;
  bytes[13] = segment.flags;
  set16(bytes, 14, segment.window);
  if (segment.mss !== undefined) set32(bytes, 20, 0x02040000 | segment.mss);
  if (segment.scale !== undefined) set32(bytes, 20 + mss, 0x01030300 | segment.scale);
  bytes.set(segment.data, header);
  set16(bytes, 16, foldSum(sumWords(bytes, pseudoSum(source, destination, PROTOCOL.TCP, bytes.length))));
  return bytes;
}
