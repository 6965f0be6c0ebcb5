// Threads of Node for a session: worker_threads. The same ports as in a page.
import { parentPort, Worker } from 'node:worker_threads';
import type { Port } from '../../fs/index.ts';
import { workerFile } from '../../session/node_files.ts';
import type { Threads } from '../../session/port.ts';

export const nodeThreads: Threads = {
  spawn(kind) {
    const worker = new Worker(workerFile(`${kind}_worker`));
    let closed = false;
    return {
      post: (message, transfer = []) => worker.postMessage(message, transfer),
      listen: (onMessage, onDeath) => {
        worker.on('message', onMessage);
        worker.on('error', (error) => onDeath?.(error.message));
        worker.on('exit', (code) => {
          if (!closed && code !== 0) onDeath?.(`it ended with status ${code}`);
        });
      },
      close: () => {
        closed = true;
        void worker.terminate();
      },
    };
  },
};

/** The worker's own end. */
export function selfPort(): Port {
  const port = parentPort;
  if (port === null) throw new Error('This file is a worker; it is started by vitrine.');
  return {
    post: (message, transfer = []) => port.postMessage(message, transfer),
    listen: (onMessage) => {
      port.on('message', onMessage);
    },
    close: () => port.close(),
  };
}
