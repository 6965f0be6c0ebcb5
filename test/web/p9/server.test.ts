// The 9P2000.L server, request by request.
import { describe, expect, test } from 'vitest';
import { Client, pack } from './client.ts';
import { serve } from './tree.ts';

/** The error a request is answered with. */
const errno = (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => 'done',
    (error: Error) => error.message,
  );

const O_WRONLY = 1;
const O_CREAT_EXCL = 0o300;
const O_TRUNC = 0o1000;
const O_APPEND = 0o2000;
const O_NONBLOCK = 0o4000;

describe('a session', () => {
  test('agrees on the dialect and on messages that both can take', async () => {
    const { server } = await serve();
    const client = new Client(server.open());
    const answer = await client.call(100, [4, 1 << 30], '9P2000.L');
    expect([answer.n(4), answer.text()]).toEqual([512 * 1024, '9P2000.L']);
    const other = await client.call(100, [4, 8192], '9P2000.u');
    expect([other.n(4), other.text()]).toEqual([8192, 'unknown']);
    expect(await errno(client.call(104, [4, 0], [4, 0xffffffff], 'root', '', [4, 0]))).toBe('EINVAL');
    expect(await errno(client.call(100, [4, 100], '9P2000.L'))).toBe('EINVAL');
  });

  test('begins anew with each Tversion', async () => {
    const { client } = await serve();
    await client.open('/home/a/file');
    await client.mount();
    expect(await errno(client.read(100))).toBe('EBADF');
  });

  test('asks nobody who he is', async () => {
    const { client } = await serve();
    expect(await errno(client.call(102, [4, 9], 'root', '', [4, 0]))).toBe('EOPNOTSUPP');
    expect(await errno(client.call(104, [4, 9], [4, 3], 'root', '', [4, 0]))).toBe('EINVAL');
  });

  test('ends with its files closed and its requests given up', async () => {
    const { client } = await serve();
    const fid = await client.open('/kvm/vm0/event');
    const waiting = errno(client.read(fid));
    await client.session.end();
    expect(await waiting).toMatch(/EINTR|EBADF/);
    expect(await errno(client.getattr(0))).toBe('EIO');
  });
});

describe('finding files', () => {
  test('aname picks a directory below the root', async () => {
    const { client, server } = await serve({ aname: '/home/a' });
    expect(await client.list('/')).toEqual(['.', '..', 'file']);
    const other = new Client(server.open());
    expect(await errno(other.mount(8192, 'home/nothing'))).toBe('ENOENT');
    expect(await errno(other.mount(8192, 'home/a/file'))).toBe('ENOTDIR');
    expect(await errno(other.mount(8192, 'home/../../etc'))).toBe('EINVAL');
  });

  test('a walk gives a qid for each name, and stops where a name leads nowhere', async () => {
    const { client } = await serve();
    const full = await client.call(110, [4, 0], [4, 1], [2, 3], 'home', 'a', 'file');
    expect([full.n(2), full.left]).toEqual([3, 39]);
    const part = await client.call(110, [4, 0], [4, 2], [2, 3], 'home', 'nothing', 'file');
    expect(part.n(2)).toBe(1);
    expect(await errno(client.getattr(2))).toBe('EBADF');
    expect(await errno(client.call(110, [4, 0], [4, 2], [2, 1], 'nothing'))).toBe('ENOENT');
    expect(await errno(client.call(110, [4, 1], [4, 2], [2, 1], 'below'))).toBe('ENOTDIR');
  });

  test('a walk of no names copies a fid, and a walk to itself moves it', async () => {
    const { client } = await serve();
    await client.call(110, [4, 0], [4, 1], [2, 0]);
    await client.call(110, [4, 1], [4, 1], [2, 2], 'home', 'a');
    expect(await client.list('/')).toEqual(['.', '..', 'home', 'kvm']);
    expect((await client.getattr(1)).qid).toBe((await client.getattr(await client.walk('home/a'))).qid);
    expect(await errno(client.call(110, [4, 0], [4, 1], [2, 0]))).toBe('EBADF');
  });

  test('nothing leads above the root', async () => {
    const { client } = await serve({ path: '/home/a' });
    const up = await client.walk('../../..');
    expect((await client.getattr(up)).qid).toBe((await client.getattr(0)).qid);
    expect(await errno(client.walk('../kvm'))).toBe('ENOENT');
    expect(await errno(client.call(110, [4, 0], [4, 5], [2, 1], '../kvm'))).toBe('EINVAL');
  });

  test('a qid stays the same, and no two files have the same', async () => {
    const { client } = await serve();
    const paths = ['', 'home', 'home/a', 'home/a/file', 'kvm/vm0', 'kvm/vm0/paused', 'kvm/vm0/event'];
    const look = () =>
      Promise.all(paths.map(async (path) => (await client.getattr(await client.walk(path))).qid));
    const first = await look();
    expect(await look()).toEqual(first);
    expect(new Set(first.map((qid) => qid.slice(10))).size).toBe(paths.length);
  });

  test('clunk frees the fid', async () => {
    const { client } = await serve();
    const fid = await client.open('/home/a/file');
    await client.clunk(fid);
    expect(await errno(client.read(fid))).toBe('EBADF');
    expect(await errno(client.clunk(fid))).toBe('EBADF');
  });
});

