// The behaviour of a file tree behind a message port, and what belongs to the port: clients, deaths, bytes.
import { describe, expect, test } from 'vitest';
import {
  type DirNode,
  directory,
  FsClient,
  FsServer,
  memoryTree,
  messagePort,
  OPEN_MAX,
  streamFile,
  valueFile,
} from '../../../web/fs/index.ts';
import { describeFs, errno, sentence } from './behaviour.ts';
import { describeFlow, settle } from './behaviour_flow.ts';
import { describeMemory } from './behaviour_memory.ts';

/** A client of a server of `root`, over a channel of Node. */
function connect(server: FsServer) {
  const { port1, port2 } = new MessageChannel();
  server.accept(messagePort(port1));
  const fs = new FsClient(messagePort(port2));
  return { fs, close: () => fs.close(), near: port2 };
}

const open = async (root: DirNode) => connect(new FsServer(root));

for (const describeAll of [describeFs, describeFlow, describeMemory]) describeAll('FsClient', open);

/** A stream that never has anything, and how many have it open. */
function makeSilent() {
  const counts = { open: 0 };
  const node = streamFile({
    mode: 0o444,
    open: () => {
      counts.open++;
      return { take: () => undefined, poll: () => 0, onReady: () => () => {}, close: () => counts.open-- };
    },
  });
  return { counts, node };
}

describe('the file protocol', () => {
  test('answers come as they are ready, not as they were asked', async () => {
    const { fs, close } = await open(
      directory([
        ['silent', makeSilent().node],
        ['value', valueFile({ get: () => 'now' })],
      ]),
    );
    const never = errno(fs.readFile('/silent'));
    expect(await fs.readText('/value')).toBe('now\n');
    close();
    expect(await never).toBe('EIO');
  });

  test('a client that goes, by word or by death, leaves no file open', async () => {
    const { counts, node } = makeSilent();
    const server = new FsServer(directory([['silent', node]]));
    const [one, two] = [connect(server), connect(server)];
    const files = [await one.fs.open('/silent'), await two.fs.open('/silent')];
    const reads = files.map((file) => errno(file.read(1)));
    await settle();
    expect(counts.open).toBe(2);
    one.close();
    two.near.close();
    expect(await Promise.all(reads)).toEqual(['EIO', 'EIO']);
    await settle();
    expect(counts.open).toBe(0);
    expect(await errno(one.fs.stat('/'))).toBe('EIO');
    await files[0]?.close();
  });

  test('two clients see one tree and have open files of their own', async () => {
    const server = new FsServer(memoryTree());
    const [one, two] = [connect(server), connect(server)];
    await one.fs.writeFile('/f', 'abc');
    const [first, second] = [await one.fs.open('/f'), await two.fs.open('/f')];
    expect(await first.read(2)).toEqual(new Uint8Array([97, 98]));
    expect(await second.read(1)).toEqual(new Uint8Array([97]));
    one.close();
    expect(await second.read(1)).toEqual(new Uint8Array([98]));
    two.close();
  });

  test('bytes of shared memory are copied on both ways', async () => {
    const shared = new Uint8Array(new SharedArrayBuffer(8)).fill(5);
    let got: Uint8Array | undefined;
    const root = directory([
      [
        'mem',
        {
          kind: 'file',
          attributes: () => ({ mode: 0o100644, size: 8, ino: 0n, mtime: 0 }),
          open: () => ({
            read: (offset: number, length: number) => shared.subarray(offset, offset + length),
            write: (_offset: number, bytes: Uint8Array) => {
              got = bytes;
              return bytes.length;
            },
            close: () => {},
          }),
        },
      ],
    ]);
    const { fs, close } = await open(root);
    const bytes = await fs.readFile('/mem');
    expect(bytes.buffer).toBeInstanceOf(ArrayBuffer);
    await fs.writeFile('/mem', shared.subarray(2, 4));
    expect(got).toEqual(new Uint8Array([5, 5]));
    expect(got?.buffer).toBeInstanceOf(ArrayBuffer);
    const own = new Uint8Array([1, 2, 3]);
    await fs.writeFile('/mem', own);
    expect(own.length).toBe(3);
    close();
  });

  test('an open file too many is EMFILE', async () => {
    const { fs, close } = await open(memoryTree());
    await fs.writeFile('/f', '');
    const files = await Promise.all(Array.from({ length: OPEN_MAX }, () => fs.open('/f')));
    expect(await errno(fs.open('/f'))).toBe('EMFILE');
    await files[0]?.close();
    await fs.open('/f');
    close();
  });

  test('a fault in a tree is EIO at the client', async () => {
    const fail = () => {
      throw new TypeError('x is undefined');
    };
    const { fs, close } = await open(directory([['broken', valueFile({ get: fail })]]));
    expect(await sentence(fs.readFile('/broken'))).toBe("EIO: the file's server failed: x is undefined");
    close();
  });

  test('a call that the server does not know is ENOSYS', async () => {
    const { port1, port2 } = new MessageChannel();
    new FsServer(memoryTree(), messagePort(port1));
    const answer = new Promise((resolve) => {
      messagePort(port2).listen(resolve);
    });
    port2.postMessage(null);
    port2.postMessage({ id: 1, call: 'constructor', argument: {} });
    expect(await answer).toMatchObject({ id: 1, error: { code: 'ENOSYS' } });
    port2.close();
  });
});
