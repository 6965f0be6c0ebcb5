// KVM_IOEVENTFD: guest writes that ring an eventfd instead of leaving the guest. The core matches them (memory/bus.ts).

import {
  BUS_DATAMATCH,
  BUS_PIO,
  BUS_USED,
  IOEVENTFD_ADDR,
  IOEVENTFD_DATAMATCH,
  IOEVENTFD_EVENTFD,
  IOEVENTFD_FLAGS,
  IOEVENTFD_LEN,
  IOEVENTFD_SIZE,
  IOEVENTFDS_MAX,
  VM_BUS_MMIO,
  VM_BUS_PIO,
  VM_IOEVENTFD_END,
  VM_IOEVENTFDS,
} from '../../assembly/abi/bus.ts';
import { EVENTFD_ASSIGNMENT, EVENTFD_HOLDS } from '../../assembly/abi/eventfd.ts';
import { VM_SLOT_LOCK } from '../../assembly/abi/map.ts';
import { REQ_EVENTS } from '../../assembly/abi/vcpu_page.ts';
import { KvmError } from './abi/index.ts';
import type { Eventfd, EventfdHome } from './eventfd.ts';
import type { MachineMemory } from './memory.ts';
import { requestAll } from './requests.ts';

/** KVM_IOEVENTFD_FLAG_*; VIRTIO_CCW_NOTIFY is of s390 and not among them. */
export const KVM_IOEVENTFD_FLAG = { DATAMATCH: 1, PIO: 2, DEASSIGN: 4 } as const;
const KNOWN = 7;
const LENGTHS = [0, 1, 2, 4, 8];
const U64 = 1n << 64n;

/** struct kvm_ioeventfd, with an eventfd in the place of its number. */
export interface Ioeventfd {
  readonly fd: Eventfd;
  /** Guest-physical address, or port with PIO. */
  readonly addr: bigint | number;
  /** Bytes of the write: 1, 2, 4 or 8; 0 = any. */
  readonly len?: number;
  /** With DATAMATCH: only a write of this value rings. */
  readonly datamatch?: bigint | number;
  /** KVM_IOEVENTFD_FLAG bits. */
  readonly flags?: number;
}

/** An entry of the table, with its place. */
export interface Bell {
  readonly at: number;
  readonly addr: bigint;
  readonly len: number;
  readonly match: bigint;
  readonly flags: number;
  readonly eventfd: number;
}

/** The entry `n` of the table; `flags` 0 of a free one. */
export function bellAt(memory: MachineMemory, n: number): Bell {
  const at = memory.vm + VM_IOEVENTFDS + n * IOEVENTFD_SIZE;
  return {
    at,
    addr: memory.u64(at + IOEVENTFD_ADDR),
    len: memory.u32(at + IOEVENTFD_LEN),
    match: memory.u64(at + IOEVENTFD_DATAMATCH),
    flags: memory.load(at + IOEVENTFD_FLAGS),
    eventfd: memory.u32(at + IOEVENTFD_EVENTFD),
  };
}

/** Both would take the same write. */
function collide(a: Bell, b: Bell): boolean {
  if ((a.flags & BUS_PIO) !== (b.flags & BUS_PIO) || a.addr !== b.addr) return false;
  if (a.len === 0 || b.len === 0) return true;
  const matches = a.flags & b.flags & BUS_DATAMATCH;
  return a.len === b.len && (matches === 0 || a.match === b.match);
}

function busOf(memory: MachineMemory, flags: number): number {
  return memory.vm + (flags & BUS_PIO ? VM_BUS_PIO : VM_BUS_MMIO);
}

