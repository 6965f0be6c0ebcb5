// A pipe between two commands of a pipeline: a writer waits while it is full, a reader while it is empty.

import type { Cancel } from '../../fs/fs.ts';
import { KvmError } from '../../kvm/abi/errno.ts';
import type { Stream } from './descriptors.ts';

/** PIPE_BUF's bigger brother: what Linux's pipes hold, in bytes. */
const CAPACITY = 65536;

/** Waits until `wake` is called, or fails with EINTR. */
export function waitForWake(waiting: Set<() => void>, { signal }: Cancel): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = (): void => {
      waiting.delete(done);
      signal?.removeEventListener('abort', abort);
      resolve();
    };
    const abort = (): void => {
      waiting.delete(done);
      reject(new KvmError('EINTR', 'the call was interrupted by a signal; repeat it if it is still wanted.'));
    };
    if (signal?.aborted) {
      abort();
      return;
    }
    signal?.addEventListener('abort', abort, { once: true });
    waiting.add(done);
  });
}

/** The two ends of a new pipe. */
export function makePipe(): { reader: Stream; writer: Stream } {
  let parts: Uint8Array[] = [];
  let size = 0;
  let isReaderGone = false;
  let isWriterGone = false;
  const waiting = new Set<() => void>();
  const wakeAll = (): void => {
    for (const wake of [...waiting]) wake();
  };

  const take = (length: number): Uint8Array => {
    const all = new Uint8Array(Math.min(length, size));
    let at = 0;
    while (at < all.length) {
      const part = parts[0] as Uint8Array;
      const some = part.subarray(0, all.length - at);
      all.set(some, at);
      at += some.length;
      if (some.length === part.length) parts.shift();
      else parts[0] = part.subarray(some.length);
    }
    size -= all.length;
    wakeAll();
    return all;
  };

  return {
    reader: {
      async read(length, _position, cancel = {}) {
        while (size === 0 && !isWriterGone) await waitForWake(waiting, cancel);
        return take(length);
      },
      close() {
        isReaderGone = true;
        parts = [];
        wakeAll();
      },
    },
    writer: {
      async write(bytes, _position, cancel = {}) {
        let rest = bytes.slice();
        while (rest.length > 0) {
          while (size >= CAPACITY && !isReaderGone) await waitForWake(waiting, cancel);
          if (isReaderGone) throw new KvmError('EPIPE', 'nobody reads this pipe any more.');
          const some = rest.subarray(0, CAPACITY - size);
          parts.push(some);
          size += some.length;
          rest = rest.subarray(some.length);
          wakeAll();
        }
        return bytes.length;
      },
      close() {
        isWriterGone = true;
        wakeAll();
      },
    },
  };
}
