// What every Fs does alike, as tests: run over a tree in this thread and over a message port.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  boolean,
  bytesFile,
  commandFile,
  type DirNode,
  decimal,
  directory,
  type Fs,
  hex,
  size,
  textFile,
  valueFile,
} from '../../../web/fs/index.ts';

/** An Fs under test and what ends it. */
export interface Opened {
  fs: Fs;
  close(): void;
}

/** The errno a call fails with. */
export async function errno(call: Promise<unknown>): Promise<string> {
  try {
    await call;
  } catch (error) {
    return (error as { code: string }).code;
  }
  return 'done';
}

/** The message a call fails with. */
export async function sentence(call: Promise<unknown>): Promise<string> {
  try {
    await call;
  } catch (error) {
    return (error as Error).message;
  }
  return 'done';
}

/** A tree of synthetic files over a few values. */
function makeValues() {
  const values = { paused: true, rax: 0x10n, count: 1, regs: new Uint8Array([1, 2, 3, 4]), gets: 0 };
  const slots: unknown[] = [];
  const vms = new Set(['vm0']);
  const root = directory([
    ['version', textFile('12')],
    [
      'paused',
      valueFile({
        ...boolean,
        get: () => values.paused,
        set: (value) => {
          values.paused = value;
        },
      }),
    ],
    [
      'rax',
      valueFile({
        ...hex(64),
        get: () => values.rax,
        set: async (value) => {
          values.rax = value;
        },
      }),
    ],
    ['counter', valueFile({ ...decimal(), get: () => values.count++ })],
    ['secret', valueFile({ set: () => {} })],
    [
      'regs',
      bytesFile({
        size: 4,
        get: () => values.regs,
        set: (bytes) => {
          values.regs = bytes.slice();
        },
      }),
    ],
    [
      'ctl',
      commandFile({
        keys: { gpa: hex(64), size, log: boolean },
        get: () => ({ gpa: 0x1000n, size: 4096n }),
        set: (line) => {
          slots.push(line);
        },
      }),
    ],
    [
      'vms',
      directory(() => [...vms].map((name) => [name, directory([['name', textFile(name)]])]), {
        mkdir: (name) => {
          vms.add(name);
        },
        rmdir: (name) => {
          vms.delete(name);
        },
      }),
    ],
  ]);
  return { root, values, slots };
}