describe('plain files', () => {
  test('are made, written, read and cut', async () => {
    const { client, fs } = await serve();
    const fid = await client.create('/home/new');
    expect(await client.write(fid, 'one two')).toBe(7);
    expect(await client.read(fid, 4)).toBe('two');
    await client.setattr(fid, 8, { size: 3 });
    expect(await client.read(fid)).toBe('one');
    expect(await fs.readText('/home/new')).toBe('one');
    expect(await errno(client.create('/home/new', O_CREAT_EXCL))).toBe('EEXIST');
    await client.call(50, [4, fid], [4, 0]);
  });

  test('an append goes to the end, O_TRUNC empties', async () => {
    const { client, fs } = await serve();
    await client.write(await client.open('/home/a/file', O_WRONLY | O_APPEND), '!', 0);
    expect(await fs.readText('/home/a/file')).toBe('hello!');
    await client.open('/home/a/file', O_WRONLY | O_TRUNC);
    expect(await fs.readText('/home/a/file')).toBe('');
  });

  test('a fid is opened once, and used as it was opened', async () => {
    const { client } = await serve();
    const fid = await client.open('/home/a/file');
    expect(await errno(client.call(12, [4, fid], [4, 0]))).toBe('EBADF');
    expect(await errno(client.write(fid, 'x'))).toBe('EBADF');
    expect(await errno(client.read(0))).toBe('EBADF');
    expect(await errno(client.open('/home', O_WRONLY))).toBe('EISDIR');
    expect(await errno(client.open('/home/nothing'))).toBe('ENOENT');
  });

  test('modes, times and owners', async () => {
    const { client } = await serve();
    const fid = await client.walk('/home/a/file');
    await client.setattr(fid, 0x121, { mode: 0o100600, mtime: 12345 });
    expect(await client.getattr(fid)).toMatchObject({ mode: 0o100600, mtime: 12345, size: 5, uid: 0 });
    await client.setattr(fid, 6, { uid: 0 });
    expect(await errno(client.setattr(fid, 2, { uid: 1000 }))).toBe('EPERM');
    await client.setattr(fid, 1, { mode: 0o200 });
    expect(await errno(client.open('/home/a/file'))).toBe('EACCES');
    expect(await errno(client.setattr(0, 8, { size: 0 }))).toBe('EISDIR');
  });

  test('directories are made, listed in pieces, renamed and removed', async () => {
    const { client, fs } = await serve();
    const home = await client.walk('home');
    for (let n = 0; n < 40; n++) await client.call(72, [4, home], `d${n}`, [4, 0o755], [4, 0]);
    const names = await client.list('home', 200);
    expect(names.slice(0, 4)).toEqual(['.', '..', 'a', 'd0']);
    expect(names).toHaveLength(43);
    await client.call(74, [4, home], 'd0', [4, home], 'e0');
    await client.call(76, [4, home], 'e0', [4, 0x200]);
    expect(await fs.exists('/home/e0')).toBe(false);
    expect(await errno(client.call(76, [4, home], 'd1', [4, 0]))).toBe('EISDIR');
    expect(await errno(client.call(76, [4, home], 'a', [4, 0x200]))).toBe('ENOTEMPTY');
    expect(await errno(client.call(72, [4, home], 'a', [4, 0o755], [4, 0]))).toBe('EEXIST');
  });

  test('too little room for one entry is an error, an offset behind the last an end', async () => {
    const { client } = await serve();
    const fid = await client.open('home');
    expect(await errno(client.call(40, [4, fid], [8, 0], [4, 20]))).toBe('EINVAL');
    expect((await client.call(40, [4, fid], [8, 99], [4, 4000])).n(4)).toBe(0);
    expect(await errno(client.call(40, [4, await client.open('home/a/file')], [8, 0], [4, 4000]))).toBe(
      'ENOTDIR',
    );
  });

  test('a fid goes with its file when that, or a directory above, is renamed', async () => {
    const { client } = await serve();
    const file = await client.walk('home/a/file');
    const dir = await client.walk('home/a');
    const home = await client.walk('home');
    await client.call(20, [4, dir], [4, home], 'b');
    expect((await client.getattr(file)).size).toBe(5);
    await client.call(20, [4, file], [4, home], 'moved');
    expect(await client.list('home')).toEqual(['.', '..', 'b', 'moved']);
    expect(await errno(client.call(20, [4, 0], [4, home], 'root'))).toBe('EBUSY');
    expect(await errno(client.call(20, [4, file], [4, await client.walk('kvm')], 'x'))).toBe('EXDEV');
  });

  test('an open file without a name is still read and known', async () => {
    const { client } = await serve();
    const fid = await client.open('home/a/file');
    await client.call(122, [4, await client.walk('home/a/file')]);
    expect(await client.read(fid)).toBe('hello');
    expect((await client.getattr(fid)).size).toBe(5);
    await client.call(122, [4, await client.walk('home/a')]);
    expect(await client.list('home')).toEqual(['.', '..']);
  });

  test('what cannot be made is refused', async () => {
    const { client } = await serve();
    const home = await client.walk('home');
    expect(await errno(client.call(18, [4, home], 'pipe', [4, 0o10644], [4, 0], [4, 0], [4, 0]))).toBe(
      'EOPNOTSUPP',
    );
    expect(await errno(client.call(16, [4, home], 'link', 'a', [4, 0]))).toBe('EPERM');
    expect(await errno(client.call(70, [4, home], [4, await client.walk('home/a/file')], 'b'))).toBe('EPERM');
    expect(await errno(client.call(22, [4, home]))).toBe('EINVAL');
    for (const name of ['', '.', '..', 'a/b', 'a\0b']) {
      expect(await errno(client.call(72, [4, home], name, [4, 0o755], [4, 0]))).toBe('EINVAL');
    }
    expect(await errno(client.call(72, [4, home], 'n'.repeat(256), [4, 0o755], [4, 0]))).toBe('ENAMETOOLONG');
    expect(await errno(client.call(72, [4, home], new Uint8Array([1, 0, 0xff]), [4, 0], [4, 0]))).toBe(
      'EILSEQ',
    );
  });

  test('there are no extended attributes: the list is empty, each one is missing', async () => {
    const { client } = await serve();
    expect(await errno(client.call(30, [4, 0], [4, 7], 'user.x'))).toBe('ENODATA');
    expect((await client.call(30, [4, 0], [4, 7], '')).n(8)).toBe(0);
    expect(await client.read(7)).toBe('');
    await client.clunk(7);
    expect(await errno(client.call(32, [4, 0], 'user.x', [8, 1], [4, 0]))).toBe('EOPNOTSUPP');
  });

  test('room is told as far as it is known', async () => {
    const { client } = await serve();
    const room = async (path: string) => {
      const answer = await client.call(8, [4, await client.walk(path)]);
      return [answer.n(4), answer.n(4), answer.n(8)];
    };
    expect(await room('kvm/vm0/paused')).toEqual([0x01021997, 4096, 0]);
    expect(await room('home/a')).toEqual([0x01021997, 4096, 2048]);
    expect(await room('home/a/file')).toEqual([0x01021997, 4096, 2048]);
  });
});

