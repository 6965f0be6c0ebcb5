// What a VM's memory says of its ioeventfds and irqfds: lists for views and files, and their end when the memory was
// replaced by another machine's. Assigning is ioeventfd.ts and irqfd.ts.

import {
  BUS_DATAMATCH,
  BUS_PIO,
  IOEVENTFD_FLAGS,
  IOEVENTFD_SIZE,
  IOEVENTFDS_MAX,
  VM_BUS_MMIO,
  VM_BUS_PIO,
  VM_IOEVENTFDS,
} from '../../assembly/abi/bus.ts';
import {
  EVENTFD_HOLDS,
  EVENTFD_IRQFD,
  EVENTFD_SIZE,
  EVENTFDS_MAX,
  VM_EVENTFDS,
} from '../../assembly/abi/eventfd.ts';
import {
  IRQFD_EVENTFD,
  IRQFD_GSI,
  IRQFD_RESAMPLE,
  IRQFD_SIZE,
  IRQFDS_MAX,
  VM_IRQFDS,
} from '../../assembly/abi/irqchip.ts';
import type { EventfdHome } from './eventfd.ts';
import { bellAt } from './ioeventfd.ts';
import type { MachineMemory } from './memory.ts';

/** An ioeventfd as it is assigned. */
export interface IoeventfdInfo {
  /** Offset of the record of its eventfd (Eventfd.placeIn). */
  readonly eventfd: number;
  /** Guest-physical address, or port with `pio`. */
  readonly addr: bigint;
  /** Bytes; 0 = any. */
  readonly len: number;
  readonly pio: boolean;
  readonly datamatch: bigint | undefined;
}

/** An irqfd as it is assigned; eventfds are offsets of their records. */
export interface IrqfdInfo {
  readonly eventfd: number;
  readonly gsi: number;
  readonly resamplefd: number | undefined;
}

/** Every ioeventfd of a VM, whoever has assigned it. */
export function ioeventfds(memory: MachineMemory): IoeventfdInfo[] {
  return Array.from({ length: IOEVENTFDS_MAX }, (_, n) => bellAt(memory, n))
    .filter(({ flags }) => flags !== 0)
    .map(({ eventfd, addr, len, flags, match }) => ({
      ...{ eventfd, addr, len, pio: (flags & BUS_PIO) !== 0 },
      datamatch: flags & BUS_DATAMATCH ? match : undefined,
    }));
}

/** Every irqfd of a VM, whoever has assigned it. */
export function irqfds(memory: MachineMemory): IrqfdInfo[] {
  return Array.from({ length: IRQFDS_MAX }, (_, n) => memory.vm + VM_IRQFDS + n * IRQFD_SIZE)
    .filter((at) => memory.u32(at + IRQFD_EVENTFD) !== 0)
    .map((at) => ({
      eventfd: memory.u32(at + IRQFD_EVENTFD),
      gsi: memory.u32(at + IRQFD_GSI),
      resamplefd: memory.u32(at + IRQFD_RESAMPLE) || undefined,
    }));
}

/** Ends all eventfds, irqfds and ioeventfds of a VM whose holders are not here: they did not travel with its memory. */
export function releaseEvents({ memory, core }: EventfdHome): void {
  const records = Array.from({ length: EVENTFDS_MAX }, (_, n) => memory.vm + VM_EVENTFDS + n * EVENTFD_SIZE);
  for (const at of records) if (memory.load(at + EVENTFD_IRQFD) !== 0) core.irqfd_closed(at);
  for (let n = 0; n < IOEVENTFDS_MAX; n++) {
    const flags = memory.exchange(memory.vm + VM_IOEVENTFDS + n * IOEVENTFD_SIZE + IOEVENTFD_FLAGS, 0);
    if (flags !== 0) memory.add(memory.vm + (flags & BUS_PIO ? VM_BUS_PIO : VM_BUS_MMIO), -1);
  }
  for (const at of records) memory.store(at + EVENTFD_HOLDS, 0);
}
