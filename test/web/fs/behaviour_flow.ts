// What blocks, polls, watches, and what is mounted, as every Fs does it. Run by local.test.ts and client.test.ts.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  type Change,
  type DirNode,
  deviceRows,
  directory,
  Emitter,
  eventFile,
  type Fs,
  MountTable,
  memoryTree,
  O_NONBLOCK,
  O_RDWR,
  POLLHUP,
  POLLIN,
  POLLNVAL,
  POLLOUT,
  pollFiles,
  type Row,
  readiness,
  streamFile,
  subscribeTo,
  textFile,
} from '../../../web/fs/index.ts';
import { errno, type Opened } from './behaviour.ts';

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const bytes = (content: string) => new TextEncoder().encode(content);

/** Lets everything that is on its way arrive: several turns of both event loops' ends. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setTimeout(resolve, 1));
}

/** A queue of lines that a file gives one a read; counts its open ends and how often it was asked. */
function makeEvents() {
  const lines: string[] = [];
  const changed = new Emitter();
  const seen = { opens: 0, asked: 0, listeners: () => changed.size };
  const node = streamFile({
    mode: 0o444,
    open: () => {
      seen.opens++;
      return {
        take: () => {
          const line = lines.shift();
          return line === undefined ? undefined : bytes(line);
        },
        poll: () => {
          seen.asked++;
          return readiness(lines.length > 0);
        },
        onReady: changed.on,
        close: () => seen.opens--,
      };
    },
  });
  const emit = (line: string) => {
    lines.push(line);
    changed.emit();
  };
  return { node, emit, seen };
}

