// Configuration mechanism 1: the ports through which a guest reaches configuration space. Bus 0 only, and one function a device.
//
// Source: PCI Local Bus Specification 3.0, section 3.2.2.3.2. The address register takes 32-bit accesses and no others,
// so a byte at 0xcf9 is the reset control register's, as on a PC.

import type { DevicePage, Registers } from '../devices/index.ts';
import type { BusFunction } from './function.ts';

/** First of eight ports: CONFIG_ADDRESS, and at offset 4 CONFIG_DATA; to be registered with a width of 4. */
export const CONFIG_PORTS = { start: 0xcf8, length: 8, width: 4 } as const;

const RESET_OFFSET = 1;
const DATA_OFFSET = 4;

const ADDRESS_ENABLE = 0x8000_0000;
/** Bits 1 and 0 are wired to 0, bits 30 to 24 are reserved. */
const ADDRESS_KEPT = 0x80ff_fffc;
const BUS_AND_FUNCTION = 0x00ff_0700;

/** All ones of `size` bytes: what an access reads that nobody answers. */
const ones = (size: number): number => 0xffff_ffff >>> (32 - 8 * size);

export class ConfigPorts implements Registers {
  readonly #page: DevicePage;
  readonly #word: number;
  readonly #find: (device: number) => BusFunction | undefined;
  readonly #resetControl: Registers | undefined;

  /** CONFIG_ADDRESS is the 32-bit word at `word` (bytes) of `page`. `find` gives what is at a device number. */
  constructor(
    page: DevicePage,
    word: number,
    find: (device: number) => BusFunction | undefined,
    resetControl?: Registers,
  ) {
    this.#page = page;
    this.#word = word >> 2;
    this.#find = find;
    this.#resetControl = resetControl;
  }

  read(offset: number, size: number): number {
    if (offset >= DATA_OFFSET) {
      const target = this.#target;
      return target === undefined
        ? ones(size)
        : target.function.readConfig(target.offset + offset - DATA_OFFSET, size);
    }
    if (size === 4) return Atomics.load(this.#page.i32, this.#word) >>> 0;
    if (offset === RESET_OFFSET && size === 1 && this.#resetControl) return this.#resetControl.read(0, 1);
    return ones(size);
  }

  write(offset: number, size: number, value: number): void {
    if (offset >= DATA_OFFSET) {
      const target = this.#target;
      target?.function.writeConfig(target.offset + offset - DATA_OFFSET, size, value);
    } else if (size === 4) Atomics.store(this.#page.i32, this.#word, value & ADDRESS_KEPT);
    else if (offset === RESET_OFFSET && size === 1) this.#resetControl?.write(0, 1, value);
  }

  /** What CONFIG_DATA stands for. */
  get #target(): { readonly function: BusFunction; readonly offset: number } | undefined {
    const address = Atomics.load(this.#page.i32, this.#word) >>> 0;
    if ((address & ADDRESS_ENABLE) === 0 || (address & BUS_AND_FUNCTION) !== 0) return undefined;
    const target = this.#find((address >>> 11) & 0x1f);
    return target && { function: target, offset: address & 0xfc };
  }
}
