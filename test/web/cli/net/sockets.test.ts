// The gateway over Node's own sockets: TCP of ours on one side, that of the host on the other.
import { createSocket } from 'node:dgram';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { nodeHost } from '../../../../web/cli/net/sockets.ts';
import { Gateway, type GatewayOptions } from '../../../../web/net/gateway/gateway.ts';
import { PLAN } from '../../../../web/net/gateway/plan.ts';
import { Station } from '../../../../web/net/gateway/station.ts';
import { hostClock } from '../../../../web/net/link.ts';
import type { ByteStream } from '../../../../web/net/stream.ts';
import { type Endpoint, TcpStack } from '../../../../web/net/tcp/stack.ts';
import { PROTOCOL } from '../../../../web/net/wire/ipv4.ts';
import { parseUdp, udpPayload } from '../../../../web/net/wire/udp.ts';
import { badCable, randomFrom, type Weather } from '../../net/helpers.ts';

const MACHINE = 0x0a00020f;
const FINE: Weather = { loss: 0, doubles: 0, delay: 0 };
const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

/** A machine on a cable to a gateway over Node's sockets. */
function machine(options: Partial<GatewayOptions> = {}, weather = FINE, seed = 1) {
  const random = randomFrom(seed);
  const [near, far] = badCable(hostClock, random, weather);
  const gateway = new Gateway(far, {
    clock: hostClock,
    host: nodeHost,
    random: () => Math.floor(random() * 2 ** 32),
    hostLoopback: true,
    ...options,
  });
  const served: Promise<Uint8Array>[] = [];
  const datagrams: string[] = [];
  const tcp = new TcpStack({
    clock: hostClock,
    random: () => Math.floor(random() * 2 ** 32),
    send: (source, to, protocol, payload) => station.sendTo(PLAN.MAC, source, to, protocol, payload),
    asked(connection, local) {
      if (local.port !== 80) {
        connection.reset();
        return;
      }
      served.push(exchange(connection, new TextEncoder().encode('answer')));
      connection.accept();
    },
  });
  const station = new Station(near, {
    clock: hostClock,
    mac: 0x525400000001,
    addresses: [MACHINE],
    received: ({ source, destination, protocol, payload }) => {
      if (protocol === PROTOCOL.TCP) tcp.receive(source, destination, payload);
      else if (protocol === PROTOCOL.UDP)
        datagrams.push(new TextDecoder().decode(parseUdp(payload, source, destination)?.data));
    },
  });
  let port = 40_000;
  const open = (to: Endpoint) => {
    port += 1;
    return tcp.connect({ ip: MACHINE, port }, to);
  };
  ends.push(
    () => gateway.close(),
    () => tcp.drop(),
    () => station.close(),
  );
  return { gateway, station, served, datagrams, open };
}

/** A server of the host on a port of its choice. */
async function serve(taken: (socket: Socket) => void): Promise<Endpoint> {
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => {});
    ends.push(() => socket.destroy());
    taken(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ends.push(() => server.close());
  return { ip: PLAN.GATEWAY, port: (server.address() as AddressInfo).port };
}

/** Writes all of `bytes`, ends, and resolves with what came until the other side's end. */
function exchange(stream: ByteStream, bytes: Uint8Array): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const got: Uint8Array[] = [];
    let sent = 0;
    const push = () => {
      while (sent < bytes.length) {
        sent += 16_384;
        if (!stream.write(bytes.subarray(sent - 16_384, sent))) return;
      }
      stream.end();
    };
    stream.listen({
      data: (piece) => got.push(piece.slice()),
      end: () => {},
      drain: push,
      closed: (error) => (error === undefined ? resolve(Buffer.concat(got)) : reject(new Error(error))),
    });
    push();
  });
}

const bytesOf = (length: number) => Uint8Array.from({ length }, (_, at) => (at * 31 + (at >> 8)) & 255);

