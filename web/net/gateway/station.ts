// A station with IPv4 on a link: it answers ARP for its addresses, finds those of others, sends and receives packets.
// What is in the packets is not known here.
import type { Clock, Link } from '../link.ts';
import { ARP, arpFrame, parseArp } from '../wire/arp.ts';
import { get16 } from '../wire/bytes.ts';
import { BROADCAST, ETHERNET_HEADER, ETHERTYPE, ethernetFrame, readMac, writeMac } from '../wire/ethernet.ts';
import { IP_BROADCAST, IPV4_HEADER, type Ipv4Packet, parseIpv4, writeIpv4 } from '../wire/ipv4.ts';
import { isOnNetwork } from './plan.ts';

/** Neighbours that are remembered; the oldest goes first. */
const MAX_NEIGHBOURS = 1024;
/** How long a packet waits for its neighbour's address, in ms, and how often that is asked for meanwhile. */
const PATIENCE = 1000;
const ASK_AGAIN = 250;

/** What a station is. */
export interface StationOptions {
  readonly clock: Clock;
  readonly mac: number;
  /** Its addresses: those that ARP is answered for. */
  readonly addresses: readonly number[];
  /** A packet for this Ethernet address or for all; `from` is the sender's. */
  received(packet: Ipv4Packet, from: number): void;
  /** Somebody else asks whether an address is taken. */
  probed?(address: number, mac: number): void;
}

/** A station on a link. */
export class Station {
  readonly #link: Link;
  readonly #options: StationOptions;
  readonly #unlisten: () => void;
  readonly #neighbours = new Map<number, number>();
  /** Packets for neighbours whose address is asked for: the latest of each. */
  readonly #waiting = new Map<number, { frame: Uint8Array; cancel: () => void }>();
  readonly #probes = new Map<number, () => void>();

  constructor(link: Link, options: StationOptions) {
    this.#link = link;
    this.#options = options;
    this.#unlisten = link.onFrame((frame) => this.#receive(frame));
  }

  /** Sends a packet to a neighbour, or to all for the broadcast address. Others have no way from here. */
  send(source: number, destination: number, protocol: number, payload: Uint8Array): void {
    const frame = this.#packet(source, destination, protocol, payload);
    const mac = destination === IP_BROADCAST ? BROADCAST : this.#neighbours.get(destination);
    if (mac !== undefined) this.#sendTo(mac, frame);
    else if (isOnNetwork(destination)) this.#sendLater(destination, frame, source);
  }

  /** Sends a packet to an Ethernet address whose holder does not know its own IPv4 address yet. */
  sendTo(mac: number, source: number, destination: number, protocol: number, payload: Uint8Array): void {
    this.#sendTo(mac, this.#packet(source, destination, protocol, payload));
  }

  /** Whether anybody says within `ms` that an address is his (RFC 5227, 2.1.1). */
  probe(address: number, ms: number, told: (isTaken: boolean) => void): void {
    const cancel = this.#options.clock.after(ms, () => end(false));
    const end = (isTaken: boolean) => {
      cancel();
      this.#probes.delete(address);
      told(isTaken);
    };
    this.#probes.set(address, () => end(true));
    this.#ask(0, address);
  }

  /** Says for another station that an address is its (RFC 5227, 2.3): it may be asleep. */
  announce(address: number, mac: number): void {
    const packet = { operation: ARP.REQUEST, senderMac: mac, sender: address, targetMac: 0, target: address };
    const frame = arpFrame(packet);
    // Whoever learns by source addresses must not look for it here.
    writeMac(frame, 6, this.#options.mac);
    this.#link.send(frame);
  }

  /** Leaves the link. */
  close(): void {
    this.#unlisten();
    for (const { cancel } of this.#waiting.values()) cancel();
    this.#waiting.clear();
    this.#probes.clear();
  }

  #packet(source: number, destination: number, protocol: number, payload: Uint8Array): Uint8Array {
    const frame = ethernetFrame(0, this.#options.mac, ETHERTYPE.IPV4, IPV4_HEADER + payload.length);
    writeIpv4(frame, source, destination, protocol, payload.length);
    frame.set(payload, ETHERNET_HEADER + IPV4_HEADER);
    return frame;
  }

  #sendTo(mac: number, frame: Uint8Array): void {
    writeMac(frame, 0, mac);
    this.#link.send(frame);
  }

  #ask(sender: number, target: number): void {
    const { mac } = this.#options;
    this.#link.send(arpFrame({ operation: ARP.REQUEST, senderMac: mac, sender, targetMac: 0, target }));
  }

  #sendLater(destination: number, frame: Uint8Array, source: number): void {
    const waiting = this.#waiting.get(destination);
    if (waiting) {
      waiting.frame = frame;
      return;
    }
    const { clock } = this.#options;
    const end = clock.now() + PATIENCE;
    const ask = () => {
      if (clock.now() >= end) this.#waiting.delete(destination);
      else {
        this.#ask(source, destination);
        entry.cancel = clock.after(ASK_AGAIN, ask);
      }
    };
    const entry = { frame, cancel: () => {} };
    this.#waiting.set(destination, entry);
    ask();
  }

  #receive(frame: Uint8Array): void {
    const type = get16(frame, 12);
    if (type === ETHERTYPE.ARP) {
      this.#receiveArp(frame);
      return;
    }
    const to = readMac(frame, 0);
    if (type !== ETHERTYPE.IPV4 || (to !== this.#options.mac && to !== BROADCAST)) return;
    const packet = parseIpv4(frame);
    if (!packet) return;
    const from = readMac(frame, 6);
    this.#learn(packet.source, from);
    this.#options.received(packet, from);
  }

  #receiveArp(frame: Uint8Array): void {
    const packet = parseArp(frame);
    if (!packet || packet.senderMac === this.#options.mac) return;
    this.#probes.get(packet.sender)?.();
    if (packet.sender === 0 && packet.operation === ARP.REQUEST) {
      // Two ask for one address at once: it is for the lower Ethernet address.
      if (packet.senderMac < this.#options.mac) this.#probes.get(packet.target)?.();
      this.#options.probed?.(packet.target, packet.senderMac);
    }
    this.#learn(packet.sender, packet.senderMac);
    if (packet.operation !== ARP.REQUEST || !this.#options.addresses.includes(packet.target)) return;
    this.#link.send(
      arpFrame({
        operation: ARP.REPLY,
        senderMac: this.#options.mac,
        sender: packet.target,
        targetMac: packet.senderMac,
        target: packet.sender,
      }),
    );
  }

  #learn(ip: number, mac: number): void {
    if (!isOnNetwork(ip) || this.#options.addresses.includes(ip)) return;
    if (this.#neighbours.get(ip) !== mac) {
      this.#neighbours.delete(ip);
      this.#neighbours.set(ip, mac);
      for (const oldest of this.#neighbours.keys()) {
        if (this.#neighbours.size <= MAX_NEIGHBOURS) break;
        this.#neighbours.delete(oldest);
      }
    }
    const waiting = this.#waiting.get(ip);
    if (!waiting) return;
    this.#waiting.delete(ip);
    waiting.cancel();
    this.#sendTo(mac, waiting.frame);
  }
}
