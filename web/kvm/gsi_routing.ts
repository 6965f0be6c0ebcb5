// KVM_SET_GSI_ROUTING: the rules of a routing table, and writing it where the irqchip reads it.

import { VM_RESERVED_PINS } from '../../assembly/abi/calls.ts';
import {
  APIC_IRR,
  APIC_ISR,
  APIC_LEVEL_TRIG,
  IOAPIC_EOI_VECTORS,
  IOAPIC_PINS,
  IRQ_GSIS,
  IRQ_UNROUTED,
  KVM_IRQ_ROUTING_HV_SINT,
  KVM_IRQ_ROUTING_IRQCHIP,
  KVM_IRQ_ROUTING_MSI,
  KVM_IRQCHIP_IOAPIC,
  ROUTE_CHIP,
  ROUTE_COUNT,
  ROUTE_DATA,
  ROUTE_GSI,
  ROUTE_PIN,
  ROUTE_SIZE,
  ROUTE_TYPE,
  ROUTES_MAX,
} from '../../assembly/abi/irqchip.ts';
import { IOAPIC_PAGE, ROUTES_PAGE, VCPU_LAPIC, VM_IRQ_LOCK } from '../../assembly/abi/map.ts';
import { type Input, KvmError, type KvmIrqRoutingEntry } from './abi/index.ts';
import type { Core } from './core.ts';
import { hasIrqchip, hasPic } from './irqchip.ts';
import type { MachineMemory } from './memory.ts';
import { vcpuArea, vcpuIds } from './vm_page.ts';

/** KVM_IRQ_ROUTING_*: kvm_irq_routing_entry.type. */
export const KVM_IRQ_ROUTING = {
  IRQCHIP: KVM_IRQ_ROUTING_IRQCHIP,
  MSI: KVM_IRQ_ROUTING_MSI,
  HV_SINT: KVM_IRQ_ROUTING_HV_SINT,
} as const;
/** How many entries a table may have, and GSIs there are: what KVM_CAP_IRQ_ROUTING tells. */
export const MAX_IRQ_ROUTES = Math.min(IRQ_GSIS, ROUTES_MAX);

/** kvm_irq_routing_entry.flags of an MSI: `devid` is valid. x86 takes no notice of it. */
const KVM_MSI_VALID_DEVID = 1;
const PIC_PINS = 8;

/** An entry as the core keeps it. */
interface Route {
  readonly gsi: number;
  readonly type: number;
  /** Chip, or the low half of an MSI's address. */
  readonly low: number;
  /** Pin, or the high half. */
  readonly high: number;
  readonly data: number;
}

function routeOf({ gsi = 0, type = 0, flags = 0, u }: Input<KvmIrqRoutingEntry>): Route {
  const refuse = (why: string): KvmError => new KvmError('EINVAL', `the route of GSI ${gsi} ${why}.`);
  if (!(Number.isInteger(gsi) && gsi >= 0 && gsi < MAX_IRQ_ROUTES)) {
    throw refuse(`is beyond the last GSI, ${MAX_IRQ_ROUTES - 1}`);
  }
  if (type === KVM_IRQ_ROUTING_MSI) {
    if (flags & ~KVM_MSI_VALID_DEVID) throw refuse('has flags; an MSI may have KVM_MSI_VALID_DEVID (1) only');
    const { address_lo = 0, address_hi = 0, data = 0 } = u?.msi ?? {};
    return { gsi, type, low: address_lo >>> 0, high: address_hi >>> 0, data: data >>> 0 };
  }
  if (type === KVM_IRQ_ROUTING_HV_SINT) {
    if (flags) throw refuse('has flags; a SINT has none');
    const { vcpu = 0, sint = 0 } = u?.hv_sint ?? {};
    return { gsi, type, low: vcpu >>> 0, high: sint >>> 0, data: 0 };
  }
  if (type !== KVM_IRQ_ROUTING_IRQCHIP)
    throw refuse('is of a type other than IRQCHIP (1), MSI (2) and HV_SINT (4)');
  if (flags) throw refuse('has flags; a pin has none');
  const { irqchip = 0, pin = 0 } = u?.irqchip ?? {};
  if (!(irqchip >= 0 && irqchip <= KVM_IRQCHIP_IOAPIC))
    throw refuse(`names chip ${irqchip}; chips are 0 to 2`);
  const pins = irqchip === KVM_IRQCHIP_IOAPIC ? IOAPIC_PINS : PIC_PINS;
  if (!(pin >= 0 && pin < pins)) throw refuse(`names pin ${pin} of a chip with ${pins} pins`);
  return { gsi, type, low: irqchip, high: pin, data: 0 };
}

/** A GSI leads to one pin of each chip, or to one message. */
function checkTogether(routes: readonly Route[]): void {
  const seen = new Map<number, Route[]>();
  for (const route of routes) {
    const others = seen.get(route.gsi) ?? [];
    const bad = others.some(
      (other) =>
        other.type !== KVM_IRQ_ROUTING_IRQCHIP ||
        route.type !== KVM_IRQ_ROUTING_IRQCHIP ||
        other.low === route.low,
    );
    if (bad) {
      throw new KvmError(
        'EINVAL',
        `GSI ${route.gsi} has two routes that exclude each other; one of each chip, or one MSI.`,
      );
    }
    seen.set(route.gsi, [...others, route]);
  }
}

/** Takes the entries of GSIs from `gsi` on out of the table; how many are left. */
function dropFrom(memory: MachineMemory, gsi: number): number {
  const table = memory.base + ROUTES_PAGE;
  const count = memory.u32(memory.base + IOAPIC_PAGE + ROUTE_COUNT);
  let kept = 0;
  for (let n = 0; n < count; n++) {
    if (memory.u16(table + n * ROUTE_SIZE + ROUTE_GSI) >= gsi) continue;
    if (kept !== n)
      memory
        .bytes(table + kept * ROUTE_SIZE, ROUTE_SIZE)
        .set(memory.bytes(table + n * ROUTE_SIZE, ROUTE_SIZE));
    kept++;
  }
  return kept;
}