function assign(memory: MachineMemory, bells: readonly Bell[], bell: Bell): void {
  const used = bells.filter(({ flags }) => flags !== 0);
  if (used.some((other) => collide(other, bell))) {
    throw new KvmError(
      'EEXIST',
      'an ioeventfd takes these writes already; deassign it, or tell them apart by value.',
    );
  }
  const n = bells.findIndex(({ flags }) => flags === 0);
  if (n < 0) throw new KvmError('ENOSPC', `this VM has ${IOEVENTFDS_MAX} ioeventfds already; deassign one.`);
  const { at } = bells[n] as Bell;
  memory.setU64(at + IOEVENTFD_ADDR, bell.addr);
  memory.setU64(at + IOEVENTFD_DATAMATCH, bell.match);
  memory.setU32(at + IOEVENTFD_LEN, bell.len);
  memory.setU32(at + IOEVENTFD_EVENTFD, bell.eventfd);
  memory.add(bell.eventfd + EVENTFD_HOLDS, EVENTFD_ASSIGNMENT);
  // The flags last: a vCPU that sees them sees the rest.
  memory.store(at + IOEVENTFD_FLAGS, bell.flags);
  memory.store(memory.vm + VM_IOEVENTFD_END, Math.max(memory.load(memory.vm + VM_IOEVENTFD_END), n + 1));
  memory.add(busOf(memory, bell.flags), 1);
}

function notAssigned(): KvmError {
  return new KvmError('ENOENT', 'no ioeventfd is assigned like this; give what it was assigned with.');
}

function deassign(memory: MachineMemory, bells: readonly Bell[], bell: Bell): void {
  const found = bells.find(
    ({ flags, eventfd, addr, len, match }) =>
      flags === bell.flags &&
      eventfd === bell.eventfd &&
      addr === bell.addr &&
      len === bell.len &&
      (!(flags & BUS_DATAMATCH) || match === bell.match),
  );
  if (found === undefined) throw notAssigned();
  memory.store(found.at + IOEVENTFD_FLAGS, 0);
  memory.add(busOf(memory, found.flags), -1);
  // No vCPU is between the look at the entry and its signal any more when this returns.
  requestAll(memory, REQ_EVENTS);
  memory.add(found.eventfd + EVENTFD_HOLDS, -EVENTFD_ASSIGNMENT);
}

/**
 * KVM_IOEVENTFD: writes of the guest to `addr` signal `fd`, and the guest goes on. Only addresses outside slots are
 * looked at. EINVAL for another length, flags that are not known, a range beyond 2^64, or DATAMATCH without a length;
 * EEXIST when an ioeventfd takes these writes already; ENOSPC for too many. With DEASSIGN: ENOENT when there is none.
 */
export function ioeventfd(home: EventfdHome, bell: Ioeventfd): void {
  const { fd, len = 0, flags = 0 } = bell;
  const addr = BigInt.asUintN(64, BigInt(bell.addr));
  const off = (flags & KVM_IOEVENTFD_FLAG.DEASSIGN) !== 0;
  if (!off) {
    const refuse = (why: string): KvmError => new KvmError('EINVAL', `an ioeventfd ${why}.`);
    if (!LENGTHS.includes(len)) throw refuse(`is 1, 2, 4 or 8 bytes long, or 0 for any length, not ${len}`);
    if (addr + BigInt(len) >= U64) throw refuse('cannot reach beyond the end of the address space');
    if (flags & ~KNOWN) throw refuse(`has no flags 0x${(flags & ~KNOWN).toString(16)} on x86`);
    if (len === 0 && flags & KVM_IOEVENTFD_FLAG.DATAMATCH) throw refuse('of any length cannot match a value');
  }
  // What was never assigned does not move into the VM's memory for this.
  if (off && fd.isPrivate) throw notAssigned();
  const { memory } = home;
  const wanted = {
    at: 0,
    addr,
    len,
    match: BigInt.asUintN(64, BigInt(bell.datamatch ?? 0)),
    flags:
      BUS_USED |
      (flags & KVM_IOEVENTFD_FLAG.PIO ? BUS_PIO : 0) |
      (flags & KVM_IOEVENTFD_FLAG.DATAMATCH ? BUS_DATAMATCH : 0),
    eventfd: fd.placeIn(home),
  };
  memory.locked(memory.vm + VM_SLOT_LOCK, () => {
    const bells = Array.from({ length: IOEVENTFDS_MAX }, (_, n) => bellAt(memory, n));
    if (off) deassign(memory, bells, wanted);
    else assign(memory, bells, wanted);
  });
}
