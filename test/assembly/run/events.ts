// What the tests of events between two instructions share: guests with an IDT of their labels, and a port by which something comes
// up in the middle of a run, as from another thread.
import { APIC_LVTT, APIC_SPIV, LAPIC_DEADLINE } from '../../../assembly/abi/irqchip.ts';
import {
  ENGINE_DETERMINISTIC,
  VCPU_LAPIC,
  VCPU_PAGE,
  VM_ENGINE,
  VM_VIRTUAL_NS,
} from '../../../assembly/abi/map.ts';
import { servePorts, type Vcpu, type Vm } from '../../../web/kvm/index.ts';
import { CODE, flatVcpu, type Guest, load, vmWithRam } from './machine.ts';

/** A write to it lets come up what `during` does. */
export const SET = 0x10;
/** A write to it calls `look`. */
export const LOOK = 0x11;
const IDT = 0x600;

/** Offset of the local APIC's page of a vCPU. */
export const lapicOf = ({ page }: Vcpu): number => page - VCPU_PAGE + VCPU_LAPIC;

/** As software enables a local APIC. */
export function switchOnApic(vm: Vm, vcpu: Vcpu): void {
  vm.memory.store(lapicOf(vcpu) + APIC_SPIV, 0x1ff);
}

/** The local APIC's timer raises vector 65 at `ns`. */
export function armTimer({ vm }: Guest, vcpu: Vcpu, ns: number): void {
  vm.memory.store(lapicOf(vcpu) + APIC_LVTT, 65);
  vm.memory.setU64(lapicOf(vcpu) + LAPIC_DEADLINE, BigInt(ns));
}

/** A gate for each label: `on_65` is an interrupt gate of vector 65, `trap_64` a trap gate. */
function writeGates(vm: Vm, labels: ReadonlyMap<string, bigint>): void {
  for (const [name, offset] of labels) {
    const [, kind, vector] = /^(on|trap)_(\d+)$/.exec(name) ?? [];
    if (kind === undefined) continue;
    const type = kind === 'on' ? 0x8en : 0x8fn;
    const gate = (offset & 0xffffn) | (8n << 16n) | (type << 40n) | ((offset >> 16n) << 48n);
    vm.write(IDT + Number(vector) * 8, new Uint8Array(new BigUint64Array([gate]).buffer));
  }
}

/** One program on flat vCPUs, of which the first runs; with chips, whose local APICs are on, if asked. */
export function eventful(source: string, { chips = false, vcpus = 1 } = {}): Guest {
  const vm = vmWithRam({ vcpus });
  if (chips) vm.createIrqchip();
  const labels = load(vm, source);
  writeGates(vm, labels);
  const all = Array.from({ length: vcpus }, (_, id) => flatVcpu(vm, id, CODE));
  for (const vcpu of all) {
    vcpu.setSregs({ idt: { base: BigInt(IDT), limit: 0x7ff } });
    if (chips) switchOnApic(vm, vcpu);
  }
  return { vm, vcpu: all[0] as Vcpu, labels };
}

/** Gives the machine a clock that stands at `ns` until it is set again. */
export function setTime({ memory }: Vm, ns: number): void {
  memory.setU32(memory.vm + VM_ENGINE, ENGINE_DETERMINISTIC);
  memory.setU64(memory.vm + VM_VIRTUAL_NS, BigInt(ns));
}

/** Enters once, with `during` at the port SET and `look` at LOOK; why it ended, and what `look` gave. */
export function enter<T>(
  { vm, vcpu }: Guest,
  during: () => void,
  look: () => T,
  budget = 10_000,
): { why: number; looks: T[] } {
  const looks: T[] = [];
  const write = (port: number): number => {
    if (port === SET) during();
    else looks.push(look());
    return 1;
  };
  servePorts(vm.core, { write, read: () => 0 });
  const why = vcpu.enter(budget, true);
  servePorts(vm.core);
  return { why, looks };
}
