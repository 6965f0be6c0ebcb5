// What a device is and the few things it may hold: its page, its outlets. No bus, no address, no VM.

/** A device's page: three views of the same 4 KiB of the machine's shared memory. */
export interface DevicePage {
  readonly i32: Int32Array;
  readonly u8: Uint8Array;
  readonly view: DataView;
}

/** Bytes of a device's page. */
export const DEVICE_PAGE_SIZE = 0x1000;
// Every page begins alike; a device's own state starts at DEVICE_STATE.
//   0x000 lock (i32)   0x004 kind (u32, four letters)   0x008..0x00f zero   0x010 state
const LOCK = 0;
/** u32: which device the page belongs to, 0 before its first reset. */
export const DEVICE_KIND = 0x004;
/** First byte of a device's own state. */
export const DEVICE_STATE = 0x010;

/** A device as a bus sees it. Offsets count from the start of the range it was registered for; sizes are bytes. */
export interface Device {
  /** The value of `size` bytes (1, 2 or 4) at `offset`, unsigned. */
  read(offset: number, size: number): number;
  /** Stores the low `size` bytes (1, 2 or 4) of `value` at `offset`. */
  write(offset: number, size: number, value: number): void;
  /** Brings the page to the state after the RESET line; the first call on a zeroed page is power-on. */
  reset(): void;
  /**
   * True when no access ever waits for another thread, but for the lock of the page: a vCPU is then served without leaving
   * the core, where others would wait for it. False when left out.
   */
  readonly isQuick?: boolean;
}

/** What answers accesses to a range of addresses; offsets as a device's. */
export type Registers = Pick<Device, 'read' | 'write' | 'isQuick'>;

/** A device that has work of its own between accesses. */
export interface Polled {
  /** Does what is due now and returns the machine time in ns of its next work, NEVER if only new input makes some. */
  poll(): bigint;
}

/** The answer of a `poll` that waits for nothing but new input. */
export const NEVER: bigint = (1n << 63n) - 1n;

/** An interrupt line: a level, kept by whoever receives it. Setting the same level again changes nothing. */
export interface IrqLine {
  set(level: boolean): void;
}

/** Where a device's bytes go. */
export interface ByteSink {
  put(byte: number): void;
}

/** Where a device's bytes come from: the next byte, or -1 when there is none now. */
export interface ByteSource {
  take(): number;
}

/** Machine time in nanoseconds, real or virtual; it never goes back. */
export interface Clock {
  now(): bigint;
}

/** What a device may ask of whoever runs the machine. Each only asks: the caller returns and the host acts later. */
export interface Host {
  powerOff(): void;
  reset(): void;
  /** Ends the machine with `status`, not cut to 8 bits. */
  exit(status: number): void;
}

/** The A20 gate: one gate with several switches, so its state lies with one device (port 0x92). */
export interface A20Gate {
  isOpen(): boolean;
  setOpen(open: boolean): void;
}

/** The page at byte `offset` (4 KiB aligned) of the machine's memory. */
export function devicePage(buffer: ArrayBufferLike, offset: number): DevicePage {
  return {
    i32: new Int32Array(buffer, offset, DEVICE_PAGE_SIZE / 4),
    u8: new Uint8Array(buffer, offset, DEVICE_PAGE_SIZE),
    view: new DataView(buffer, offset, DEVICE_PAGE_SIZE),
  };
}

/** What holds a lock: its first word. A page is one. */
export type Locked = Pick<DevicePage, 'i32'>;

// Lock word: 0 free, 1 held, 2 held and somebody waits.
const SPINS = 100;
const WAIT_SLICE_MS = 100;
const WAIT_SLICES = 50;
const SPINS_WITHOUT_WAIT = 1 << 22;

/**
 * Takes the page's lock. A holder keeps it for microseconds (a second at most, when a console ring is full), so one
 * that still holds it after five seconds died with its worker, and the lock is taken from it.
 */
export function lock(page: Locked): void {
  const { i32 } = page;
  for (let i = 0; i < SPINS; i++) {
    if (Atomics.compareExchange(i32, LOCK, 0, 1) === 0) return;
  }
  for (let slice = 0; slice < WAIT_SLICES; slice++) {
    if (Atomics.exchange(i32, LOCK, 2) === 0) return;
    try {
      Atomics.wait(i32, LOCK, 2, WAIT_SLICE_MS);
    } catch {
      // A browser's main thread may not wait.
      for (let i = 0; i < SPINS_WITHOUT_WAIT; i++) {
        if (Atomics.compareExchange(i32, LOCK, 0, 2) === 0) return;
      }
      return;
    }
  }
}

/** Gives the lock back and wakes one waiter. */
export function unlock(page: Locked): void {
  if (Atomics.exchange(page.i32, LOCK, 0) === 2) Atomics.notify(page.i32, LOCK, 1);
}

/** Runs `work` under the page's lock. `work` must not enter the same device again. */
export function locked<T>(page: Locked, work: () => T): T {
  lock(page);
  try {
    return work();
  } finally {
    unlock(page);
  }
}

/** Four letters as the u32 that stands in DEVICE_KIND, first letter lowest. */
export function kind(letters: string): number {
  let value = 0;
  for (let i = 3; i >= 0; i--) value = (value << 8) | letters.charCodeAt(i);
  return value >>> 0;
}

/** Clears the page's state and marks whose it is. */
export function clearPage(page: DevicePage, deviceKind: number): void {
  page.u8.fill(0, DEVICE_STATE);
  page.view.setUint32(DEVICE_KIND, deviceKind, true);
}
