// The tree of the shell's tests: /tmp, /dev, and /kvm/value, a synthetic file that takes one value a write.
import {
  deviceRows,
  directory,
  LocalFs,
  MountTable,
  memoryTree,
  type Row,
  S_IFREG,
} from '../../../web/fs/index.ts';
import { KvmError } from '../../../web/kvm/abi/errno.ts';

/** A tree, what was written to /kvm/value (one entry a write), and a way to let /kvm/event give a line. */
export function makeTree(): { fs: LocalFs; values: string[]; emit: (line: string) => void } {
  const values: string[] = [];
  const waiting: ((line: string) => void)[] = [];
  const lines: string[] = [];
  const emit = (line: string): void => {
    const wake = waiting.shift();
    if (wake) wake(line);
    else lines.push(line);
  };
  const rows: Row[] = [
    [
      'event',
      {
        kind: 'file',
        attributes: () => ({ mode: S_IFREG | 0o444, size: 0, ino: 0n, mtime: 0 }),
        open: () => ({
          read: async (_offset, _length, signal) => {
            const line =
              lines.shift() ??
              (await new Promise<string>((resolve, reject) => {
                waiting.push(resolve);
                signal.addEventListener('abort', () => reject(new KvmError('EINTR', 'a signal came')), {
                  once: true,
                });
              }));
            return new TextEncoder().encode(`${line}\n`);
          },
          write: () => 0,
          close: () => {},
        }),
      },
    ],
    [
      'value',
      {
        kind: 'file',
        attributes: () => ({ mode: S_IFREG | 0o644, size: 0, ino: 0n, mtime: 0 }),
        open: () => ({
          read: (offset) => new TextEncoder().encode(`${values.at(-1) ?? '0'}\n`).slice(offset),
          write: (_offset, bytes) => {
            const text = new TextDecoder().decode(bytes);
            if (!/^[0-9]+\n?$/.test(text)) throw new KvmError('EINVAL', 'a value is a number');
            values.push(text.trim());
            return bytes.length;
          },
          close: () => {},
        }),
      },
    ],
  ];
  const mounts = new MountTable();
  mounts.mount('/tmp', memoryTree());
  mounts.mount('/dev', directory(deviceRows()));
  mounts.mount('/kvm', directory(rows));
  return { fs: new LocalFs(mounts.root), values, emit };
}
