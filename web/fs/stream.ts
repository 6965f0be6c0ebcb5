// Files that flow: event files, consoles, pipe ends. Written as what can be done now; sleeping is done here.

import { KvmError } from '../kvm/abi/errno.ts';
import { type FileNode, type Maybe, O_NONBLOCK, type OpenNode, POLLIN, POLLOUT, S_IFIFO } from './node.ts';
import { type Subscribe, waitUntil } from './wait.ts';

/** One open end of a stream. Nothing here blocks. */
export interface Stream {
  /** At most `length` bytes that are there; undefined while there are none yet, empty at the end. */
  readonly take?: (length: number) => Uint8Array | undefined;
  /** Takes what fits of `bytes` and says how much that was; 0 when it must wait. */
  readonly put?: (bytes: Uint8Array) => number;
  /** What would not wait now: POLLIN, POLLOUT, POLLHUP, POLLERR. */
  readonly poll: () => number;
  /** Calls back when `poll`, `take` or `put` may answer otherwise than before. */
  readonly onReady: Subscribe;
  readonly close?: () => void;
}

/** An open file over a stream: reads sleep until there is something, writes until something was taken. */
export function streamNode(stream: Stream): OpenNode {
  const { take, put } = stream;
  return {
    async read(_offset, length, signal) {
      if (!take) throw new KvmError('EACCES', 'this stream can only be written');
      let bytes = take(length);
      const isReady = () => {
        bytes ??= take(length);
        return bytes !== undefined;
      };
      if (bytes === undefined) await waitUntil(isReady, stream.onReady, signal);
      return bytes ?? new Uint8Array(0);
    },
    async write(_offset, bytes, signal) {
      if (!put) throw new KvmError('EACCES', 'this stream can only be read');
      let count = put(bytes);
      const isReady = () => {
        if (count === 0) count = put(bytes);
        return count > 0;
      };
      if (count === 0) await waitUntil(isReady, stream.onReady, signal);
      return count;
    },
    poll: () => stream.poll(),
    onReady: stream.onReady,
    close: () => stream.close?.(),
  };
}

/** What makes a stream file. */
export interface StreamOptions {
  /** Permission bits, e.g. 0o444 for an event file, 0o644 for a console. */
  readonly mode: number;
  /** See FileNode: a read takes from what others would read too. */
  readonly readChanges?: boolean;
  /** Opens one end: an own one each time, or one that all share. */
  readonly open: (flags: number) => Maybe<Stream>;
}

/** A file that is a stream. Its `readFile` is one read: one event, or what has come so far. */
export function streamFile({ mode, readChanges = false, open }: StreamOptions): FileNode {
  const attributes = { mode: S_IFIFO | mode, size: 0, ino: 0n, mtime: 0 };
  return {
    kind: 'file',
    readChanges,
    attributes: () => attributes,
    open: async (flags) => streamNode(await open(flags & ~O_NONBLOCK)),
  };
}

/**
 * An open file over events: a read at position 0 waits for the next one and takes it, and behind it the file ends. So
 * `cat event` prints one and returns; who wants all reads at position 0 again, as with sysfs's files under poll(2).
 */
function eventNode(stream: Stream): OpenNode {
  const events = streamNode(stream);
  let event = new Uint8Array(0);
  return {
    ...events,
    async read(offset, length, signal) {
      if (offset === 0) event = new Uint8Array(await events.read(0, Number.MAX_SAFE_INTEGER, signal));
      return event.subarray(offset, offset + length);
    },
  };
}

/** A file of events, which are taken: each open takes one, unless it is read at position 0 again. An event of no bytes ends it. */
export function eventFile({ mode, open }: StreamOptions): FileNode {
  const file = streamFile({ mode, readChanges: true, open });
  return { ...file, open: async (flags) => eventNode(await open(flags & ~O_NONBLOCK)) };
}

/** POLLIN and POLLOUT from two questions. */
export function readiness(canRead: boolean, canWrite = false): number {
  return (canRead ? POLLIN : 0) | (canWrite ? POLLOUT : 0);
}
