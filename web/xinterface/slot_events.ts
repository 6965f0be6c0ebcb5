// Doorbells and interrupts of a VM in this process: KVM's ioeventfds and irqfds as a module sees them.

import { Eventfd, KvmError, type Vm } from '../kvm/index.ts';
import type { BlockingDoorbell, SyncInterrupt } from './guest_interface.ts';

/** Where a doorbell is: what KVM_IOEVENTFD takes. */
export interface BellPlace {
  readonly address: bigint;
  readonly length: number;
  readonly pio: boolean;
  readonly datamatch: bigint | undefined;
}

function refused(): KvmError {
  return new KvmError('EOPNOTSUPP', 'doorbells and interrupts of modules need KVM_IOEVENTFD and KVM_IRQFD.');
}

/** Assigns the ioeventfd of a doorbell. */
export function assignBell(_vm: Vm, _fd: Eventfd, _place: BellPlace): void {
  throw refused();
}

/** Takes the ioeventfd of a doorbell away. */
export function deassignBell(_vm: Vm, _fd: Eventfd, _place: BellPlace): void {
  throw refused();
}

/** Assigns the irqfd of a line. */
export function assignInterrupt(_vm: Vm, _fd: Eventfd, _gsi: number): void {
  throw refused();
}

/** Takes the irqfd of a line away. */
export function deassignInterrupt(_vm: Vm, _fd: Eventfd, _gsi: number): void {
  throw refused();
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
  readonly #fd: Eventfd;
  readonly #release: () => void;

  /** `release` deassigns it and closes the eventfd. */
  constructor(fd: Eventfd, gsi: number, release: () => void) {
    this.gsi = gsi;
    this.#fd = fd;
    this.#release = release;
  }

  raise(): void {
    this.#fd.signal();
  }

  release(): void {
    this.#release();
  }
}
