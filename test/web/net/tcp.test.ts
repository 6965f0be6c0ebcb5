// TCP of web/net with itself over cables in any weather, and segment by segment against a peer that is written by hand.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ByteStream } from '../../../web/net/stream.ts';
import type { TcpConnection } from '../../../web/net/tcp/connection.ts';
import { TcpStack } from '../../../web/net/tcp/stack.ts';
import { parseTcp, type Segment, TCP, tcpPayload } from '../../../web/net/wire/tcp.ts';
import { randomFrom, TestClock, type Weather } from './helpers.ts';

const A = { ip: 0x0a000001, port: 1000 };
const B = { ip: 0x0a000002, port: 80 };

/** Two stacks on a cable in bad weather; the second one accepts all. */
function world(weather: Weather, seed = 1) {
  const clock = new TestClock();
  const random = randomFrom(seed);
  const accepted: TcpConnection[] = [];
  const make = (to: () => TcpStack) =>
    new TcpStack({
      clock,
      random: () => Math.floor(random() * 2 ** 32),
      send(source, destination, _protocol, payload) {
        for (let copy = random() < weather.doubles ? 2 : 1; copy > 0; copy -= 1)
          if (random() >= weather.loss)
            clock.after(random() * weather.delay, () => to().receive(source, destination, payload));
      },
      asked(connection) {
        accepted.push(connection);
        connection.accept();
      },
    });
  const one: TcpStack = make(() => two);
  const two: TcpStack = make(() => one);
  return { clock, random, one, two, accepted };
}

/** Sends bytes as a host does that heeds back pressure, then ends; collects what comes. */
function talk(stream: ByteStream, bytes: Uint8Array, random: () => number) {
  const got: number[] = [];
  const log: string[] = [];
  let sent = 0;
  const push = () => {
    while (sent < bytes.length) {
      const piece = bytes.subarray(sent, sent + 1 + Math.floor(random() * 5000));
      sent += piece.length;
      if (!stream.write(piece)) return;
    }
    stream.end();
  };
  stream.listen({
    data: (piece) => got.push(...piece),
    end: () => log.push('end'),
    drain: push,
    closed: (error) => log.push(error ?? 'closed'),
  });
  push();
  return { got, log };
}

const bytesOf = (length: number, salt: number) =>
  Uint8Array.from({ length }, (_, at) => (at * 7 + salt + (at >> 8)) & 255);

describe('two stacks', () => {
  test('exchange the same bytes in both directions through loss, doubling and reordering', () => {
    fc.assert(
      fc.property(
        fc.integer(),
        fc.double({ min: 0, max: 0.2, noNaN: true }),
        fc.nat(60_000),
        fc.nat(60_000),
        (seed, loss, there, back) => {
          const { clock, random, one, two, accepted } = world({ loss, doubles: 0.1, delay: 20 }, seed);
          const client = one.connect(A, B);
          const mine = talk(client, bytesOf(there, 1), random);
          clock.run(100_000, () => accepted.length > 0);
          const theirs = talk(accepted[0] as TcpConnection, bytesOf(back, 2), random);
          clock.run(3_600_000, () => mine.log.length === 2 && theirs.log.length === 2);
          expect(theirs.got).toEqual([...bytesOf(there, 1)]);
          expect(mine.got).toEqual([...bytesOf(back, 2)]);
          expect([...mine.log, ...theirs.log]).toEqual(['end', 'closed', 'end', 'closed']);
          clock.run(60_000);
          expect([one.size, two.size]).toEqual([0, 0]);
        },
      ),
      // In the example the acknowledgments of the last FIN are lost for longer than the peer remembers.
      { numRuns: 60, examples: [[1378651618, 0.18481325428001585, 48247, 23893]] },
    );
  });

  test('a holder that pauses stops the sender, and loses nothing', () => {
    const { clock, random, one, accepted } = world({ loss: 0, doubles: 0, delay: 1 });
    const client = one.connect(A, B);
    const bytes = bytesOf(2_000_000, 3);
    let written = 0;
    const push = () => {
      while (written < bytes.length) {
        written += 10_000;
        if (!client.write(bytes.subarray(written - 10_000, written))) return;
      }
    };
    client.listen({ data: () => {}, end: () => {}, drain: push, closed: () => {} });
    clock.run(100);
    const server = accepted[0] as TcpConnection;
    server.pause();
    const there = talk(server, new Uint8Array(0), random);
    push();
    clock.run(100_000);
    expect(written).toBeLessThan(600_000);
    expect(there.got.length).toBe(0);
    server.resume();
    clock.run(100_000);
    expect(there.got).toEqual([...bytes]);
  });

  test('a half-closed connection still carries the other direction', () => {
    const { clock, one, accepted } = world({ loss: 0, doubles: 0, delay: 1 });
    const client = one.connect(A, B);
    const log: string[] = [];
    client.listen({
      data: (bytes) => log.push(`${bytes.length}`),
      end: () => log.push('end'),
      drain: () => {},
      closed: () => log.push('closed'),
    });
    client.end();
    clock.run(1000);
    const server = accepted[0] as TcpConnection;
    server.write(new Uint8Array(700));
    clock.run(1000);
    server.end();
    clock.run(1000);
    expect(log).toEqual(['700', 'end', 'closed']);
  });

  test('a reset is told to the peer', () => {
    const { clock, one, two, accepted } = world({ loss: 0, doubles: 0, delay: 1 });
    const client = one.connect(A, B);
    let why: string | undefined;
    client.listen({ data: () => {}, end: () => {}, drain: () => {}, closed: (error) => (why = error) });
    clock.run(10);
    accepted[0]?.reset();
    clock.run(10);
    expect(why).toBe('The peer has reset the connection.');
    expect([one.size, two.size]).toEqual([0, 0]);
  });

  test('a connection that nobody answers ends with a reason', () => {
    const { clock, one } = world({ loss: 1, doubles: 0, delay: 1 });
    let why: string | undefined;
    one
      .connect(A, B)
      .listen({ data: () => {}, end: () => {}, drain: () => {}, closed: (error) => (why = error) });
    clock.run(100_000);
    expect(why).toBe('The peer does not answer.');
  });
});