/** Puts a table in force; of the one before, entries of GSIs below `from` stay. */
function writeRoutes(memory: MachineMemory, core: Core, routes: readonly Route[], from = 0): void {
  memory.locked(memory.vm + VM_IRQ_LOCK, () => {
    const kept = dropFrom(memory, from);
    const table = routes.slice(0, ROUTES_MAX - kept);
    memory.setU32(memory.base + IOAPIC_PAGE + ROUTE_COUNT, kept + table.length);
    for (const [n, { gsi, type, low, high, data }] of table.entries()) {
      const at = memory.base + ROUTES_PAGE + (kept + n) * ROUTE_SIZE;
      memory.setU16(at + ROUTE_GSI, gsi);
      memory.setU16(at + ROUTE_TYPE, type);
      memory.setU32(at + ROUTE_CHIP, low);
      memory.setU32(at + ROUTE_PIN, high);
      memory.setU32(at + ROUTE_DATA, data);
    }
  });
  core.irq_routing_changed();
}

/** An MSI and the GSI that stands for it. */
export interface MessageRoute {
  readonly gsi: number;
  readonly address: bigint;
  readonly data: number;
}

/**
 * What a VMM does with KVM_SET_GSI_ROUTING when a guest changes its messages: the GSIs from `from` on are these messages,
 * those below stay as they are. Returns the GSIs of `routes` whose irqfds were signalled while they led nowhere; those
 * signals are the caller's now.
 */
export function routeMessages(
  memory: MachineMemory,
  core: Core,
  from: number,
  routes: readonly MessageRoute[],
): number[] {
  const entries = routes.map(({ gsi, address, data }) => ({
    gsi,
    type: KVM_IRQ_ROUTING_MSI,
    low: Number(address & 0xffff_ffffn),
    high: Number(address >> 32n),
    data,
  }));
  writeRoutes(memory, core, entries, from);
  return routes.map(({ gsi }) => gsi).filter((gsi) => takeUnrouted(memory, gsi));
}

const unroutedWord = (memory: MachineMemory, gsi: number): number =>
  (memory.base + IOAPIC_PAGE + IRQ_UNROUTED + (gsi >>> 5) * 4) >>> 2;

/** An irqfd of the GSI was signalled while it led nowhere. */
export function isUnrouted(memory: MachineMemory, gsi: number): boolean {
  return ((Atomics.load(memory.words, unroutedWord(memory, gsi)) >>> (gsi & 31)) & 1) !== 0;
}

/** The same, and it is forgotten. */
export function takeUnrouted(memory: MachineMemory, gsi: number): boolean {
  const bit = 1 << (gsi & 31);
  return (Atomics.and(memory.words, unroutedWord(memory, gsi), ~bit) & bit) !== 0;
}

/** No GSI leads anywhere. */
export function clearGsiRouting(memory: MachineMemory, core: Core): void {
  writeRoutes(memory, core, []);
}

/**
 * KVM_CAP_SPLIT_IRQCHIP: level-triggered messages of the GSIs that belong to the IOAPIC of user space make their EOI
 * exit. A vector that a local APIC still holds stays listened to.
 */
function listenToEois(memory: MachineMemory, routes: readonly Route[]): void {
  const pins = memory.u32(memory.vm + VM_RESERVED_PINS);
  const wanted = new Int32Array(8);
  const want = (vector: number): void => {
    wanted[vector >> 5] = (wanted[vector >> 5] ?? 0) | (1 << (vector & 31));
  };
  for (const { gsi, type, data } of routes) {
    if (gsi < pins && type === KVM_IRQ_ROUTING_MSI && data & APIC_LEVEL_TRIG) want(data & 0xff);
  }
  for (let n = 0; n < 8; n++) {
    const word = memory.base + IOAPIC_PAGE + IOAPIC_EOI_VECTORS + n * 4;
    const held = vcpuIds(memory).reduce((bits, id) => {
      const lapic = vcpuArea(memory, id) + VCPU_LAPIC + n * 16;
      return bits | memory.load(lapic + APIC_ISR) | memory.load(lapic + APIC_IRR);
    }, 0);
    memory.store(word, (wanted[n] ?? 0) | (memory.load(word) & held));
  }
}

/**
 * KVM_SET_GSI_ROUTING: replaces the whole table, or leaves it as it was. EINVAL without an irqchip, for more than
 * MAX_IRQ_ROUTES entries, for flags, and for an entry that leads nowhere or twice to the same chip.
 */
export function setGsiRouting(
  memory: MachineMemory,
  core: Core,
  entries: readonly Input<KvmIrqRoutingEntry>[],
): void {
  if (!hasIrqchip(memory)) throw new KvmError('EINVAL', 'this VM has no irqchip; call createIrqchip first.');
  if (entries.length > MAX_IRQ_ROUTES) {
    throw new KvmError(
      'EINVAL',
      `${entries.length} routes are too many; a table has at most ${MAX_IRQ_ROUTES}.`,
    );
  }
  const routes = entries.map(routeOf);
  if (!hasPic(memory) && routes.some(({ type }) => type === KVM_IRQ_ROUTING_IRQCHIP)) {
    throw new KvmError('EINVAL', 'the chips of a split irqchip are in user space; give MSI routes only.');
  }
  checkTogether(routes);
  writeRoutes(memory, core, routes);
  if (!hasPic(memory)) listenToEois(memory, routes);
}
