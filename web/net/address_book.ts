// Which IPv4 address each Ethernet address of a network has, as it is overheard. It sends nothing and decides nothing.
import { isOnNetwork, PLAN } from './gateway/plan.ts';
import { parseArp } from './wire/arp.ts';
import { get16, get32 } from './wire/bytes.ts';
import { ETHERNET_HEADER, ETHERTYPE, readMac } from './wire/ethernet.ts';

/** Entries that are kept; the oldest goes first. */
const ENTRIES = 1024;
/** Where the source lies in an IPv4 header. */
const IPV4_SOURCE = 12;

/** An address and when it was last said, in ms. */
export interface Overheard {
  ip: number;
  seen: number;
}

/** The address book of a network. */
export class AddressBook {
  readonly #entries = new Map<number, Overheard>();

  /** By Ethernet address. */
  get entries(): ReadonlyMap<number, Readonly<Overheard>> {
    return this.#entries;
  }

  /** Takes note of a frame that came at `now`. */
  watch(frame: Uint8Array, now: number): void {
    const type = get16(frame, 12);
    if (type === ETHERTYPE.ARP) {
      const packet = parseArp(frame);
      if (packet) this.#note(packet.senderMac, packet.sender, now);
    } else if (type === ETHERTYPE.IPV4 && frame.length >= ETHERNET_HEADER + IPV4_SOURCE + 4)
      this.#note(readMac(frame, 6), get32(frame, ETHERNET_HEADER + IPV4_SOURCE), now);
  }

  #note(mac: number, ip: number, now: number): void {
    // The gateway answers for more than one.
    if (mac === PLAN.MAC || !isOnNetwork(ip)) return;
    const entry = this.#entries.get(mac);
    if (entry) {
      entry.ip = ip;
      entry.seen = now;
      return;
    }
    this.#entries.set(mac, { ip, seen: now });
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= ENTRIES) break;
      this.#entries.delete(oldest);
    }
  }
}
