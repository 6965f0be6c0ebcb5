// A port that takes any access and does nothing (0xed, where kernels write to wait about a microsecond).

import { clearPage, type Device, type DevicePage, kind, locked } from './device.ts';

// The page: no state of its own
export const DELAY_KIND = kind('DLAY');

/** One byte; reads all ones, as a bus without a device, but is claimed. The smallest device: copy it for a new one. */
export class DelayPort implements Device {
  readonly isQuick = true;
  readonly #page: DevicePage;

  constructor(page: DevicePage) {
    this.#page = page;
  }

  reset(): void {
    locked(this.#page, () => clearPage(this.#page, DELAY_KIND));
  }

  read(_offset: number, size: number): number {
    return size === 4 ? 0xffff_ffff : (1 << (8 * size)) - 1;
  }

  write(_offset: number, _size: number, _value: number): void {}
}
