// UDP datagrams (RFC 768) as payloads of IPv4.
import { foldSum, get16, set16, sumWords } from './bytes.ts';
import { PROTOCOL, pseudoSum } from './ipv4.ts';

/** The largest datagram that fits an Ethernet frame without fragments, in bytes of data. */
export const MAX_DATAGRAM = 1472;

/** One datagram; `data` is a view of what it was read from. */
export interface Datagram {
  sourcePort: number;
  destinationPort: number;
  data: Uint8Array;
}

/** The datagram in a packet's payload; undefined when its length or its checksum is wrong. */
export function parseUdp(payload: Uint8Array, source: number, destination: number): Datagram | undefined {
  const length = get16(payload, 4);
  if (payload.length < 8 || length < 8 || length > payload.length) return;
  const whole = payload.subarray(0, length);
  const hasSum = get16(payload, 6) !== 0;
  if (hasSum && foldSum(sumWords(whole, pseudoSum(source, destination, PROTOCOL.UDP, length))) !== 0) return;
  return { sourcePort: get16(payload, 0), destinationPort: get16(payload, 2), data: whole.subarray(8) };
}

/** The payload of a packet from `source` to `destination`; a checksum of 0 is written as 0xffff. */
export function udpPayload(datagram: Datagram, source: number, destination: number): Uint8Array {
  const bytes = new Uint8Array(8 + datagram.data.length);
  set16(bytes, 0, datagram.sourcePort);
  set16(bytes, 2, datagram.destinationPort);
  set16(bytes, 4, bytes.length);
  bytes.set(datagram.data, 8);
  const sum = foldSum(sumWords(bytes, pseudoSum(source, destination, PROTOCOL.UDP, bytes.length)));
  set16(bytes, 6, sum || 0xffff);
  return bytes;
}
