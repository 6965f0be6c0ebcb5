// eventfd(2) in shared memory: a counter that threads, guests and KVM ring and wait for. What KVM does with one is in
// irqfd.ts and ioeventfd.ts. Record layout in assembly/abi/eventfd.ts.

import {
  EVENTFD_ASSIGNMENT,
  EVENTFD_FLAGS,
  EVENTFD_GENERATION_SHIFT,
  EVENTFD_HAS_MOVED,
  EVENTFD_HOLDER,
  EVENTFD_HOLDS,
  EVENTFD_IRQFD,
  EVENTFD_IS_SEMAPHORE,
  EVENTFD_KEEPS_VALUES,
  EVENTFD_SEQUENCE,
  EVENTFD_SIZE,
  EVENTFD_WAITERS,
  EVENTFDS_MAX,
  VALUE_RING_SIZE,
  VALUE_RINGS,
  VALUES,
  VALUES_HEAD,
  VALUES_LOCK,
  VALUES_MAX,
  VALUES_TAIL,
  VM_EVENTFDS,
} from '../../assembly/abi/eventfd.ts';
import { KvmError } from './abi/index.ts';
import { type Core, instantiateCore } from './core.ts';
import { LIVING, type MachineMemory } from './memory.ts';
import { findMachine } from './vm_page.ts';

/** Largest value of the counter that signal reaches; one more is what only KVM's own signals reach. */
const COUNT_MAX = 0xffff_ffff_ffff_fffen;
const COUNT_FULL = COUNT_MAX + 1n;
/** Where there is no Atomics.waitAsync, `ready` looks this often, in ms. */
const POLL_MS = 4;
/** An asynchronous wait looks around at least this often, in ms: an abort does not wake it. */
const PATIENCE_MS = 250;
const HOLDERS = EVENTFD_ASSIGNMENT - 1;

/** How an eventfd begins. */
export interface EventfdOptions {
  /** First value of the counter, 0 to 2^32 - 1 as eventfd(2) takes it. */
  readonly initial?: number;
  /** EFD_SEMAPHORE: a read takes 1 instead of everything. */
  readonly semaphore?: boolean;
  /** Keep the values that a guest writes to its ioeventfds, see `takeValues`. Only in a VM's memory. */
  readonly values?: boolean;
}

/** The VM in whose memory eventfds lie: what injecting an interrupt from this thread needs. */
export interface EventfdHome {
  readonly memory: MachineMemory;
  readonly module: WebAssembly.Module;
  /** This thread's instance of the core. */
  readonly core: Core;
}

/** What Eventfd.attach takes; it travels by postMessage. */
export interface EventfdHandle {
  readonly memory: WebAssembly.Memory | SharedArrayBuffer;
  /** Offset of the record. */
  readonly at: number;
  readonly generation: number;
  /** The VM in whose memory it lies; none for one of its own. */
  readonly vm?: { readonly base: number; readonly module: WebAssembly.Module };
}

/** A VM's memory seen by a thread that has no Vm of it. */
function homeOf(wasm: WebAssembly.Memory, { base, module }: NonNullable<EventfdHandle['vm']>): EventfdHome {
  const memory = findMachine(wasm, base);
  let core: Core | undefined;
  return {
    memory,
    module,
    get core() {
      core ??= instantiateCore(module, memory);
      return core;
    },
  };
}

function checkInitial(initial: number): void {
  if (!(Number.isInteger(initial) && initial >= 0 && initial <= 0xffff_ffff)) {
    throw new KvmError('EINVAL', `${initial} is no first value of an eventfd; give 0 to 4294967295.`);
  }
}

/**
 * An eventfd, held by this object until `close`. All of its calls may come from any thread that attached to it;
 * `wait` and nothing else blocks, and is not for a page's main thread.
 */
export class Eventfd {
  #home: EventfdHome | undefined;
  #buffer: ArrayBufferLike;
  #words: Int32Array;
  #counts: BigUint64Array;
  #at: number;
  #generation = 0;
  #open = true;

  private constructor(buffer: ArrayBufferLike, at: number, home?: EventfdHome) {
    this.#home = home;
    this.#buffer = buffer;
    this.#words = new Int32Array(buffer, at, EVENTFD_SIZE / 4);
    this.#counts = new BigUint64Array(buffer, at, 1);
    this.#at = at;
  }

