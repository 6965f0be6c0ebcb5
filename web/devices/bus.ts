// The port and MMIO buses: from an address to the device registered there. They hold no machine state.
//
// A bus is wiring: every thread that handles exits builds its own from the same parts, so no lock is needed.

import type { Device } from './device.ts';

/** Where a device is registered; a device with several ranges is registered once for each. */
export interface BusRange {
  readonly start: number;
  readonly length: number;
  /** The widest access in bytes that the device takes whole; 1 when left out. Wider ones are split. */
  readonly width?: 1 | 2 | 4;
  /** The offset by which the device knows `start`; 0 when left out. */
  readonly offset?: number;
}

/** One registered device. */
export interface BusEntry {
  readonly name: string;
  readonly start: number;
  /** One past the last address. */
  readonly end: number;
  readonly width: number;
  readonly offset: number;
  readonly device: Device;
}

/** A range that cannot be registered: `code` is 'EEXIST' for an overlap, 'EINVAL' for an impossible range. */
export class BusError extends Error {
  override readonly name = 'BusError';
  readonly code: 'EEXIST' | 'EINVAL';
  constructor(code: 'EEXIST' | 'EINVAL', message: string) {
    super(message);
    this.code = code;
  }
}

const hex = (value: number): string => `0x${value.toString(16)}`;

/** What both buses do; `PortBus` and `MmioBus` differ in how far their addresses reach. */
abstract class Bus {
  readonly #entries: BusEntry[] = [];
  readonly #limit: number;
  readonly #what: string;
  #last: BusEntry | undefined;

  protected constructor(limit: number, what: string) {
    this.#limit = limit;
    this.#what = what;
  }

  /** All devices, by address. */
  get entries(): readonly BusEntry[] {
    return this.#entries;
  }

  /**
   * Gives `range` to `device`.
   * Throws BusError EEXIST when any address is taken already, EINVAL when the range is empty or off the bus.
   */
  register(range: BusRange, device: Device, name: string): void {
    const { start, length, width = 1, offset = 0 } = range;
    const end = start + length;
    const text = `${this.#what} ${hex(start)}..${hex(end - 1)} of ${name}`;
    if (
      !Number.isSafeInteger(start) ||
      !Number.isSafeInteger(end) ||
      start < 0 ||
      length < 1 ||
      end > this.#limit
    ) {
      throw new BusError(
        'EINVAL',
        `The range ${text} does not fit the bus, which ends at ${hex(this.#limit)}.`,
      );
    }
    const next = this.#entries.findIndex((entry) => entry.end > start);
    const neighbour = this.#entries[next];
    if (neighbour !== undefined && neighbour.start < end) {
      const taken = `${hex(neighbour.start)}..${hex(neighbour.end - 1)} of ${neighbour.name}`;
      throw new BusError('EEXIST', `The range ${text} overlaps ${taken}; give one of them another address.`);
    }
    this.#entries.splice(next < 0 ? this.#entries.length : next, 0, {
      ...{ name, start, end, width, offset, device },
    });
  }

  /** The device at `address`, if there is one. */
  find(address: number): BusEntry | undefined {
    const last = this.#last;
    if (last !== undefined && address >= last.start && address < last.end) return last;
    let low = 0;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const entry = this.#entries[middle] as BusEntry;
      if (address < entry.start) high = middle;
      else if (address >= entry.end) low = middle + 1;
      else {
        this.#last = entry;
        return entry;
      }
    }
    return undefined;
  }

  /** The quick device (Device.isQuick) that takes this whole access of 1, 2 or 4 bytes, if there is one. */
  findQuick(address: number, size: number): BusEntry | undefined {
    const entry = this.find(address);
    if (entry === undefined || entry.device.isQuick !== true) return undefined;
    return size === 1 || this.#piece(entry, address, size) === size ? entry : undefined;
  }

  /**
   * Fills `data` (little-endian, 1 to 8 bytes: the data of one KVM_EXIT_IO or KVM_EXIT_MMIO access) from `address`.
   * Bytes without a device read 0xff. Returns false when no byte had one.
   */
  readBytes(address: number, data: Uint8Array): boolean {
    let claimed = false;
    for (let i = 0; i < data.length; ) {
      const entry = this.find(address + i);
      const size = entry === undefined ? 1 : this.#piece(entry, address + i, data.length - i);
      let value = 0xff;
      if (entry !== undefined) {
        claimed = true;
        value = entry.device.read(address + i - entry.start + entry.offset, size);
      }
      for (let byte = 0; byte < size; byte++) data[i + byte] = value >>> (8 * byte);
      i += size;
    }
    return claimed;
  }

  /** Writes `data` as `readBytes` reads; bytes without a device are lost. Returns false when no byte had one. */
  writeBytes(address: number, data: Uint8Array): boolean {
    let claimed = false;
    for (let i = 0; i < data.length; ) {
      const entry = this.find(address + i);
      const size = entry === undefined ? 1 : this.#piece(entry, address + i, data.length - i);
      if (entry !== undefined) {
        claimed = true;
        let value = 0;
        for (let byte = size - 1; byte >= 0; byte--) value = (value << 8) | (data[i + byte] ?? 0);
        entry.device.write(address + i - entry.start + entry.offset, size, value >>> 0);
      }
      i += size;
    }
    return claimed;
  }

  /** The value of `size` (1, 2 or 4) bytes at `address`, unsigned; all ones where there is no device. */
  read(address: number, size: 1 | 2 | 4): number {
    const entry = this.find(address);
    if (entry !== undefined && this.#piece(entry, address, size) === size) {
      return entry.device.read(address - entry.start + entry.offset, size);
    }
    const data = new Uint8Array(4);
    this.readBytes(address, data.subarray(0, size));
    return new DataView(data.buffer).getUint32(0, true);
  }

  /** Writes the low `size` (1, 2 or 4) bytes of `value`; returns false when no byte had a device. */
  write(address: number, size: 1 | 2 | 4, value: number): boolean {
    const entry = this.find(address);
    if (entry !== undefined && this.#piece(entry, address, size) === size) {
      entry.device.write(
        address - entry.start + entry.offset,
        size,
        size === 4 ? value >>> 0 : value & ((1 << (8 * size)) - 1),
      );
      return true;
    }
    const data = new Uint8Array(4);
    new DataView(data.buffer).setUint32(0, value, true);
    return this.writeBytes(address, data.subarray(0, size));
  }

  /** How many of the next `left` bytes the device takes at once: a power of two, aligned, inside its range. */
  #piece(entry: BusEntry, address: number, left: number): number {
    let size = entry.width;
    while (size > left || (address - entry.start) % size !== 0 || address + size > entry.end) size >>= 1;
    return size;
  }
}

/** The 64 Ki I/O ports of KVM_EXIT_IO. */
export class PortBus extends Bus {
  constructor() {
    super(0x10000, 'ports');
  }
}

/** The guest physical addresses of KVM_EXIT_MMIO, below 2^52. */
export class MmioBus extends Bus {
  constructor() {
    super(2 ** 52, 'addresses');
  }
}
