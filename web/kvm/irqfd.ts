// KVM_IRQFD: an eventfd whose signals are interrupts. The core injects; this is who may ask for it, and how.

import { KvmError } from './abi/index.ts';
import type { Eventfd, EventfdHome } from './eventfd.ts';
import { hasIrqchip, hasPic } from './irqchip.ts';

/** KVM_IRQFD_FLAG_*. */
export const KVM_IRQFD_FLAG = { DEASSIGN: 1, RESAMPLE: 2 } as const;
const KNOWN = KVM_IRQFD_FLAG.DEASSIGN | KVM_IRQFD_FLAG.RESAMPLE;
/** What the core's irqfd_assign answers. */
const BUSY = 1;
const NO_ROOM = 2;

/** struct kvm_irqfd, with eventfds in the place of their numbers. */
export interface Irqfd {
  readonly fd: Eventfd;
  readonly gsi: number;
  /** KVM_IRQFD_FLAG bits. */
  readonly flags?: number;
  /** Signalled when the guest has finished with the interrupt; with RESAMPLE. */
  readonly resamplefd?: Eventfd;
}

/**
 * KVM_IRQFD: each signal of `fd`, from any thread, is an edge of `gsi` (with RESAMPLE its level, until the EOI). With
 * DEASSIGN it ends; one that is not there is no error. EINVAL for flags or without an irqchip, EBADF for a closed
 * eventfd or RESAMPLE without a resamplefd, EBUSY when `fd` drives an irqfd already, ENFILE when the VM has no room.
 */
export function irqfd(home: EventfdHome, { fd, gsi, flags = 0, resamplefd }: Irqfd): void {
  if (flags & ~KNOWN)
    throw new KvmError(
      'EINVAL',
      `irqfd flags 0x${flags.toString(16)} are not all known; see KVM_IRQFD_FLAG.`,
    );
  if (flags & KVM_IRQFD_FLAG.DEASSIGN) {
    if (!fd.isPrivate) home.core.irqfd_deassign(fd.placeIn(home), gsi >>> 0);
    return;
  }
  if (!hasIrqchip(home.memory))
    throw new KvmError('EINVAL', 'this VM has no irqchip; call createIrqchip first.');
  if (flags & KVM_IRQFD_FLAG.RESAMPLE && !hasPic(home.memory)) {
    throw new KvmError('EINVAL', 'a split irqchip has no lines that could stand; leave RESAMPLE out.');
  }
  const eventfd = fd.placeIn(home);
  let resample = 0;
  if (flags & KVM_IRQFD_FLAG.RESAMPLE) {
    if (resamplefd === undefined)
      throw new KvmError('EBADF', 'KVM_IRQFD_FLAG_RESAMPLE needs a resamplefd; give an eventfd.');
    resample = resamplefd.placeIn(home);
  }
  const answer = home.core.irqfd_assign(eventfd, gsi >>> 0, resample);
  if (answer === BUSY)
    throw new KvmError('EBUSY', 'this eventfd drives an irqfd already; use another one for each GSI.');
  if (answer === NO_ROOM) throw new KvmError('ENFILE', 'this VM has as many irqfds as it can; deassign one.');
}
