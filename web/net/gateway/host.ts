// What a gateway may use of the host that it runs on: sockets in Node, `fetch` in a page. Interfaces only.
import type { ByteStream } from '../stream.ts';
import type { Endpoint } from '../tcp/stack.ts';

/** A connection of the host that is being made; `closed` before `opened` means that it was refused. */
export interface HostConnection extends ByteStream {
  /** Calls back when it is made. */
  onOpen(opened: () => void): void;
}

/** A UDP socket of the host. */
export interface HostDatagrams {
  send(to: Endpoint, data: Uint8Array): void;
  close(): void;
}

/** A machine's HTTP request, in full. */
export interface WebRequest {
  readonly method: string;
  /** Absolute, with `http:`. */
  readonly url: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body?: Uint8Array | undefined;
}

/** The answer to one; `body` gives its pieces and returns undefined at the end. */
export interface WebAnswer {
  readonly status: number;
  readonly statusText: string;
  readonly headers: readonly (readonly [string, string])[];
  read(): Promise<Uint8Array | undefined>;
  cancel(): void;
}

/** The host's network. What is missing is not offered to machines. */
export interface HostNetwork {
  /** Opens a TCP connection. */
  connect?(to: Endpoint): HostConnection;
  /** Opens a UDP socket on a port of the host's choice. */
  openDatagrams?(received: (from: Endpoint, data: Uint8Array) => void): HostDatagrams;
  /** The IPv4 addresses of a name; undefined when there is no such name. Rejects when nobody could be asked. */
  resolve?(name: string): Promise<readonly number[] | undefined>;
  /** Takes TCP connections on a port of the host; returns what ends that. Rejects with a KvmError (EADDRINUSE, EACCES). */
  listen?(bind: string, port: number, taken: (stream: ByteStream) => void): Promise<() => void>;
  /** Sends an HTTP request. Rejects with an Error whose message is a sentence for the machine's user. */
  fetch?(request: WebRequest): Promise<WebAnswer>;
}
