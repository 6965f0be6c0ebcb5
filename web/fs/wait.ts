// Waiting without spinning: listeners, and a sleep that ends when something is ready, too late or given up. No files.

import { KvmError } from '../kvm/abi/errno.ts';

/** What a blocking call fails with when its signal is aborted. */
export function interrupted(): KvmError {
  return new KvmError('EINTR', 'the call was given up before it was done');
}

/** Listeners of one kind of news. */
export class Emitter<T = void> {
  readonly #listeners = new Set<(news: T) => void>();

  /** Adds a listener; returns its unsubscriber. An own function each time: one listener may be there twice. */
  readonly on = (listener: (news: T) => void): (() => void) => {
    const own = (news: T) => listener(news);
    this.#listeners.add(own);
    return () => this.#listeners.delete(own);
  };

  /** Tells those who listen now and have not left when their turn comes. */
  emit(news: T): void {
    for (const listener of [...this.#listeners]) {
      if (this.#listeners.has(listener)) listener(news);
    }
  }

  /** How many listen: nobody needs to be told of what nobody hears. */
  get size(): number {
    return this.#listeners.size;
  }
}

const aborts = new WeakMap<AbortSignal, Emitter>();

/**
 * Calls back when `signal` is aborted (never, if it is already); returns the unsubscriber. Each signal gets one event listener, however many
 * wait: hosts warn of a leak when one signal has more than ten.
 */
export function onAbort(signal: AbortSignal, listener: () => void): () => void {
  const known = aborts.get(signal);
  if (known) return known.on(listener);
  const emitter = new Emitter();
  aborts.set(signal, emitter);
  signal.addEventListener('abort', () => emitter.emit(), { once: true });
  return emitter.on(listener);
}

/** Calls back when what it watches may have changed; returns the unsubscriber (`onReady` of an OpenNode). */
export type Subscribe = (listener: () => void) => () => void;

/**
 * Sleeps until `isReady` holds, asking when `subscribe` calls back and never in between. Resolves with true, or with
 * false after `timeout` ms (undefined or negative: never); fails with EINTR when `signal` is aborted.
 */
export function waitUntil(
  isReady: () => boolean,
  subscribe: Subscribe,
  signal: AbortSignal,
  timeout?: number,
): Promise<boolean> {
  return new Promise((resolve, reject) => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let isDone = false;
    let unsubscribe: () => void = () => {};
    let release: () => void = () => {};
    const finish = (settle: () => void) => {
      if (isDone) return;
      isDone = true;
      unsubscribe();
      release();
      if (timer !== undefined) clearTimeout(timer);
      settle();
    };
    const giveUp = () => finish(() => reject(interrupted()));
    let isLooking = false;
    const look = () => {
      // What `isReady` itself does may call back: one look at a time.
      if (isDone || isLooking) return;
      isLooking = true;
      try {
        if (isReady()) finish(() => resolve(true));
      } catch (error) {
        finish(() => reject(error));
      } finally {
        isLooking = false;
      }
    };
    if (signal.aborted) return giveUp();
    if (isReady()) return resolve(true);
    if (timeout === 0) return resolve(false);
    release = onAbort(signal, giveUp);
    if (timeout !== undefined && timeout > 0) {
      // Hosts take more than 2^31 - 1 ms for 0.
      timer = setTimeout(() => finish(() => resolve(false)), Math.min(timeout, 0x7fffffff));
    }
    unsubscribe = subscribe(look);
    if (isDone) return unsubscribe();
    // What another thread did between the first look and the subscription calls nobody back.
    look();
  });
}

/** `promise`, or EINTR as soon as `signal` is aborted: for waits that cannot be called off. Its result is then lost. */
export function interruptible<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(interrupted());
    const release = onAbort(signal, () => reject(interrupted()));
    promise.then(resolve, reject).finally(release);
  });
}

/** One signal that is aborted with any of `signals`; `release` forgets them. */
export function joinSignals(...signals: (AbortSignal | undefined)[]): {
  signal: AbortSignal;
  release: () => void;
} {
  const sources = signals.filter((signal) => signal !== undefined);
  const [only] = sources;
  if (only !== undefined && sources.length === 1) return { signal: only, release: () => {} };
  const controller = new AbortController();
  const abort = () => controller.abort();
  if (sources.some((source) => source.aborted)) abort();
  const releases = sources.map((source) => onAbort(source, abort));
  return {
    signal: controller.signal,
    release: () => {
      for (const release of releases) release();
    },
  };
}

/** Pause between two call-backs of `subscribeTo`, in ms: an event that is always ready must not make a busy loop. */
const ROUND_MS = 5;

/**
 * `onReady` from a promise that resolves once the file may be ready and rejects when its signal is aborted (as
 * `Eventfd.ready`). It is asked again as long as the subscription lasts.
 */
export function subscribeTo(ready: (signal: AbortSignal) => Promise<void>): Subscribe {
  return (listener) => {
    const controller = new AbortController();
    const { signal } = controller;
    const listen = async () => {
      while (!signal.aborted) {
        await ready(signal);
        if (signal.aborted) return;
        listener();
        await new Promise<void>((resolve) => setTimeout(resolve, ROUND_MS));
      }
    };
    listen().catch(() => {});
    return () => controller.abort();
  };
}
