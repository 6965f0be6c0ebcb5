// The lock over PIC, IOAPIC and PIT. Public functions of the door take it once; the chips themselves never do.

import { VM_IRQ_LOCK, VM_PAGE } from '../abi/map';
import { vm_base } from '../host';
import { sleep } from '../state/sleep';

// 0 free, 1 held, 2 held and somebody sleeps on it: only then must the release pay for a notify.
function lock_word(): u32 {
  return vm_base + VM_PAGE + VM_IRQ_LOCK;
}
const SPINS: i32 = 100;
/** ns after which a sleeper looks again, so that a lost notify costs time and not the machine. */
const PATIENCE: i64 = 1000000;

/** Takes the irqchip lock unless somebody keeps it: never sleeps. */
export function irq_try_lock(): bool {
  for (let i = 0; i < SPINS; i++) {
    if (atomic.cmpxchg<u32>(lock_word(), 0, 1) == 0) return true;
  }
  return false;
}

/** Takes the irqchip lock; not re-entrant. */
export function irq_lock(): void {
  if (irq_try_lock()) return;
  while (atomic.xchg<u32>(lock_word(), 2) != 0) sleep(lock_word(), 2, PATIENCE);
}

/** Releases the irqchip lock and wakes one sleeper. */
export function irq_unlock(): void {
  if (atomic.xchg<u32>(lock_word(), 0) == 2) atomic.notify(lock_word(), 1);
}
