// The other tabs of this browser: all switches whose networks have the same name meet on one BroadcastChannel.
import { FrameBatch, unpackFrames } from './framing.ts';
import { type Clock, type FrameListener, FrameListeners, hostClock, type Link } from './link.ts';

/** What connects a switch with others of the same name. */
export interface Uplink extends Link {
  close(): void;
}

/** What a BroadcastChannel has, as far as it is needed. */
interface Channel {
  onmessage: ((event: { readonly data: unknown }) => void) | null;
  postMessage(message: unknown): void;
  close(): void;
}

declare const BroadcastChannel: new (name: string) => Channel;

/** The uplink to the switches of a name in this browser; in Node to those of other threads of the process. */
export class BroadcastUplink implements Uplink {
  readonly #channel: Channel;
  readonly #batch: FrameBatch;
  readonly #listeners = new FrameListeners();

  constructor(name: string, clock: Clock = hostClock) {
    this.#channel = new BroadcastChannel(`vitrine network ${name}`);
    this.#batch = new FrameBatch(clock.soon, (frames) => this.#channel.postMessage(frames));
    this.#channel.onmessage = ({ data }) => {
      // Any page of this origin may write here.
      if (data instanceof Uint8Array) unpackFrames(data, (frame) => this.#listeners.emit(frame));
    };
  }

  send(frame: Uint8Array): void {
    this.#batch.add(frame);
  }

  onFrame(listener: FrameListener): () => void {
    return this.#listeners.add(listener);
  }

  close(): void {
    this.#channel.onmessage = null;
    this.#batch.stop();
    this.#channel.close();
  }
}
