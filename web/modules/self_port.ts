// A worker's own end of its channel, in a page and in Node with the same file. It knows no module.

interface WorkerScope {
  postMessage(message: unknown): void;
  onmessage: ((event: { data: unknown }) => void) | null;
}

interface ParentPort {
  postMessage(message: unknown): void;
  on(event: 'message', listener: (message: unknown) => void): void;
}

interface NodeProcess {
  getBuiltinModule?(name: 'node:worker_threads'): { parentPort: ParentPort | null };
}

export interface SelfPort {
  post(message: unknown): void;
  listen(onMessage: (message: unknown) => void): void;
}

/** This worker's end. */
export function selfPort(): SelfPort {
  const { process } = globalThis as { process?: NodeProcess };
  const parent = process?.getBuiltinModule?.('node:worker_threads').parentPort;
  if (parent) {
    return {
      post: (message) => parent.postMessage(message),
      listen: (onMessage) => parent.on('message', onMessage),
    };
  }
  const scope = globalThis as unknown as WorkerScope;
  return {
    post: (message) => scope.postMessage(message),
    listen: (onMessage) => {
      scope.onmessage = (event) => onMessage(event.data);
    },
  };
}
