// Threads for modules in a page or one of its workers. Each file is named where Vite sees it. Node never uses it.

import type { HostMessage, ModuleMessage, ModuleThreads } from './messages.ts';

interface PageWorker {
  postMessage(message: HostMessage, transfer?: readonly unknown[]): void;
  onmessage: ((event: { data: ModuleMessage }) => void) | null;
  onerror: ((event: { message?: string; preventDefault(): void }) => void) | null;
  terminate(): void;
}

declare class URL {
  constructor(url: string, base: string);
}
declare const Worker: new (file: URL, options: { type: 'module'; name: string }) => PageWorker;

/** A page is not told when a terminated worker is gone; the one copy that it may be in is over long before, in ms. */
const DYING_MS = 200;

const starters: Record<string, () => PageWorker> = {
  framebuffer_worker: () =>
    new Worker(new URL('./framebuffer_worker.ts', import.meta.url), { type: 'module', name: 'framebuffer' }),
  random_worker: () =>
    new Worker(new URL('./random_worker.ts', import.meta.url), { type: 'module', name: 'random' }),
  ring_worker: () =>
    new Worker(new URL('./ring_worker.ts', import.meta.url), { type: 'module', name: 'ring' }),
  virtio_worker: () =>
    new Worker(new URL('./virtio_worker.ts', import.meta.url), { type: 'module', name: 'virtio' }),
  wasm_worker: () =>
    new Worker(new URL('./wasm_worker.ts', import.meta.url), { type: 'module', name: 'wasm' }),
};

export const browserModuleThreads: ModuleThreads = {
  spawn(file) {
    const worker = (starters[file] as () => PageWorker)();
    return {
      post: (message, transfer = []) => worker.postMessage(message, transfer),
      listen: (onMessage, onDeath) => {
        worker.onmessage = (event) => onMessage(event.data);
        worker.onerror = (event) => {
          event.preventDefault();
          onDeath(event.message || 'its worker could not be loaded');
        };
      },
      kill: () => {
        worker.terminate();
        return new Promise((resolve) => setTimeout(resolve, DYING_MS));
      },
    };
  },
};
