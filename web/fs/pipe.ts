// pipe(2): two open files and a bounded buffer between them. It is no entry of a tree.

import { KvmError } from '../kvm/abi/errno.ts';
import type { OpenFile } from './fs.ts';
import { O_NONBLOCK, O_RDONLY, O_WRONLY, POLLERR, POLLHUP, POLLIN, POLLOUT, S_IFIFO } from './node.ts';
import { LocalFile } from './open_file.ts';
import { streamNode } from './stream.ts';
import { Emitter } from './wait.ts';

/** A write of at most so many bytes is not mixed with others (PIPE_BUF), and POLLOUT means room for so many. */
export const PIPE_BUF = 4096;

/** The two ends of a pipe. */
export interface Pipe {
  /** Empty reads mean the end: the other end is closed and the buffer empty. */
  readonly reader: OpenFile;
  /** EPIPE once the reader is closed. */
  readonly writer: OpenFile;
}

let pipes = 0;

/**
 * A pipe that holds at most `capacity` bytes (at least PIPE_BUF): reads sleep while it is empty, writes while it is
 * full. `flags` may be O_NONBLOCK for both ends.
 */
export function pipe(capacity = 65536, flags = 0): Pipe {
  const limit = Math.max(capacity, PIPE_BUF);
  const changed = new Emitter();
  const parts: Uint8Array[] = [];
  let held = 0;
  let isReading = true;
  let isWriting = true;

  const take = (length: number) => {
    if (held === 0) return isWriting ? undefined : new Uint8Array(0);
    const bytes = new Uint8Array(Math.min(length, held));
    for (let at = 0; at < bytes.length; ) {
      const part = parts[0] as Uint8Array;
      const count = Math.min(part.length, bytes.length - at);
      bytes.set(part.subarray(0, count), at);
      at += count;
      if (count === part.length) parts.shift();
      else parts[0] = part.subarray(count);
    }
    held -= bytes.length;
    changed.emit();
    return bytes;
  };

  const put = (bytes: Uint8Array) => {
    if (!isReading) throw new KvmError('EPIPE', 'nobody reads this pipe any more');
    const room = limit - held;
    if (room < Math.min(bytes.length, PIPE_BUF)) return 0;
    const part = bytes.slice(0, room);
    parts.push(part);
    held += part.length;
    changed.emit();
    return part.length;
  };

  const name = `pipe:[${++pipes}]`;
  const attributes = () => ({ mode: S_IFIFO | 0o600, size: held, ino: 0n, mtime: 0 });
  const end = (access: number, node: Parameters<typeof streamNode>[0]) =>
    new LocalFile(name, streamNode(node), access | (flags & O_NONBLOCK), attributes);
  return {
    reader: end(O_RDONLY, {
      take,
      poll: () => (held > 0 ? POLLIN : 0) | (isWriting ? 0 : POLLHUP),
      onReady: changed.on,
      close: () => {
        isReading = false;
        parts.length = 0;
        held = 0;
        changed.emit();
      },
    }),
    writer: end(O_WRONLY, {
      put,
      poll: () => (limit - held >= PIPE_BUF ? POLLOUT : 0) | (isReading ? 0 : POLLERR),
      onReady: changed.on,
      close: () => {
        isWriting = false;
        changed.emit();
      },
    }),
  };
}
