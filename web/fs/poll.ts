// poll(2) over open files of any kind: it sleeps in their own polls. It knows no tree and no protocol.

import { isKvmError } from '../kvm/abi/errno.ts';
import type { Cancel, PollFile } from './fs.ts';
import { POLLNVAL } from './node.ts';
import { interrupted, joinSignals } from './wait.ts';

/** What is ready of one file now; POLLNVAL if it is closed. */
async function ask({ file, events }: PollFile): Promise<number> {
  try {
    return await file.poll(events, { timeout: 0 });
  } catch (error) {
    if (isKvmError(error, 'EBADF')) return POLLNVAL;
    throw error;
  }
}

/** Sleeps until one of `files` may be ready or `left` ms are over. EINTR when the signal is aborted. */
async function sleep(files: PollFile[], left: number, cancel?: Cancel): Promise<void> {
  const waking = new AbortController();
  const { signal, release } = joinSignals(waking.signal, cancel?.signal);
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    const first = new Promise<void>((resolve, reject) => {
      signal.addEventListener('abort', () => reject(interrupted()), { once: true });
      if (Number.isFinite(left)) timer = setTimeout(resolve, Math.min(left, 0x7fffffff));
      for (const { file, events } of files) {
        file.poll(events, { signal }).then(
          () => resolve(),
          (error) => (isKvmError(error, 'EBADF') ? resolve() : reject(error)),
        );
      }
    });
    await first;
  } finally {
    if (timer !== undefined) clearTimeout(timer);
    waking.abort();
    release();
  }
}

/**
 * Waits until at least one of `files` is ready, or `timeout` ms are over (0 only asks, negative waits for ever). Sets
 * `revents` of each and returns how many are ready. The files may belong to different trees and threads.
 */
export async function pollFiles(files: PollFile[], timeout: number, cancel?: Cancel): Promise<number> {
  const end = timeout < 0 ? Number.POSITIVE_INFINITY : performance.now() + timeout;
  for (;;) {
    if (cancel?.signal?.aborted) throw interrupted();
    const ready = await Promise.all(files.map(ask));
    for (const [index, file] of files.entries()) file.revents = ready[index] ?? 0;
    const count = ready.filter((events) => events !== 0).length;
    const left = end - performance.now();
    if (count > 0 || left <= 0) return count;
    await sleep(files, left, cancel);
  }
}
