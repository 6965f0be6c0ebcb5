// The in-core interrupt chips for the host: making them, driving lines, and their state as KVM's structs. The chips
// themselves are the core's; their pages begin with KVM's state structs, so reading one is a copy.

import {
  CLOCK_OFFSET,
  IRQ_GSIS,
  KVM_IRQ_ROUTING_IRQCHIP,
  KVM_IRQ_ROUTING_MSI,
  KVM_IRQCHIP_IOAPIC,
  KVM_IRQCHIP_PIC_MASTER,
  KVM_IRQCHIP_PIC_SLAVE,
  PIC_STATE_SIZE,
} from '../../assembly/abi/irqchip.ts';
import {
  CLOCK_PAGE,
  IOAPIC_PAGE,
  PIC_PAGE,
  PIT_PAGE,
  VCPU_LAPIC,
  VM_HAS_IRQCHIP,
  VM_HAS_PIT,
  VM_IRQ_LOCK,
} from '../../assembly/abi/map.ts';
import {
  decode,
  encode,
  encodeInto,
  type Input,
  type KvmClockData,
  KvmError,
  type KvmIrqchip,
  type KvmIrqRoutingEntry,
  type KvmLapicState,
  type KvmMsi,
  type KvmPitConfig,
  type KvmPitState2,
  kvm_ioapic_state,
  kvm_irqchip,
  kvm_lapic_state,
  kvm_pic_state,
  kvm_pit_state2,
} from './abi/index.ts';
import type { Core } from './core.ts';
import type { MachineMemory } from './memory.ts';
import { machineNanoseconds, vcpuArea, vcpuIds, vcpuPage } from './vm_page.ts';

/** KVM_IRQCHIP_*: kvm_irqchip.chip_id. */
export const KVM_IRQCHIP = {
  PIC_MASTER: KVM_IRQCHIP_PIC_MASTER,
  PIC_SLAVE: KVM_IRQCHIP_PIC_SLAVE,
  IOAPIC: KVM_IRQCHIP_IOAPIC,
} as const;

/** KVM_IRQ_ROUTING_*: kvm_irq_routing_entry.type. */
export const KVM_IRQ_ROUTING = { IRQCHIP: KVM_IRQ_ROUTING_IRQCHIP, MSI: KVM_IRQ_ROUTING_MSI } as const;

const KVM_PIT_SPEAKER_DUMMY = 1;

export function hasIrqchip(memory: MachineMemory): boolean {
  return memory.load(memory.vm + VM_HAS_IRQCHIP) !== 0;
}

export function hasPit(memory: MachineMemory): boolean {
  return memory.load(memory.vm + VM_HAS_PIT) !== 0;
}

function needIrqchip(memory: MachineMemory, code: 'ENXIO' | 'EINVAL' | 'ENOENT'): void {
  if (!hasIrqchip(memory)) throw new KvmError(code, 'this VM has no irqchip; call createIrqchip first.');
}

function needPit(memory: MachineMemory): void {
  if (!hasPit(memory)) throw new KvmError('ENXIO', 'this VM has no PIT; call createPit2 first.');
}

/** KVM_CREATE_IRQCHIP. EEXIST when there is one, EINVAL when vCPUs exist: they would lack a local APIC. */
export function createIrqchip(memory: MachineMemory, core: Core): void {
  if (hasIrqchip(memory)) throw new KvmError('EEXIST', 'this VM has its irqchip already.');
  if (vcpuIds(memory).length > 0) {
    throw new KvmError(
      'EINVAL',
      'vCPUs exist already and would lack a local APIC; create the irqchip first.',
    );
  }
  core.irqchip_create();
}

/** KVM_IRQ_LINE: raises or lowers a GSI. ENXIO without an irqchip, EINVAL for a GSI that does not exist. */
export function irqLine(memory: MachineMemory, core: Core, gsi: number, level: boolean): void {
  needIrqchip(memory, 'ENXIO');
  if (!(Number.isInteger(gsi) && gsi >= 0 && gsi < IRQ_GSIS)) {
    throw new KvmError('EINVAL', `GSI ${gsi} does not exist; they are 0 to ${IRQ_GSIS - 1}.`);
  }
  core.irq_line(gsi, level ? 1 : 0);
}

/** KVM_SIGNAL_MSI: how many local APICs took the message. EINVAL without an irqchip or with flags. */
export function signalMsi(memory: MachineMemory, core: Core, msi: Input<KvmMsi>): number {
  needIrqchip(memory, 'EINVAL');
  if (msi.flags) throw new KvmError('EINVAL', 'kvm_msi.flags must be 0 on x86.');
  const address = (BigInt(msi.address_hi ?? 0) << 32n) | BigInt(msi.address_lo ?? 0);
  return core.msi_send(address, (msi.data ?? 0) >>> 0);
}

/** KVM_SET_GSI_ROUTING: replaces the table. EINVAL for an entry that leads nowhere, ENXIO without an irqchip. */
export function setGsiRouting(
  memory: MachineMemory,
  core: Core,
  entries: readonly Input<KvmIrqRoutingEntry>[],
): void {
  needIrqchip(memory, 'ENXIO');
  core.irq_routing_clear();
  for (const { gsi = 0, type = 0, u } of entries) {
    const msi = type === KVM_IRQ_ROUTING_MSI;
    const low = (msi ? u?.msi?.address_lo : u?.irqchip?.irqchip) ?? 0;
    const high = (msi ? u?.msi?.address_hi : u?.irqchip?.pin) ?? 0;
    if (!core.irq_routing_add(gsi, type, low >>> 0, high >>> 0, (u?.msi?.data ?? 0) >>> 0)) {
      throw new KvmError('EINVAL', `the route of GSI ${gsi} names no chip, pin or message that exists.`);
    }
  }
}

