// System control port A (port 0x92): the fast A20 switch and the fast reset. It also keeps the A20 gate's state.

import {
  type A20Gate,
  clearPage,
  DEVICE_STATE,
  type Device,
  type DevicePage,
  type Host,
  kind,
  locked,
} from './device.ts';

// The page: 0x10 VALUE u8, bit 1 = the A20 gate is open
export const PORT92_KIND = kind('PT92');
export const PORT92_VALUE = DEVICE_STATE;

const FAST_RESET = 0x01;
const A20 = 0x02;
/** Bits a guest may set: A20, the password lock and the two activity lights. */
const KEPT = 0xca;

/** Port 0x92, one byte. The gate opens at reset, since no firmware of ours needs it shut. */
export class Port92 implements Device, A20Gate {
  readonly #page: DevicePage;
  readonly #host: Host;

  constructor(page: DevicePage, outlets: { readonly host: Host }) {
    this.#page = page;
    this.#host = outlets.host;
  }

  reset(): void {
    locked(this.#page, () => {
      clearPage(this.#page, PORT92_KIND);
      this.#page.view.setUint8(PORT92_VALUE, A20);
    });
  }

  read(_offset: number, _size: number): number {
    return locked(this.#page, () => this.#page.view.getUint8(PORT92_VALUE));
  }

  write(_offset: number, _size: number, value: number): void {
    locked(this.#page, () => this.#page.view.setUint8(PORT92_VALUE, value & KEPT));
    if ((value & FAST_RESET) !== 0) this.#host.reset();
  }

  isOpen(): boolean {
    return (this.read(0, 1) & A20) !== 0;
  }

  setOpen(open: boolean): void {
    locked(this.#page, () => {
      const value = this.#page.view.getUint8(PORT92_VALUE);
      this.#page.view.setUint8(PORT92_VALUE, open ? value | A20 : value & ~A20);
    });
  }
}
