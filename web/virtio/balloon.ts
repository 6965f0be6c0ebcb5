// A balloon: takes pages that the guest gives back, up to what it is asked for, hears which pages are free, and keeps its
// statistics. What is given back is zeroed: shared memory cannot be returned to the host, but zeroes cost a snapshot nothing.
//
// Source: VIRTIO 1.2, 5.5.

import { type Backend, type Chain, DEVICE_TYPE, type Device, type Queue } from './backend.ts';
import { BalloonMarks } from './balloon_marks.ts';

const VIRTIO_BALLOON_F_STATS_VQ = 1n << 1n;
const VIRTIO_BALLOON_F_REPORTING = 1n << 5n;
// Queues: deflating is 1, and those that are not offered have no number.
const INFLATE = 0;
const STATISTICS = 2;
const REPORTING = 3;
const DESCRIPTORS = 128;
const PAGE = 4096;
const FRAME_BYTES = 4;
const STATISTIC_BYTES = 10;
const CONFIG_BYTES = 16;
/** Bytes zeroed at a time. */
const ZEROES = new Uint8Array(0x10000);
/** How often statistics are asked for, in ms. */
const ASK_MS = 5000;

// The device's state bytes, which a page reads: pages in the balloon (u32), and bytes that were reported free (u64).
export const BALLOON_HELD = 0;
export const BALLOON_REPORTED = 8;

/** VIRTIO_BALLOON_S_*, by tag; values are bytes but where the name says otherwise. */
const STATISTICS_NAMES = [
  'swapIn',
  'swapOut',
  'majorFaults',
  'minorFaults',
  'free',
  'total',
  'available',
  'caches',
  'hugePagesAllocated',
  'hugePagesFailed',
] as const;

/** What the guest says of its memory. */
export type BalloonStatistics = Partial<Record<(typeof STATISTICS_NAMES)[number], number>>;

/** What a balloon reports. */
export interface BalloonReport {
  /** Pages in the balloon. */
  readonly held: number;
  /** Bytes that were ever reported free. */
  readonly reported: number;
  readonly statistics: BalloonStatistics;
}

/** How a balloon begins. */
export interface BalloonOptions {
  /** Bytes that the guest is asked for. */
  readonly target?: number;
  /** Statistics are asked for by the host's clock; otherwise they are what the guest says first. */
  readonly asks?: boolean;
}

class Balloon implements Backend {
  readonly type = DEVICE_TYPE.balloon;
  readonly features = VIRTIO_BALLOON_F_STATS_VQ | VIRTIO_BALLOON_F_REPORTING;
  readonly queues = [DESCRIPTORS, DESCRIPTORS, DESCRIPTORS, DESCRIPTORS];
  readonly #options: BalloonOptions;
  #device: Device | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** The buffer that the guest fills with statistics when it gets it back. */
  #answer: Chain | undefined;
  #isAsking = false;
  #statistics: BalloonStatistics = {};

  constructor(options: BalloonOptions) {
    this.#options = options;
  }

