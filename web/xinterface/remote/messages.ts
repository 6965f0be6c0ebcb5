// What a window and the guest behind it say to each other: calls with answers, and rings of doorbells. Data, and what both ends refuse.

import { KvmError } from '../../kvm/abi/errno.ts';
import type { AttachmentRecord, IoeventOptions, ScatterEntry } from '../guest_interface.ts';

/** One end of a channel to another tab, process or machine: a MessagePort, a BroadcastChannel, a socket. */
export interface WindowPort {
  post(message: unknown): void;
  /** Sets the receiver of messages, and of the channel's end where it can be told. */
  listen(onMessage: (message: unknown) => void, onEnd?: () => void): void;
  close(): void;
}

/** Calls: name to arguments and answer. Maps, scatter lists, bells and interrupts are numbers that the guest's side gives. */
export interface WindowCalls {
  copyTo: [{ gpa: bigint; bytes: Uint8Array }, number];
  /** The answer holds the bytes that were copied. */
  copyFrom: [{ gpa: bigint; length: number }, Uint8Array];
  vmap: [{ gpa: bigint; length: number }, { id: number; bytes: Uint8Array }];
  mapRead: [{ id: number; offset: number; length: number }, { bytes: Uint8Array; stale: boolean }];
  /** The answer says whether the map is stale. */
  mapWrite: [{ id: number; offset: number; bytes: Uint8Array }, boolean];
  sgmap: [{ entries: readonly ScatterEntry[] }, { id: number; parts: Uint8Array[] }];
  sgRead: [{ id: number }, Uint8Array[]];
  sgWrite: [{ id: number; parts: readonly Uint8Array[] }, undefined];
  ioevent: [{ address: bigint; length: number; options: IoeventOptions }, number];
  irqfd: [{ gsi: number }, number];
  raise: [{ id: number }, undefined];
  release: [{ id: number }, undefined];
  save: [undefined, AttachmentRecord[]];
  /** Answered by an EndMessage. */
  put: [undefined, undefined];
}
export type WindowCall = keyof WindowCalls;

/** Makes a call of the other side. */
export type Caller = <Call extends WindowCall>(
  call: Call,
  argument: WindowCalls[Call][0],
) => Promise<WindowCalls[Call][1]>;

export interface CallMessage {
  readonly id: number;
  readonly call: WindowCall;
  readonly argument: unknown;
}

export type AnswerMessage =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly code: string; readonly sentence: string };

/** The guest's side has let go: the answer to `put` too. */
export interface EndMessage {
  readonly ended: true;
}

export interface RingMessage {
  readonly bell: number;
  readonly rings: bigint;
  readonly values: readonly bigint[];
}

/** Most bytes of one call: what a page can take at once without a pause. */
export const CALL_MAX = 1 << 24;

/** A MessagePort as both hosts have it. */
export interface MessagePortLike {
  postMessage(message: unknown): void;
  /** `close` comes when the thread or tab at the other end is gone. */
  addEventListener(
    type: 'message' | 'close',
    listener: (event: { readonly type: string; readonly data?: unknown }) => void,
  ): void;
  start(): void;
  close(): void;
}

/** The end of a channel that is a MessagePort. */
export function portOf(port: MessagePortLike): WindowPort {
  return {
    post: (message) => port.postMessage(message),
    listen: (onMessage, onEnd) => {
      port.addEventListener('message', ({ data }) => onMessage(data));
      if (onEnd) port.addEventListener('close', onEnd);
      port.start();
    },
    close: () => port.close(),
  };
}

/** A level falls when the guest has ended it, which a channel tells too late. */
export function levelRefused(): KvmError {
  return new KvmError('EOPNOTSUPP', 'behind a channel interrupts are edges; leave level out.');
}
