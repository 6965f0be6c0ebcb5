// What a VM's memory says of its ioeventfds and irqfds: lists for views and files, and their end with the VM, or when the
// memory was replaced by another machine's. Assigning is ioeventfd.ts and irqfd.ts.

import {
  BUS_DATAMATCH,
  BUS_PIO,
  IOEVENTFD_FLAGS,
  IOEVENTFDS_MAX,
  VM_BUS_MMIO,
  VM_BUS_PIO,
} from '../../assembly/abi/bus.ts';
import {
  EVENTFD_ASSIGNMENT,
  EVENTFD_FLAGS,
  EVENTFD_HOLDS,
  EVENTFD_SEQUENCE,
  EVENTFD_SIZE,
  EVENTFDS_MAX,
  VM_EVENTFDS,
} from '../../assembly/abi/eventfd.ts';
import {
  HV_CONNECTION_EVENTFD,
  HV_CONNECTION_SIZE,
  HV_CONNECTIONS_MAX,
  VM_HV_CONNECTIONS,
  VM_HV_LOCK,
} from '../../assembly/abi/hyperv.ts';
import {
  IRQFD_EVENTFD,
  IRQFD_GSI,
  IRQFD_RESAMPLE,
  IRQFD_SIZE,
  IRQFDS_MAX,
  VM_IRQFDS,
} from '../../assembly/abi/irqchip.ts';
import { VM_SLOT_LOCK } from '../../assembly/abi/map.ts';
import { REQ_EVENTS } from '../../assembly/abi/vcpu_page.ts';
import { instantiateCore } from './core.ts';
import type { EventfdHome } from './eventfd.ts';
import { bellAt } from './ioeventfd.ts';
import type { MachineMemory } from './memory.ts';
import { requestAll } from './requests.ts';
import { livingVms } from './vm_page.ts';

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

/** The entries of KVM_HYPERV_EVENTFD that are in use: where each one holds its eventfd's record. */
function connections(memory: MachineMemory): number[] {
  return Array.from(
    { length: HV_CONNECTIONS_MAX },
    (_, n) => memory.vm + VM_HV_CONNECTIONS + n * HV_CONNECTION_SIZE + HV_CONNECTION_EVENTFD,
  ).filter((at) => memory.load(at) !== 0);
}

/** Ends the assignments of a VM that use an eventfd of these. */
function detach(home: EventfdHome, isMeant: (eventfd: number) => boolean): void {
  const { memory } = home;
  const freed: number[] = [];
  memory.locked(memory.vm + VM_SLOT_LOCK, () => {
    for (let n = 0; n < IOEVENTFDS_MAX; n++) {
      const { at, flags, eventfd } = bellAt(memory, n);
      if (flags === 0 || !isMeant(eventfd)) continue;
      memory.store(at + IOEVENTFD_FLAGS, 0);
      memory.add(memory.vm + (flags & BUS_PIO ? VM_BUS_PIO : VM_BUS_MMIO), -1);
      freed.push(eventfd);
    }
  });
  memory.locked(memory.vm + VM_HV_LOCK, () => {
    for (const at of connections(memory).filter((each) => isMeant(memory.load(each))))
      freed.push(memory.exchange(at, 0));
  });
  if (freed.length > 0) {
    // No vCPU is between the look at an entry and its signal any more when this returns.
    requestAll(memory, REQ_EVENTS);
    for (const eventfd of freed) memory.add(eventfd + EVENTFD_HOLDS, -EVENTFD_ASSIGNMENT);
  }
  for (const { eventfd, gsi, resamplefd } of irqfds(memory)) {
    if (isMeant(eventfd) || (resamplefd !== undefined && isMeant(resamplefd)))
      home.core.irqfd_deassign(eventfd, gsi);
  }
}

/** The records of a VM's eventfds, free ones too. */
function records(memory: MachineMemory): number[] {
  return Array.from({ length: EVENTFDS_MAX }, (_, n) => memory.vm + VM_EVENTFDS + n * EVENTFD_SIZE);
}

/** Ends all eventfds and their assignments of a VM whose holders are not here: they did not travel with its memory. */
export function releaseEvents(home: EventfdHome): void {
  detach(home, () => true);
  for (const at of records(home.memory)) home.memory.store(at + EVENTFD_HOLDS, 0);
}

/**
 * A VM ends: its assignments, its eventfds (EBADF for those who hold them), and what other VMs of its memory have made of
 * these, since the records are another VM's afterwards.
 */
export function endEvents(home: EventfdHome): void {
  const { memory, module } = home;
  detach(home, () => true);
  const own = records(memory).filter((at) => memory.load(at + EVENTFD_HOLDS) !== 0);
  if (own.length === 0) return;
  for (const at of own) memory.store(at + EVENTFD_FLAGS, 0);
  const isOwn = (eventfd: number) => own.includes(eventfd);
  for (const other of livingVms(memory.wasm).filter(({ base }) => base !== memory.base)) {
    const its = {
      ...{ memory: other, module },
      get core() {
        return instantiateCore(module, other);
      },
    };
    detach(its, isOwn);
  }
  for (const at of own) {
    memory.add(at + EVENTFD_SEQUENCE, 1);
    memory.notify(at + EVENTFD_SEQUENCE);
  }
}
