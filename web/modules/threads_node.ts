// Threads for modules in Node: worker_threads over the built files, which lie beside this bundle (seen from the source,
// in build/cli). A page never uses it.

import type { HostMessage, ModuleMessage, ModuleThreads } from './messages.ts';

interface NodeWorker {
  postMessage(message: HostMessage, transfer?: readonly unknown[]): void;
  on(event: 'message', listener: (message: ModuleMessage) => void): void;
  on(event: 'error', listener: (error: Error) => void): void;
  on(event: 'exit', listener: (code: number) => void): void;
  terminate(): Promise<number>;
}

interface NodeProcess {
  getBuiltinModule(name: 'node:worker_threads'): { Worker: new (file: URL) => NodeWorker };
}

declare const process: NodeProcess;
declare class URL {
  constructor(url: string, base: string);
}

const built = import.meta.url.endsWith('.ts')
  ? new URL('../../build/cli/', import.meta.url)
  : new URL('./', import.meta.url);

export const nodeModuleThreads: ModuleThreads = {
  spawn(file) {
    const { Worker } = process.getBuiltinModule('node:worker_threads');
    const worker = new Worker(new URL(`${file}.js`, String(built)));
    const dead = new Promise<void>((resolve) => worker.on('exit', () => resolve()));
    return {
      post: (message, transfer = []) => worker.postMessage(message, transfer),
      listen: (onMessage, onDeath) => {
        worker.on('message', onMessage);
        worker.on('error', (error) => onDeath(error.message));
        worker.on('exit', (code) => onDeath(`its thread ended with status ${code}`));
      },
      kill: async () => {
        await worker.terminate();
        await dead;
      },
    };
  },
};
