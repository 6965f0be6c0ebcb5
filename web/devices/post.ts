// The POST diagnostic port (0x80): keeps the codes that firmware and kernels write there. It drives no display.

import { clearPage, DEVICE_STATE, type Device, type DevicePage, kind, locked } from './device.ts';

// The page: 0x10 COUNT u32 codes ever written   0x14 LAST u8   0x20..0x5f the last 64 codes, number n at n mod 64
export const POST_KIND = kind('POST');
export const POST_COUNT = DEVICE_STATE;
export const POST_LAST = DEVICE_STATE + 4;
export const POST_CODES = DEVICE_STATE + 0x10;
export const POST_CODES_KEPT = 64;

/** Port 0x80, one byte. It reads what was written last. */
export class Post implements Device {
  readonly isQuick = true;
  readonly #page: DevicePage;

  constructor(page: DevicePage) {
    this.#page = page;
  }

  reset(): void {
    locked(this.#page, () => clearPage(this.#page, POST_KIND));
  }

  read(_offset: number, _size: number): number {
    return locked(this.#page, () => this.#page.view.getUint8(POST_LAST));
  }

  write(_offset: number, _size: number, value: number): void {
    const { view } = this.#page;
    locked(this.#page, () => {
      const count = view.getUint32(POST_COUNT, true);
      view.setUint8(POST_CODES + (count % POST_CODES_KEPT), value);
      view.setUint8(POST_LAST, value);
      view.setUint32(POST_COUNT, count + 1, true);
    });
  }
}
