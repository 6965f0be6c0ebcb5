// A 9p transport: a share of files under a mount tag. What the messages mean is the server's business (web/p9).
//
// Source: Linux include/uapi/linux/virtio_9p.h and net/9p/trans_virtio.c; VIRTIO 1.2 reserves the number of the type only.

import type { Fs } from '../fs/index.ts';
import { KvmError } from '../kvm/abi/errno.ts';
import { MSIZE_MAX, P9Server, type P9Session } from '../p9/index.ts';
import { type Backend, type Chain, DEVICE_TYPE, type Device } from './backend.ts';

const VIRTIO_9P_MOUNT_TAG = 1n << 0n;
const QUEUE = 0;
/** Linux takes no more, and its longest message is what so many pages hold. */
const DESCRIPTORS = 128;
/** Bytes of Rlerror: what every request must leave room for. */
const ERROR_BYTES = 11;
/** Bytes of the tag: the configuration space has its length before it. */
const TAG_MAX = 254;

/** What is shared. */
export interface P9Share {
  /** The name by which the guest mounts it: `mount -t 9p -o trans=virtio TAG /mnt`. */
  readonly tag: string;
  /** The tree, in this thread or another. */
  readonly fs: Fs;
  /** The directory that the guest sees; '/' if left out. */
  readonly path?: string;
  /**
   * `notify` ends when all requests are answered that do not read or write streams: in the deterministic engine, where the
   * guest stands meanwhile. Not for a tree with files whose writes wait for that guest (/kvm).
   */
  readonly isInOrder?: boolean;
}

/** An answer for the guest. */
interface Finished {
  readonly chain: Chain;
  readonly answer: Uint8Array;
}

/** What goes on between a start and a stop. */
interface Run {
  readonly device: Device;
  readonly session: P9Session;
  finished: Finished[];
}

/** The device. EINVAL for a tag that is empty or too long. */
export function p9({ tag, fs, path = '/', isInOrder = false }: P9Share): Backend {
  const name = new TextEncoder().encode(tag);
  if (name.length === 0 || name.length > TAG_MAX) {
    throw new KvmError(
      'EINVAL',
      `a mount tag has 1 to ${TAG_MAX} bytes, '${tag.slice(0, 20)}' has ${name.length}`,
    );
  }
  const server = new P9Server({ fs, path });
  let run: Run | undefined;

  /** Reads a request and has it answered; the answer comes when it comes. */
  const take = async ({ device, session, finished }: Run, chain: Chain): Promise<void> => {
    if (chain.writable < ERROR_BYTES) {
      await device.fail(
        `a request leaves ${chain.writable} bytes for its answer; ${ERROR_BYTES} are the least`,
      );
      return;
    }
    // One byte more than any message may have is as wrong as many more.
    const message = new Uint8Array(Math.min(chain.readable, MSIZE_MAX + 1));
    const count = await chain.read(0, message);
    void session.answer(message.subarray(0, count), chain.writable).then((answer) => {
      finished.push({ chain, answer });
      device.wake(QUEUE);
    });
  };

  /** Hands over what is answered; more may come meanwhile. */
  const give = async ({ device, finished }: Run): Promise<void> => {
    const queue = device.queues[QUEUE];
    for (let next = finished.shift(); next && queue; next = finished.shift()) {
      await queue.push(next.chain, await next.chain.write(0, next.answer));
    }
    await queue?.interrupt();
  };

  const end = (): void => {
    const { session } = run ?? {};
    run = undefined;
    // Its answers find nobody any more; its files are closed as soon as they can be.
    void session?.end();
  };

  return {
    type: DEVICE_TYPE.p9,
    features: VIRTIO_9P_MOUNT_TAG,
    queues: [DESCRIPTORS],
    config: () => new Uint8Array([name.length & 0xff, name.length >> 8, ...name]),
    start(device) {
      end();
      run = { device, session: server.open(), finished: [] };
    },
    async notify() {
      const now = run;
      const queue = now?.device.queues[QUEUE];
      if (!now || !queue) return;
      for (let chain = await queue.pop(); chain; chain = await queue.pop()) await take(now, chain);
      if (isInOrder) await now.session.quiet();
      await give(now);
    },
    stop: end,
    close: end,
  };
}
