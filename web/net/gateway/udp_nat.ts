// UDP from machines to the outer world: each port of a machine has a socket of the host, and gets answers only from
// those that it has written to.
import type { Clock } from '../link.ts';
import type { Endpoint } from '../tcp/stack.ts';
import type { Datagram } from '../wire/udp.ts';
import type { HostDatagrams, HostNetwork } from './host.ts';

/** A socket that is silent for so long is closed, in ms (RFC 4787 asks for two minutes at least). */
const IDLE = 120_000;
/** Sockets at a time; the one that was silent for longest makes room. */
const MAX_SOCKETS = 256;

interface Flow {
  readonly socket: HostDatagrams;
  /** Addresses that were written to, as the host sees them, and as the machine does. */
  readonly peers: Map<number, number>;
  used: number;
}

/** The sockets of all machines. */
export class UdpNat {
  readonly #clock: Clock;
  readonly #open: NonNullable<HostNetwork['openDatagrams']>;
  readonly #deliver: (from: Endpoint, to: Endpoint, data: Uint8Array) => void;
  /** By the machine's address and port; the order is that of the last use. */
  readonly #flows = new Map<string, Flow>();
  #cancelSweep: (() => void) | undefined;

  /** `deliver` sends a datagram to a machine. */
  constructor(
    clock: Clock,
    open: NonNullable<HostNetwork['openDatagrams']>,
    deliver: (from: Endpoint, to: Endpoint, data: Uint8Array) => void,
  ) {
    this.#clock = clock;
    this.#open = open;
    this.#deliver = deliver;
  }

  /** Sends a machine's datagram to `target`, the host's word for `destination`. */
  send(source: number, destination: number, target: number, datagram: Datagram): void {
    const machine = { ip: source, port: datagram.sourcePort };
    const key = `${machine.ip} ${machine.port}`;
    const flow = this.#flows.get(key) ?? this.#make(machine);
    this.#flows.delete(key);
    this.#flows.set(key, flow);
    flow.used = this.#clock.now();
    flow.peers.set(target, destination);
    flow.socket.send({ ip: target, port: datagram.destinationPort }, datagram.data);
    this.#makeRoom();
    this.#cancelSweep ??= this.#clock.after(IDLE, () => this.#sweep());
  }

  close(): void {
    this.#cancelSweep?.();
    for (const { socket } of this.#flows.values()) socket.close();
    this.#flows.clear();
  }

  #make(machine: Endpoint): Flow {
    const peers = new Map<number, number>();
    const socket = this.#open((from, data) => {
      const ip = peers.get(from.ip);
      if (ip !== undefined) this.#deliver({ ip, port: from.port }, machine, data);
    });
    return { socket, peers, used: 0 };
  }

  #makeRoom(): void {
    for (const [key, { socket }] of this.#flows) {
      if (this.#flows.size <= MAX_SOCKETS) return;
      socket.close();
      this.#flows.delete(key);
    }
  }

  #sweep(): void {
    this.#cancelSweep = undefined;
    for (const [key, flow] of this.#flows) {
      if (this.#clock.now() - flow.used < IDLE) break;
      flow.socket.close();
      this.#flows.delete(key);
    }
    if (this.#flows.size > 0) this.#cancelSweep = this.#clock.after(IDLE / 4, () => this.#sweep());
  }
}
