// The table of irqfds: what a signal and an EOI do to the lines. Callers hold the irqchip lock.

import { EVENTFD_IRQFD } from '../abi/eventfd';
import {
  IRQ_SOURCE_RESAMPLE,
  IRQ_SOURCE_USER,
  IRQFD_EVENTFD,
  IRQFD_GSI,
  IRQFD_RESAMPLE,
  IRQFD_SIZE,
  IRQFDS_MAX,
  KVM_IRQ_ROUTING_HV_SINT,
  ROUTE_CHIP,
  ROUTE_GSI,
  ROUTE_PIN,
  ROUTE_SIZE,
  ROUTE_TYPE,
  VM_IRQFD_WAITS,
  VM_IRQFDS,
} from '../abi/irqchip';
import { VCPU_BASE, VCPU_PAGE, VCPU_STRIDE, VM_NEXT, VM_PAGE, VM_VCPUS } from '../abi/map';
import { vm_base } from '../host';
import { eventfd_add, eventfd_take } from '../state/eventfd';
import { kick } from './lapic_bus';
import { note_unrouted, pins_of_gsi, routes_end, routes_start } from './routes';
import { set_line } from './wiring';

/** First entry's address. */
export function irqfds_start(): u32 {
  return vm_base + VM_PAGE + VM_IRQFDS;
}

/** Address behind the last entry. */
export function irqfds_end(): u32 {
  return irqfds_start() + IRQFDS_MAX * IRQFD_SIZE;
}

/** The irqfd belongs to the VM that this instance of the core serves. */
export function is_own(irqfd: u32): bool {
  return irqfd - irqfds_start() < IRQFDS_MAX * IRQFD_SIZE;
}

/** Injects the interrupt of an irqfd whose eventfd was signalled: an edge, or a level that stands until its EOI. */
export function fire(irqfd: u32): void {
  const eventfd = load<u32>(irqfd + IRQFD_EVENTFD);
  if (eventfd == 0 || eventfd_take(eventfd) == 0) return;
  const gsi = load<u32>(irqfd + IRQFD_GSI);
  if (load<u32>(irqfd + IRQFD_RESAMPLE)) {
    set_line(IRQ_SOURCE_RESAMPLE, gsi, true);
    return;
  }
  const went = set_line(IRQ_SOURCE_USER, gsi, true);
  set_line(IRQ_SOURCE_USER, gsi, false);
  if (went < 0) note_unrouted(gsi);
}

/** Fires what was signalled by threads that could not inject. */
export function fire_waiting(): void {
  atomic.store<u32>(vm_base + VM_PAGE + VM_IRQFD_WAITS, 0);
  for (let irqfd = irqfds_start(); irqfd < irqfds_end(); irqfd += IRQFD_SIZE) fire(irqfd);
}

/** Leaves an irqfd, of whatever VM of the memory, to the vCPUs of its VM: those who run fire it, others on entry. */
export function leave_to_vcpus(irqfd: u32): void {
  let vm: u32 = 0;
  for (let found = false; !found; ) {
    found = irqfd - (vm + VM_PAGE + VM_IRQFDS) < IRQFDS_MAX * IRQFD_SIZE;
    if (found) continue;
    vm = atomic.load<u32>(vm + VM_PAGE + VM_NEXT);
    if (vm == 0) return;
  }
  atomic.store<u32>(vm + VM_PAGE + VM_IRQFD_WAITS, 1);
  for (let left = atomic.load<u32>(vm + VM_PAGE + VM_VCPUS); left != 0; left &= left - 1)
    kick(vm + VCPU_BASE + ctz<u32>(left) * VCPU_STRIDE + VCPU_PAGE);
}

/** Signals an eventfd while the lock is held: an irqfd that it drives waits until the lock is released. */
function signal_locked(eventfd: u32): void {
  eventfd_add(eventfd);
  const irqfd = atomic.load<u32>(eventfd + EVENTFD_IRQFD);
  if (irqfd != 0) leave_to_vcpus(irqfd);
}

/** The guest has ended the interrupts of these SINTs (a bit each) of a virtual processor: their resampled lines fall. */
export function resample_sints(vp: u32, sints: u32): void {
  for (let route = routes_start(); route < routes_end(); route += ROUTE_SIZE) {
    if ((load<u16>(route + ROUTE_TYPE) as u32) != KVM_IRQ_ROUTING_HV_SINT) continue;
    const n = load<u32>(route + ROUTE_PIN);
    if (load<u32>(route + ROUTE_CHIP) == vp && n < 32 && (sints >> n) & 1)
      resample_gsi(load<u16>(route + ROUTE_GSI));
  }
}

function resample_gsi(gsi: u32): void {
  for (let irqfd = irqfds_start(); irqfd < irqfds_end(); irqfd += IRQFD_SIZE) {
    const eventfd = load<u32>(irqfd + IRQFD_EVENTFD) ? load<u32>(irqfd + IRQFD_RESAMPLE) : 0;
    if (eventfd == 0 || load<u32>(irqfd + IRQFD_GSI) != gsi) continue;
    set_line(IRQ_SOURCE_RESAMPLE, gsi, false);
    signal_locked(eventfd);
  }
}

/** The guest has finished with these pins (as in IRQ_ACKS): resampled lines on them fall, then their owners are told. */
export function resample(pins: u64): void {
  for (let irqfd = irqfds_start(); irqfd < irqfds_end(); irqfd += IRQFD_SIZE) {
    const eventfd = load<u32>(irqfd + IRQFD_EVENTFD) ? load<u32>(irqfd + IRQFD_RESAMPLE) : 0;
    if (eventfd == 0) continue;
    const gsi = load<u32>(irqfd + IRQFD_GSI);
    if ((pins_of_gsi(gsi) & pins) == 0) continue;
    set_line(IRQ_SOURCE_RESAMPLE, gsi, false);
    signal_locked(eventfd);
  }
}
