// What a module sees of a guest: interfaces only. No KVM, no slots, no channel: slot_interface.ts serves a VM of this
// process or an address space, remote_window.ts a guest in another tab or process, and a module cannot tell them apart.

/** A value now, or later. `await` takes both; a guest of this process answers at once, one behind a channel later. */
export type Maybe<T> = T | Promise<T>;

/** Guest-physical address: a number up to 2^53, or a bigint. */
export type Gpa = bigint | number;

/** Bytes of guest memory that stay reachable until they are released. */
export interface GuestMap {
  readonly gpa: bigint;
  readonly length: number;
  /**
   * The bytes. Of a guest of this process they are its memory itself; of a remote one a shadow, which `sync` brings up to
   * date. After stores call `written`.
   */
  readonly bytes: Uint8Array;
  /** The slot under it was moved or deleted: the bytes stay valid memory, but the guest sees something else at `gpa`. */
  readonly stale: boolean;
  /** Brings `length` bytes from `offset` on (all of it when left out) up to date; nothing to do where bytes are memory. */
  sync(offset?: number, length?: number): Maybe<void>;
  /** Says that bytes were stored: the guest sees them, and the dirty log and stale code are right. */
  written(offset?: number, length?: number): Maybe<void>;
  /** The little-endian 32-bit word at `offset`, read atomically. EINVAL when it is unaligned or outside. */
  load(offset: number): number;
  /** Stores a 32-bit word atomically, as `written` does. EINVAL when it is unaligned or outside. */
  store(offset: number, value: number): Maybe<void>;
  /** Lets go of it; the bytes are not to be touched any more. */
  release(): Maybe<void>;
}

/** One piece of a scatter list: inside one page of 4096 bytes. */
export interface ScatterEntry {
  readonly gpa: Gpa;
  readonly length: number;
}

/** A scatter list that is mapped: piece n of `parts` is entry n. */
export interface GuestScatter {
  readonly parts: readonly Uint8Array[];
  /** Bytes of all parts. */
  readonly length: number;
  /** Brings all parts up to date. */
  sync(): Maybe<void>;
  /** Says that bytes of all parts were stored. */
  written(): Maybe<void>;
  release(): Maybe<void>;
}

/** Which guest writes ring a doorbell. */
export interface IoeventOptions {
  /** `addr` is a port; guest-physical otherwise. */
  readonly pio?: boolean;
  /** Only writes of this value ring. */
  readonly datamatch?: bigint | number;
}

/** A doorbell: a guest's write to it never leaves the guest, it is counted here. */
export interface Doorbell {
  readonly address: bigint;
  /** Bytes of a write that rings it; 0 = any. */
  readonly length: number;
  readonly pio: boolean;
  /** How often it was rung since the last call, or undefined when it was not. */
  read(): bigint | undefined;
  /** What was written since the last call, oldest first; a bell that rings faster than it is heard loses the oldest. */
  values(): bigint[];
  /** Resolves when it was rung; rejects with EINTR when `signal` is aborted. */
  ready(signal?: AbortSignal): Promise<void>;
  /** Sleeps until it was rung, at most `ms`; whether it was. Only in a worker; absent where the bell rings by messages. */
  wait?(ms: number): boolean;
  /** Takes it away: the write is an exit again. */
  release(): Maybe<void>;
}

/** How an interrupt line is driven. */
export interface InterruptOptions {
  /** The line is a level that others may share: raised, it stands until the guest has ended the interrupt. */
  readonly level?: boolean;
}

/** An interrupt line of the guest. */
export interface Interrupt {
  readonly gsi: number;
  /** One edge on the line; of a level, it rises and stands. */
  raise(): Maybe<void>;
  /**
   * Of a level: resolves when the guest has ended an interrupt since the last call, and the line has fallen. Who still has
   * something to say raises it again. Rejects with EINTR when `signal` is aborted.
   */
  ended?(signal?: AbortSignal): Promise<void>;
  release(): Maybe<void>;
}

/** What a holder has attached, by guest-physical addresses only: enough to attach it to another machine. */
export interface AttachmentRecord {
  readonly kind: 'vmap' | 'sg' | 'ioevent' | 'irqfd';
  readonly address: bigint;
  readonly length: number;
  readonly pio?: boolean;
  readonly datamatch?: bigint | undefined;
}

/**
 * A guest as a module sees it: what kvm_xinterface was to kernel modules. Reference counted: the last `put` releases all
 * that it has attached and lets go of the guest.
 *
 * Errors are KvmErrors (errno and a sentence). ENODEV once it was released or the guest's owner has revoked it.
 */
export interface GuestInterface {
  /** Copies `bytes` to the guest; returns how many were NOT copied: those from the first address that is no writable RAM. */
  copyTo(gpa: Gpa, bytes: Uint8Array): Maybe<number>;
  /** Copies from the guest into `bytes`; returns how many were NOT copied. */
  copyFrom(gpa: Gpa, bytes: Uint8Array): Maybe<number>;
  /** Maps `length` bytes. EINVAL when they do not lie in one slot. */
  vmap(gpa: Gpa, length: number): Maybe<GuestMap>;
  /** Maps a scatter list. EINVAL when an entry crosses a page or lies in no slot. */
  sgmap(entries: readonly ScatterEntry[]): Maybe<GuestScatter>;
  /** A doorbell for writes of `length` (1, 2, 4, 8; 0 = any) at `address`. EINVAL; EEXIST when there is one; ENXIO without a VM. */
  ioevent(address: Gpa, length: number, options?: IoeventOptions): Maybe<Doorbell>;
  /** The interrupt line `gsi`. EINVAL; ENXIO without interrupt chips; EOPNOTSUPP for a level behind a channel. */
  irqfd(gsi: number, options?: InterruptOptions): Maybe<Interrupt>;
  /** Records of all that is attached. */
  save(): Maybe<AttachmentRecord[]>;
  /** One more reference of this holder. */
  get(): void;
  /** Gives one back; the last releases everything. */
  put(): Maybe<void>;
}

/** A guest whose calls answer at once: what a module in plain Wasm needs, which cannot await. */
export interface SyncGuestInterface extends GuestInterface {
  readonly answersAtOnce: true;
  copyTo(gpa: Gpa, bytes: Uint8Array): number;
  copyFrom(gpa: Gpa, bytes: Uint8Array): number;
  vmap(gpa: Gpa, length: number): SyncGuestMap;
  ioevent(address: Gpa, length: number, options?: IoeventOptions): BlockingDoorbell;
  irqfd(gsi: number, options?: InterruptOptions): SyncInterrupt;
  sgmap(entries: readonly ScatterEntry[]): SyncGuestScatter;
  save(): AttachmentRecord[];
  put(): void;
}

export interface SyncGuestScatter extends GuestScatter {
  sync(): void;
  written(): void;
  release(): void;
}

export interface SyncGuestMap extends GuestMap {
  sync(offset?: number, length?: number): void;
  written(offset?: number, length?: number): void;
  store(offset: number, value: number): void;
  release(): void;
}

export interface BlockingDoorbell extends Doorbell {
  wait(ms: number): boolean;
  release(): void;
}

export interface SyncInterrupt extends Interrupt {
  raise(): void;
  release(): void;
}