  config(): Uint8Array {
    const bytes = new Uint8Array(CONFIG_BYTES);
    new DataView(bytes.buffer).setUint32(0, Math.floor((this.#options.target ?? 0) / PAGE), true);
    return bytes;
  }

  start(device: Device): void {
    this.#device = device;
    this.#forget();
    if (this.#options.asks !== true) return;
    const ask = (): void => {
      this.#isAsking = true;
      device.wake(STATISTICS);
      this.#timer = setTimeout(ask, ASK_MS);
    };
    this.#timer = setTimeout(ask, ASK_MS);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#forget();
    this.#device = undefined;
    this.#answer = undefined;
  }

  /** A driver that begins, or has gone, has given nothing: after a reset all pages are the guest's. */
  #forget(): void {
    if (this.#device === undefined) return;
    this.#state.setUint32(BALLOON_HELD, 0, true);
    this.#marks?.clear();
  }

  get #marks(): BalloonMarks | undefined {
    return this.#device && BalloonMarks.of(this.#device.state);
  }

  get #state(): DataView {
    const { state } = this.#device as Device;
    return new DataView(state.buffer, state.byteOffset, state.length);
  }

  async notify(index: number): Promise<void> {
    const queue = this.#device?.queues[index];
    if (queue === undefined) return;
    if (index === STATISTICS) await this.#hearStatistics(queue);
    else if (index === REPORTING) await this.#hearReports(queue);
    else await this.#changePages(queue, index === INFLATE);
    await queue.interrupt();
    this.#report();
  }

  #report(): void {
    if (this.#device === undefined) return;
    const held = this.#state.getUint32(BALLOON_HELD, true);
    const reported = Number(this.#state.getBigUint64(BALLOON_REPORTED, true));
    this.#device.report({ held, reported, statistics: this.#statistics } satisfies BalloonReport);
  }

  /** Page frame numbers, which go into the balloon or come out of it. */
  async #changePages(queue: Queue, isInflate: boolean): Promise<void> {
    const { guest } = this.#device as Device;
    const marks = this.#marks;
    for (let chain = await queue.pop(); chain !== undefined; chain = await queue.pop()) {
      const frames = new Uint8Array(Math.min(chain.readable, ZEROES.length));
      const count = Math.floor((await chain.read(0, frames)) / FRAME_BYTES);
      const view = new DataView(frames.buffer);
      for (let n = 0; n < count; n++) {
        const frame = view.getUint32(n * FRAME_BYTES, true);
        if (isInflate) await guest.copyTo(BigInt(frame) * BigInt(PAGE), ZEROES.subarray(0, PAGE));
        marks?.hold(frame, isInflate);
      }
      const held = this.#state.getUint32(BALLOON_HELD, true) + (isInflate ? count : -count);
      this.#state.setUint32(BALLOON_HELD, Math.max(0, held), true);
      await queue.push(chain, 0);
    }
  }

  /** Free pages: their contents are nobody's, and the guest waits for the buffer before it uses them. */
  async #hearReports(queue: Queue): Promise<void> {
    for (let chain = await queue.pop(); chain !== undefined; chain = await queue.pop()) {
      let done = 0;
      while (done < chain.writable) {
        const zeroes = ZEROES.subarray(0, Math.min(ZEROES.length, chain.writable - done));
        const written = await chain.write(done, zeroes);
        done += written;
        if (written < zeroes.length) break;
      }
      this.#markReported(chain, done);
      const before = this.#state.getBigUint64(BALLOON_REPORTED, true);
      this.#state.setBigUint64(BALLOON_REPORTED, before + BigInt(done), true);
      await queue.push(chain, done);
    }
  }

  /** Marks the pages of a report that were zeroed: its first `done` bytes. */
  #markReported({ targets }: Chain, done: number): void {
    const marks = this.#marks;
    let left = done;
    for (const { gpa, length } of targets) {
      const bytes = Math.min(length, left);
      marks?.report(gpa, bytes);
      left -= bytes;
    }
  }

  /** The guest's one buffer stays here until it is asked again. */
  async #hearStatistics(queue: Queue): Promise<void> {
    for (let chain = await queue.pop(); chain !== undefined; chain = await queue.pop()) {
      const bytes = new Uint8Array(Math.min(chain.readable, STATISTIC_BYTES * 64));
      const length = await chain.read(0, bytes);
      const view = new DataView(bytes.buffer);
      for (let at = 0; at + STATISTIC_BYTES <= length; at += STATISTIC_BYTES) {
        const name = STATISTICS_NAMES[view.getUint16(at, true)];
        if (name !== undefined)
          this.#statistics = { ...this.#statistics, [name]: Number(view.getBigUint64(at + 2, true)) };
      }
      if (this.#answer !== undefined) await queue.push(this.#answer, 0);
      this.#answer = chain;
    }
    if (!this.#isAsking || this.#answer === undefined) return;
    this.#isAsking = false;
    const answer = this.#answer;
    this.#answer = undefined;
    await queue.push(answer, 0);
  }
}

/** The device. */
export function balloon(options: BalloonOptions = {}): Backend {
  return new Balloon(options);
}
