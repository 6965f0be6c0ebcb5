// The GSI routing table (KVM_SET_GSI_ROUTING) and the acknowledgements that go back along it. It moves no line itself.

import {
  IOAPIC_PINS,
  IRQ_ACKS,
  IRQ_GSIS,
  IRQ_HEARD,
  IRQ_IOAPIC_BIT,
  IRQ_UNROUTED,
  IRQFD_EVENTFD,
  IRQFD_GSI,
  IRQFD_RESAMPLE,
  IRQFD_SIZE,
  IRQFDS_MAX,
  KVM_IRQ_ROUTING_IRQCHIP,
  KVM_IRQ_ROUTING_MSI,
  KVM_IRQCHIP_IOAPIC,
  KVM_IRQCHIP_PIC_SLAVE,
  ROUTE_CHIP,
  ROUTE_COUNT,
  ROUTE_DATA,
  ROUTE_GSI,
  ROUTE_PIN,
  ROUTE_SIZE,
  ROUTE_TYPE,
  ROUTES_MAX,
  VM_IRQFDS,
  VM_RESAMPLERS,
} from '../abi/irqchip';
import { IOAPIC_PAGE, ROUTES_PAGE, VM_PAGE } from '../abi/map';
import { vm_base } from '../host';

/** First entry's address. */
export function routes_start(): u32 {
  return vm_base + ROUTES_PAGE;
}

/** Address behind the last entry. */
export function routes_end(): u32 {
  return routes_start() + load<u32>(vm_base + IOAPIC_PAGE + ROUTE_COUNT) * ROUTE_SIZE;
}

/** Empties the table. */
export function routes_clear(): void {
  store<u32>(vm_base + IOAPIC_PAGE + ROUTE_COUNT, 0);
}

/**
 * Adds an entry: for an irqchip route `a` is the chip (KVM_IRQCHIP_*) and `b` its pin, for an MSI route they are the
 * halves of the address. False when the entry is not valid or the table is full.
 */
export function routes_add(gsi: u32, type: u32, a: u32, b: u32, data: u32): bool {
  const count = load<u32>(vm_base + IOAPIC_PAGE + ROUTE_COUNT);
  if (gsi >= IRQ_GSIS || count == ROUTES_MAX) return false;
  if (type == KVM_IRQ_ROUTING_IRQCHIP) {
    if (a > KVM_IRQCHIP_IOAPIC || b >= (a == KVM_IRQCHIP_IOAPIC ? IOAPIC_PINS : 8)) return false;
  } else if (type != KVM_IRQ_ROUTING_MSI) return false;
  const entry = routes_start() + count * ROUTE_SIZE;
  store<u16>(entry + ROUTE_GSI, gsi as u16);
  store<u16>(entry + ROUTE_TYPE, type as u16);
  store<u32>(entry + ROUTE_CHIP, a);
  store<u32>(entry + ROUTE_PIN, b);
  store<u32>(entry + ROUTE_DATA, data);
  store<u32>(vm_base + IOAPIC_PAGE + ROUTE_COUNT, count + 1);
  return true;
}

/** The table of a new irqchip: a PC's wiring, where the PIT's line (GSI 0) sits on IOAPIC pin 2. */
export function routes_default(): void {
  routes_clear();
  for (let gsi: u32 = 0; gsi < IOAPIC_PINS; gsi++) {
    if (gsi < 16) routes_add(gsi, KVM_IRQ_ROUTING_IRQCHIP, gsi < 8 ? 0 : KVM_IRQCHIP_PIC_SLAVE, gsi & 7, 0);
    if (gsi != 2) routes_add(gsi, KVM_IRQ_ROUTING_IRQCHIP, KVM_IRQCHIP_IOAPIC, gsi == 0 ? 2 : gsi, 0);
  }
  routes_changed();
}

/** The pins that a GSI leads to, as in IRQ_ACKS. */
export function pins_of_gsi(gsi: u32): u64 {
  let pins: u64 = 0;
  const end = routes_end();
  for (let entry = routes_start(); entry < end; entry += ROUTE_SIZE) {
    if ((load<u16>(entry + ROUTE_GSI) as u32) != gsi) continue;
    if (load<u16>(entry + ROUTE_TYPE) != (KVM_IRQ_ROUTING_IRQCHIP as u16)) continue;
    pins |= pin_bit(load<u32>(entry + ROUTE_CHIP), load<u32>(entry + ROUTE_PIN));
  }
  return pins;
}

/** An irqfd of this GSI was signalled in vain: it is noted in IRQ_UNROUTED, unless the GSI leads somewhere. */
export function note_unrouted(gsi: u32): void {
  if (gsi >= IRQ_GSIS) return;
  const end = routes_end();
  for (let entry = routes_start(); entry < end; entry += ROUTE_SIZE) {
    if ((load<u16>(entry + ROUTE_GSI) as u32) == gsi) return;
  }
  atomic.or<u32>(vm_base + IOAPIC_PAGE + IRQ_UNROUTED + (gsi >> 5) * 4, 1 << (gsi & 31));
}

/** A pin's bit in IRQ_ACKS. */
function pin_bit(chip: u32, pin: u32): u64 {
  return (1 as u64) << ((chip == KVM_IRQCHIP_IOAPIC ? IRQ_IOAPIC_BIT : chip * 8) + pin);
}

/** Works out whose acknowledgements matter, after routes or irqfds have changed: the PIT's (GSI 0) and resampled GSIs'. */
export function routes_changed(): void {
  let heard = pins_of_gsi(0);
  if (load<u32>(vm_base + VM_PAGE + VM_RESAMPLERS)) {
    const first = vm_base + VM_PAGE + VM_IRQFDS;
    for (let entry = first; entry < first + IRQFDS_MAX * IRQFD_SIZE; entry += IRQFD_SIZE) {
      if (load<u32>(entry + IRQFD_EVENTFD) && load<u32>(entry + IRQFD_RESAMPLE))
        heard |= pins_of_gsi(load<u32>(entry + IRQFD_GSI));
    }
  }
  store<u64>(vm_base + IOAPIC_PAGE + IRQ_HEARD, heard);
}

/** Somebody waits for the acknowledgement of this IOAPIC pin, even of an edge. */
export function ioapic_pin_is_heard(pin: u32): bool {
  return (load<u64>(vm_base + IOAPIC_PAGE + IRQ_HEARD) & pin_bit(KVM_IRQCHIP_IOAPIC, pin)) != 0;
}

/** Notes that the guest finished with an interrupt of a pin; settle() acts on it before the lock is released. */
export function pin_acknowledged(chip: u32, pin: u32): void {
  const word = vm_base + IOAPIC_PAGE + IRQ_ACKS;
  store<u64>(word, load<u64>(word) | (pin_bit(chip, pin) & load<u64>(vm_base + IOAPIC_PAGE + IRQ_HEARD)));
}
