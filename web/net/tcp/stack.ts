// The TCP connections of one station: who a segment belongs to, and what a stranger is told. Addresses are any: a gateway
// answers for the whole Internet.
import type { Clock } from '../link.ts';
import { PROTOCOL } from '../wire/ipv4.ts';
import { parseTcp, type Segment, TCP, tcpPayload } from '../wire/tcp.ts';
import { TcpConnection } from './connection.ts';
import { advance } from './sequence.ts';

/** An address and a port. */
export interface Endpoint {
  readonly ip: number;
  readonly port: number;
}

/** What a stack needs. */
export interface TcpOptions {
  readonly clock: Clock;
  /** A number below 2^32 that nobody can guess: first sequence numbers. */
  random(): number;
  send(source: number, destination: number, protocol: number, payload: Uint8Array): void;
  /** A peer asks for a connection; who takes it calls `accept` now or later, or `reset` to refuse it. */
  asked(connection: TcpConnection, local: Endpoint, remote: Endpoint): void;
  /** Connections at a time; the one that was silent for longest makes room (1024 by default). */
  readonly limit?: number;
}

interface Entry {
  readonly connection: TcpConnection;
  readonly remote: number;
}

const keyOf = (local: Endpoint, remote: Endpoint) => `${remote.ip} ${remote.port} ${local.ip} ${local.port}`;

/** All connections of a station. */
export class TcpStack {
  readonly #options: TcpOptions;
  /** The order is that of the last segment received, once the table is half full. */
  readonly #connections = new Map<string, Entry>();
  readonly #limit: number;

  constructor(options: TcpOptions) {
    this.#options = options;
    this.#limit = options.limit ?? 1024;
  }

  /** Connections that it remembers. */
  get size(): number {
    return this.#connections.size;
  }

  /** Those of them that are not over: in TIME-WAIT a connection only waits for stray segments. */
  get live(): number {
    return [...this.#connections.values()].filter(({ connection }) => !connection.isOver).length;
  }

  /** Takes the payload of an IPv4 packet. */
  receive(source: number, destination: number, payload: Uint8Array): void {
    const segment = parseTcp(payload, source, destination);
    if (!segment) return;
    const remote = { ip: source, port: segment.sourcePort };
    const local = { ip: destination, port: segment.destinationPort };
    const key = keyOf(local, remote);
    const entry = this.#connections.get(key);
    if (entry && !entry.connection.isReplacedBy(segment)) {
      if (this.#connections.size > this.#limit / 2) this.#touch(key, entry);
      entry.connection.receive(segment);
      return;
    }
    entry?.connection.drop();
    if ((segment.flags & (TCP.SYN | TCP.ACK | TCP.RST)) === TCP.SYN) {
      this.#options.asked(this.#add(key, local, remote, segment), local, remote);
    } else if (!(segment.flags & TCP.RST)) this.#refuse(segment, source, destination);
  }

  /** Opens a connection. */
  connect(local: Endpoint, remote: Endpoint): TcpConnection {
    return this.#add(keyOf(local, remote), local, remote);
  }

  /** True when a connection uses these two ends. */
  has(local: Endpoint, remote: Endpoint): boolean {
    return this.#connections.has(keyOf(local, remote));
  }

  /** Ends the connections with one peer, or all, without a word to it. */
  drop(remote?: number): void {
    for (const entry of [...this.#connections.values()])
      if (remote === undefined || entry.remote === remote) entry.connection.drop();
  }

  #add(key: string, local: Endpoint, remote: Endpoint, syn?: Segment): TcpConnection {
    if (this.#connections.size >= this.#limit) {
      const oldest = this.#connections.values().next().value;
      oldest?.connection.reset();
    }
    const { clock, random, send } = this.#options;
    const connection = new TcpConnection(
      {
        clock,
        send: (segment) => {
          const whole = { ...segment, sourcePort: local.port, destinationPort: remote.port };
          send(local.ip, remote.ip, PROTOCOL.TCP, tcpPayload(whole, local.ip, remote.ip));
        },
        gone: () => {
          if (this.#connections.get(key)?.connection === connection) this.#connections.delete(key);
        },
      },
      random(),
      syn,
    );
    this.#connections.set(key, { connection, remote: remote.ip });
    return connection;
  }

  #touch(key: string, entry: Entry): void {
    this.#connections.delete(key);
    this.#connections.set(key, entry);
  }

  /** The reset that a segment without a connection gets (RFC 9293, 3.10.7.1). */
  #refuse(segment: Segment, source: number, destination: number): void {
    const hasAck = (segment.flags & TCP.ACK) !== 0;
    const length =
      segment.data.length + (segment.flags & TCP.SYN ? 1 : 0) + (segment.flags & TCP.FIN ? 1 : 0);
    const reset: Segment = {
      sourcePort: segment.destinationPort,
      destinationPort: segment.sourcePort,
      sequence: hasAck ? segment.acknowledgment : 0,
      acknowledgment: hasAck ? 0 : advance(segment.sequence, length),
      flags: hasAck ? TCP.RST : TCP.RST | TCP.ACK,
      window: 0,
      data: new Uint8Array(0),
    };
    this.#options.send(destination, source, PROTOCOL.TCP, tcpPayload(reset, destination, source));
  }
}
