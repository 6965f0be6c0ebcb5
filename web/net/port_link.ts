// A cable between two threads: a Link over one end of a MessageChannel. Frames that are sent in one go are one message;
// a receiver that falls behind loses frames, which are counted.
import { FrameBatch, unpackFrames } from './framing.ts';
import { type Clock, type FrameListener, FrameListeners, hostClock, type Link } from './link.ts';

/** Bytes that may be on their way: more than a TCP window, and a hundredth of a second at full speed. */
const LIMIT = 1 << 20;

/** Another side that has not answered for so long, in ms, never will. */
const SETTLE_MS = 10_000;

/** What a MessagePort of a page, a worker or Node has, as far as it is needed. */
export interface PortLike {
  postMessage(message: unknown, transfer: ArrayBuffer[]): void;
  addEventListener(type: 'message' | 'close', listener: (event: { readonly data?: unknown }) => void): void;
  start(): void;
  close(): void;
}

/**
 * Frames, or how many bytes of them the other side has taken; or the question whether it is done with all that came
 * before, and its answer.
 */
type CableMessage =
  | { readonly frames: Uint8Array }
  | { readonly taken: number }
  | { readonly settled: 'ask' | 'yes' };

/** A cable's end. */
export class PortLink implements Link {
  /** Frames that found no room. */
  dropped = 0;
  readonly #port: PortLike;
  readonly #batch: FrameBatch;
  readonly #listeners = new FrameListeners();
  readonly #room: number;
  readonly #clock: Clock;
  /** Who waits for an answer, in the order of their questions. */
  readonly #settling: (() => void)[] = [];
  #underWay = 0;
  #isClosed = false;
  #onClose: () => void = () => {};

  constructor(port: PortLike, clock: Clock = hostClock, room = LIMIT) {
    this.#port = port;
    this.#clock = clock;
    this.#room = room;
    this.#batch = new FrameBatch(clock.soon, (frames) => port.postMessage({ frames }, [frames.buffer]));
    port.addEventListener('message', ({ data }) => this.#receive(data as CableMessage));
    port.addEventListener('close', () => this.close());
    port.start();
  }

  send(frame: Uint8Array): void {
    if (this.#isClosed || this.#underWay + frame.length > this.#room) {
      this.dropped += 1;
      return;
    }
    this.#underWay += frame.length;
    this.#batch.add(frame);
  }

  onFrame(listener: FrameListener): () => void {
    return this.#listeners.add(listener);
  }

  settle(): Promise<void> {
    if (this.#isClosed) return Promise.resolve();
    return new Promise((resolve) => {
      // Not every browser says that the other thread is gone.
      const stop = this.#clock.after(SETTLE_MS, resolve);
      this.#settling.push(() => {
        stop();
        resolve();
      });
      // Behind the frames of this go.
      this.#clock.soon(() => this.#tell({ settled: 'ask' }));
    });
  }

  /** Calls back when either side has closed the cable. */
  onClose(closed: () => void): void {
    this.#onClose = closed;
  }

  /** Pulls the cable out on both sides. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#batch.stop();
    this.#port.close();
    for (const settled of this.#settling.splice(0)) settled();
    this.#onClose();
  }

  #receive(message: CableMessage): void {
    if (this.#isClosed) return;
    if ('taken' in message) {
      this.#underWay -= message.taken;
      return;
    }
    if ('settled' in message) {
      // What frames set going here goes on by itself until the present turn of the event loop has ended.
      if (message.settled === 'ask') this.#clock.after(0, () => this.#tell({ settled: 'yes' }));
      else this.#settling.shift()?.();
      return;
    }
    let taken = 0;
    unpackFrames(message.frames, (frame) => {
      taken += frame.length;
      this.#listeners.emit(frame);
    });
    this.#tell({ taken });
  }

  #tell(message: CableMessage): void {
    if (!this.#isClosed) this.#port.postMessage(message, []);
  }
}
