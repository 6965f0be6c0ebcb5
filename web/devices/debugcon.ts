// The Bochs debug console (port 0xe9): each byte written goes out at once. It receives nothing.

import {
  type ByteSink,
  clearPage,
  DEVICE_STATE,
  type Device,
  type DevicePage,
  kind,
  locked,
} from './device.ts';

// The page: 0x10 SENT u32, bytes written modulo 2^32
export const DEBUGCON_KIND = kind('DBGC');
export const DEBUGCON_SENT = DEVICE_STATE;

/** What a read answers; a guest probes for it. */
const PRESENT = 0xe9;

/** Port 0xe9, one byte. */
export class Debugcon implements Device {
  readonly #page: DevicePage;
  readonly #output: ByteSink;

  constructor(page: DevicePage, outlets: { readonly output: ByteSink }) {
    this.#page = page;
    this.#output = outlets.output;
  }

  reset(): void {
    locked(this.#page, () => clearPage(this.#page, DEBUGCON_KIND));
  }

  read(_offset: number, _size: number): number {
    return PRESENT;
  }

  write(_offset: number, _size: number, value: number): void {
    const { view } = this.#page;
    locked(this.#page, () => {
      view.setUint32(DEBUGCON_SENT, view.getUint32(DEBUGCON_SENT, true) + 1, true);
      this.#output.put(value & 0xff);
    });
  }
}