/** Where a chip's state struct lies. */
function chipState(memory: MachineMemory, chipId: number): Uint8Array {
  switch (chipId) {
    case KVM_IRQCHIP_PIC_MASTER:
      return memory.bytes(memory.base + PIC_PAGE, kvm_pic_state.size);
    case KVM_IRQCHIP_PIC_SLAVE:
      return memory.bytes(memory.base + PIC_PAGE + PIC_STATE_SIZE, kvm_pic_state.size);
    case KVM_IRQCHIP_IOAPIC:
      return memory.bytes(memory.base + IOAPIC_PAGE, kvm_ioapic_state.size);
    default:
      throw new KvmError('EINVAL', `chip ${chipId} does not exist; PICs are 0 and 1, the IOAPIC is 2.`);
  }
}

/** KVM_GET_IRQCHIP. ENXIO without an irqchip, EINVAL for another chip_id than 0 to 2. */
export function getIrqchip(memory: MachineMemory, chipId: number): KvmIrqchip {
  needIrqchip(memory, 'ENXIO');
  const data = encode(kvm_irqchip, { chip_id: chipId });
  const state = chipState(memory, chipId);
  memory.locked(memory.vm + VM_IRQ_LOCK, () => data.set(state, 8));
  return decode(kvm_irqchip, data);
}

/** KVM_SET_IRQCHIP, with the whole state of one chip in `chip.pic` or `chip.ioapic`. Errors as getIrqchip. */
export function setIrqchip(memory: MachineMemory, core: Core, irqchip: Input<KvmIrqchip>): void {
  needIrqchip(memory, 'ENXIO');
  const state = chipState(memory, irqchip.chip_id ?? 0);
  const data = encode(kvm_irqchip, irqchip);
  memory.locked(memory.vm + VM_IRQ_LOCK, () => state.set(data.subarray(8, 8 + state.length)));
  core.irqchip_loaded();
}

/** KVM_CREATE_PIT2. ENOENT without an irqchip, EEXIST when there is one, EINVAL for unknown flags. */
export function createPit2(memory: MachineMemory, core: Core, config: Input<KvmPitConfig>): void {
  needIrqchip(memory, 'ENOENT');
  if (hasPit(memory)) throw new KvmError('EEXIST', 'this VM has its PIT already.');
  if ((config.flags ?? 0) & ~KVM_PIT_SPEAKER_DUMMY) {
    throw new KvmError('EINVAL', 'kvm_pit_config.flags may only be KVM_PIT_SPEAKER_DUMMY (1).');
  }
  core.pit_create();
}

/** KVM_GET_PIT2. ENXIO without a PIT. */
export function getPit2(memory: MachineMemory): KvmPitState2 {
  needPit(memory);
  return memory.locked(memory.vm + VM_IRQ_LOCK, () =>
    decode(kvm_pit_state2, memory.bytes(memory.base + PIT_PAGE, kvm_pit_state2.size)),
  );
}

/** KVM_SET_PIT2; fields not named keep their values. ENXIO without a PIT. */
export function setPit2(memory: MachineMemory, core: Core, state: Input<KvmPitState2>): void {
  needPit(memory);
  memory.locked(memory.vm + VM_IRQ_LOCK, () => {
    encodeInto(kvm_pit_state2, memory.bytes(memory.base + PIT_PAGE, kvm_pit_state2.size), state);
  });
  core.pit_loaded();
}

/** KVM_GET_CLOCK: kvmclock in ns. */
export function getClock(memory: MachineMemory): KvmClockData {
  const clock = BigInt.asUintN(
    64,
    machineNanoseconds(memory) + memory.u64(memory.base + CLOCK_PAGE + CLOCK_OFFSET),
  );
  return { clock, flags: 0, pad0: 0, realtime: 0n, host_tsc: 0n, pad: [0, 0, 0, 0] };
}

/** KVM_SET_CLOCK: kvmclock goes on from `clock`. EINVAL for flags. */
export function setClock(memory: MachineMemory, data: Input<KvmClockData>): void {
  if (data.flags) throw new KvmError('EINVAL', 'kvm_clock_data.flags must be 0 when it is set.');
  const offset = BigInt(data.clock ?? 0) - machineNanoseconds(memory);
  memory.setU64(memory.base + CLOCK_PAGE + CLOCK_OFFSET, BigInt.asUintN(64, offset));
}

/** KVM_GET_LAPIC: the register page of a vCPU's local APIC. EINVAL without an irqchip. */
export function getLapic(memory: MachineMemory, core: Core, id: number): KvmLapicState {
  needIrqchip(memory, 'EINVAL');
  core.lapic_save(vcpuPage(memory, id));
  return decode(kvm_lapic_state, memory.bytes(vcpuArea(memory, id) + VCPU_LAPIC, kvm_lapic_state.size));
}

/** KVM_SET_LAPIC. EINVAL without an irqchip. */
export function setLapic(memory: MachineMemory, core: Core, id: number, state: Input<KvmLapicState>): void {
  needIrqchip(memory, 'EINVAL');
  encodeInto(kvm_lapic_state, memory.bytes(vcpuArea(memory, id) + VCPU_LAPIC, kvm_lapic_state.size), state);
  core.lapic_loaded(vcpuPage(memory, id));
}
