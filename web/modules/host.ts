// The supervisor of modules: binds their guests, starts their threads, lists, stops and kills them, and releases what a
// dead one held. It runs no module itself.

import {
  type BoundGuest,
  bindFor,
  type GuestHandle,
  KvmError,
  Mailbox,
  type MessagePortLike,
  mailboxPort,
  portOf,
  RemoteWindow,
  releaseDead,
  revoke,
  WindowServer,
} from '../xinterface/index.ts';
import type { ModuleGuest, ModuleMessage, ModuleThread, ModuleThreads } from './messages.ts';
import type { ModuleOptions } from './module.ts';

/** The kinds of modules there are, each with its worker file. Alphabetical. */
export const MODULES = {
  framebuffer: 'framebuffer_worker',
  random: 'random_worker',
  ring: 'ring_worker',
  virtio: 'virtio_worker',
  wasm: 'wasm_worker',
} as const;
export type ModuleKind = keyof typeof MODULES;

/** What `start` takes. */
export interface ModuleRequest {
  readonly kind: ModuleKind;
  /** Its name among the modules and in the guest's pins; `kind` and a number when left out. */
  readonly name?: string;
  /** A guest of this process, or the port of a window onto one elsewhere. */
  readonly guest: GuestHandle | MessagePortLike;
  readonly options?: ModuleOptions;
  /** What of the options is transferred, not copied: ports. */
  readonly transfer?: readonly unknown[];
  /** What an earlier run has returned. */
  readonly state?: unknown;
}

export type ModuleState = 'starting' | 'running' | 'ended' | 'failed' | 'killed';

/** A module as it stands. */
export interface ModuleInfo {
  readonly name: string;
  readonly kind: ModuleKind;
  readonly state: ModuleState;
  /** Why it failed, one sentence. */
  readonly why: string | undefined;
  /** The pin by which it holds its guest, where that is one of this process. */
  readonly bound: BoundGuest | undefined;
  /** What it has reported last. */
  readonly report: unknown;
  /** When it was started, in ms since the Unix epoch. */
  readonly since: number;
}

/** A thread that does not answer a stop within so long is killed, in ms. */
const PATIENCE_MS = 2000;

interface Entry {
  info: ModuleInfo;
  readonly thread: ModuleThread;
  readonly stopWord: Int32Array;
  /** What serves the calls of a module that blocks, when its guest is behind a window. */
  relay?: { server: WindowServer; deliver(message: unknown): void };
  /** Resolves with its state once it is over and has released its guest. */
  readonly over: Promise<unknown>;
  finish(info: Partial<ModuleInfo>, result?: unknown): Promise<void>;
}

const isOver = ({ state }: ModuleInfo): boolean => state !== 'starting' && state !== 'running';

/** The modules of one owner. */
export class ModuleHost {
  readonly #threads: ModuleThreads;
  readonly #entries = new Map<string, Entry>();
  readonly #listeners = new Set<(info: ModuleInfo) => void>();

  constructor(threads: ModuleThreads) {
    this.#threads = threads;
  }

  /** All modules, those that are over too until they are removed, in the order in which they were started. */
  list(): ModuleInfo[] {
    return [...this.#entries.values()].map(({ info }) => info);
  }

  get(name: string): ModuleInfo | undefined {
    return this.#entries.get(name)?.info;
  }

  /** Calls back whenever a module starts, reports or ends; returns the unsubscriber. */
  onChange(listener: (info: ModuleInfo) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #freeName(kind: ModuleKind): string {
    for (let n = 0; ; n++) if (!this.#entries.has(`${kind}${n}`)) return `${kind}${n}`;
  }

  /**
   * Starts a module; resolves when it has attached itself to the guest. EEXIST for a name that is taken, EINVAL for a kind
   * that does not exist, ENODEV when the guest is gone; EIO, with its own sentence, when the module fails before that.
   */
  async start(request: ModuleRequest): Promise<ModuleInfo> {
    const { kind, guest, options = {}, state, transfer: own = [] } = request;
    const name = request.name ?? this.#freeName(kind);
    if (!Object.hasOwn(MODULES, kind))
      throw new KvmError('EINVAL', `there is no module of the kind ${kind}.`);
    const old = this.#entries.get(name);
    if (old && !isOver(old.info))
      throw new KvmError('EEXIST', `a module ${name} runs already; kill it first.`);
    const bound = 'vm' in guest ? bindFor(guest, { name, kind: 'module' }) : undefined;
    let thread: ModuleThread;
    try {
      thread = this.#threads.spawn(MODULES[kind]);
    } catch (error) {
      if (bound) releaseDead(bound);
      throw error;
    }
    const entry = this.#enter(thread, {
      name,
      kind,
      state: 'starting',
      why: undefined,
      bound,
      report: undefined,
      since: performance.timeOrigin + performance.now(),
    });
    const { stopWord } = entry;
    const started = new Promise<void>((resolve) => {
      const off = this.onChange((info) => {
        if (info.name !== name || info.state === 'starting') return;
        off();
        resolve();
      });
    });
    const { given, transfer } = this.#give(entry, guest, bound);
    thread.post({ start: { guest: given, options, state, stopWord } }, [...transfer, ...own]);
    await started;
    if (entry.info.state === 'failed') throw new KvmError('EIO', `${name}: ${entry.info.why}`);
    return entry.info;
  }

