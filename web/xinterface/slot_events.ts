// Doorbells and interrupts of a VM in this process: KVM's ioeventfds and irqfds as a module sees them.

import { Eventfd, KVM_IOEVENTFD_FLAG, KVM_IRQFD_FLAG, type Vm } from '../kvm/index.ts';
import type { BlockingDoorbell, SyncInterrupt } from './guest_interface.ts';

/** Where a doorbell is: what KVM_IOEVENTFD takes. */
export interface BellPlace {
  readonly address: bigint;
  readonly length: number;
  readonly pio: boolean;
  readonly datamatch: bigint | undefined;
}

function assign(vm: Vm, fd: Eventfd, place: BellPlace, more: number): void {
  const { address, length, pio, datamatch } = place;
  const match = datamatch === undefined ? 0 : KVM_IOEVENTFD_FLAG.DATAMATCH;
  vm.ioeventfd({
    fd,
    addr: address,
    len: length,
    datamatch: datamatch ?? 0n,
    flags: more | match | (pio ? KVM_IOEVENTFD_FLAG.PIO : 0),
  });
}

/** Assigns the ioeventfd of a doorbell. EINVAL, EEXIST, ENOSPC. */
export function assignBell(vm: Vm, fd: Eventfd, place: BellPlace): void {
  assign(vm, fd, place, 0);
}

/** Takes the ioeventfd of a doorbell away. */
export function deassignBell(vm: Vm, fd: Eventfd, place: BellPlace): void {
  assign(vm, fd, place, KVM_IOEVENTFD_FLAG.DEASSIGN);
}

/** Assigns the irqfd of a line; one whose end is to be heard is a level. EINVAL, ENFILE. */
export function assignInterrupt(vm: Vm, fd: Eventfd, gsi: number, ended?: Eventfd): void {
  vm.irqfd(ended ? { fd, gsi, flags: KVM_IRQFD_FLAG.RESAMPLE, resamplefd: ended } : { fd, gsi });
}

/** Takes the irqfd of a line away. */
export function deassignInterrupt(vm: Vm, fd: Eventfd, gsi: number): void {
  vm.irqfd({ fd, gsi, flags: KVM_IRQFD_FLAG.DEASSIGN });
}

/** The eventfd that a dead holder has held, with its hold. undefined when nobody holds it any more. */
export function adoptEvent(vm: Vm, place: number, generation: number): Eventfd | undefined {
  const { memory, base, module } = vm.handle;
  return Eventfd.adopt({ memory, at: place, generation, vm: { base, module } });
}

/** An ioeventfd and its eventfd. */
export class SlotDoorbell implements BlockingDoorbell {
  readonly address: bigint;
  readonly length: number;
  readonly pio: boolean;
  readonly #fd: Eventfd;
  readonly #release: () => void;

  /** `release` deassigns it and closes the eventfd. */
  constructor(fd: Eventfd, place: BellPlace, release: () => void) {
    this.address = place.address;
    this.length = place.length;
    this.pio = place.pio;
    this.#fd = fd;
    this.#release = release;
  }

  read(): bigint | undefined {
    return this.#fd.read();
  }

  values(): bigint[] {
    return this.#fd.takeValues();
  }

  ready(signal?: AbortSignal): Promise<void> {
    return this.#fd.ready(signal);
  }

  wait(ms: number): boolean {
    return this.#fd.wait(ms);
  }

  release(): void {
    this.#release();
  }
}

/** An irqfd and its eventfd. */
export class SlotInterrupt implements SyncInterrupt {
  readonly gsi: number;
  /** Absent of an edge. */
  readonly ended?: (signal?: AbortSignal) => Promise<void>;
  readonly #fd: Eventfd;
  readonly #release: () => void;

  /** `release` deassigns it and closes the eventfds; `ended` is rung by the guest's end of an interrupt. */
  constructor(fd: Eventfd, gsi: number, release: () => void, ended?: Eventfd) {
    this.gsi = gsi;
    this.#fd = fd;
    this.#release = release;
    if (ended === undefined) return;
    this.ended = async (signal) => {
      await ended.ready(signal);
      ended.read();
    };
  }

  raise(): void {
    this.#fd.signal();
  }

  release(): void {
    this.#release();
  }
}
