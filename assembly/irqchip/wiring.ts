// From a GSI to chip pins and messages, by the routing table. Callers hold the irqchip lock.

import {
  APIC_DM_FIXED,
  APIC_DM_LOWEST,
  APIC_LEVEL_TRIG,
  IRQ_GSIS,
  IRQ_LINES,
  KVM_IRQ_ROUTING_HV_SINT,
  KVM_IRQ_ROUTING_IRQCHIP,
  KVM_IRQ_ROUTING_MSI,
  KVM_IRQCHIP_IOAPIC,
  ROUTE_CHIP,
  ROUTE_DATA,
  ROUTE_GSI,
  ROUTE_PIN,
  ROUTE_SIZE,
  ROUTE_TYPE,
} from '../abi/irqchip';
import { IOAPIC_PAGE } from '../abi/map';
import { vm_base } from '../host';
import { ioapic_set_line } from './ioapic_chip';
import { deliver } from './lapic_bus';
import { pic_set_line } from './pic_chip';
import { routes_end, routes_start } from './routes';
import { sint_route } from './sint';

/** MSI address: the redirection hint, which wants one of those that are named. */
const MSI_REDIRECTS: u32 = 8;

/** Sends an MSI (SDM vol. 3, 11.11); the number of local APICs that took it, -1 when it names none. */
export function send_msi(address: u32, data: u32): i32 {
  const logical = (address & 4) != 0;
  const mode = (data >> 8) & 7;
  return deliver(
    logical,
    (address >> 12) & 0xff,
    false,
    mode == APIC_DM_FIXED && address & MSI_REDIRECTS ? APIC_DM_LOWEST : mode,
    data & 0xff,
    (data & APIC_LEVEL_TRIG) != 0,
  );
}

/**
 * Lets one source raise or lower a GSI; the pins follow the OR of all its sources. An MSI goes out on each raise. The
 * status of KVM_IRQ_LINE_STATUS: to how many it went, 0 when it was coalesced, -1 when it was masked or leads nowhere.
 */
export function set_line(source: u32, gsi: u32, level: bool): i32 {
  if (gsi >= IRQ_GSIS) return -1;
  const line = vm_base + IOAPIC_PAGE + IRQ_LINES + gsi;
  const bit: u32 = 1 << source;
  const before: u32 = load<u8>(line);
  const after = level ? before | bit : before & ~bit;
  store<u8>(line, after as u8);
  const high = after != 0;
  let status: i32 = -1;
  const end = routes_end();
  for (let entry = routes_start(); entry < end; entry += ROUTE_SIZE) {
    if ((load<u16>(entry + ROUTE_GSI) as u32) != gsi) continue;
    const chip = load<u32>(entry + ROUTE_CHIP);
    const pin = load<u32>(entry + ROUTE_PIN);
    let went: i32 = -1;
    const type: u32 = load<u16>(entry + ROUTE_TYPE);
    if (type == KVM_IRQ_ROUTING_MSI) {
      if (level) went = send_msi(chip, load<u32>(entry + ROUTE_DATA));
    } else if (type != KVM_IRQ_ROUTING_IRQCHIP) {
      if (level && type == KVM_IRQ_ROUTING_HV_SINT) went = sint_route(chip, pin);
    } else if (chip == KVM_IRQCHIP_IOAPIC) went = ioapic_set_line(pin, high);
    else went = pic_set_line(chip * 8 + pin, high);
    if (went >= 0) status = max(status, 0) + went;
  }
  return status;
}
