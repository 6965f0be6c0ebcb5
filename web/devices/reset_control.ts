// The reset control register (port 0xcf9), which the FADT names as the machine's reset register. Every reset is hard.
//
// It lies inside PCI's configuration address register (0xcf8..0xcfb, which answers 32-bit accesses only): the ports of
// configuration mechanism 1 (web/pci) take the whole range and hand one-byte accesses at their offset 1 on to this device.

import { clearPage, DEVICE_STATE, type Device, type DevicePage, type Host, kind, locked } from './device.ts';

// The page: 0x10 VALUE u8
export const RESET_CONTROL_KIND = kind('RCTL');
export const RESET_CONTROL_VALUE = DEVICE_STATE;

/** Bit 2: its change from 0 to 1 resets. */
const RST_CPU = 0x04;
const KEPT = 0x0e;

/** Port 0xcf9, one byte. */
export class ResetControl implements Device {
  readonly #page: DevicePage;
  readonly #host: Host;

  constructor(page: DevicePage, outlets: { readonly host: Host }) {
    this.#page = page;
    this.#host = outlets.host;
  }

  reset(): void {
    locked(this.#page, () => clearPage(this.#page, RESET_CONTROL_KIND));
  }

  read(_offset: number, _size: number): number {
    return locked(this.#page, () => this.#page.view.getUint8(RESET_CONTROL_VALUE));
  }

  write(_offset: number, _size: number, value: number): void {
    const before = locked(this.#page, () => {
      const old = this.#page.view.getUint8(RESET_CONTROL_VALUE);
      this.#page.view.setUint8(RESET_CONTROL_VALUE, value & KEPT);
      return old;
    });
    if ((value & ~before & RST_CPU) !== 0) this.#host.reset();
  }
}