  /** The guest as the thread gets it. A module that blocks gets one behind a window that is served here. */
  #give(
    entry: Entry,
    guest: GuestHandle | MessagePortLike,
    bound: BoundGuest | undefined,
  ): { given: ModuleGuest; transfer: unknown[] } {
    if (bound) return { given: { bound }, transfer: [] };
    const window = guest as MessagePortLike;
    if (entry.info.kind !== 'wasm') return { given: { window }, transfer: [window] };
    const { buffer } = new Mailbox();
    const port = mailboxPort(buffer);
    entry.relay = { server: new WindowServer(new RemoteWindow(portOf(window)), port), deliver: port.deliver };
    return { given: { mailbox: buffer }, transfer: [] };
  }

  #enter(thread: ModuleThread, info: ModuleInfo): Entry {
    let resolveOver: (result: unknown) => void = () => {};
    const entry: Entry = {
      info,
      thread,
      stopWord: new Int32Array(new SharedArrayBuffer(4)),
      over: new Promise((resolve) => {
        resolveOver = resolve;
      }),
      finish: async (change, result) => {
        if (isOver(entry.info)) return;
        if (info.bound) revoke(info.bound);
        entry.info = { ...entry.info, ...change };
        await thread.kill();
        if (info.bound) releaseDead(info.bound);
        // Not waited for: the other side may be gone.
        void entry.relay?.server.close();
        this.#tell(entry.info);
        resolveOver(result);
      },
    };
    this.#entries.set(info.name, entry);
    thread.listen(
      (message) => this.#receive(entry, message),
      (why) => void entry.finish({ state: 'failed', why }),
    );
    return entry;
  }

  #receive(entry: Entry, message: ModuleMessage): void {
    if (isOver(entry.info)) return;
    if ('mail' in message) {
      entry.relay?.deliver(message.mail);
      return;
    }
    if ('ready' in message) entry.info = { ...entry.info, state: 'running' };
    else if ('report' in message) entry.info = { ...entry.info, report: message.report };
    else if ('failed' in message) return void entry.finish({ state: 'failed', why: message.failed });
    else return void entry.finish({ state: 'ended' }, message.state);
    this.#tell(entry.info);
  }

  #tell(info: ModuleInfo): void {
    for (const listener of [...this.#listeners]) listener(info);
  }

  #find(name: string): Entry {
    const entry = this.#entries.get(name);
    if (entry === undefined) throw new KvmError('ENOENT', `there is no module ${name}.`);
    return entry;
  }

  /** Asks a module to end, and waits for it; its state, for another `start`. One that does not answer is killed. ENOENT. */
  async stop(name: string): Promise<unknown> {
    const entry = this.#find(name);
    Atomics.store(entry.stopWord, 0, 1);
    Atomics.notify(entry.stopWord, 0);
    entry.thread.post({ stop: true });
    const timer = setTimeout(() => void this.kill(name), PATIENCE_MS);
    const state = await entry.over;
    clearTimeout(timer);
    return state;
  }

  /** Ends a module's thread at once and releases what it held; resolves when that is done. ENOENT. */
  async kill(name: string): Promise<void> {
    const entry = this.#find(name);
    void entry.finish({ state: 'killed' });
    await entry.over;
  }

  /** Forgets a module that is over. ENOENT; EBUSY while it runs. */
  remove(name: string): void {
    if (!isOver(this.#find(name).info)) throw new KvmError('EBUSY', `module ${name} runs; kill it first.`);
    this.#entries.delete(name);
  }

  /** Kills all of them. */
  async close(): Promise<void> {
    await Promise.all([...this.#entries.keys()].map((name) => this.kill(name)));
  }
}
