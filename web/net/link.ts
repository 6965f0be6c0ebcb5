// What one end of an Ethernet cable is, and the clock that everything here runs on. No device, guest or socket is known.

/**
 * One end of an Ethernet cable. A frame is what stands between preamble and checksum: destination, source, type and
 * payload, 14 to 1518 bytes. Who sends a frame gives it away: it is shared with all receivers, and nobody writes into
 * it any more. So a view of a ring that a guest still writes to must be copied before it is sent.
 */
export interface Link {
  /** Sends one frame; never blocks and never throws. What finds no room is dropped and counted. */
  send(frame: Uint8Array): void;
  /** Calls the listener for each frame that arrives; returns the function that takes the listener away. */
  onFrame(listener: FrameListener): () => void;
  /**
   * Resolves when all that the network itself answers to the frames sent so far has arrived: addresses, names of its own,
   * echoes. What it has from a host or from another machine comes when it comes.
   */
  settle?(): Promise<void>;
}

/** A receiver of frames; it must not alter them. */
export type FrameListener = (frame: Uint8Array) => void;

/** The largest frame that travels: 1500 bytes of payload, a header, and a VLAN tag. */
export const MAX_FRAME = 1518;

/** Time as the network sees it, so that a test can be its own time. All times are in milliseconds. */
export interface Clock {
  now(): number;
  /** Calls back once after `ms`; returns the function that cancels it. */
  after(ms: number, callback: () => void): () => void;
  /** Calls back as soon as the present call has ended. */
  soon(callback: () => void): void;
}

/** The host's own time. */
export const hostClock: Clock = {
  now: () => performance.now(),
  after(ms, callback) {
    const timer = setTimeout(callback, ms);
    return () => clearTimeout(timer);
  },
  soon: (callback) => queueMicrotask(callback),
};

/** The listeners of one end of a cable. */
export class FrameListeners {
  readonly #all = new Set<FrameListener>();

  add(listener: FrameListener): () => void {
    this.#all.add(listener);
    return () => this.#all.delete(listener);
  }

  emit(frame: Uint8Array): void {
    for (const listener of this.#all) listener(frame);
  }
}

/** Joins two links: each one's frames go out of the other. Returns the function that parts them. */
export function joinLinks(a: Link, b: Link): () => void {
  const parts = [a.onFrame((frame) => b.send(frame)), b.onFrame((frame) => a.send(frame))];
  return () => {
    for (const part of parts) part();
  };
}
