// What plain files do in every Fs: places, appending, holes, renaming, room. Run by local.test.ts and client.test.ts.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type DirNode, type Fs, memoryTree, O_RDWR } from '../../../web/fs/index.ts';
import { errno, type Opened } from './behaviour.ts';

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const bytes = (content: string) => new TextEncoder().encode(content);

export function describeMemory(name: string, open: (root: DirNode) => Promise<Opened>): void {
  describe(`${name}: plain files`, () => {
    let opened: Opened;
    let fs: Fs;
    beforeEach(async () => {
      opened = await open(memoryTree({ limit: 1 << 20 }));
      fs = opened.fs;
    });
    afterEach(() => opened.close());

    test('a file is made, written, read, appended to and cut', async () => {
      await fs.writeFile('/f', 'hello');
      await fs.appendFile('/f', ' world');
      expect(await fs.readText('/f')).toBe('hello world');
      await fs.writeFile('/f', 'x');
      expect(await fs.stat('/f')).toMatchObject({ size: 1, mode: 0o100644, isDirectory: false });
    });

    test('the place moves with reads and writes, a position leaves it', async () => {
      const file = await fs.open('/f', 'w+');
      await file.write(bytes('abc'));
      await file.write(bytes('def'));
      expect(text(await file.read(2, 1))).toBe('bc');
      await file.write(bytes('X'), 0);
      expect(text(await file.read(9))).toBe('');
      expect(await fs.readText('/f')).toBe('Xbcdef');
    });

    test('calls that do not wait for each other keep their order', async () => {
      const file = await fs.open('/f', 'w+');
      await Promise.all(['a', 'b', 'c'].map((letter) => file.write(bytes(letter))));
      const again = await fs.open('/f');
      const parts = await Promise.all([again.read(1), again.read(1), again.read(1)]);
      expect(parts.map(text)).toEqual(['a', 'b', 'c']);
    });

    test('appending writes at the end, wherever the place is', async () => {
      await fs.writeFile('/f', '123');
      const file = await fs.open('/f', 'a+');
      expect(text(await file.read(1))).toBe('1');
      await file.write(bytes('4'), 0);
      await fs.appendFile('/f', '5');
      await file.write(bytes('6'));
      expect(text(await file.read(9))).toBe('');
      expect(await fs.readText('/f')).toBe('123456');
    });

    test('a hole reads as zeros and takes no room', async () => {
      const file = await fs.open('/f', 'w+');
      await file.write(new Uint8Array([1]), 1 << 30);
      expect((await file.stat()).size).toBe((1 << 30) + 1);
      expect(await file.read(3, (1 << 30) - 2)).toEqual(new Uint8Array([0, 0, 1]));
      expect(await errno(file.write(bytes('x'), 2 ** 50))).toBe('EFBIG');
      expect(await errno(fs.readFile('/f'))).toBe('EFBIG');
    });

    test('what was cut off is gone when the file grows again', async () => {
      const file = await fs.open('/f', 'w+');
      await file.write(bytes('secret'));
      await file.truncate(2);
      await file.truncate(6);
      expect(text(await file.read(9, 0))).toBe('se\0\0\0\0');
    });

    test('a full tree is ENOSPC, and what is removed makes room', async () => {
      expect(await errno(fs.writeFile('/big', new Uint8Array(2 << 20)))).toBe('ENOSPC');
      await fs.unlink('/big');
      await fs.writeFile('/fits', new Uint8Array(1 << 19));
      for (let round = 0; round < 5; round++) await fs.writeFile('/again', new Uint8Array(1 << 18));
    });

    test('an unlinked file keeps its bytes and its room for who holds it', async () => {
      const file = await fs.open('/f', 'w+');
      await file.write(new Uint8Array(1 << 19).fill(7));
      await fs.unlink('/f');
      expect(await fs.exists('/f')).toBe(false);
      expect(await file.read(1, 1000)).toEqual(new Uint8Array([7]));
      expect(await errno(fs.writeFile('/g', new Uint8Array(1 << 19)))).toBe('ENOSPC');
      await file.close();
      await fs.writeFile('/g', new Uint8Array(1 << 19));
    });

    test('renaming keeps the file and replaces what was there', async () => {
      await fs.writeFile('/a', 'A');
      await fs.writeFile('/b', 'B');
      const held = await fs.open('/b');
      const { ino } = await fs.stat('/a');
      await fs.rename('/a', '/b');
      expect(await fs.exists('/a')).toBe(false);
      expect(await fs.readText('/b')).toBe('A');
      expect((await fs.stat('/b')).ino).toBe(ino);
      expect(text(await held.read(9))).toBe('B');
    });

    test('the time of the last change can be set', async () => {
      await fs.mkdir('/d');
      await fs.writeFile('/f', '');
      await fs.utimes('/f', 1000);
      await fs.utimes('/d', 2000);
      expect([(await fs.stat('/f')).mtime, (await fs.stat('/d')).mtime]).toEqual([1000, 2000]);
      expect(await errno(fs.utimes('/none', 0))).toBe('ENOENT');
      expect(await errno(fs.utimes('/f', Number.NaN))).toBe('EINVAL');
    });

    test('renaming obeys the rules about directories', async () => {
      await fs.mkdir('/d');
      await fs.mkdir('/d/e');
      await fs.mkdir('/empty');
      await fs.writeFile('/f', '');
      expect(await errno(fs.rename('/d', '/d/e/x'))).toBe('EINVAL');
      expect(await errno(fs.rename('/d/e', '/d'))).toBe('ENOTEMPTY');
      expect(await errno(fs.rename('/empty', '/d'))).toBe('ENOTEMPTY');
      expect(await errno(fs.rename('/f', '/empty'))).toBe('EISDIR');
      expect(await errno(fs.rename('/empty', '/f'))).toBe('ENOTDIR');
      expect(await errno(fs.rename('/f', '/g/'))).toBe('ENOTDIR');
      expect(await errno(fs.rename('/d/.', '/g'))).toBe('EBUSY');
      expect(await errno(fs.rename('/none', '/g'))).toBe('ENOENT');
      await fs.rename('/d', '/d');
      await fs.rename('/d/e', '/empty');
      expect(await fs.readdir('/d')).toEqual([]);
    });

    test('directories and files are removed each in their way', async () => {
      await fs.mkdir('/d');
      await fs.writeFile('/d/f', '');
      expect(await errno(fs.rmdir('/d'))).toBe('ENOTEMPTY');
      expect(await errno(fs.unlink('/d'))).toBe('EISDIR');
      expect(await errno(fs.rmdir('/d/f'))).toBe('ENOTDIR');
      expect(await errno(fs.rmdir('/'))).toBe('EBUSY');
      expect(await errno(fs.rmdir('/d/.'))).toBe('EINVAL');
      expect(await errno(fs.rmdir('/d/..'))).toBe('ENOTEMPTY');
      await fs.unlink('/d/f');
      await fs.rmdir('/d/');
      expect(await fs.readdir('/')).toEqual([]);
    });

    test('making what exists is refused', async () => {
      await fs.writeFile('/f', '');
      expect(await errno(fs.mkdir('/f'))).toBe('EEXIST');
      expect(await errno(fs.mkdir('/'))).toBe('EEXIST');
      expect(await errno(fs.open('/f', 'wx'))).toBe('EEXIST');
      expect(await errno(fs.open('/new/', 'w'))).toBe('EISDIR');
    });

    test('two who make one file at once both get it', async () => {
      await Promise.all([fs.writeFile('/f', 'a'), fs.writeFile('/f', 'b')]);
      expect(['a', 'b']).toContain(await fs.readText('/f'));
    });

    test('permission bits of files and directories hold', async () => {
      await fs.mkdir('/d');
      await fs.writeFile('/d/f', 'x');
      await fs.chmod('/d/f', 0o200);
      expect(await errno(fs.readFile('/d/f'))).toBe('EACCES');
      await fs.chmod('/d', 0o500);
      expect(await errno(fs.unlink('/d/f'))).toBe('EACCES');
      expect(await errno(fs.writeFile('/d/g', ''))).toBe('EACCES');
      await fs.chmod('/d', 0o300);
      expect(await errno(fs.readdir('/d'))).toBe('EACCES');
      await fs.chmod('/d', 0o600);
      expect(await errno(fs.stat('/d/f'))).toBe('EACCES');
      const made = await fs.open('/sealed', O_RDWR | 0o100, 0o400);
      expect(await made.write(bytes('by its maker'))).toBe(12);
    });
  });
}
