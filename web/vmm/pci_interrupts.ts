// Where interrupts of PCI functions go: lines and messages of a VM's chips. It knows no function.

import type { IrqLine } from '../devices/index.ts';
import { isUnrouted, KvmError, routeMessages, takeUnrouted, type Vm } from '../kvm/index.ts';
import { FIRST_MESSAGE_GSI, type Message, type MessageRoute, type PciOutlets } from '../pci/index.ts';

/** Bits 31 to 20 of a message's address that make it an interrupt (SDM vol. 3, 11.11.1). */
const MSI_ADDRESS = 0xfeen;

const isInterrupt = ({ address }: Message): boolean => (address & 0xffff_ffffn) >> 20n === MSI_ADDRESS;

export class PciInterrupts implements PciOutlets {
  readonly #vm: Vm;

  constructor(vm: Vm) {
    this.#vm = vm;
  }

  line(gsi: number): IrqLine {
    return {
      set: (level) => {
        if (this.#vm.hasIrqchip) this.#vm.irqLine(gsi, level);
      },
    };
  }

  /** A message that is no interrupt would be a store into memory: none is made. */
  send(message: Message): void {
    if (!this.#vm.hasIrqchip || !isInterrupt(message)) return;
    const { address, data } = message;
    try {
      this.#vm.signalMsi({
        address_lo: Number(address & 0xffff_ffffn),
        address_hi: Number(address >> 32n),
        data,
      });
    } catch (error) {
      // The guest has named no local APIC: on a PC the message goes nowhere too.
      if (!(error instanceof KvmError)) throw error;
    }
  }

  route(routes: readonly MessageRoute[]): void {
    const { memory, core, hasIrqchip } = this.#vm;
    if (!hasIrqchip) return;
    const interrupts = routes.filter(isInterrupt);
    const waited = routeMessages(memory, core, FIRST_MESSAGE_GSI, interrupts);
    for (const route of interrupts) if (waited.includes(route.gsi)) this.send(route);
  }

  isWaiting(gsi: number): boolean {
    return isUnrouted(this.#vm.memory, gsi);
  }

  forgetWaiting(gsi: number, count: number): void {
    for (let n = 0; n < count; n++) takeUnrouted(this.#vm.memory, gsi + n);
  }
}
