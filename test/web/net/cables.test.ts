// Cables between threads, tabs and processes, and the thread that has the networks.
import { MessageChannel as NodeChannel } from 'node:worker_threads';
import { afterEach, describe, expect, test } from 'vitest';
import { ProcessUplink } from '../../../web/cli/net/process_uplink.ts';
import {
  BroadcastUplink,
  FrameStream,
  Network,
  NetworkClient,
  type NetworkPlace,
  NetworkServer,
  type PortLike,
  PortLink,
  packFrames,
  type Uplink,
} from '../../../web/net/index.ts';
import { ethernetFrame } from '../../../web/net/wire/ethernet.ts';

const ALL = 2 ** 48 - 1;
const frameOf = (source: number, to = ALL) => ethernetFrame(to, source, 0x88b5, 46);
const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

function cable(room?: number): [PortLink, PortLink] {
  const { port1, port2 } = new NodeChannel() as unknown as { port1: PortLike; port2: PortLike };
  const both: [PortLink, PortLink] = [new PortLink(port1, undefined, room), new PortLink(port2)];
  ends.push(() => both[0].close());
  return both;
}

test('frames come out of a stream whole, wherever it was cut', () => {
  const frames = [1, 60, 1518].map((length) => new Uint8Array(length).fill(length));
  const bytes = packFrames(frames);
  for (const step of [1, 2, 7, 700]) {
    const stream = new FrameStream();
    const got: Uint8Array[] = [];
    for (let at = 0; at < bytes.length; at += step)
      stream.push(bytes.subarray(at, at + step), (frame) => got.push(frame.slice()));
    expect(got).toEqual(frames);
  }
});

describe('a cable between threads', () => {
  test('carries frames in order', async () => {
    const [one, two] = cable();
    const got: number[] = [];
    two.onFrame((frame) => got.push(frame[11] ?? 0));
    for (let n = 1; n <= 100; n += 1) one.send(frameOf(n));
    await expect.poll(() => got).toEqual(Array.from({ length: 100 }, (_, n) => n + 1));
  });

  test('drops and counts while the other side is behind, and goes on when it has caught up', async () => {
    const [one, two] = cable(600);
    let got = 0;
    two.onFrame(() => {
      got += 1;
    });
    for (let n = 0; n < 20; n += 1) one.send(frameOf(1));
    expect(one.dropped).toBe(10);
    await expect.poll(() => got).toBe(10);
    await new Promise((resolve) => setTimeout(resolve, 10));
    one.send(frameOf(1));
    await expect.poll(() => got).toBe(11);
  });

  test('is settled when what the other side answers at once has arrived', async () => {
    const [one, two] = cable();
    two.onFrame((frame) => queueMicrotask(() => two.send(frame)));
    const got: number[] = [];
    one.onFrame((frame) => got.push(frame[11] ?? 0));
    for (const n of [1, 2]) {
      one.send(frameOf(n));
      await one.settle();
      expect(got.length).toBe(n);
    }
    const last = one.settle();
    two.close();
    await last;
  });

  test('that is pulled out on one side is out on the other', async () => {
    const [one, two] = cable();
    let closed = false;
    two.onClose(() => {
      closed = true;
    });
    one.close();
    await expect.poll(() => closed).toBe(true);
  });
});

describe.each<[string, (name: string) => Promise<Uplink>]>([
  ['tabs', async (name) => new BroadcastUplink(name)],
  ['processes', (name) => ProcessUplink.open(name)],
])('an uplink between %s', (_, open) => {
  const name = () => `test-${process.pid}-${Math.random().toString(36).slice(2)}`;
  const member = async (of: string) => {
    const uplink = await open(of);
    const got: number[] = [];
    uplink.onFrame((frame) => got.push(frame[11] ?? 0));
    ends.push(() => uplink.close());
    return { uplink, got };
  };

  test('carries each frame once to all others of its name', async () => {
    const here = name();
    const [one, two, three, other] = await Promise.all([here, here, here, name()].map(member));
    one?.uplink.send(frameOf(7));
    two?.uplink.send(frameOf(8));
    await expect.poll(() => three?.got.toSorted()).toEqual([7, 8]);
    await expect.poll(() => [one?.got, two?.got, other?.got]).toEqual([[8], [7], []]);
  });

  test('outlives each of its members', async () => {
    const here = name();
    const members = [await member(here), await member(here), await member(here)];
    members[0]?.uplink.close();
    await expect
      .poll(() => {
        members[1]?.uplink.send(frameOf(9));
        return members[2]?.got.at(-1);
      })
      .toBe(9);
  });
});

test('the machines of two networks of one name have two addresses and hear each other', async () => {
  const name = `test-${process.pid}`;
  const place: NetworkPlace = { host: {}, openUplink: async (of) => new BroadcastUplink(of) };
  const [one, two] = await Promise.all([Network.open({ name }, place), Network.open({ name }, place)]);
  ends.push(
    () => one.close(),
    () => two.close(),
  );
  const got: number[] = [];
  two.attach().onFrame((frame) => got.push(frame[11] ?? 0));
  one.attach().send(frameOf(5));
  await expect.poll(() => got).toEqual([5]);
});

describe('the thread of networks', () => {
  const serve = (place: NetworkPlace = { host: {} }) => {
    const { port1, port2 } = new NodeChannel();
    const channel = (port: typeof port1) => ({
      post: (message: unknown, transfer: readonly unknown[] = []) =>
        port.postMessage(message, transfer as []),
      listen: (listener: (message: unknown) => void) => void port.on('message', listener),
    });
    new NetworkServer(channel(port1), place);
    ends.push(() => port1.close());
    return new NetworkClient(channel(port2));
  };
  const plug = async (client: NetworkClient, options = {}, key = 'user') => {
    const { port, pull } = await client.plug(key, options);
    const link = new PortLink(port as unknown as PortLike);
    const got: number[] = [];
    link.onFrame((frame) => got.push(frame[11] ?? 0));
    ends.push(() => link.close());
    return { link, got, pull };
  };

  test('joins the machines of one network, and no others', async () => {
    const client = serve();
    const [one, two, other] = [await plug(client), await plug(client), await plug(client, {}, 'lab')];
    one.link.send(frameOf(3));
    await expect.poll(() => two.got).toEqual([3]);
    expect(other.got).toEqual([]);
  });

  test('says why a network cannot be had, and tries again for the next one', async () => {
    let isBroken = true;
    const listen = async () => {
      if (isBroken) throw new Error('broken');
      return () => {};
    };
    const client = serve({ host: { listen } });
    await expect(client.plug('x', { name: 'x' })).rejects.toThrow('EOPNOTSUPP');
    const options = { forward: [{ host: 1, guest: 2 }] };
    await expect(client.plug('user', options)).rejects.toThrow('EIO');
    isBroken = false;
    await plug(client, options);
  });

  test('ends a network with its last machine, and its ports of the host', async () => {
    let open = 0;
    const listen = async () => {
      open += 1;
      return () => {
        open -= 1;
      };
    };
    const client = serve({ host: { listen } });
    const one = await plug(client, { forward: [{ host: 1, guest: 2 }] });
    const two = await plug(client);
    expect(open).toBe(1);
    one.pull();
    two.link.close();
    await expect.poll(() => open).toBe(0);
    await plug(client, { forward: [{ host: 1, guest: 2 }] });
    expect(open).toBe(1);
  });
});
