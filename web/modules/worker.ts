// Runs a module in a worker: takes its guest from the host, serves until it is stopped, tells how it ended.

import {
  BlockingWindow,
  type GuestInterface,
  isKvmError,
  Mailbox,
  open,
  portOf,
  RemoteWindow,
} from '../xinterface/index.ts';
import type { HostMessage, ModuleGuest, ModuleMessage, StartMessage } from './messages.ts';
import type { Module } from './module.ts';
import { selfPort } from './self_port.ts';

function guestOf(given: ModuleGuest, post: (message: ModuleMessage) => void): GuestInterface {
  if ('bound' in given) return open(given.bound);
  if ('window' in given) return new RemoteWindow(portOf(given.window));
  return new BlockingWindow(new Mailbox(given.mailbox), (mail) => post({ mail }));
}

/** Makes this worker the thread of `module`. */
export function runModule(module: Module): void {
  const port = selfPort();
  const post = (message: ModuleMessage): void => port.post(message);
  const end = new AbortController();

  const start = async ({ guest: given, options, state, stopWord }: StartMessage['start']): Promise<void> => {
    const guest = guestOf(given, post);
    const report = (value: unknown): void => post({ report: value });
    const context = { guest, options, state, signal: end.signal, stopWord, report };
    let last: ModuleMessage;
    try {
      last = { ended: true, state: await module.run(context, () => post({ ready: true })) };
    } catch (error) {
      const stopped = end.signal.aborted && isKvmError(error, 'EINTR');
      const why = error instanceof Error ? error.message : String(error);
      last = stopped ? { ended: true, state: undefined } : { failed: why };
    }
    await guest.put();
    post(last);
  };

  port.listen((message) => {
    const host = message as HostMessage;
    if ('start' in host) void start(host.start);
    else end.abort();
  });
}
