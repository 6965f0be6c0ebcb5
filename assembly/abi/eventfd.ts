// An eventfd's record in shared memory, and a VM's tables of events. Constants only, read by asc and by tsc alike.
//
//   VM_EVENTFDS   in the VM page: EVENTFDS_MAX records of EVENTFD_SIZE bytes
//   VALUE_RINGS   for each record a ring of the values that ioeventfds were written with

/** Offset in the VM page. */
export const VM_EVENTFDS: u32 = 0x8000;
export const EVENTFDS_MAX: u32 = 256;

// An eventfd: EVENTFD_SIZE bytes at a multiple of 8.
export const EVENTFD_SIZE: u32 = 32;
/** u64: the counter of eventfd(2). */
export const EVENTFD_COUNT: u32 = 0;
/** Futex word: bumped and notified on a change of the counter while EVENTFD_WAITERS is not 0. */
export const EVENTFD_SEQUENCE: u32 = 8;
/** EVENTFD_* flags; from EVENTFD_GENERATION_SHIFT up a random number, by which an old handle is found out. */
export const EVENTFD_FLAGS: u32 = 12;
/** Holders in the low half, KVM assignments in the high half; 0 = the record is free. */
export const EVENTFD_HOLDS: u32 = 16;
/** Address of the irqfd that this eventfd drives, 0 = none. */
export const EVENTFD_IRQFD: u32 = 20;
/** How many wait on EVENTFD_SEQUENCE; whoever waits on it by himself adds himself first. */
export const EVENTFD_WAITERS: u32 = 28;

export const EVENTFD_IS_SEMAPHORE: u32 = 1;
/** What ioeventfds are written with goes into the ring of this record. */
export const EVENTFD_KEEPS_VALUES: u32 = 4;
/** The counter lives on in a VM's memory; this record is dead. */
export const EVENTFD_HAS_MOVED: u32 = 2;
export const EVENTFD_GENERATION_SHIFT: u32 = 8;
export const EVENTFD_HOLDER: u32 = 1;
export const EVENTFD_ASSIGNMENT: u32 = 0x10000;

/** Offset from the VM's base. A ring for each eventfd: lock, values written, values taken (u32 each), then VALUES_MAX u64. A full ring forgets its oldest. */
export const VALUE_RINGS: u32 = 0xd0000;
export const VALUE_RING_SIZE: u32 = 256;
export const VALUES_LOCK: u32 = 0;
export const VALUES_HEAD: u32 = 4;
export const VALUES_TAIL: u32 = 8;
export const VALUES: u32 = 16;
export const VALUES_MAX: u32 = 30;
