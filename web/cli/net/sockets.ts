// The outer world through Node's sockets: what a network's gateway may use on the command line. Who may be reached is the
// gateway's decision, not made here.
import { createSocket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { connect, createServer, type Socket } from 'node:net';
import { ERRNO, type ErrnoName, KvmError } from '../../kvm/abi/errno.ts';
import { type ByteStream, formatIp, type HostNetwork, parseIp, type StreamEvents } from '../../net/index.ts';

/** Answers of a resolver that mean that a name does not exist or has no IPv4 address. */
const NO_NAME = new Set(['ENOTFOUND', 'ENODATA', 'EAI_NONAME', 'EAI_NODATA']);

/** A socket of the host as a stream. */
class SocketStream implements ByteStream {
  readonly #socket: Socket;
  #error: string | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    // Errors come before `close` and are told with it.
    socket.on('error', (error) => {
      this.#error = error.message;
    });
  }

  listen(events: StreamEvents): void {
    const socket = this.#socket;
    socket.on('data', (bytes: Buffer) => events.data(bytes));
    socket.on('end', () => events.end());
    socket.on('drain', () => events.drain());
    socket.on('close', () => events.closed(this.#error));
  }

  onOpen(opened: () => void): void {
    this.#socket.once('connect', opened);
  }

  write(bytes: Uint8Array): boolean {
    return this.#socket.destroyed || this.#socket.write(bytes);
  }

  end(): void {
    this.#socket.end();
  }

  reset(): void {
    this.#socket.resetAndDestroy();
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }
}

/** Turns an error of Node into a KvmError with a sentence of ours. */
export function systemError(error: unknown, sentence: string): KvmError {
  const { code = '', message } = error as { code?: string; message: string };
  const known = code in ERRNO ? (code as ErrnoName) : 'EIO';
  return new KvmError(known, `${sentence} (${message}).`);
}

/** Node's part in the outer world. */
export const nodeHost: HostNetwork = {
  connect(to) {
    return new SocketStream(connect({ host: formatIp(to.ip), port: to.port, allowHalfOpen: true }));
  },

  openDatagrams(received) {
    const socket = createSocket('udp4');
    socket.on('message', (data, from) => {
      const ip = parseIp(from.address);
      if (ip !== undefined) received({ ip, port: from.port }, data);
    });
    // Whoever is not there does not answer; that is all that UDP promises.
    socket.on('error', () => {});
    return {
      send: (to, data) => {
        if (to.port > 0) socket.send(data, to.port, formatIp(to.ip));
      },
      close: () => socket.close(),
    };
  },

  async resolve(name) {
    try {
      const found = await lookup(name, { family: 4, all: true });
      return found.flatMap(({ address }) => parseIp(address) ?? []);
    } catch (error) {
      if (NO_NAME.has((error as { code: string }).code)) return undefined;
      throw error;
    }
  },

  async listen(bind, port, taken) {
    const sockets = new Set<Socket>();
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
      taken(new SocketStream(socket));
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error) =>
        reject(systemError(error, `Port ${port} of ${bind} cannot be forwarded: choose another one`)),
      );
      server.listen(port, bind, resolve);
    });
    return () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    };
  },
};
