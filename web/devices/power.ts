// The ACPI PM1 block: power off, and a power button that raises the SCI. It knows no sleeping state but S5.
//
// Source: ACPI 6.5, sections 4.8.3.1 and 4.8.3.2. SCI_EN reads 1 always: the machine has no SMI and is born in ACPI
// mode, so its FADT must name no SMI command port.

import {
  clearPage,
  DEVICE_STATE,
  type Device,
  type DevicePage,
  type Host,
  type IrqLine,
  kind,
  locked,
} from './device.ts';

// The page: 0x10 STATUS u16   0x12 ENABLE u16   0x14 CONTROL u16
export const POWER_KIND = kind('PM1 ');
export const POWER_STATUS = DEVICE_STATE;
export const POWER_ENABLE = DEVICE_STATE + 2;
export const POWER_CONTROL = DEVICE_STATE + 4;

/** SLP_TYP of S5, as QEMU's: so 0x2000 in the control register switches the machine off. */
export const SLEEP_TYPE_S5 = 0;

const PWRBTN_STS = 0x0100;
const SCI_EN = 0x0001;
const SLP_EN = 0x2000;

/** PM1a_EVT_BLK at offset 0 (status, enable) and PM1a_CNT_BLK at 4: eight bytes taken two at a time; QEMU's place for them is 0x600, the control register at 0x604. */
export class Power implements Device {
  readonly #page: DevicePage;
  readonly #host: Host;
  readonly #sci: IrqLine;

  constructor(page: DevicePage, outlets: { readonly host: Host; readonly sci: IrqLine }) {
    this.#page = page;
    this.#host = outlets.host;
    this.#sci = outlets.sci;
  }

  reset(): void {
    locked(this.#page, () => {
      clearPage(this.#page, POWER_KIND);
      this.#update();
    });
  }

  read(offset: number, size: number): number {
    return locked(this.#page, () => {
      const { view } = this.#page;
      const word = [
        view.getUint16(POWER_STATUS, true),
        view.getUint16(POWER_ENABLE, true),
        view.getUint16(POWER_CONTROL, true) | SCI_EN,
        0,
      ][offset >> 1];
      return ((word ?? 0) >> (8 * (offset & 1))) & (size === 1 ? 0xff : 0xffff);
    });
  }

  write(offset: number, size: number, value: number): void {
    const shift = 8 * (offset & 1);
    const mask = (size === 1 ? 0xff : 0xffff) << shift;
    const word = (value << shift) & mask;
    const sleeps = offset >> 1 === 2 && (word & SLP_EN) !== 0;
    const type = locked(this.#page, () => {
      const { view } = this.#page;
      const merge = (at: number): number => (view.getUint16(at, true) & ~mask) | word;
      if (offset >> 1 === 0) view.setUint16(POWER_STATUS, view.getUint16(POWER_STATUS, true) & ~word, true);
      if (offset >> 1 === 1) view.setUint16(POWER_ENABLE, merge(POWER_ENABLE), true);
      if (offset >> 1 === 2) view.setUint16(POWER_CONTROL, merge(POWER_CONTROL) & ~SLP_EN, true);
      this.#update();
      return (view.getUint16(POWER_CONTROL, true) >> 10) & 7;
    });
    if (sleeps && type === SLEEP_TYPE_S5) this.#host.powerOff();
  }

  /** Presses the power button: the guest gets an SCI if it asked for one, and decides. */
  pressButton(): void {
    locked(this.#page, () => {
      const { view } = this.#page;
      view.setUint16(POWER_STATUS, view.getUint16(POWER_STATUS, true) | PWRBTN_STS, true);
      this.#update();
    });
  }

  #update(): void {
    const { view } = this.#page;
    this.#sci.set((view.getUint16(POWER_STATUS, true) & view.getUint16(POWER_ENABLE, true)) !== 0);
  }
}
