// DHCP messages (RFC 2131) and their options (RFC 2132). Who gets which address is not decided here.
import { get16, get32, set16, set32 } from './bytes.ts';
import { readMac, writeMac } from './ethernet.ts';

/** UDP ports of the two sides. */
export const DHCP_PORT = { SERVER: 67, CLIENT: 68 } as const;
/** Message types, option 53. */
export const DHCP = {
  DISCOVER: 1,
  OFFER: 2,
  REQUEST: 3,
  DECLINE: 4,
  ACK: 5,
  NAK: 6,
  RELEASE: 7,
  INFORM: 8,
} as const;
/** Option numbers. */
export const DHCP_OPTION = {
  MASK: 1,
  ROUTER: 3,
  DNS: 6,
  HOST_NAME: 12,
  DOMAIN: 15,
  MTU: 26,
  REQUESTED: 50,
  LEASE: 51,
  TYPE: 53,
  SERVER: 54,
} as const;

const MAGIC = 0x63825363;
/** Where the options begin; some clients want a message to be as long as BOOTP's. */
const OPTIONS = 240;
const MIN_LENGTH = 300;

/** A message. `client` is ciaddr, `yours` yiaddr; addresses are 0 where they are not said. */
export interface DhcpMessage {
  /** 1 from a client, 2 from a server. */
  operation: number;
  transaction: number;
  /** The client cannot take unicasts before it has an address. */
  wantsBroadcast: boolean;
  client: number;
  yours: number;
  mac: number;
  options: Map<number, Uint8Array>;
}

/** A message for Ethernet, or undefined. */
export function parseDhcp(bytes: Uint8Array): DhcpMessage | undefined {
  const isEthernet = bytes[1] === 1 && bytes[2] === 6;
  if (bytes.length < OPTIONS || !isEthernet || get32(bytes, 236) !== MAGIC) return;
  const options = new Map<number, Uint8Array>();
  let at = OPTIONS;
  while (at < bytes.length && bytes[at] !== 255) {
    if (bytes[at] === 0) {
      at += 1;
      continue;
    }
    const length = bytes[at + 1] ?? 0;
    if (at + 2 + length > bytes.length) return;
    options.set(bytes[at] ?? 0, bytes.subarray(at + 2, at + 2 + length));
    at += 2 + length;
  }
  return {
    operation: bytes[0] ?? 0,
    transaction: get32(bytes, 4),
    wantsBroadcast: (get16(bytes, 10) & 0x8000) !== 0,
    client: get32(bytes, 12),
    yours: get32(bytes, 16),
    mac: readMac(bytes, 28),
    options,
  };
}

/** The bytes of a message. */
export function dhcpMessage(message: DhcpMessage): Uint8Array {
  const options = [...message.options].flatMap(([number, value]) => [number, value.length, ...value]);
  const bytes = new Uint8Array(Math.max(MIN_LENGTH, OPTIONS + options.length + 1));
  bytes[0] = message.operation;
  bytes[1] = 1;
  bytes[2] = 6;
  set32(bytes, 4, message.transaction);
  set16(bytes, 10, message.wantsBroadcast ? 0x8000 : 0);
  set32(bytes, 12, message.client);
  set32(bytes, 16, message.yours);
  writeMac(bytes, 28, message.mac);
  set32(bytes, 236, MAGIC);
  bytes.set([...options, 255], OPTIONS);
  return bytes;
}

/** The value of an option that is one address or one number of 32 bits; undefined when it is missing or of another size. */
export function numberOption(message: DhcpMessage, option: number): number | undefined {
  const value = message.options.get(option);
  return value?.length === 4 ? get32(value, 0) : undefined;
}

/** The bytes of such an option. */
export function numberBytes(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  set32(bytes, 0, value);
  return bytes;
}