describe('a connection of a machine', () => {
  test('carries the same bytes through loss, doubling and reordering to the host and back', async () => {
    const to = await serve((socket) => socket.pipe(socket));
    await fc.assert(
      fc.asyncProperty(fc.integer(), fc.nat(200_000), async (seed, length) => {
        const { open } = machine({}, { loss: 0.03, doubles: 0.05, delay: 4 }, seed);
        expect(Buffer.compare(await exchange(open(to), bytesOf(length)), bytesOf(length))).toBe(0);
      }),
      { numRuns: 8 },
    );
  });

  test('carries what the host sends after the machine has ended', async () => {
    const to = await serve((socket) => {
      socket.resume();
      socket.on('end', () => setTimeout(() => socket.end('late'), 50));
    });
    expect(String(await exchange(machine().open(to), bytesOf(10)))).toBe('late');
  });

  test('carries what the machine sends after the host has ended', async () => {
    const heard = new Promise<string>((resolve) => {
      void serve((socket) => {
        let words = '';
        socket.end();
        socket.on('data', (bytes) => {
          words += String(bytes);
        });
        socket.on('end', () => resolve(words));
      }).then((to) => {
        const stream = machine().open(to);
        stream.listen({
          data: () => {},
          end: () => {
            stream.write(new TextEncoder().encode('late'));
            stream.end();
          },
          drain: () => {},
          closed: () => {},
        });
      });
    });
    expect(await heard).toBe('late');
  });

  test('is refused where nobody listens, and reset where the host resets', async () => {
    const to = await serve((socket) => socket.once('data', () => socket.resetAndDestroy()));
    const { open } = machine();
    await expect(exchange(open({ ...to, port: 1 }), bytesOf(1))).rejects.toThrow('refuses');
    await expect(exchange(open(to), bytesOf(1))).rejects.toThrow('reset');
  });

  test('that the machine resets is reset for the host', async () => {
    const code = new Promise((resolve) => {
      void serve((socket) => {
        socket.resume();
        socket.on('error', (error) => resolve((error as { code?: string }).code));
      }).then((to) => {
        const stream = machine().open(to);
        stream.onOpen(() => setTimeout(() => stream.reset(), 20));
      });
    });
    expect(await code).toBe('ECONNRESET');
  });

  test('holds the host back while the machine takes nothing', async () => {
    let sent = 0;
    const to = await serve((socket) => {
      const push = () => {
        while (sent < 64 << 20) {
          sent += 65_536;
          if (!socket.write(new Uint8Array(65_536))) return;
        }
      };
      socket.on('drain', push);
      push();
    });
    const stream = machine().open(to);
    stream.pause();
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(sent).toBeLessThan(32 << 20);
  });

  test("does not reach the host's loopback unless that was asked for", async () => {
    const to = await serve(() => {});
    const { open } = machine({ hostLoopback: false });
    await expect(exchange(open(to), bytesOf(1))).rejects.toThrow('refuses');
  });
});

describe('a forwarded port', () => {
  test('leads to the machine, and back', async () => {
    const { gateway, served } = machine();
    const probe = await serve(() => {});
    await expect(gateway.forward({ host: probe.port, guest: 80 })).rejects.toThrow('EADDRINUSE');
    const host = 20_000 + (process.pid % 20_000);
    await gateway.forward({ host, guest: 80 });
    const socket = connect(host, '127.0.0.1');
    socket.end('ask');
    let got = '';
    for await (const bytes of socket) got += String(bytes);
    expect([got, String(await served[0])]).toEqual(['answer', 'ask']);
  });

  test('where the machine does not listen is reset', async () => {
    const { gateway } = machine();
    const host = 20_001 + (process.pid % 20_000);
    await gateway.forward({ host, guest: 81 });
    const socket = connect(host, '127.0.0.1');
    const code = await new Promise((resolve) => {
      socket.on('error', (error) => resolve((error as { code?: string }).code));
      socket.resume();
    });
    expect(code).toBe('ECONNRESET');
  });
});

test('a datagram gets to a socket of the host, and its answer back', async () => {
  const socket = createSocket('udp4');
  socket.on('message', (data, from) => socket.send(`${data} too`, from.port, from.address));
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  ends.push(() => socket.close());
  const { station, datagrams } = machine();
  const datagram = {
    sourcePort: 5000,
    destinationPort: socket.address().port,
    data: new TextEncoder().encode('me'),
  };
  station.sendTo(PLAN.MAC, MACHINE, PLAN.GATEWAY, PROTOCOL.UDP, udpPayload(datagram, MACHINE, PLAN.GATEWAY));
  await expect.poll(() => datagrams).toEqual(['me too']);
});

test('names are those of the host', async () => {
  expect(await nodeHost.resolve?.('localhost')).toEqual([0x7f000001]);
  expect(await nodeHost.resolve?.('no.such.name.invalid')).toBe(undefined);
});
