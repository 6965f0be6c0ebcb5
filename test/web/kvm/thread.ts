// A thread of a test that uses web/kvm: bundled to JavaScript first, because a worker of Node 20 loads no TypeScript.
import { Worker } from 'node:worker_threads';
import { build } from 'vite';

let bundle: Promise<string> | undefined;

async function bundled(): Promise<string> {
  const lib = { entry: 'web/kvm/index.ts', formats: ['iife' as const], name: 'kvm' };
  const built = await build({ configFile: false, logLevel: 'silent', build: { lib, write: false } });
  const [{ output }] = built as unknown as [{ output: [{ code: string }] }];
  return output[0].code;
}

/** Runs `body`, which sees `kvm` (the door of web/kvm) and `data`, in a worker; resolves with what it returns. */
export async function thread(body: string, data: unknown): Promise<unknown> {
  bundle ??= bundled();
  const source = `${await bundle}
    const { parentPort, workerData: data } = require('node:worker_threads');
    parentPort.postMessage((() => { ${body} })());`;
  const worker = new Worker(source, { eval: true, workerData: data });
  return new Promise((resolve, reject) => {
    worker.once('error', reject);
    worker.once('message', (message) => {
      resolve(message);
      void worker.terminate();
    });
  });
}