  /** eventfd(2): one with memory of its own, which any thread may hold. EINVAL for `initial`. */
  static create({ initial = 0, semaphore = false }: EventfdOptions = {}): Eventfd {
    checkInitial(initial);
    const eventfd = new Eventfd(new SharedArrayBuffer(EVENTFD_SIZE), 0);
    eventfd.#begin(BigInt(initial), semaphore ? EVENTFD_IS_SEMAPHORE : 0);
    Atomics.store(eventfd.#words, EVENTFD_HOLDS >>> 2, EVENTFD_HOLDER);
    return eventfd;
  }

  /** One in a VM's memory, as KVM_IRQFD and KVM_IOEVENTFD need it. ENFILE when all of the VM's are taken. */
  static createIn(home: EventfdHome, options: EventfdOptions = {}): Eventfd {
    const { initial = 0, semaphore = false, values = false } = options;
    checkInitial(initial);
    const buffer = home.memory.wasm.buffer;
    for (let n = 0; n < EVENTFDS_MAX; n++) {
      const at = home.memory.vm + VM_EVENTFDS + n * EVENTFD_SIZE;
      const words = home.memory.words;
      if (Atomics.compareExchange(words, (at + EVENTFD_HOLDS) >>> 2, 0, EVENTFD_HOLDER) !== 0) continue;
      const eventfd = new Eventfd(buffer, at, home);
      const flags = (semaphore ? EVENTFD_IS_SEMAPHORE : 0) | (values ? EVENTFD_KEEPS_VALUES : 0);
      eventfd.#begin(BigInt(initial), flags);
      if (values) eventfd.takeValues();
      return eventfd;
    }
    throw new KvmError('ENFILE', `this VM has ${EVENTFDS_MAX} eventfds already; close one.`);
  }

  /** Holds an eventfd that another thread has given. EBADF when nobody holds it any more, or it has moved into a VM. */
  static attach(handle: EventfdHandle): Eventfd {
    const { memory, at, generation, vm } = handle;
    const eventfd =
      memory instanceof SharedArrayBuffer || vm === undefined
        ? new Eventfd(memory as SharedArrayBuffer, at)
        : new Eventfd(memory.buffer, at, homeOf(memory, vm));
    const words = eventfd.#words;
    for (;;) {
      const holds = Atomics.load(words, EVENTFD_HOLDS >>> 2);
      if ((holds & HOLDERS) === 0) throw closed();
      if (Atomics.compareExchange(words, EVENTFD_HOLDS >>> 2, holds, holds + EVENTFD_HOLDER) === holds) break;
    }
    eventfd.#generation = generation;
    if (eventfd.#isSame) return eventfd;
    eventfd.close();
    throw closed();
  }

  /** A record that was free: everything but the sequence and its holds begins anew. */
  #begin(count: bigint, flags: number): void {
    this.#generation = crypto.getRandomValues(new Uint32Array(1))[0] as number;
    this.#generation >>>= EVENTFD_GENERATION_SHIFT;
    for (const word of [EVENTFD_IRQFD, EVENTFD_WAITERS]) Atomics.store(this.#words, word >>> 2, 0);
    Atomics.store(this.#counts, 0, count);
    Atomics.store(this.#words, EVENTFD_FLAGS >>> 2, (this.#generation << EVENTFD_GENERATION_SHIFT) | flags);
  }

  get #flags(): number {
    return Atomics.load(this.#words, EVENTFD_FLAGS >>> 2);
  }

  /** The record is still the one that this object holds: a VM that is gone takes its eventfds with it. */
  get #isSame(): boolean {
    return this.#flags >>> EVENTFD_GENERATION_SHIFT === this.#generation;
  }

  /** Takes over the hold of a thread that has died, to close it. undefined when nobody holds that eventfd any more. */
  static adopt(handle: EventfdHandle): Eventfd | undefined {
    try {
      const eventfd = Eventfd.attach(handle);
      Atomics.sub(eventfd.#words, EVENTFD_HOLDS >>> 2, EVENTFD_HOLDER);
      return eventfd;
    } catch {
      return undefined;
    }
  }

  /** What Eventfd.attach takes; give it to other threads with postMessage, and hold this one until they have attached. */
  get handle(): EventfdHandle {
    this.#check();
    const at = this.#at;
    const generation = this.#generation;
    if (this.#home === undefined) return { memory: this.#buffer as SharedArrayBuffer, at, generation };
    const { memory, module } = this.#home;
    return { memory: memory.wasm, at, generation, vm: { base: memory.base, module } };
  }

  /** write(2): adds `n` to the counter. EINVAL above 2^64 - 2, EAGAIN when the counter would pass that. */
  signal(n: bigint | number = 1n): void {
    const add = BigInt(n);
    if (!(add >= 0n && add <= COUNT_MAX)) {
      throw new KvmError('EINVAL', `${n} cannot be added to an eventfd; give 0 to 2^64 - 2.`);
    }
    this.#check();
    for (let count = Atomics.load(this.#counts, 0); ; ) {
      if (COUNT_FULL - count <= add) {
        throw new KvmError('EAGAIN', 'the counter of this eventfd is full; read it first.');
      }
      const found = Atomics.compareExchange(this.#counts, 0, count, count + add);
      if (found === count) break;
      count = found;
    }
    // Somebody may have moved it meanwhile: then nobody will read what was added.
    this.#check();
    this.#changed();
    if (this.#home !== undefined && Atomics.load(this.#words, EVENTFD_IRQFD >>> 2) !== 0) {
      const { core, memory } = this.#home;
      if (memory.tag === LIVING) core.irqfd_signal(this.#at);
      else core.irqfd_leave(this.#at);
    }
  }

  /** read(2): takes the counter (1 of a semaphore), or undefined when it is 0, which read(2) calls EAGAIN. */
  read(): bigint | undefined {
    this.#check();
    for (let count = Atomics.load(this.#counts, 0); count !== 0n; ) {
      const taken = this.#flags & EVENTFD_IS_SEMAPHORE ? 1n : count;
      const found = Atomics.compareExchange(this.#counts, 0, count, count - taken);
      if (found === count) {
        this.#changed();
        return taken;
      }
      count = found;
    }
    return undefined;
  }

  /** POLLIN: `read` would give something. */
  get readable(): boolean {
    return Atomics.load(this.#counts, 0) !== 0n;
  }

  /** POLLOUT: `signal(1n)` would not be EAGAIN. */
  get writable(): boolean {
    return Atomics.load(this.#counts, 0) < COUNT_MAX;
  }

  /** EFD_SEMAPHORE. */
  get isSemaphore(): boolean {
    return (this.#flags & EVENTFD_IS_SEMAPHORE) !== 0;
  }

  /** Values that ioeventfds of this eventfd were written with since the last call, at most the last 30; see EventfdOptions. */
  takeValues(): bigint[] {
    this.#check();
    if (this.#home === undefined || (this.#flags & EVENTFD_KEEPS_VALUES) === 0) return [];
    const { memory } = this.#home;
    const record = (this.#at - memory.vm - VM_EVENTFDS) / EVENTFD_SIZE;
    const ring = memory.base + VALUE_RINGS + record * VALUE_RING_SIZE;
    return memory.locked(ring + VALUES_LOCK, () => {
      const head = memory.u32(ring + VALUES_HEAD);
      const kept = Math.min((head - memory.u32(ring + VALUES_TAIL)) >>> 0, VALUES_MAX);
      memory.setU32(ring + VALUES_TAIL, head);
      return Array.from({ length: kept }, (_, n) =>
        memory.u64(ring + VALUES + (((head - kept + n) >>> 0) % VALUES_MAX) * 8),
      );
    });
  }

  /** Sleeps until it is readable, at most `ms`; whether it is. EBADF when it is closed. */
  wait(ms = Number.POSITIVE_INFINITY): boolean {
    const end = performance.now() + ms;
    this.#check();
    Atomics.add(this.#words, EVENTFD_WAITERS >>> 2, 1);
    try {
      for (;;) {
        const sequence = Atomics.load(this.#words, EVENTFD_SEQUENCE >>> 2);
        this.#check();
        if (this.readable) return true;
        const left = end - performance.now();
        if (!(left > 0)) return false;
        Atomics.wait(this.#words, EVENTFD_SEQUENCE >>> 2, sequence, left);
      }
    } finally {
      this.#waited(this.#words);
    }
  }

  /** Resolves as soon as it is readable; never blocks. EINTR when `signal` is aborted, EBADF when it is closed. */
  async ready(signal?: AbortSignal): Promise<void> {
    while (!this.readable) {
      if (signal?.aborted) throw new KvmError('EINTR', 'the wait for an eventfd was given up.');
      await this.#change();
    }
    this.#check();
  }

  /** Resolves when something may have changed. */
  async #change(): Promise<void> {
    this.#check();
    const words = this.#words;
    if (Atomics.waitAsync === undefined) {
      await new Promise<void>((resolve) => setTimeout(resolve, POLL_MS));
      return;
    }
    Atomics.add(words, EVENTFD_WAITERS >>> 2, 1);
    try {
      const sequence = Atomics.load(words, EVENTFD_SEQUENCE >>> 2);
      if (this.readable) return;
      const { value } = Atomics.waitAsync(words, EVENTFD_SEQUENCE >>> 2, sequence, PATIENCE_MS);
      await value;
    } finally {
      this.#waited(words);
    }
  }

  /** Waits no more. The record may be another VM's by now, whose waiters are not counted here. */
  #waited(words: Int32Array): void {
    if (this.#isSame) Atomics.sub(words, EVENTFD_WAITERS >>> 2, 1);
  }

  #changed(): void {
    Atomics.add(this.#words, EVENTFD_SEQUENCE >>> 2, 1);
    if (Atomics.load(this.#words, EVENTFD_WAITERS >>> 2) !== 0) {
      Atomics.notify(this.#words, EVENTFD_SEQUENCE >>> 2);
    }
  }

  #check(): void {
    if (!this.#open || !this.#isSame) throw closed();
    if (this.#home === undefined && this.#flags & EVENTFD_HAS_MOVED) {
      throw new KvmError(
        'EBADF',
        'this eventfd has moved into the memory of a VM; attach to a handle made after that.',
      );
    }
  }

  /** It has memory of its own, so no VM has an assignment of it. EBADF when it is closed. */
  get isPrivate(): boolean {
    this.#check();
    return this.#home === undefined;
  }

  /**
   * Offset of its record in this VM's memory, for KVM_IRQFD and KVM_IOEVENTFD. One with memory of its own moves there
   * first: this object goes on with the new place, other threads attach to a new handle. EXDEV when it lies in the
   * memory of another VM, ENFILE when this VM has no room.
   */
  placeIn(home: EventfdHome): number {
    this.#check();
    if (this.#home !== undefined) {
      if (this.#home.memory.wasm.buffer === home.memory.wasm.buffer) return this.#at;
      throw new KvmError(
        'EXDEV',
        "this eventfd lies in another VM's memory; make both VMs in one memory, or another eventfd.",
      );
    }
    const moved = Eventfd.createIn(home, { semaphore: this.isSemaphore });
    const words = this.#words;
    Atomics.or(words, EVENTFD_FLAGS >>> 2, EVENTFD_HAS_MOVED);
    Atomics.store(moved.#counts, 0, Atomics.exchange(this.#counts, 0, 0n));
    Atomics.add(words, EVENTFD_SEQUENCE >>> 2, 1);
    Atomics.notify(words, EVENTFD_SEQUENCE >>> 2);
    this.#home = home;
    this.#buffer = moved.#buffer;
    this.#words = moved.#words;
    this.#counts = moved.#counts;
    this.#at = moved.#at;
    this.#generation = moved.#generation;
    return this.#at;
  }

  /** close(2): this object holds it no longer. The last holder ends its irqfd, as on Linux; its ioeventfds stay. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    if (!this.#isSame) return;
    const holds = Atomics.sub(this.#words, EVENTFD_HOLDS >>> 2, EVENTFD_HOLDER);
    // Without an assignment the record may be somebody else's by now.
    if ((holds & HOLDERS) !== EVENTFD_HOLDER || holds === EVENTFD_HOLDER || this.#home === undefined) return;
    if (Atomics.load(this.#words, EVENTFD_IRQFD >>> 2) !== 0) this.#home.core.irqfd_closed(this.#at);
  }
}

function closed(): KvmError {
  return new KvmError(
    'EBADF',
    'this eventfd is closed; create another, or attach before its last holder closes it.',
  );
}
