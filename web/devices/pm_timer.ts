// The ACPI power management timer: a 32-bit counter at 3.579545 MHz. It raises no interrupt when its top bit turns.
//
// Source: ACPI 6.5, section 4.8.3.3.

import { type Clock, clearPage, type Device, type DevicePage, kind, locked } from './device.ts';

// The page: no state of its own; the counter is the machine's time
export const PM_TIMER_KIND = kind('PMTM');
/** Counts a second. */
export const PM_TIMER_HZ = 3_579_545;

/** The counter, four bytes taken at once; QEMU's place for it is 0x608. */
export class PmTimer implements Device {
  readonly isQuick = true;
  readonly #page: DevicePage;
  readonly #clock: Clock;

  constructor(page: DevicePage, outlets: { readonly clock: Clock }) {
    this.#page = page;
    this.#clock = outlets.clock;
  }

  reset(): void {
    locked(this.#page, () => clearPage(this.#page, PM_TIMER_KIND));
  }

  read(offset: number, size: number): number {
    const count = Number(BigInt.asUintN(32, (this.#clock.now() * BigInt(PM_TIMER_HZ)) / 1_000_000_000n));
    const value = count >>> (8 * offset);
    return size === 4 ? value : value & ((1 << (8 * size)) - 1);
  }

  write(_offset: number, _size: number, _value: number): void {}
}
