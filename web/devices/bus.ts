// The port and MMIO buses: from an address to the device registered there. They hold no machine state.
//
// A bus is wiring: every thread that handles exits builds its own from the same parts, so no lock is needed.

import type { Registers } from './device.ts';

/** Where a device is registered; a device with several ranges is registered once for each. */
export interface BusRange {
  readonly start: number;
  readonly length: number;
  /** The widest access in bytes that the device takes whole; 1 when left out. Wider ones are split. */
  readonly width?: 1 | 2 | 4;
  /** The offset by which the device knows `start`; 0 when left out. */
  readonly offset?: number;
}

/** A range that whoever owns it may move and switch on and off. */
export interface MovingRange extends BusRange {
  readonly name: string;
  readonly registers: Registers;
}

/** Ranges that come and go while the machine runs, in memory that other threads change. */
export interface MovingRanges {
  /** Another number whenever `ranges` would give something else; asked at each access that no registered device takes. */
  readonly generation: number;
  /** Where they are now, those first that win where two overlap. Ranges must fit the bus. */
  ranges(): readonly MovingRange[];
}

/** A device, or the part of a moving range that is left to it. */
export interface BusEntry {
  readonly name: string;
  readonly start: number;
  /** One past the last address. */
  readonly end: number;
  readonly width: number;
  readonly offset: number;
  readonly device: Registers;
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

/** `map` with `range` in those addresses of it that are free. */
function fillGaps(map: readonly BusEntry[], range: MovingRange): BusEntry[] {
  const { start: first, length, width = 1, offset = 0, name, registers: device } = range;
  const end = first + length;
  const filled: BusEntry[] = [];
  let start = first;
  const fill = (to: number): void => {
    if (start < to) filled.push({ name, start, end: to, width, offset: offset + start - first, device });
  };
  for (const entry of map) {
    if (entry.end > start && entry.start < end) {
      fill(entry.start);
      start = entry.end;
    } else if (entry.start >= end) {
      fill(end);
      start = end;
    }
    filled.push(entry);
  }
  fill(end);
  return filled;
}

/** The entry of `map` at `address`. */
function search(map: readonly BusEntry[], address: number): BusEntry | undefined {
  let low = 0;
  let high = map.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const entry = map[middle] as BusEntry;
    if (address < entry.start) high = middle;
    else if (address >= entry.end) low = middle + 1;
    else return entry;
  }
  return undefined;
}

/** What both buses do; `PortBus` and `MmioBus` differ in how far their addresses reach. */
abstract class Bus {
  readonly #entries: BusEntry[] = [];
  readonly #limit: number;
  readonly #what: string;
  #moving: MovingRanges | undefined;
  /** The generation of moving ranges that `#map` is made of. */
  #generation = 0;
  /** What answers where: `#entries`, and the moving ranges in the gaps between them. */
  #map: readonly BusEntry[] = this.#entries;
  /** The registered device that was found last: it stays where it is. */
  #last: BusEntry | undefined;

  protected constructor(limit: number, what: string) {
    this.#limit = limit;
    this.#what = what;
  }

  /** All that answers now, by address. */
  get entries(): readonly BusEntry[] {
    this.#follow();
    return this.#map;
  }

  /** From now on the ranges of `moving` answer where no registered device does. One for a bus. */
  follow(moving: MovingRanges): void {
    this.#moving = moving;
    this.#remap();
  }

  /** Looks whether ranges have moved. */
  #follow(): void {
    const moving = this.#moving;
    if (moving !== undefined && moving.generation !== this.#generation) this.#remap();
  }

  #remap(): void {
    const moving = this.#moving;
    if (moving === undefined) return;
    // Read before the ranges: one that moves meanwhile is seen at the next access.
    this.#generation = moving.generation;
    let map: readonly BusEntry[] = this.#entries;
    for (const range of moving.ranges()) map = fillGaps(map, range);
    this.#map = map;
  }

  /**
   * Gives `range` to `device`, before any moving range.
   * Throws BusError EEXIST when any address is taken already, EINVAL when the range is empty or off the bus.
   */
  register(range: BusRange, device: Registers, name: string): void {
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
    this.#remap();
  }

  /** The device at `address`, if there is one. */
  find(address: number): BusEntry | undefined {
    const last = this.#last;
    if (last !== undefined && address >= last.start && address < last.end) return last;
    const registered = search(this.#entries, address);
    if (registered !== undefined) {
      this.#last = registered;
      return registered;
    }
    if (this.#moving === undefined) return undefined;
    this.#follow();
    return search(this.#map, address);
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
    const at = address - entry.start + entry.offset;
    while (size > left || at % size !== 0 || address + size > entry.end) size >>= 1;
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