describe('locks', () => {
  const lock = async (
    client: Client,
    fid: number,
    type: number,
    start: number,
    length: number,
    process = 1,
  ) =>
    (await client.call(52, [4, fid], [1, type], [4, 0], [8, start], [8, length], [4, process], 'guest')).n(1);
  const getlock = async (client: Client, fid: number, type: number, start: number, length: number) => {
    const answer = await client.call(54, [4, fid], [1, type], [8, start], [8, length], [4, 9], 'guest');
    return [answer.n(1), answer.n(8), answer.n(8), answer.n(4)];
  };

  test('are granted while no other process is in the way', async () => {
    const { client } = await serve();
    const fid = await client.open('home/a/file', 2);
    expect(await lock(client, fid, 1, 10, 10)).toBe(0);
    expect(await lock(client, fid, 1, 15, 1, 2)).toBe(1);
    expect(await lock(client, fid, 0, 20, 0, 2)).toBe(0);
    expect(await getlock(client, fid, 0, 0, 0)).toEqual([1, 10, 10, 1]);
    expect(await lock(client, fid, 2, 12, 2)).toBe(0);
    expect(await getlock(client, fid, 1, 12, 2)).toEqual([2, 12, 2, 9]);
    expect(await getlock(client, fid, 1, 14, 1)).toEqual([1, 14, 6, 1]);
    expect(await errno(lock(client, fid, 7, 0, 0))).toBe('EINVAL');
  });

  test('are seen by other guests, and go with the fid', async () => {
    const { client, server } = await serve();
    const other = await new Client(server.open()).mount();
    const fid = await client.open('home/a/file', 2);
    const theirs = await other.open('home/a/file', 2);
    expect(await lock(client, fid, 1, 0, 0)).toBe(0);
    expect(await lock(other, theirs, 1, 0, 0)).toBe(1);
    await client.clunk(fid);
    expect(await lock(other, theirs, 1, 0, 0)).toBe(0);
  });
});

