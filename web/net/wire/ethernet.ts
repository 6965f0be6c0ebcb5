// Ethernet II frames and their addresses. An address is a number below 2^48.
import { get16, get32, set16, set32 } from './bytes.ts';

/** Bytes before the payload: destination, source, type. */
export const ETHERNET_HEADER = 14;
/** The address of all stations. */
export const BROADCAST = 2 ** 48 - 1;
/** EtherType numbers (IANA). */
export const ETHERTYPE = { IPV4: 0x0800, ARP: 0x0806 } as const;

/** The address at `at`. */
export function readMac(bytes: Uint8Array, at: number): number {
  return get16(bytes, at) * 2 ** 32 + get32(bytes, at + 2);
}

export function writeMac(bytes: Uint8Array, at: number, mac: number): void {
  set16(bytes, at, Math.floor(mac / 2 ** 32));
  set32(bytes, at + 2, mac % 2 ** 32);
}

/** `52:54:00:12:34:56`. */
export function formatMac(mac: number): string {
  return (mac.toString(16).padStart(12, '0').match(/../g) ?? []).join(':');
}

/** The Ethernet address in `52:54:00:12:34:56`, or undefined; group addresses and zero are none. */
export function parseMac(text: string): number | undefined {
  if (!/^[\da-f]{2}(:[\da-f]{2}){5}$/i.test(text)) return;
  const mac = Number.parseInt(text.replaceAll(':', ''), 16);
  return mac === 0 || Math.floor(mac / 2 ** 40) & 1 ? undefined : mac;
}

/** A frame with its header written and room for `length` bytes of payload; short ones are padded to 60 bytes. */
export function ethernetFrame(to: number, from: number, type: number, length: number): Uint8Array {
  const frame = new Uint8Array(Math.max(60, ETHERNET_HEADER + length));
  writeMac(frame, 0, to);
  writeMac(frame, 6, from);
  set16(frame, 12, type);
  return frame;
}