/** A stack that accepts all, with a hand that sends it segments and sees what it answers. */
function hand(options: { limit?: number; accepts?: boolean } = {}) {
  const clock = new TestClock();
  const seen: Segment[] = [];
  const accepted: TcpConnection[] = [];
  const stack = new TcpStack({
    clock,
    random: () => 5000,
    send: (source, destination, _protocol, payload) =>
      seen.push(parseTcp(payload, source, destination) as Segment),
    asked(connection) {
      accepted.push(connection);
      if (options.accepts !== false) connection.accept();
    },
    ...(options.limit ? { limit: options.limit } : {}),
  });
  /** Sends a segment and returns the answers as `flags sequence acknowledgment length`. */
  const send = (part: Partial<Segment>, ms = 5) => {
    const segment = {
      sourcePort: A.port,
      destinationPort: B.port,
      sequence: 101,
      acknowledgment: 5001,
      flags: TCP.ACK,
      window: 65_535,
      data: new Uint8Array(0),
      ...part,
    };
    seen.length = 0;
    stack.receive(A.ip, B.ip, tcpPayload(segment, A.ip, B.ip));
    clock.run(ms);
    return seen.map((s) => `${nameOf(s.flags)} ${s.sequence} ${s.acknowledgment} ${s.data.length}`);
  };
  const open = (window = 65_535) => {
    send({ sequence: 100, flags: TCP.SYN, acknowledgment: 0, mss: 1000, window });
    send({ window });
    return accepted[0] as TcpConnection;
  };
  return { clock, seen, accepted, stack, send, open };
}

const nameOf = (flags: number) =>
  ['F', 'S', 'R', 'P', 'A'].filter((_, bit) => flags & (1 << bit)).join('') || '-';