describe('values, events and streams', () => {
  test('are regular files without a size for a guest', async () => {
    const { client } = await serve();
    for (const name of ['paused', 'event', 'console']) {
      const { mode, size } = await client.getattr(await client.walk(`kvm/vm0/${name}`));
      expect([mode & 0o170000, size]).toEqual([0o100000, 0]);
    }
  });

  test('one open sees one value, a write is one value', async () => {
    const { client, values } = await serve();
    const fid = await client.open('kvm/vm0/counter');
    expect([await client.read(fid), await client.read(fid), await client.read(fid, 2)]).toEqual([
      '0\n',
      '0\n',
      '',
    ]);
    const log = await client.open('kvm/vm0/log', O_WRONLY | O_TRUNC);
    await client.setattr(log, 0x28, { size: 0 });
    await client.write(log, 'one\n');
    await client.write(log, 'two\n', 4);
    expect(values.writes).toEqual(['one', 'two']);
    expect(await errno(client.write(await client.open('kvm/vm0/paused', 2), 'maybe'))).toBe('EINVAL');
  });

  test('a read that waits for an event holds nobody up', async () => {
    const { client, event } = await serve();
    const fid = await client.open('kvm/vm0/event');
    const waiting = client.read(fid);
    expect(await client.read(await client.open('kvm/vm0/paused'))).toBe('1\n');
    event.say('hlt\n');
    expect(await waiting).toBe('hlt\n');
    expect(await client.read(fid, 4)).toBe('');
  });

  test('Tflush gives a waiting read up, and is answered after it', async () => {
    const { client, event } = await serve();
    const fid = await client.open('kvm/vm0/event');
    const order: string[] = [];
    const tag = client.nextTag();
    const read = errno(client.send(tag, 116, [4, fid], [8, 0], [4, 100])).then((end) => order.push(end));
    await client.call(108, [2, tag]).then(() => order.push('Rflush'));
    await read;
    expect(order).toEqual(['EINTR', 'Rflush']);
    await client.call(108, [2, 4321]);
    event.say('hlt\n');
    expect(await client.read(fid)).toBe('hlt\n');
  });

  test('closing the file ends a read that waits', async () => {
    const { client } = await serve();
    const fid = await client.open('kvm/vm0/event');
    const waiting = errno(client.read(fid));
    await client.clunk(fid);
    expect(await waiting).toBe('EBADF');
  });

  test('what a stream has is followed by one empty answer, and then it waits again', async () => {
    const { client, console } = await serve();
    const fid = await client.open('kvm/vm0/console');
    console.say('login: ');
    expect([await client.read(fid), await client.read(fid, 7)]).toEqual(['login: ', '']);
    const waiting = client.read(fid, 7);
    console.say('root\n');
    expect([await waiting, await client.read(fid, 12)]).toEqual(['root\n', '']);
  });

  test('who does not want to wait gets EAGAIN, and no empty answers', async () => {
    const { client, console } = await serve();
    const fid = await client.open('kvm/vm0/console', O_NONBLOCK);
    console.say('a');
    expect(await client.read(fid)).toBe('a');
    expect(await errno(client.read(fid, 1))).toBe('EAGAIN');
  });

  test('a fault in a tree is EIO', async () => {
    const { client } = await serve();
    expect(await errno(client.open('kvm/vm0/broken'))).toBe('EIO');
  });
});

