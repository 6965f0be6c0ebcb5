// What a host and a module's thread say to each other. Data only.

import type { BoundGuest, MessagePortLike } from '../xinterface/index.ts';
import type { ModuleOptions } from './module.ts';

/** The guest that a module gets: bound in this process, or behind a window. */
export type ModuleGuest =
  | { readonly bound: BoundGuest }
  | { readonly window: MessagePortLike }
  /** Behind a window that the host has opened, for a module that blocks. */
  | { readonly mailbox: SharedArrayBuffer };

export interface StartMessage {
  readonly start: {
    readonly guest: ModuleGuest;
    readonly options: ModuleOptions;
    readonly state: unknown;
    /** Set to 1 when the module shall end: for one that blocks its thread. */
    readonly stopWord: Int32Array;
  };
}

export type HostMessage = StartMessage | { readonly stop: true };

export type ModuleMessage =
  | { readonly ready: true }
  | { readonly report: unknown }
  /** It has returned, with its state. */
  | { readonly ended: true; readonly state: unknown }
  | { readonly failed: string }
  /** A call of its guest, whose answer comes through the mailbox. */
  | { readonly mail: unknown };

/** A module's thread as its host sees it. */
export interface ModuleThread {
  post(message: HostMessage, transfer?: readonly unknown[]): void;
  /** Sets the receiver of messages and of the thread's death by its own fault (one sentence). */
  listen(onMessage: (message: ModuleMessage) => void, onDeath: (why: string) => void): void;
  /** Ends the thread; resolves when it surely does nothing any more. */
  kill(): Promise<void>;
}

/** What starts threads for modules: a page's workers or Node's worker_threads. */
export interface ModuleThreads {
  /** Starts the worker file of this name, such as `random_worker`. */
  spawn(file: string): ModuleThread;
}
