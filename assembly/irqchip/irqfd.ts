// KVM_IRQFD for the host, and signals of eventfds that drive an irqfd. Each function takes the irqchip lock; irqfd_signal
// gives up instead of sleeping, so that it may run on a page's main thread.

import { EVENTFD_ASSIGNMENT, EVENTFD_HOLDS, EVENTFD_IRQFD } from '../abi/eventfd';
import {
  IRQ_SOURCE_RESAMPLE,
  IRQFD_EVENTFD,
  IRQFD_GSI,
  IRQFD_RESAMPLE,
  IRQFD_SIZE,
  VM_IRQFD_WAITS,
  VM_RESAMPLERS,
} from '../abi/irqchip';
import { VM_PAGE } from '../abi/map';
import { vm_base } from '../host';
import { fire, irqfds_end, irqfds_start, is_own, leave_to_vcpus, resample_sints } from './irqfd_table';
import { irq_lock, irq_try_lock } from './lock';
import { routes_changed } from './routes';
import { finish } from './settle';
import { set_line } from './wiring';

/** Results of irqfd_assign. */
const ASSIGNED: u32 = 0;
const BUSY: u32 = 1;
const NO_ROOM: u32 = 2;

/** An eventfd was signalled: injects the interrupt of the irqfd that it drives, if it does. */
export function irqfd_signal(eventfd: u32): void {
  const irqfd = atomic.load<u32>(eventfd + EVENTFD_IRQFD);
  if (irqfd == 0) return;
  if (!is_own(irqfd) || !irq_try_lock()) {
    leave_to_vcpus(irqfd);
    return;
  }
  fire(irqfd);
  finish();
}

/** The same from a thread that may be terminated at any moment: it would die with the lock, so a vCPU injects. */
export function irqfd_leave(eventfd: u32): void {
  const irqfd = atomic.load<u32>(eventfd + EVENTFD_IRQFD);
  if (irqfd != 0) leave_to_vcpus(irqfd);
}

/** Some irqfd waits for a thread that may inject. */
export function irqfds_wait(): bool {
  return atomic.load<u32>(vm_base + VM_PAGE + VM_IRQFD_WAITS) != 0;
}

/** Fires what waits for a thread that may inject. */
export function irqfds_poll(): void {
  if (!irqfds_wait()) return;
  irq_lock();
  finish();
}

function count_resamplers(change: u32): void {
  const word = vm_base + VM_PAGE + VM_RESAMPLERS;
  store<u32>(word, load<u32>(word) + change);
  routes_changed();
}

/** KVM_IRQFD: 0, 1 when the eventfd drives an irqfd already, 2 when the table is full. `resamplefd` 0 makes an edge. */
export function irqfd_assign(eventfd: u32, gsi: u32, resamplefd: u32): u32 {
  irq_lock();
  let result = atomic.load<u32>(eventfd + EVENTFD_IRQFD) ? BUSY : NO_ROOM;
  for (let irqfd = irqfds_start(); irqfd < irqfds_end() && result == NO_ROOM; irqfd += IRQFD_SIZE) {
    if (load<u32>(irqfd + IRQFD_EVENTFD)) continue;
    result = ASSIGNED;
    store<u32>(irqfd + IRQFD_GSI, gsi);
    store<u32>(irqfd + IRQFD_RESAMPLE, resamplefd);
    store<u32>(irqfd + IRQFD_EVENTFD, eventfd);
    atomic.add<u32>(eventfd + EVENTFD_HOLDS, EVENTFD_ASSIGNMENT);
    if (resamplefd) {
      atomic.add<u32>(resamplefd + EVENTFD_HOLDS, EVENTFD_ASSIGNMENT);
      count_resamplers(1);
    }
    atomic.store<u32>(eventfd + EVENTFD_IRQFD, irqfd);
    // A signal that came before counts.
    fire(irqfd);
  }
  finish();
  return result;
}

/** Ends an irqfd; the last one that resampled a GSI lets its line fall. */
function remove(irqfd: u32): void {
  const eventfd = load<u32>(irqfd + IRQFD_EVENTFD);
  const resamplefd = load<u32>(irqfd + IRQFD_RESAMPLE);
  atomic.store<u32>(eventfd + EVENTFD_IRQFD, 0);
  store<u32>(irqfd + IRQFD_EVENTFD, 0);
  atomic.sub<u32>(eventfd + EVENTFD_HOLDS, EVENTFD_ASSIGNMENT);
  if (resamplefd == 0) return;
  atomic.sub<u32>(resamplefd + EVENTFD_HOLDS, EVENTFD_ASSIGNMENT);
  count_resamplers(-1);
  const gsi = load<u32>(irqfd + IRQFD_GSI);
  for (let other = irqfds_start(); other < irqfds_end(); other += IRQFD_SIZE) {
    const shares = load<u32>(other + IRQFD_EVENTFD) && load<u32>(other + IRQFD_RESAMPLE);
    if (shares && load<u32>(other + IRQFD_GSI) == gsi) return;
  }
  set_line(IRQ_SOURCE_RESAMPLE, gsi, false);
}

/** KVM_IRQFD with KVM_IRQFD_FLAG_DEASSIGN: nothing happens when there is no such irqfd. */
export function irqfd_deassign(eventfd: u32, gsi: u32): void {
  irq_lock();
  const irqfd = atomic.load<u32>(eventfd + EVENTFD_IRQFD);
  if (irqfd != 0 && is_own(irqfd) && load<u32>(irqfd + IRQFD_GSI) == gsi) remove(irqfd);
  finish();
}

/** The last holder of an eventfd has closed it: what it drives ends. */
export function irqfd_closed(eventfd: u32): void {
  irq_lock();
  const irqfd = atomic.load<u32>(eventfd + EVENTFD_IRQFD);
  if (irqfd != 0 && is_own(irqfd)) remove(irqfd);
  finish();
}

/** The guest has ended the interrupts of SINTs: irqfds that resample their GSIs hear of it. */
export function sints_resample(vp: u32, sints: u32): void {
  if (load<u32>(vm_base + VM_PAGE + VM_RESAMPLERS) == 0) return;
  irq_lock();
  resample_sints(vp, sints);
  finish();
}