export function describeFlow(name: string, open: (root: DirNode) => Promise<Opened>): void {
  describe(`${name}: streams`, () => {
    let first: ReturnType<typeof makeEvents>;
    let second: ReturnType<typeof makeEvents>;
    let opened: Opened;
    let fs: Fs;
    beforeEach(async () => {
      first = makeEvents();
      second = makeEvents();
      opened = await open(
        directory([
          ['first', first.node],
          ['second', second.node],
          ['dev', directory(deviceRows())],
        ]),
      );
      fs = opened.fs;
    });
    afterEach(() => opened.close());

    test('a read waits for what comes', async () => {
      const line = fs.readText('/first');
      await settle();
      first.emit('hlt\n');
      expect(await line).toBe('hlt\n');
      expect(first.seen.opens).toBe(0);
    });

    test('a read that is given up ends with EINTR and takes nothing', async () => {
      const giveUp = new AbortController();
      const file = await fs.open('/first');
      const read = file.read(100, undefined, giveUp);
      await settle();
      giveUp.abort();
      expect(await errno(read)).toBe('EINTR');
      expect(await errno(file.read(100, undefined, giveUp))).toBe('EINTR');
      first.emit('next\n');
      expect(text(await file.read(100))).toBe('next\n');
      expect(first.seen.listeners()).toBe(0);
    });

    test('a read that waits when the file is closed ends with EBADF', async () => {
      const file = await fs.open('/first');
      const read = errno(file.read(100));
      await settle();
      await file.close();
      expect(await read).toBe('EBADF');
    });

    test('O_NONBLOCK is EAGAIN instead of waiting', async () => {
      const file = await fs.open('/first', O_NONBLOCK);
      expect(await errno(file.read(100))).toBe('EAGAIN');
      first.emit('x');
      expect(text(await file.read(100))).toBe('x');
    });

    test('poll sleeps until one of many files is ready', async () => {
      const one = { file: await fs.open('/first'), events: POLLIN, revents: 0 };
      const two = { file: await fs.open('/second'), events: POLLIN, revents: 0 };
      const count = fs.poll([one, two], -1);
      await settle();
      const asked = second.seen.asked;
      await settle();
      expect(second.seen.asked).toBe(asked);
      second.emit('x');
      expect(await count).toBe(1);
      expect([one.revents, two.revents]).toEqual([0, POLLIN]);
      await settle();
      expect(first.seen.listeners() + second.seen.listeners()).toBe(0);
    });

    test('poll tells at once what is ready, waits no longer than asked, and is given up', async () => {
      const row = { file: await fs.open('/first'), events: POLLIN };
      const zero = { file: await fs.open('/dev/zero', O_RDWR), events: POLLIN | POLLOUT, revents: 0 };
      expect(await fs.poll([row], 0)).toBe(0);
      expect(await fs.poll([row], 5)).toBe(0);
      expect(await fs.poll([], 1)).toBe(0);
      expect(await fs.poll([row, zero], -1)).toBe(1);
      expect(zero.revents).toBe(POLLIN | POLLOUT);
      const giveUp = new AbortController();
      const waiting = fs.poll([row], -1, giveUp);
      giveUp.abort();
      expect(await errno(waiting)).toBe('EINTR');
      expect(await row.file.poll(POLLIN, { timeout: 2 })).toBe(0);
    });

    test('poll marks a closed file', async () => {
      const row = { file: await fs.open('/first'), events: POLLIN, revents: 0 };
      await row.file.close();
      expect(await fs.poll([row], -1)).toBe(1);
      expect(row.revents).toBe(POLLNVAL);
    });

    test('the devices of /dev', async () => {
      expect(await fs.readFile('/dev/null')).toEqual(new Uint8Array(0));
      await fs.writeFile('/dev/null', 'gone');
      expect(await errno(fs.writeFile('/dev/full', 'x'))).toBe('ENOSPC');
      expect((await fs.readFile('/dev/zero')).every((byte) => byte === 0)).toBe(true);
      expect(new Set(await fs.readFile('/dev/random')).size).toBeGreaterThan(200);
    });
  });

  describe(`${name}: watch`, () => {
    /** The changes that `act` makes, as `kind name`. */
    async function changes(fs: Fs, path: string, act: () => Promise<void>): Promise<string[]> {
      const stop = new AbortController();
      const told: string[] = [];
      const watching = (async () => {
        for await (const { kind, name } of fs.watch(path, stop)) told.push(`${kind} ${name}`);
      })();
      await settle();
      await act();
      await settle();
      stop.abort();
      await watching;
      return told;
    }

    test('entries that come, change and go are told until the watch is given up', async () => {
      const { fs, close } = await open(memoryTree());
      const told = await changes(fs, '/', async () => {
        await fs.writeFile('/a', 'x');
        await fs.mkdir('/d');
        await fs.writeFile('/d/inside', 'x');
        await fs.rename('/a', '/b');
        await fs.unlink('/b');
      });
      expect(told).toEqual(['made a', 'changed a', 'made d', 'removed a', 'made b', 'removed b']);
      await fs.writeFile('/late', '');
      close();
    });

    test('a loop that is left stops the watch, and rows tell by an emitter', async () => {
      const emitter = new Emitter<Change>();
      const { fs, close } = await open(directory([], { watch: emitter.on }));
      const watching = fs.watch('/', {});
      await settle();
      emitter.emit({ kind: 'made', name: 'vm0' });
      for await (const change of watching) {
        expect(change).toEqual({ kind: 'made', name: 'vm0' });
        break;
      }
      await settle();
      expect(emitter.size).toBe(0);
      close();
    });

    test('a watch of what cannot be watched fails at its first step', async () => {
      const { fs, close } = await open(directory([['file', textFile('')]]));
      const step = (path: string) => fs.watch(path, {})[Symbol.asyncIterator]().next();
      expect(await errno(step('/'))).toBe('EOPNOTSUPP');
      expect(await errno(step('/file'))).toBe('ENOTDIR');
      expect(await errno(step('/none'))).toBe('ENOENT');
      close();
    });
  });

  describe(`${name}: mounts`, () => {
    let table: MountTable;
    let opened: Opened;
    let fs: Fs;
    beforeEach(async () => {
      table = new MountTable();
      const rows: Row[] = [['version', textFile('1')]];
      table.mount('/', memoryTree());
      table.mount('/kvm', directory(rows));
      table.mount('/tmp', memoryTree());
      opened = await open(table.root);
      fs = opened.fs;
    });
    afterEach(() => opened.close());

    test('trees stand beside each other', async () => {
      await fs.writeFile('/tmp/x', 'temporary');
      await fs.writeFile('/top', 'top');
      expect((await fs.readdir('/')).map(({ name }) => name).sort()).toEqual(['kvm', 'tmp', 'top']);
      expect(await fs.readText('/kvm/version')).toBe('1\n');
      expect(await fs.readText('/kvm/../tmp/x')).toBe('temporary');
    });

    test('nothing is renamed from one tree into another', async () => {
      await fs.writeFile('/tmp/x', '');
      await fs.mkdir('/d');
      expect(await errno(fs.rename('/tmp/x', '/x'))).toBe('EXDEV');
      expect(await errno(fs.rename('/d', '/tmp/d'))).toBe('EXDEV');
      expect(await errno(fs.rename('/tmp/x', '/kvm/x'))).toBe('EXDEV');
      expect(await errno(fs.rename('/kvm/version', '/tmp/x'))).toBe('EXDEV');
      expect(await errno(fs.rename('/kvm/version', '/kvm/x'))).toBe('EPERM');
    });

    test('within a tree renaming works over its mount point', async () => {
      await fs.writeFile('/tmp/x', 'moved');
      await fs.mkdir('/tmp/d');
      await fs.rename('/tmp/x', '/tmp/d/y');
      await fs.rename('/tmp/d/y', '/tmp/z');
      expect(await fs.readText('/tmp/z')).toBe('moved');
    });

    test('a mount point is busy', async () => {
      expect(await errno(fs.rmdir('/tmp'))).toBe('EBUSY');
      expect(await errno(fs.rename('/tmp', '/t'))).toBe('EBUSY');
      await fs.mkdir('/d');
      expect(await errno(fs.rename('/d', '/tmp/../kvm'))).toBe('EBUSY');
      expect(await errno(fs.mkdir('/kvm'))).toBe('EEXIST');
      expect(() => table.mount('/tmp/', memoryTree())).toThrow('EBUSY');
      expect(() => table.unmount('/nowhere')).toThrow('EINVAL');
    });

    test('a mounted tree hides neither deeper mounts nor other names under it', async () => {
      await fs.mkdir('/home');
      await fs.writeFile('/home/old', 'old');
      table.mount('/home/me/deep', directory([['file', textFile('deep')]]));
      table.mount('/home', memoryTree());
      await fs.writeFile('/home/new', 'new');
      expect((await fs.readdir('/home')).map(({ name }) => name)).toEqual(['new', 'old', 'me']);
      expect(await fs.readText('/home/me/deep/file')).toBe('deep\n');
      await fs.unlink('/home/old');
      table.unmount('/home');
      expect((await fs.readdir('/home')).map(({ name }) => name)).toEqual(['me']);
    });

    test('every change of a read-only tree is EROFS, and every look is not', async () => {
      const tree = memoryTree();
      table.mount('/rw', tree);
      table.mount('/ro', tree, { readOnly: true });
      await fs.writeFile('/rw/f', 'text');
      await fs.chmod('/rw/f', 0o444);
      await fs.mkdir('/rw/d');
      await fs.writeFile('/rw/d/g', '');
      for (const call of [
        fs.writeFile('/ro/f', 'x'),
        fs.appendFile('/ro/d/g', 'x'),
        fs.open('/ro/f', 'r+'),
        fs.open('/ro/new', 'wx'),
        fs.mkdir('/ro/e'),
        fs.rmdir('/ro/d'),
        fs.unlink('/ro/f'),
        fs.unlink('/ro/d/g'),
        fs.rename('/ro/f', '/ro/h'),
        fs.chmod('/ro/f', 0o777),
        fs.chmod('/ro/d', 0o777),
        fs.chmod('/ro', 0o777),
        fs.utimes('/ro/f', 0),
        fs.utimes('/ro', 0),
      ]) {
        expect(await errno(call)).toBe('EROFS');
      }
      expect(await fs.readText('/ro/f')).toBe('text');
      expect(await fs.readdir('/ro')).toEqual(await fs.readdir('/rw'));
      expect((await fs.stat('/ro/f')).mode).toBe((await fs.stat('/rw/f')).mode);
    });

    test('through a read-only mount nobody takes events, and reads of values go on', async () => {
      const event = eventFile({ mode: 0o444, open: () => ({ poll: () => 0, onReady: () => () => {} }) });
      table.mount(
        '/embed',
        directory([
          ['event', event],
          ['state', textFile('on')],
        ]),
        { readOnly: true },
      );
      expect(await errno(fs.readFile('/embed/event'))).toBe('EROFS');
      expect(await errno(fs.open('/embed/event'))).toBe('EROFS');
      expect(await fs.readText('/embed/state')).toBe('on\n');
    });

    test('mounts are told to who watches above them', async () => {
      const watch = fs.watch('/', {})[Symbol.asyncIterator]();
      const change = watch.next();
      await settle();
      table.mount('/vas/one', memoryTree());
      expect((await change).value).toEqual({ kind: 'made', name: 'vas' });
      await watch.return?.();
    });
  });

  test(`${name}: poll over files of two trees`, async () => {
    const event = makeEvents();
    const here = await open(directory([['event', event.node]]));
    const there = await open(directory([['event', makeEvents().node]]));
    const rows = [
      { file: await there.fs.open('/event'), events: POLLIN },
      { file: await here.fs.open('/event'), events: POLLIN, revents: 0 },
    ];
    const count = pollFiles(rows, -1);
    await settle();
    event.emit('x');
    expect([await count, rows[1]?.revents]).toEqual([1, POLLIN]);
    here.close();
    there.close();
  });

  test(`${name}: a file whose readiness is a promise wakes its reader`, async () => {
    let count = 0;
    const wakers: (() => void)[] = [];
    const node = streamFile({
      mode: 0o444,
      open: () => ({
        take: () => (count > 0 ? bytes(`${count--}\n`) : undefined),
        poll: () => readiness(count > 0) | POLLHUP,
        onReady: subscribeTo(
          () =>
            new Promise((resolve) => {
              wakers.push(resolve);
            }),
        ),
      }),
    });
    const { fs, close } = await open(directory([['eventfd', node]]));
    const line = fs.readText('/eventfd');
    await settle();
    wakers.pop()?.();
    while (wakers.length === 0) await settle();
    count = 3;
    wakers.pop()?.();
    expect(await line).toBe('3\n');
    close();
  });
}
