// The gateway's DHCP server: an address for each Ethernet address, kept as long as there is room, and the names that
// machines give themselves. It sends nothing itself.
import { DHCP, DHCP_OPTION, type DhcpMessage, numberBytes, numberOption } from '../wire/dhcp.ts';
import { PLAN } from './plan.ts';

/** How long an address may be used without asking again, in seconds: a day. */
const LEASE_SECONDS = 86_400;
/** Names that are the gateway's own. */
const RESERVED = new Set<string>(['gateway', 'host', 'dns', 'web', 'localhost', PLAN.PAGE_NAME]);

/** A machine that has an address. */
export interface Lease {
  readonly mac: number;
  readonly ip: number;
  /** What it calls itself, in lower case, if nobody else had that name before. */
  name?: string | undefined;
}

/** How addresses are given. */
export interface DhcpServerOptions {
  /**
   * Whether somebody else has an address already; missing where all machines are known. With it addresses are spread
   * by Ethernet address, so that the servers of other tabs seldom choose the same.
   */
  probe?: (ip: number, told: (isTaken: boolean) => void) => void;
  /** An address was given, or given again. */
  leased?: (lease: Readonly<Lease>) => void;
}

/** The server. */
export class DhcpServer {
  readonly #options: DhcpServerOptions;
  /** By Ethernet address, in the order in which they came. */
  readonly #leases = new Map<number, Lease>();
  readonly #taken = new Set<number>();
  readonly #first: number;
  readonly #last: number;

  constructor(options: DhcpServerOptions = {}) {
    this.#options = options;
    this.#first = options.probe ? PLAN.FIRST_SHARED : PLAN.FIRST;
    this.#last = options.probe ? PLAN.LAST_SHARED : PLAN.LAST;
  }

  /** The machines that have an address, oldest first. */
  get leases(): readonly Readonly<Lease>[] {
    return [...this.#leases.values()];
  }

  /** The address of a machine by its name. */
  find(name: string): number | undefined {
    return this.leases.find((lease) => lease.name === name)?.ip;
  }

  /** Answers a client's message, now or when an address has been probed, or never. */
  answer(message: DhcpMessage, reply: (answer: DhcpMessage) => void): void {
    if (message.operation !== 1) return;
    switch (message.options.get(DHCP_OPTION.TYPE)?.[0]) {
      case DHCP.DISCOVER:
        this.#choose(message, (ip) => reply(this.#message(message, DHCP.OFFER, ip)));
        return;
      case DHCP.REQUEST:
        this.#request(message, reply);
        return;
      case DHCP.DECLINE:
        this.#decline(message);
        return;
      case DHCP.INFORM:
        reply(this.#message(message, DHCP.ACK, 0));
        return;
    }
  }

  #request(message: DhcpMessage, reply: (answer: DhcpMessage) => void): void {
    const server = numberOption(message, DHCP_OPTION.SERVER);
    if (server !== undefined && server !== PLAN.GATEWAY) return;
    const wanted = numberOption(message, DHCP_OPTION.REQUESTED) ?? message.client;
    // A client that has an address from before this server was started keeps it, if nobody else has it.
    const known = this.#leases.get(message.mac)?.ip;
    const refuse = () => reply(this.#message(message, DHCP.NAK, 0));
    const give = () => {
      const lease = this.#lease(message, wanted);
      this.#options.leased?.(lease);
      reply(this.#message(message, DHCP.ACK, wanted));
    };
    if (known !== undefined ? known !== wanted : !this.#isFree(wanted)) refuse();
    else if (known !== undefined || !this.#options.probe) give();
    else this.#options.probe(wanted, (isTaken) => (isTaken ? refuse() : give()));
  }

  #decline(message: DhcpMessage): void {
    const lease = this.#leases.get(message.mac);
    if (!lease || lease.ip !== numberOption(message, DHCP_OPTION.REQUESTED)) return;
    this.#leases.delete(message.mac);
    this.#taken.add(lease.ip);
  }

  /** Finds an address for a client: its own, the one it wishes, a free one; probed where others give addresses too. */
  #choose(message: DhcpMessage, chosen: (ip: number) => void): void {
    const wish = numberOption(message, DHCP_OPTION.REQUESTED) ?? 0;
    const known = this.#leases.get(message.mac)?.ip;
    const ip = known ?? (this.#isFree(wish) ? wish : this.#nextFree(message.mac));
    const { probe } = this.#options;
    if (ip === undefined) return;
    if (!probe || known !== undefined) {
      this.#lease(message, ip);
      chosen(ip);
      return;
    }
    probe(ip, (isTaken) => {
      if (isTaken) {
        this.#taken.add(ip);
        return this.#choose(message, chosen);
      }
      this.#lease(message, ip);
      chosen(ip);
    });
  }

  #isFree(ip: number): boolean {
    if (ip < this.#first || ip > this.#last || this.#taken.has(ip)) return false;
    return this.leases.every((lease) => lease.ip !== ip);
  }

  #nextFree(mac: number): number | undefined {
    const size = this.#last - this.#first + 1;
    // The last three bytes are the machine's own; a prime spreads neighbours.
    const start = this.#options.probe ? ((mac % 2 ** 24) * 40_503) % size : 0;
    for (let step = 0; step < size; step += 1) {
      const ip = this.#first + ((start + step) % size);
      if (this.#isFree(ip)) return ip;
    }
    // All are given away: who came first has most likely left.
    const oldest = this.leases[0];
    if (oldest) this.#leases.delete(oldest.mac);
    return oldest?.ip;
  }

  #lease(message: DhcpMessage, ip: number): Lease {
    const { mac } = message;
    const lease: Lease = this.#leases.get(mac) ?? { mac, ip };
    this.#leases.set(mac, lease);
    const name = new TextDecoder().decode(message.options.get(DHCP_OPTION.HOST_NAME)).toLowerCase();
    const isName = /^[a-z\d]([a-z\d-]{0,61}[a-z\d])?$/.test(name) && !RESERVED.has(name);
    if (isName && this.leases.every((other) => other.mac === mac || other.name !== name)) lease.name = name;
    return lease;
  }

  #message(request: DhcpMessage, type: number, ip: number): DhcpMessage {
    const options = new Map<number, Uint8Array>([
      [DHCP_OPTION.TYPE, Uint8Array.of(type)],
      [DHCP_OPTION.SERVER, numberBytes(PLAN.GATEWAY)],
    ]);
    if (type !== DHCP.NAK) {
      if (ip !== 0) options.set(DHCP_OPTION.LEASE, numberBytes(LEASE_SECONDS));
      options.set(DHCP_OPTION.MASK, numberBytes(PLAN.MASK));
      options.set(DHCP_OPTION.ROUTER, numberBytes(PLAN.GATEWAY));
      options.set(DHCP_OPTION.DNS, numberBytes(PLAN.DNS));
      options.set(DHCP_OPTION.DOMAIN, new TextEncoder().encode(PLAN.DOMAIN));
      options.set(DHCP_OPTION.MTU, Uint8Array.of(PLAN.MTU >> 8, PLAN.MTU & 255));
    }
    const { transaction, wantsBroadcast, client, mac } = request;
    return { operation: 2, transaction, wantsBroadcast, client, yours: ip, mac, options };
  }
}
