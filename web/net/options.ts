// What a network is, in words that travel and in the words of a command line. Nothing is made here.
import { KvmError } from '../kvm/abi/errno.ts';
import { formatMac, parseMac } from './wire/ethernet.ts';
import { parseIp } from './wire/ipv4.ts';

/** A port of the host whose connections go to a machine. TCP only. */
export interface PortForward {
  /** Port of the host; 0 lets the host choose. */
  readonly host: number;
  readonly guest: number;
  /** The machine: its name, or an IPv4 address; the first one on the network when left out. */
  readonly to?: string;
  /** Address of the host to listen on: 127.0.0.1 when left out, so that only the host itself gets in. */
  readonly bind?: string;
}

/** A network. */
export interface NetworkOptions {
  /** Name under which other tabs of this browser, or other processes of this user, meet on it. */
  readonly name?: string;
  /** DHCP, names and the outer world on it; true when left out. */
  readonly gateway?: boolean;
  /** Ports of the host; in Node only. */
  readonly forward?: readonly PortForward[];
  /** Machines reach the host's own 127.0.0.1 as 10.0.2.2; false when left out. In Node only. */
  readonly hostLoopback?: boolean;
  /**
   * URL of a folder, with a slash at its end, that machines read as `http://page/`: the page's own, whatever its server
   * is. None when left out. In a page only.
   */
  readonly page?: string;
}

/** A machine's end of a network. */
export interface NetOption {
  /** `52:54:00:12:34:56`. */
  readonly mac?: string;
  readonly network: NetworkOptions;
}

/**
 * Reads `user` or `switch=NAME`, then, with commas: `forward=[BIND:]HOST:[TO:]GUEST`, `host-loopback`, `no-gateway`,
 * `mac=MAC`. EINVAL says what is wrong.
 */
export function parseNetOption(text: string): NetOption {
  const [kind = '', ...words] = text.split(',');
  const name = /^switch=([\w.-]{1,64})$/.exec(kind)?.[1];
  if (kind !== 'user' && name === undefined)
    throw new KvmError(
      'EINVAL',
      `A network is "user" or "switch=NAME" (letters, digits, . _ -), not "${kind}".`,
    );
  const forward: PortForward[] = [];
  let network: NetworkOptions = name === undefined ? {} : { name };
  let mac: string | undefined;
  for (const word of words) {
    const [key, value = ''] = splitOnce(word, '=');
    if (key === 'forward') forward.push(parseForward(value));
    else if (word === 'host-loopback') network = { ...network, hostLoopback: true };
    else if (word === 'no-gateway') network = { ...network, gateway: false };
    else if (key === 'mac') mac = formatMac(macOf(value));
    else
      throw new KvmError(
        'EINVAL',
        `A network knows no "${word}": say forward=HOST:GUEST, host-loopback, no-gateway or mac=MAC.`,
      );
  }
  if (network.gateway === false && (forward.length > 0 || network.hostLoopback))
    throw new KvmError('EINVAL', 'Ports and the host are reached through the gateway: leave no-gateway out.');
  if (forward.length > 0) network = { ...network, forward };
  return mac === undefined ? { network } : { mac, network };
}

/** The Ethernet address that a text says. EINVAL for anything else, and for a group's address. */
export function macOf(text: string): number {
  const mac = parseMac(text);
  if (mac !== undefined) return mac;
  throw new KvmError(
    'EINVAL',
    `"${text}" is no Ethernet address of a machine: say one like 52:54:00:12:34:56.`,
  );
}

/** An address for a machine that was given none: QEMU's prefix, then three bytes of a seed and of the card's number. */
export function defaultMac(seed: number, index: number): string {
  let mixed = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) + Math.imul(index, 0x27d4eb2f);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return formatMac(0x525400000000 + ((mixed ^ (mixed >>> 16)) & 0xffffff));
}

function parseForward(text: string): PortForward {
  const parts = /^(?:([\d.]+):)?(\d+):(?:([a-z\d][\w.-]*):)?(\d+)$/i.exec(text);
  const [, bind, host = '', to, guest = ''] = parts ?? [];
  const isPort = (port: string, least: number) => Number(port) >= least && Number(port) <= 65_535;
  if (!parts || !isPort(host, 0) || !isPort(guest, 1) || (bind !== undefined && parseIp(bind) === undefined))
    throw new KvmError(
      'EINVAL',
      `"${text}" forwards nothing: say forward=8080:80, or [BIND:]HOST:[MACHINE:]GUEST.`,
    );
  return {
    host: Number(host),
    guest: Number(guest),
    ...(to === undefined ? {} : { to }),
    ...(bind === undefined ? {} : { bind }),
  };
}

function splitOnce(text: string, by: string): [string, string?] {
  const at = text.indexOf(by);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + by.length)];
}
