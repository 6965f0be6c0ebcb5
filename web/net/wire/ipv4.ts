// IPv4 headers and addresses (RFC 791). An address is a number below 2^32. Fragments and options are not taken.
import { foldSum, get16, get32, set16, set32, sumWords } from './bytes.ts';
import { ETHERNET_HEADER } from './ethernet.ts';

/** Bytes of a header without options, as all that we send has it. */
export const IPV4_HEADER = 20;
/** Protocol numbers (IANA). */
export const PROTOCOL = { ICMP: 1, TCP: 6, UDP: 17 } as const;
/** The limited broadcast, 255.255.255.255. */
export const IP_BROADCAST = 0xffffffff;

/** A received packet; `payload` is a view of the frame, `header` the header and 8 bytes more, as ICMP errors quote. */
export interface Ipv4Packet {
  source: number;
  destination: number;
  protocol: number;
  payload: Uint8Array;
  quote: Uint8Array;
}

/** `10.0.2.15` to its number, or undefined. */
export function parseIp(text: string): number | undefined {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) < 256)) return;
  return parts.reduce((sum, part) => sum * 256 + Number(part), 0);
}

/** The number of an address to `10.0.2.15`. */
export function formatIp(ip: number): string {
  return [ip >>> 24, (ip >>> 16) & 255, (ip >>> 8) & 255, ip & 255].join('.');
}

/** The packet in an IPv4 frame; undefined when its lengths or its checksum are wrong, or when it is a fragment. */
export function parseIpv4(frame: Uint8Array): Ipv4Packet | undefined {
  const at = ETHERNET_HEADER;
  const header = ((frame[at] ?? 0) & 15) * 4;
  const total = get16(frame, at + 2);
  if ((frame[at] ?? 0) >> 4 !== 4 || header < IPV4_HEADER || total < header || at + total > frame.length)
    return;
  if (foldSum(sumWords(frame.subarray(at, at + header), 0)) !== 0) return;
  if ((get16(frame, at + 6) & 0x3fff) !== 0) return;
  return {
    source: get32(frame, at + 12),
    destination: get32(frame, at + 16),
    protocol: frame[at + 9] ?? 0,
    payload: frame.subarray(at + header, at + total),
    quote: frame.subarray(at, at + Math.min(total, header + 8)),
  };
}

/** Writes the header of a packet with `length` bytes of payload behind the Ethernet header: don't fragment, 64 hops. */
export function writeIpv4(
  frame: Uint8Array,
  source: number,
  destination: number,
  protocol: number,
  length: number,
) {
  const at = ETHERNET_HEADER;
  frame[at] = 0x45;
  set16(frame, at + 2, IPV4_HEADER + length);
  set16(frame, at + 6, 0x4000);
  frame[at + 8] = 64;
  frame[at + 9] = protocol;
  set32(frame, at + 12, source);
  set32(frame, at + 16, destination);
  set16(frame, at + 10, foldSum(sumWords(frame.subarray(at, at + IPV4_HEADER), 0)));
}

/** The sum of the pseudo header that TCP and UDP checksums start from. */
export function pseudoSum(source: number, destination: number, protocol: number, length: number): number {
  const halves = (ip: number) => (ip >>> 16) + (ip & 0xffff);
  return halves(source) + halves(destination) + protocol + length;
}
