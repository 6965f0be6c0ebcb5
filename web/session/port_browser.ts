// The ends of a channel between a page's threads. It starts no thread.
import type { Port } from '../fs/index.ts';

/** The near end of a worker. */
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
