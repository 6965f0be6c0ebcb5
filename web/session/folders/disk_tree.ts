// The disks that this browser keeps as a directory, in a worker: each is a file that reads as its image. It serves no
// machine.

import {
  deleteKept,
  isKeptInUse,
  type KeptDisk,
  type KeptImage,
  keptDisk,
  keptDisks,
  makeKept,
  readKept,
  receiveKept,
  sweepKept,
  wordsOf,
} from '../../disk/open_browser.ts';
import {
  commandFile,
  directory,
  type FileNode,
  O_ACCMODE,
  O_RDONLY,
  type OpenNode,
  S_IFREG,
  size,
  text,
} from '../../fs/index.ts';
import { KvmError } from '../../kvm/index.ts';
import type { DiskUse, KeptDisks } from './disks.ts';

const sentence = (name: string, why: string) => new KvmError('EBUSY', `the disk ${name} ${why}`);

async function checkQuiet(name: string, use: DiskUse): Promise<void> {
  const used = use(name);
  if (used === 'running') throw sentence(name, 'is being written by its machine: pause that, then read it');
  if (used === 'none' && (await isKeptInUse(name)))
    throw sentence(name, 'is used by a machine of another tab: end that one first');
}

/** A disk that is kept: it can be read, not written. */
function diskFile({ name, bytes, mtime }: KeptDisk, use: DiskUse): FileNode {
  return {
    kind: 'file',
    attributes: () => ({ mode: S_IFREG | 0o400, size: bytes, ino: 0n, mtime }),
    async open(flags): Promise<OpenNode> {
      if ((flags & O_ACCMODE) !== O_RDONLY)
        throw new KvmError('EEXIST', `there is a disk ${name} already: take another name, or delete it`);
      await checkQuiet(name, use);
      const store = await readKept(name);
      return {
        async read(offset, length) {
          if (use(name) === 'running')
            throw sentence(name, 'is being written by its machine again: pause that, and begin anew');
          const part = new Uint8Array(Math.max(Math.min(length, store.bytes - offset), 0));
          await store.read(offset, part);
          return part;
        },
        write: () => {
          throw new KvmError('EBADF', `the disk ${name} is not written here`);
        },
        close: () => void store.close(),
      };
    },
  };
}

/** An image that is being written, from its first open to the close of it: then it is a disk. */
function comingFile(name: string): FileNode {
  let image: KeptImage | undefined;
  return {
    kind: 'file',
    attributes: () => ({ mode: S_IFREG | 0o600, size: image?.size ?? 0, ino: 0n, mtime: 0 }),
    async open(): Promise<OpenNode> {
      image = await receiveKept(name);
      const coming = image;
      let isWhole = true;
      return {
        read: () => new Uint8Array(),
        write(offset, bytes) {
          try {
            // The browser takes no views on shared memory.
            coming.write(offset, bytes.buffer instanceof ArrayBuffer ? bytes : bytes.slice());
          } catch (error) {
            isWhole = false;
            throw error;
          }
          return bytes.length;
        },
        truncate() {},
        sync: () => coming.flush(),
        close() {
          try {
            if (isWhole && coming.size > 0) return coming.end();
          } catch {
            // There was no room for the note that makes it a disk.
          }
          void coming.drop().catch(() => {});
        },
      };
    },
  };
}

/**
 * The browser's disks: `cp` puts an image there, `rm` deletes a disk, `ctl` makes one without an image
 * (`name=a bytes=64M`, `name=b url=https://...`). A disk is read while no machine writes it.
 */
export function keptDisksTree(use: DiskUse): KeptDisks {
  // Where the browser keeps nothing there is nothing to remove.
  void sweepKept().catch(() => {});
  const ctl = commandFile({
    keys: { name: text, bytes: size, url: text },
    async set({ name, bytes, url }) {
      if (name === undefined || (bytes === undefined) === (url === undefined))
        throw new KvmError('EINVAL', 'a disk has a name, and a size or an image: write name=a bytes=64M');
      await makeKept(name, url === undefined ? { bytes: Number(bytes) } : { url });
    },
  });
  const tree = directory(
    async () => [
      ['ctl', ctl],
      ...(await keptDisks()).map((disk) => [disk.name, diskFile(disk, use)] as const),
    ],
    {
      create: (name) => comingFile(name),
      async unlink(name) {
        if (use(name) !== 'none')
          throw sentence(
            name,
            'belongs to the machine at hand: give that another disk, or none, and reset it',
          );
        await deleteKept(name);
      },
    },
  );
  return {
    tree: {
      ...tree,
      async room() {
        const { quota = 0, usage = 0 } = await navigator.storage.estimate();
        return { total: quota, free: Math.max(quota - usage, 0) };
      },
    },
    async words(name) {
      const disk = await keptDisk(name);
      return disk && wordsOf(disk);
    },
  };
}
