// DNS messages (RFC 1035) as far as a resolver for a small network needs them: one question in, its answer out.
import { get16, set16, set32 } from './bytes.ts';

/** Record types (IANA) that are asked for by name here. */
export const DNS_TYPE = { A: 1, AAAA: 28 } as const;
/** Response codes. */
export const RCODE = {
  OK: 0,
  FORMAT: 1,
  SERVER_FAILURE: 2,
  NO_NAME: 3,
  NOT_IMPLEMENTED: 4,
  REFUSED: 5,
} as const;
/** Addresses that fit an answer of 512 bytes whatever the name. */
const MAX_ANSWERS = 12;
/** How long an answer may be remembered, in seconds: names of machines come and go. */
const TTL = 60;

/** A question; `name` is in lower case, without the dot at its end. */
export interface DnsQuery {
  readonly id: number;
  readonly name: string;
  readonly type: number;
  /** The flags of the query that its answer repeats: OPCODE and RD. */
  readonly flags: number;
  /** The question's own bytes, which the answer repeats. */
  readonly question: Uint8Array;
}

/** The question of a query; undefined for what is no query, or has not exactly one question. */
export function parseDnsQuery(bytes: Uint8Array): DnsQuery | undefined {
  const flags = get16(bytes, 2);
  if (bytes.length < 17 || flags & 0x8000 || get16(bytes, 4) !== 1) return;
  const labels: string[] = [];
  let at = 12;
  for (let length = bytes[at] ?? 0; length !== 0; length = bytes[at] ?? 0) {
    if (length > 63 || at + 1 + length >= bytes.length) return;
    labels.push(String.fromCharCode(...bytes.subarray(at + 1, at + 1 + length)));
    at += 1 + length;
  }
  if (at + 5 > bytes.length || labels.join('.').length > 253) return;
  return {
    id: get16(bytes, 0),
    name: labels.join('.').toLowerCase(),
    type: get16(bytes, at + 1),
    flags: flags & 0x7900,
    question: bytes.slice(12, at + 5),
  };
}

/** The answer to a query: a code of RCODE, and IPv4 addresses, of which a dozen are told. */
export function dnsAnswer(query: DnsQuery, code: number, addresses: readonly number[] = []): Uint8Array {
  const told = addresses.slice(0, MAX_ANSWERS);
  const bytes = new Uint8Array(12 + query.question.length + 16 * told.length);
  set16(bytes, 0, query.id);
  // QR, the query's OPCODE and RD, RA, RCODE.
  set16(bytes, 2, 0x8080 | query.flags | code);
  set16(bytes, 4, 1);
  set16(bytes, 6, told.length);
  bytes.set(query.question, 12);
  told.forEach((address, index) => {
    const at = 12 + query.question.length + 16 * index;
    // A pointer to the question's name, type A, class IN.
    set32(bytes, at, 0xc00c0001);
    set16(bytes, at + 4, 1);
    set32(bytes, at + 6, TTL);
    set16(bytes, at + 10, 4);
    set32(bytes, at + 12, address);
  });
  return bytes;
}

/** A query for the IPv4 addresses of a name, as a client sends it. */
export function dnsQuery(id: number, name: string, type: number = DNS_TYPE.A): Uint8Array {
  const labels = name.split('.').map((label) => new TextEncoder().encode(label));
  const length = labels.reduce((sum, label) => sum + 1 + label.length, 0);
  const bytes = new Uint8Array(12 + length + 5);
  set16(bytes, 0, id);
  set16(bytes, 2, 0x0100);
  set16(bytes, 4, 1);
  let at = 12;
  for (const label of labels) {
    bytes[at] = label.length;
    bytes.set(label, at + 1);
    at += 1 + label.length;
  }
  set16(bytes, at + 1, type);
  set16(bytes, at + 3, 1);
  return bytes;
}

/** The code and the IPv4 addresses of an answer; undefined for what is none. Names in it may be pointers. */
export function parseDnsAnswer(
  bytes: Uint8Array,
): { id: number; code: number; addresses: number[] } | undefined {
  if (bytes.length < 12 || !(get16(bytes, 2) & 0x8000)) return;
  const addresses: number[] = [];
  let at = 12;
  for (let left = get16(bytes, 4); left > 0; left -= 1) at = skipName(bytes, at) + 4;
  for (let left = get16(bytes, 6); left > 0; left -= 1) {
    at = skipName(bytes, at);
    const length = get16(bytes, at + 8);
    if (at + 10 + length > bytes.length) return;
    if (get16(bytes, at) === DNS_TYPE.A && length === 4)
      addresses.push(get16(bytes, at + 10) * 65_536 + get16(bytes, at + 12));
    at += 10 + length;
  }
  return { id: get16(bytes, 0), code: get16(bytes, 2) & 15, addresses };
}

function skipName(bytes: Uint8Array, from: number): number {
  let at = from;
  while (at < bytes.length) {
    const length = bytes[at] ?? 0;
    if (length >= 0xc0) return at + 2;
    at += 1 + length;
    if (length === 0) break;
  }
  return at;
}
