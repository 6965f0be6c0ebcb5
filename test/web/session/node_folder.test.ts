// A folder of the host as a tree: what it shows, and that nothing leads out of it.
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FsClient, FsServer, LocalFs, MountTable, messagePort } from '../../../web/fs/index.ts';
import { P9Server } from '../../../web/p9/index.ts';
import { type HostFolder, nodeFolder } from '../../../web/session/folders/node_folder.ts';
import { errno } from '../fs/behaviour.ts';
import { Client } from '../p9/client.ts';

let base: string;
let share: string;
let folder: HostFolder;
let fs: LocalFs;

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'vitrine-folder-'));
  share = join(base, 'share');
  mkdirSync(join(share, 'dir'), { recursive: true });
  mkdirSync(join(base, 'outside'));
  writeFileSync(join(base, 'outside', 'secret'), 'secret');
  writeFileSync(join(share, 'dir', 'file'), 'hello');
  folder = nodeFolder(share);
  fs = new LocalFs(folder.root);
});

afterEach(() => {
  folder.close();
  rmSync(base, { recursive: true });
});

const inShare = (...names: string[]) => join(share, ...names);

describe('a folder of the host', () => {
  test('shows what is there', async () => {
    expect(await fs.readdir('/')).toEqual([{ name: 'dir', isDirectory: true }]);
    expect(await fs.readText('/dir/file')).toBe('hello');
    chmodSync(inShare('dir', 'file'), 0o4750);
    const { mode, size, mtime } = await fs.stat('/dir/file');
    expect([mode, size]).toEqual([0o100750, 5]);
    expect(Math.trunc(mtime)).toBe(Math.trunc(statSync(inShare('dir', 'file')).mtimeMs));
    expect(await errno(fs.readText('/nothing'))).toBe('ENOENT');
    expect((await fs.room('/dir')).total).toBeGreaterThan(0);
  });

  test('takes what is made, with the mode that was asked for', async () => {
    const file = await fs.open('/dir/new', 'wx', 0o666);
    await file.write(new TextEncoder().encode('one two'));
    await file.sync();
    await file.truncate(3);
    await file.close();
    await fs.mkdir('/more', 0o777);
    expect(readFileSync(inShare('dir', 'new'), 'utf8')).toBe('one');
    expect(statSync(inShare('dir', 'new')).mode & 0o777).toBe(0o666);
    expect(statSync(inShare('more')).mode & 0o777).toBe(0o777);
    await fs.appendFile('/dir/new', '+');
    await fs.rename('/dir/new', '/more/newer');
    await fs.chmod('/more/newer', 0o640);
    await fs.utimes('/more/newer', 5000);
    await fs.utimes('/', 7000);
    expect(readFileSync(inShare('more', 'newer'), 'utf8')).toBe('one+');
    expect(await fs.stat('/more/newer')).toMatchObject({ mode: 0o100640, mtime: 5000 });
    expect((await fs.stat('/')).mtime).toBe(7000);
    expect(await errno(fs.rmdir('/more'))).toBe('ENOTEMPTY');
    await fs.unlink('/more/newer');
    await fs.rmdir('/more');
    expect(existsSync(inShare('more'))).toBe(false);
  });

  test('a file that may not be written is written by who has made it', async () => {
    const file = await fs.open('/object', 'wx', 0o444);
    await file.write(new TextEncoder().encode('object'));
    await file.close();
    expect(readFileSync(inShare('object'), 'utf8')).toBe('object');
    expect(await errno(fs.open('/object', 'r+'))).toBe('EACCES');
  });

  test('can be looked at only', async () => {
    const seen = nodeFolder(share, { readOnly: true });
    const glass = new LocalFs(seen.root);
    expect(await glass.readText('/dir/file')).toBe('hello');
    expect(await errno(glass.writeFile('/dir/file', 'x'))).toBe('EROFS');
    expect(await errno(glass.symlink('x', '/dir/link'))).toBe('EROFS');
    expect(await errno(glass.unlink('/dir/file'))).toBe('EROFS');
    seen.close();
  });

  test('hard links are one file', async () => {
    await fs.link('/dir/file', '/again');
    expect((await fs.stat('/again')).ino).toBe((await fs.stat('/dir/file')).ino);
    expect(await errno(fs.link('/dir', '/dir2'))).toBe('EPERM');
    expect(await errno(fs.link('/dir/file', '/again'))).toBe('EEXIST');
  });

  test('another tree takes nothing of it by rename or link', async () => {
    const other = nodeFolder(join(base, 'outside'));
    const table = new MountTable();
    table.mount('/a', folder.root);
    table.mount('/b', other.root);
    const both = new LocalFs(table.root);
    expect(await errno(both.rename('/a/dir/file', '/b/file'))).toBe('EXDEV');
    expect(await errno(both.link('/b/secret', '/a/secret'))).toBe('EXDEV');
    other.close();
  });

  test('names that are no UTF-8 are left out', async () => {
    const bad = Buffer.concat([Buffer.from(`${share}/`), Buffer.from([0xff])]);
    writeFileSync(bad, '');
    expect((await fs.readdir('/')).map(({ name }) => name)).toEqual(['dir']);
    expect(await fs.readdir('/')).toHaveLength(1);
  });
});

