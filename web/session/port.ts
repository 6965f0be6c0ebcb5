// How a session talks to its machine worker: files, a few calls with answers, and events. The same in a page and in Node.
// No machine here.
import type { Port } from '../fs/index.ts';
import type { GivenOptions } from './given.ts';
import type { MachineOptions } from './types.ts';

/** What starts threads: a page's workers or Node's worker_threads. */
export interface Threads {
  spawn(kind: 'machine' | 'vcpu' | 'network'): Port;
}

/** A file of the client's host. */
export interface HostFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** What a machine worker needs to make VMs. */
export interface StartOptions extends GivenOptions {
  readonly core: WebAssembly.Module;
  /** Whether memory may be shared with other threads: without it vCPUs have none. */
  readonly share: boolean;
  /** A machine of the session's own stands in /kvm/vm0, as its options and boot say. */
  readonly own: boolean;
  /** What stands in /host, read only. */
  readonly host?: readonly HostFile[];
}

/** Calls that a client makes of the machine worker beside those on files: name to arguments and result. */
export interface Calls {
  /** Mounts /kvm and what the client brings; once, before all else. */
  start: [StartOptions, undefined];
  /** More of what StartOptions gives; a name that was given before means the new one from the next machine on. */
  give: [GivenOptions, undefined];
  /** As the vCPU's `translate` directory, but a vCPU that runs is not stopped for it: looking must not change a run. */
  translate: [{ vcpu: number; gva: bigint }, bigint | undefined];
  /** SHA-256 of the memory of a machine that stands. */
  hash: [undefined, string];
  /** The guest has reset its machine: it is made anew and goes on. */
  reboot: [undefined, undefined];
  refresh: [{ offset: number; length: number }[], { offset: number; bytes: Uint8Array }[]];
  close: [undefined, undefined];
}
export type CallName = keyof Calls;

export interface CallMessage {
  readonly id: number;
  readonly call: CallName;
  readonly argument: unknown;
}

/** A machine has been made: its memory, if it is shared, its size in bytes and its engine. */
export interface MadeMessage {
  readonly event: 'made';
  readonly memory?: WebAssembly.Memory;
  readonly bytes: number;
  readonly engine: MachineOptions['engine'];
  /** Its guest has reset the machine before it. */
  readonly again: boolean;
}

export type ServerMessage =
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly error: string }
  | { readonly event: 'console'; readonly bytes: Uint8Array }
  | {
      readonly event: 'words';
      readonly state: string;
      readonly ending?: { reason: string; status: number };
      readonly parked?: number;
      readonly exit?: ParkedExit;
    }
  | MadeMessage
  /** What keeps a device from its work, in one sentence; without it, nothing does any more. */
  | { readonly event: 'trouble'; readonly sentence?: string }
  | { readonly event: 'dead'; readonly why: string };

/** The exit on which a vCPU parked, as far as a sentence needs it. */
export interface ParkedExit {
  readonly vcpu: number;
  readonly reason: number;
  readonly rip: bigint;
}

/** Two channels over one, so that what is said on either comes in the order in which it was said, and both die together. */
export function splitPort(port: Port): { calls: Port; files: Port } {
  const receivers: Record<string, Parameters<Port['listen']>> = {};
  port.listen(
    (message) => {
      const { to, body } = message as { to: string; body: unknown };
      receivers[to]?.[0](body);
    },
    (why) => {
      for (const [, onDeath] of Object.values(receivers)) onDeath?.(why);
    },
  );
  const half = (to: string): Port => ({
    post: (body, transfer) => port.post({ to, body }, transfer),
    listen: (onMessage, onDeath) => {
      receivers[to] = onDeath ? [onMessage, onDeath] : [onMessage];
    },
    close: () => {
      delete receivers[to];
    },
  });
  return { calls: half('calls'), files: half('files') };
}