describe('segment by segment', () => {
  test('a SYN is answered when it is accepted, with the options that both know', () => {
    const { send, seen, accepted } = hand({ accepts: false });
    expect(send({ sequence: 100, flags: TCP.SYN, acknowledgment: 0, scale: 7 })).toEqual([]);
    accepted[0]?.accept();
    expect(seen[0]).toMatchObject({ flags: TCP.SYN | TCP.ACK, mss: 1460, scale: 3, acknowledgment: 101 });
  });

  test('a refused SYN gets a reset that belongs to it', () => {
    const { send, seen, accepted, stack } = hand({ accepts: false });
    send({ sequence: 100, flags: TCP.SYN, acknowledgment: 0 });
    accepted[0]?.reset();
    expect(nameOf(seen[0]?.flags ?? 0)).toBe('RA');
    expect([seen[0]?.acknowledgment, stack.size]).toEqual([101, 0]);
  });

  test('a segment of no connection gets a reset, and a reset gets nothing', () => {
    const { send } = hand();
    expect(send({ sequence: 7, acknowledgment: 9 })).toEqual(['R 9 0 0']);
    expect(send({ sequence: 7, flags: TCP.RST })).toEqual([]);
  });

  test('a gap is named at once, and what closes it is acknowledged as a whole', () => {
    const { send, open } = hand();
    const got: number[] = [];
    open().listen({ data: (bytes) => got.push(...bytes), end: () => {}, drain: () => {}, closed: () => {} });
    expect(send({ sequence: 103, data: Uint8Array.of(3, 4) })).toEqual(['A 5001 101 0']);
    expect(send({ sequence: 102, data: Uint8Array.of(2, 3, 4, 5) })).toEqual(['A 5001 101 0']);
    expect(send({ sequence: 101, data: Uint8Array.of(1) })).toEqual(['A 5001 106 0']);
    expect(got).toEqual([1, 2, 3, 4, 5]);
  });

  test('a reset counts only with the very next number', () => {
    const { send, open, stack } = hand();
    open();
    expect(send({ sequence: 150, flags: TCP.RST })).toEqual(['A 5001 101 0']);
    expect(stack.size).toBe(1);
    send({ sequence: 101, flags: TCP.RST });
    expect(stack.size).toBe(0);
  });

  test('three duplicates bring the lost piece again before any timeout', () => {
    const { send, open, seen } = hand();
    open().write(new Uint8Array(5000));
    expect(seen.map((s) => s.sequence)).toEqual([5001, 6001, 7001, 8001, 9001]);
    send({ acknowledgment: 6001 });
    for (let n = 0; n < 2; n += 1) expect(send({ acknowledgment: 6001 })).toEqual([]);
    expect(send({ acknowledgment: 6001 })).toEqual(['A 6001 101 1000']);
    expect(send({ acknowledgment: 10_001 }, 100_000)).toEqual([]);
  });

  test('what nobody acknowledges comes again, each time twice as late', () => {
    const { clock, open, seen } = hand();
    open().write(new Uint8Array(10));
    const times: number[] = [];
    for (let at = 0; at < 8000; at += 100) {
      seen.length = 0;
      clock.run(100);
      if (seen.length > 0) times.push(at);
    }
    expect(times).toEqual([900, 2900, 6900]);
  });

  test('a closed window is probed with one byte until it opens', () => {
    const { clock, send, open, seen } = hand();
    const connection = open(0);
    connection.write(new Uint8Array(10));
    seen.length = 0;
    clock.run(4000);
    expect(seen.map((s) => `${s.sequence} ${s.data.length}`)).toEqual(['5001 1', '5001 1']);
    expect(send({ window: 100 })).toEqual(['PA 5001 101 10']);
    expect(send({ acknowledgment: 5011 }, 100_000)).toEqual([]);
  });

  test('a closed window never ends a connection whose peer answers the probes', () => {
    const { clock, send, open, seen, stack } = hand();
    open(0).write(new Uint8Array(10));
    for (let minute = 0; minute < 60; minute += 1) {
      clock.run(60_000);
      send({ window: 0 });
    }
    expect(stack.size).toBe(1);
    send({ window: 100 });
    expect(seen[0]?.data.length).toBe(10);
  });

  test('a FIN that comes again after the end is acknowledged again', () => {
    const { send, open } = hand();
    const connection = open();
    connection.end();
    expect(send({ acknowledgment: 5002, flags: TCP.ACK | TCP.FIN })).toEqual(['A 5002 102 0']);
    expect(send({ acknowledgment: 5002, flags: TCP.ACK | TCP.FIN })).toEqual(['A 5002 102 0']);
  });

  test('the same ports may be used again at once by a later SYN', () => {
    const { send, open, accepted } = hand();
    open().end();
    send({ acknowledgment: 5002, flags: TCP.ACK | TCP.FIN });
    expect(send({ sequence: 5000, acknowledgment: 0, flags: TCP.SYN })).toEqual(['SA 5000 5001 0']);
    expect(accepted.length).toBe(2);
  });

  test('a peer that lost its memory learns from the answer to its SYN', () => {
    const { send, open, stack } = hand();
    open();
    expect(send({ sequence: 900_000, flags: TCP.SYN, acknowledgment: 0 })).toEqual(['A 5001 101 0']);
    send({ sequence: 101, flags: TCP.RST });
    expect(stack.size).toBe(0);
  });

  test('a full table makes room by ending the connection that was silent for longest', () => {
    const { send, stack, seen } = hand({ limit: 2 });
    for (const sourcePort of [1, 2]) send({ sourcePort, sequence: 100, flags: TCP.SYN, acknowledgment: 0 });
    send({ sourcePort: 1 });
    send({ sourcePort: 3, sequence: 100, flags: TCP.SYN, acknowledgment: 0 });
    expect(stack.size).toBe(2);
    expect(seen.map((s) => `${nameOf(s.flags)} ${s.destinationPort}`)).toEqual(['RA 2', 'SA 3']);
  });
});
