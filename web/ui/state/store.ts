// A value that components can watch: the page's own state. The machine's state is not here, it is in its memory.

import { useSyncExternalStore } from 'react';

/** A value with listeners. `set` with an equal value tells nobody. */
export class Store<T> {
  #value: T;
  #listeners = new Set<() => void>();

  constructor(value: T) {
    this.#value = value;
  }

  get = (): T => this.#value;

  set(value: T): void {
    if (Object.is(value, this.#value)) return;
    this.#value = value;
    for (const listener of [...this.#listeners]) listener();
  }

  /** Replaces some fields of an object value. */
  patch(fields: Partial<T>): void {
    this.set({ ...this.#value, ...fields });
  }

  /** Calls back on every change; returns the unsubscriber. */
  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };
}

/** The store's value, or a part of it; renders again when that part changes. The part must be stable. */
export function useStore<T, P = T>(
  store: Store<T>,
  part: (value: T) => P = (value) => value as unknown as P,
): P {
  return useSyncExternalStore(store.subscribe, () => part(store.get()));
}
