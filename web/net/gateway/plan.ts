// The addresses of every network here, and which addresses a machine may reach through its gateway. Numbers only.
import { formatIp } from '../wire/ipv4.ts';

/**
 * The plan, which QEMU's user network made usual, in a wider network: 10.0.0.0/16, the gateway is 10.0.2.2, the name
 * server 10.0.2.3. `WEB` answers HTTP in a page.
 */
export const PLAN = {
  MASK: 0xffff0000,
  GATEWAY: 0x0a000202,
  DNS: 0x0a000203,
  WEB: 0x0a000204,
  /** First and last address for machines of a network of its own: 10.0.2.15 and on. */
  FIRST: 0x0a00020f,
  LAST: 0x0a0002fe,
  /** The same where machines of other tabs or processes are on the network too: 10.0.16.0 to 10.0.255.254. */
  FIRST_SHARED: 0x0a001000,
  LAST_SHARED: 0x0a00fffe,
  /** The gateway's Ethernet address. It is the same in every tab: gateways never meet. */
  MAC: 0x52550a000202,
  /** First Ethernet address of gateways' envoys beyond an uplink; there are 2^32, by chance. */
  ENVOYS: 0x525500000000,
  /** What the web gateway is called where it has the page's own files. */
  PAGE_NAME: 'page',
  /** Names of machines end in it, where they are said in full. */
  DOMAIN: 'vitrine',
  MTU: 1500,
} as const;

/** True for the network's own addresses. */
export function isOnNetwork(ip: number): boolean {
  return (ip & PLAN.MASK) >>> 0 === (PLAN.GATEWAY & PLAN.MASK) >>> 0;
}

/** Ranges that nobody reaches through a gateway: first address, prefix, what it is. */
const FORBIDDEN: readonly [number, number, string][] = [
  [0x00000000, 8, 'no address of a host'],
  [0x0a000000, 16, 'the network itself'],
  [0x7f000000, 8, "the host's loopback"],
  [0xa9fe0000, 16, 'link-local: routers and the metadata of clouds are there'],
  [0xe0000000, 3, 'multicast or reserved'],
];

/** Why the gateway lets nobody through to an address, or undefined when it does. */
export function whyForbidden(ip: number): string | undefined {
  const range = FORBIDDEN.find(([first, prefix]) => (ip ^ first) >>> (32 - prefix) === 0);
  return range && `${formatIp(ip)} is ${range[2]}`;
}
