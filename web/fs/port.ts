// A channel to another thread, as small as a page's workers, Node's worker_threads and MessagePorts have in common.

/** One end of a channel to a thread. */
export interface Port {
  post(message: unknown, transfer?: ArrayBuffer[]): void;
  /** Sets the receiver of messages and of the thread's death (one sentence). */
  listen(onMessage: (message: unknown) => void, onDeath?: (why: string) => void): void;
  close(): void;
}

/** What a MessagePort of a page, a worker or Node has, as far as it is needed. */
export interface MessagePortLike {
  postMessage(message: unknown, transfer: ArrayBuffer[]): void;
  addEventListener(type: 'message' | 'close', listener: (event: object) => void): void;
  start?(): void;
  close(): void;
}

/**
 * A MessagePort as a Port. Its death is told where the host tells it (the `close` event of Node and of newer
 * browsers): elsewhere whoever starts the other thread has to close the port when that thread is gone.
 */
export function messagePort(port: MessagePortLike): Port {
  return {
    post: (message, transfer = []) => port.postMessage(message, transfer),
    listen(onMessage, onDeath) {
      port.addEventListener('message', (event) => onMessage((event as { data: unknown }).data));
      port.addEventListener('close', () => onDeath?.('the other end of the channel is closed'));
      port.start?.();
    },
    close: () => port.close(),
  };
}
