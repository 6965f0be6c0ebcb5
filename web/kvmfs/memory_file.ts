// A file that is a piece of the machine's memory: read and written in place, at any offset. No snapshot, no copy.

import { type FileNode, S_IFREG } from '../fs/index.ts';
import { KvmError } from '../kvm/index.ts';

/** What lies behind the file now. */
export interface Piece {
  readonly size: number;
  /** The bytes from `offset` on, shared. */
  bytes(offset: number, length: number): Uint8Array;
  /** Told after each write. */
  written?(offset: number, length: number): void;
}

/** `piece` throws where there is nothing now. A write beyond its end is ENOSPC: memory has the size that it has. */
export function memoryFile(mode: number, piece: () => Piece): FileNode {
  const sizeNow = () => {
    try {
      return piece().size;
    } catch {
      return 0;
    }
  };
  return {
    kind: 'file',
    attributes: () => ({ mode: S_IFREG | mode, size: sizeNow(), ino: 0n, mtime: 0 }),
    open: () => ({
      read(offset, length) {
        const { size, bytes } = piece();
        return bytes(Math.min(offset, size), Math.max(0, Math.min(length, size - offset))).slice();
      },
      write(offset, data) {
        const { size, bytes, written } = piece();
        const length = Math.min(data.length, size - offset);
        if (length <= 0 && data.length > 0)
          throw new KvmError('ENOSPC', `this memory ends at ${size} bytes; write below`);
        bytes(offset, length).set(data.subarray(0, length));
        written?.(offset, length);
        return length;
      },
      close: () => {},
    }),
  };
}