test('links, room and what is safe are asked for from another thread as from this one', async () => {
  const { port1, port2 } = new MessageChannel();
  const end = new FsServer(folder.root).accept(messagePort(port1));
  const client = new FsClient(messagePort(port2));
  await client.symlink('dir/file', '/link');
  expect(await client.readlink('/link')).toBe('dir/file');
  expect(await errno(client.readlink('/dir'))).toBe('EINVAL');
  expect(await errno(client.readText('/link'))).toBe('ELOOP');
  await client.link('/dir/file', '/again');
  const file = await client.open('/again', 'r+');
  await file.write(new TextEncoder().encode('HELLO'));
  await file.sync();
  await file.close();
  expect(readFileSync(inShare('dir', 'file'), 'utf8')).toBe('HELLO');
  expect((await client.room('/')).total).toBe((await fs.room('/dir')).total);
  expect(await errno(client.room('/dir/file'))).toBe('ENOTDIR');
  client.close();
  end();
});

describe('out of a folder', () => {
  test('no symbolic link leads', async () => {
    symlinkSync('../outside', inShare('out'));
    symlinkSync('../../outside/secret', inShare('dir', 'secret'));
    expect(await fs.readlink('/out')).toBe('../outside');
    expect((await fs.stat('/dir/secret')).mode).toBe(0o120777);
    expect(await errno(fs.readText('/dir/secret'))).toBe('ELOOP');
    expect(await errno(fs.writeFile('/dir/secret', 'x'))).toBe('ELOOP');
    expect(await errno(fs.open('/dir/secret', 'wx'))).toBe('EEXIST');
    expect(await errno(fs.readText('/out/secret'))).toBe('ENOTDIR');
    expect(await errno(fs.readdir('/out'))).toBe('ENOTDIR');
    expect(await errno(fs.chmod('/dir/secret', 0o600))).toBe('EPERM');
    await fs.utimes('/dir/secret', 1000);
    await fs.unlink('/dir/secret');
    expect(readFileSync(join(base, 'outside', 'secret'), 'utf8')).toBe('secret');
    expect(statSync(join(base, 'outside', 'secret')).mtimeMs).not.toBe(1000);
  });

  test('a guest makes links, for itself to follow', async () => {
    await fs.symlink('/etc/passwd', '/link');
    expect(readlinkSync(inShare('link'))).toBe('/etc/passwd');
    expect(await errno(fs.readText('/link'))).toBe('ELOOP');
    expect(await errno(fs.symlink('x', '/link'))).toBe('EEXIST');
    await fs.link('/link', '/second');
    expect(lstatSync(inShare('second')).isSymbolicLink()).toBe(true);
  });

  test('nothing leads that was a directory when it was walked', async () => {
    const client = await new Client(new P9Server({ fs }).open()).mount();
    writeFileSync(inShare('dir', 'secret'), 'mine');
    const file = await client.walk('dir/secret');
    const dir = await client.walk('dir');
    renameSync(inShare('dir'), inShare('old'));
    symlinkSync(join(base, 'outside'), inShare('dir'));
    const tries = [
      client.call(12, [4, file], [4, 0]),
      client.call(14, [4, dir], 'made', [4, 2], [4, 0o644], [4, 0]),
      client.call(72, [4, dir], 'made', [4, 0o755], [4, 0]),
      client.call(76, [4, dir], 'secret', [4, 0]),
      client.call(16, [4, dir], 'made', 'x', [4, 0]),
      client.call(74, [4, dir], 'secret', [4, 0], 'stolen'),
      client.call(70, [4, 0], [4, file], 'stolen'),
      client.setattr(file, 1, { mode: 0o777 }),
      client.list('dir'),
    ];
    for (const end of await Promise.allSettled(tries)) expect(end).toMatchObject({ status: 'rejected' });
    expect(execFileSync('ls', [join(base, 'outside')], { encoding: 'utf8' })).toBe('secret\n');
    expect(existsSync(inShare('stolen'))).toBe(false);
  });

  test('no path and no aname leads', async () => {
    expect(await errno(fs.readText('/../outside/secret'))).toBe('ENOENT');
    const client = await new Client(new P9Server({ fs, path: '/dir' }).open()).mount();
    const up = await client.walk('../../..');
    expect((await client.getattr(up)).qid).toBe((await client.getattr(0)).qid);
  });

  test('no pipe or device of the host is opened', async () => {
    execFileSync('mkfifo', [inShare('pipe')]);
    expect((await fs.stat('/pipe')).mode).toBe(0o100000);
    expect(await errno(fs.readText('/pipe'))).toBe('EACCES');
    expect(await errno(fs.chmod('/pipe', 0o600))).toBe('EPERM');
    await fs.unlink('/pipe');
  });

  test('the folder itself may be named by a link', async () => {
    symlinkSync(share, join(base, 'named'));
    const named = nodeFolder(join(base, 'named'));
    expect(await new LocalFs(named.root).readText('/dir/file')).toBe('hello');
    named.close();
    expect(await errno((async () => nodeFolder(join(base, 'nothing')))())).toBe('ENOENT');
    expect(await errno((async () => nodeFolder(inShare('dir', 'file')))())).toBe('ENOTDIR');
  });
});
