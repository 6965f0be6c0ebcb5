// Signalling an eventfd from the core. It knows no interrupts: whether one drives an irqfd is its caller's affair.

import { EVENTFD_COUNT, EVENTFD_SEQUENCE, EVENTFD_WAITERS } from '../abi/eventfd';

/** The eventfd has changed: tells who waits for it. */
export function eventfd_changed(eventfd: u32): void {
  // Who waits has counted himself before he looked at the counter, which has changed already: without him nobody has
  // seen the sequence.
  if (atomic.load<u32>(eventfd + EVENTFD_WAITERS) == 0) return;
  atomic.add<u32>(eventfd + EVENTFD_SEQUENCE, 1);
  atomic.notify(eventfd + EVENTFD_SEQUENCE, -1);
}

/** Adds 1 as the kernel does: at its very end the counter stands still. */
export function eventfd_add(eventfd: u32): void {
  if (atomic.add<u64>(eventfd + EVENTFD_COUNT, 1) == u64.MAX_VALUE)
    atomic.store<u64>(eventfd + EVENTFD_COUNT, u64.MAX_VALUE);
  eventfd_changed(eventfd);
}

/** Takes the counter; 0 = nobody has signalled. */
export function eventfd_take(eventfd: u32): u64 {
  const count = atomic.xchg<u64>(eventfd + EVENTFD_COUNT, 0);
  if (count != 0) eventfd_changed(eventfd);
  return count;
}
