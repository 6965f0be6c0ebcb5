// QEMU's isa-debug-exit: a write of `value` ends the machine with status (value << 1) | 1. It cannot report success 0.

import { clearPage, DEVICE_STATE, type Device, type DevicePage, type Host, kind, locked } from './device.ts';

// The page: 0x10 WRITES u32, 0x14 VALUE u32 (the last one written)
export const DEBUG_EXIT_KIND = kind('DEXT');
export const DEBUG_EXIT_WRITES = DEVICE_STATE;
export const DEBUG_EXIT_VALUE = DEVICE_STATE + 4;

/** The debug exit port, four bytes; QEMU's customary address is 0xf4. */
export class DebugExit implements Device {
  readonly #page: DevicePage;
  readonly #host: Host;

  constructor(page: DevicePage, outlets: { readonly host: Host }) {
    this.#page = page;
    this.#host = outlets.host;
  }

  reset(): void {
    locked(this.#page, () => clearPage(this.#page, DEBUG_EXIT_KIND));
  }

  read(_offset: number, _size: number): number {
    return 0;
  }

  write(_offset: number, _size: number, value: number): void {
    const { view } = this.#page;
    locked(this.#page, () => {
      view.setUint32(DEBUG_EXIT_WRITES, view.getUint32(DEBUG_EXIT_WRITES, true) + 1, true);
      view.setUint32(DEBUG_EXIT_VALUE, value, true);
    });
    this.#host.exit(((value << 1) | 1) >>> 0);
  }
}
