// Threads of a page: module workers. The near end of each is a Port.
import type { Port, Threads } from './port.ts';

export function workerPort(worker: Worker): Port {
  return {
    post: (message, transfer = []) => worker.postMessage(message, transfer),
    listen: (onMessage, onDeath) => {
      worker.onmessage = (event: MessageEvent) => onMessage(event.data);
      worker.onerror = (event: ErrorEvent) => {
        event.preventDefault();
        onDeath?.(event.message || 'it could not be loaded');
      };
    },
    close: () => worker.terminate(),
  };
}

export const browserThreads: Threads = {
  spawn: (kind) =>
    workerPort(
      kind === 'machine'
        ? new Worker(new URL('./worker_machine.ts', import.meta.url), { type: 'module', name: 'machine' })
        : new Worker(new URL('./worker_vcpu.ts', import.meta.url), { type: 'module', name: 'vcpu' }),
    ),
};

/** The worker's own end. */
export function selfPort(): Port {
  const scope = self as unknown as {
    postMessage(message: unknown, transfer: ArrayBuffer[]): void;
    close(): void;
    onmessage: unknown;
  };
  return {
    post: (message, transfer = []) => scope.postMessage(message, transfer),
    listen: (onMessage) => {
      scope.onmessage = (event: MessageEvent) => onMessage(event.data);
    },
    close: () => scope.close(),
  };
}
