// How a session talks to its machine worker: calls with answers, and events. The same in a page and in Node. No machine here.
import type { Port } from '../fs/index.ts';
import type { MachineOptions } from './types.ts';

/** What starts threads: a page's workers or Node's worker_threads. */
export interface Threads {
  spawn(kind: 'machine' | 'vcpu'): Port;
}

/** Calls that a client makes of the machine worker: name to arguments and result. */
export interface Calls {
  start: [
    { core: WebAssembly.Module; options: MachineOptions; share: boolean },
    { memory?: WebAssembly.Memory; bytes: number },
  ];
  run: [undefined, undefined];
  pause: [undefined, undefined];
  step: [number, undefined];
  reset: [undefined, { memory?: WebAssembly.Memory; bytes: number }];
  input: [Uint8Array, undefined];
  harvest: [number, Uint8Array];
  translate: [{ vcpu: number; gva: bigint }, bigint | undefined];
  /** SHA-256 of the memory of a machine that stands. */
  hash: [undefined, string];
  refresh: [{ offset: number; length: number }[], { offset: number; bytes: Uint8Array }[]];
  close: [undefined, undefined];
}
export type CallName = keyof Calls;

export interface CallMessage {
  readonly id: number;
  readonly call: CallName;
  readonly argument: unknown;
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
  | { readonly event: 'dead'; readonly why: string };

/** The exit on which a vCPU parked, as far as a sentence needs it. */
export interface ParkedExit {
  readonly vcpu: number;
  readonly reason: number;
  readonly rip: bigint;
}
