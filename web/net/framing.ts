// Many frames in one array of bytes, each behind its length: how they travel between threads, tabs and processes.
import { concat, get16, set16 } from './wire/bytes.ts';

/** The frames behind each other. */
export function packFrames(frames: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(frames.reduce((sum, frame) => sum + 2 + frame.length, 0));
  let at = 0;
  for (const frame of frames) {
    set16(bytes, at, frame.length);
    bytes.set(frame, at + 2);
    at += 2 + frame.length;
  }
  return bytes;
}

/** Calls back for each whole frame, a view of `bytes`; returns the bytes behind the last one. */
export function unpackFrames(bytes: Uint8Array, each: (frame: Uint8Array) => void): Uint8Array {
  let at = 0;
  while (at + 2 <= bytes.length) {
    const end = at + 2 + get16(bytes, at);
    if (end > bytes.length) break;
    each(bytes.subarray(at + 2, end));
    at = end;
  }
  return bytes.subarray(at);
}

/** Frames from a stream that may cut them anywhere. */
export class FrameStream {
  #rest: Uint8Array = new Uint8Array(0);

  push(bytes: Uint8Array, each: (frame: Uint8Array) => void): void {
    const all = this.#rest.length > 0 ? concat([this.#rest, bytes]) : bytes;
    this.#rest = unpackFrames(all, each).slice();
  }
}

/** Collects the frames of one call, or one turn, and hands them over together. */
export class FrameBatch {
  readonly #soon: (callback: () => void) => void;
  readonly #flush: (bytes: Uint8Array<ArrayBuffer>) => void;
  #frames: Uint8Array[] = [];

  constructor(soon: (callback: () => void) => void, flush: (bytes: Uint8Array<ArrayBuffer>) => void) {
    this.#soon = soon;
    this.#flush = flush;
  }

  add(frame: Uint8Array): void {
    this.#frames.push(frame);
    if (this.#frames.length > 1) return;
    this.#soon(() => {
      const frames = this.#frames;
      this.#frames = [];
      if (frames.length > 0) this.#flush(packFrames(frames));
    });
  }

  /** Forgets what was not handed over. */
  stop(): void {
    this.#frames = [];
  }
}