/** The suite over the Fs that `open` gives for a tree. */
export function describeFs(name: string, open: (root: DirNode) => Promise<Opened>): void {
  describe(`${name}: synthetic files`, () => {
    let tree: ReturnType<typeof makeValues>;
    let opened: Opened;
    let fs: Fs;
    beforeEach(async () => {
      tree = makeValues();
      opened = await open(tree.root);
      fs = opened.fs;
    });
    afterEach(() => opened.close());

    test('a value is a line', async () => {
      expect(await fs.readText('/version')).toBe('12\n');
      expect(await fs.readText('rax')).toBe('0x10\n');
    });

    test('a write sets the value, white space round it or not', async () => {
      await fs.writeFile('/paused', ' 0\n');
      await fs.writeFile('/rax', '-1');
      expect(tree.values).toMatchObject({ paused: false, rax: 0xffffffffffffffffn });
    });

    test('a refused value fails that very write and changes nothing', async () => {
      expect(await sentence(fs.writeFile('/paused', '2\n'))).toBe("EINVAL: '2' is not 0 or 1");
      expect(await errno(fs.writeFile('/rax', '0x10000000000000000'))).toBe('EINVAL');
      expect(await errno(fs.writeFile('/rax', new Uint8Array([0xff])))).toBe('EINVAL');
      expect(tree.values).toMatchObject({ paused: true, rax: 0x10n });
    });

    test('all reads of one open come from one snapshot', async () => {
      const file = await fs.open('/counter');
      expect(await file.read(1)).toEqual(new Uint8Array([0x31]));
      expect(await file.read(10)).toEqual(new Uint8Array([0x0a]));
      expect(await file.read(10, 0)).toEqual(new Uint8Array([0x31, 0x0a]));
      await file.close();
      expect(await fs.readText('/counter')).toBe('2\n');
    });

    test('a struct is read and written whole', async () => {
      expect(await fs.readFile('/regs')).toEqual(new Uint8Array([1, 2, 3, 4]));
      await fs.writeFile('/regs', new Uint8Array([5, 6, 7, 8]));
      expect(tree.values.regs).toEqual(new Uint8Array([5, 6, 7, 8]));
      expect(await sentence(fs.writeFile('/regs', new Uint8Array(5)))).toContain('all 4 bytes');
      expect((await fs.stat('/regs')).size).toBe(4);
    });

    test('a command file takes a line as one set', async () => {
      await fs.writeFile('/ctl', '# two slots\ngpa=0x100000 size=4M log=1\n\nsize=1G\n');
      expect(tree.slots).toEqual([{ gpa: 0x100000n, size: 4194304n, log: true }, { size: 1n << 30n }]);
      expect(await fs.readText('/ctl')).toBe('gpa=0x1000 size=4K\n');
    });

    test('a command file names the wrong word and sets nothing', async () => {
      expect(await sentence(fs.writeFile('/ctl', 'size=4K\nsize=4X'))).toContain("'size=4X': '4X' is not");
      expect(await sentence(fs.writeFile('/ctl', 'gpa=1 colour=red'))).toContain("'colour=red': the keys");
      expect(await sentence(fs.writeFile('/ctl', 'gpa=1 gpa=2'))).toContain('twice');
      expect(await sentence(fs.writeFile('/ctl', 'gpa'))).toContain('no value');
      expect(await errno(fs.writeFile('/ctl', '\n'))).toBe('EINVAL');
      expect(tree.slots).toEqual([]);
    });

    test('permission bits decide who may open', async () => {
      expect(await errno(fs.open('/version', 'r+'))).toBe('EACCES');
      expect(await errno(fs.readFile('/secret'))).toBe('EACCES');
      expect(await errno(fs.writeFile('/secret', 'x'))).toBe('done');
    });

    test('a fixed tree refuses to change', async () => {
      expect(await errno(fs.writeFile('/new', ''))).toBe('EPERM');
      expect(await errno(fs.mkdir('/new'))).toBe('EPERM');
      expect(await errno(fs.unlink('/version'))).toBe('EPERM');
      expect(await errno(fs.rename('/version', '/x'))).toBe('EPERM');
      expect(await errno(fs.chmod('/version', 0o777))).toBe('EPERM');
    });

    test('rows that are asked for come and go', async () => {
      await fs.mkdir('/vms/vm1');
      expect(await fs.readdir('/vms')).toEqual([
        { name: 'vm0', isDirectory: true },
        { name: 'vm1', isDirectory: true },
      ]);
      expect(await fs.readText('/vms/vm1/name')).toBe('vm1\n');
      await fs.rmdir('/vms/vm0');
      expect(await fs.exists('/vms/vm0/name')).toBe(false);
    });

    test('paths are walked as POSIX says', async () => {
      expect(await fs.readText('//vms/./vm0/../vm0/name')).toBe('vm0\n');
      expect((await fs.stat('/../..')).isDirectory).toBe(true);
      expect(await errno(fs.stat(''))).toBe('ENOENT');
      expect(await errno(fs.stat('/nowhere/..'))).toBe('ENOENT');
      expect(await errno(fs.stat('/version/'))).toBe('ENOTDIR');
      expect(await errno(fs.stat('/version/..'))).toBe('ENOTDIR');
      expect(await errno(fs.stat('/version/x'))).toBe('ENOTDIR');
      expect(await errno(fs.stat('a\0b'))).toBe('EINVAL');
      expect(await errno(fs.stat('é'.repeat(128)))).toBe('ENAMETOOLONG');
      expect(await errno(fs.stat('x/'.repeat(3000)))).toBe('ENAMETOOLONG');
      expect(await errno(fs.stat('é'.repeat(127)))).toBe('ENOENT');
    });

    test('directories are not opened', async () => {
      expect(await errno(fs.open('/vms'))).toBe('EISDIR');
      expect(await errno(fs.open('/vms', 'w'))).toBe('EISDIR');
      expect(await errno(fs.open('/vms', 'wx'))).toBe('EEXIST');
      expect(await errno(fs.readdir('/version'))).toBe('ENOTDIR');
    });

    test('a node without a number has its own by its path', async () => {
      const inos = await Promise.all(['/', '/vms', '/vms/vm0', '/version'].map((path) => fs.stat(path)));
      expect(new Set(inos.map(({ ino }) => ino)).size).toBe(4);
      expect((await fs.stat('/vms/../version')).ino).toBe(inos[3]?.ino);
    });

    test('a closed file answers EBADF, and closing twice does nothing', async () => {
      const file = await fs.open('/version');
      await file.close();
      await file.close();
      expect(await errno(file.read(1))).toBe('EBADF');
      expect(await errno(file.stat())).toBe('EBADF');
    });

    test('a file serves only what it was opened for', async () => {
      const file = await fs.open('/paused', 'r');
      expect(await errno(file.write(new Uint8Array([0x30])))).toBe('EBADF');
      expect(await errno(file.truncate(0))).toBe('EINVAL');
      expect(await errno(file.read(-1))).toBe('EINVAL');
      expect(await errno((await fs.open('/paused', 'w')).read(1))).toBe('EBADF');
      expect(await errno(fs.open('/paused', 3))).toBe('EINVAL');
      await file.close();
    });
  });
}