describe('bounds', () => {
  test('a message of another length than it says, or longer than agreed on, is EINVAL', async () => {
    const { client } = await serve({ msize: 4096 });
    const answer = async (bytes: Uint8Array) => {
      const { session } = client;
      const given = await session.answer(bytes);
      return [given[4], given[7]];
    };
    const good = pack(24, 1, [4, 0], [8, 0x7ff]);
    expect(await answer(good.slice(0, -1))).toEqual([7, 22]);
    expect(await answer(new Uint8Array([...good, 0]))).toEqual([7, 22]);
    expect(await answer(new Uint8Array(3))).toEqual([7, 22]);
    expect(await answer(pack(24, 1, [4, 0]))).toEqual([7, 22]);
    expect(await answer(pack(118, 1, new Uint8Array(5000)))).toEqual([7, 22]);
    expect(await answer(pack(112, 1, [4, 0]))).toEqual([7, 95]);
  });

  test('no answer is longer than agreed on', async () => {
    const { client } = await serve({ msize: 4096 });
    const fid = await client.create('home/big');
    for (let at = 0; at < 8192; at += 2048) await client.write(fid, 'x'.repeat(2048), at);
    expect(await client.read(fid, 0, 0xffffffff)).toHaveLength(4096 - 11);
  });

  test('a walk has at most 16 names, a tag one request', async () => {
    const { client } = await serve();
    expect(await errno(client.call(110, [4, 0], [4, 1], [2, 17]))).toBe('EINVAL');
    const fid = await client.open('kvm/vm0/event');
    const tag = client.nextTag();
    const waiting = errno(client.send(tag, 116, [4, fid], [8, 0], [4, 100]));
    expect(await errno(client.send(tag, 24, [4, 0], [8, 0]))).toBe('EINVAL');
    await client.clunk(fid);
    expect(await waiting).toBe('EBADF');
  });

  test('open files and waiting requests are counted', async () => {
    const { client } = await serve();
    const fids: number[] = [];
    for (let n = 0; n < 1024; n++) fids.push(await client.open('home'));
    expect(await errno(client.open('home'))).toBe('EMFILE');
    for (const fid of fids) await client.clunk(fid);
    const fid = await client.open('kvm/vm0/event');
    const all = Array.from({ length: 1024 }, () => errno(client.read(fid)));
    expect(await errno(client.getattr(0))).toBe('EAGAIN');
    await client.session.end();
    expect(new Set(await Promise.all(all)).size).toBe(1);
  });

  test('one number is given once, however many ask at a time', async () => {
    const { client } = await serve();
    const walks = [1, 2, 3].map(() => errno(client.call(110, [4, 0], [4, 50], [2, 1], 'home')));
    expect((await Promise.all(walks)).sort()).toEqual(['EBADF', 'EBADF', 'done']);
    const opens = [1, 2, 3].map(() => errno(client.call(12, [4, 50], [4, 0])));
    expect((await Promise.all(opens)).sort()).toEqual(['EBADF', 'EBADF', 'done']);
  });
});
