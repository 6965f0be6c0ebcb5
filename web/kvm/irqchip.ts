// The in-core interrupt chips for the host: making them, driving lines, and their state as KVM's structs. The chips
// themselves are the core's; their pages begin with KVM's state structs, so reading one is a copy.

import { IRQCHIP_FULL, KVM_X2APIC_API_USE_32BIT_IDS, VM_X2APIC_API } from '../../assembly/abi/calls.ts';
import {
  APIC_BASE_X2APIC,
  APIC_ID,
  CLOCK_OFFSET,
  KVM_IRQCHIP_IOAPIC,
  KVM_IRQCHIP_PIC_MASTER,
  KVM_IRQCHIP_PIC_SLAVE,
  PIC_STATE_SIZE,
} from '../../assembly/abi/irqchip.ts';
import {
  CLOCK_PAGE,
  ENGINE_DETERMINISTIC,
  IOAPIC_PAGE,
  PIC_PAGE,
  PIT_PAGE,
  VCPU_LAPIC,
  VM_ENGINE,
  VM_HAS_IRQCHIP,
  VM_HAS_PIT,
  VM_IRQ_LOCK,
} from '../../assembly/abi/map.ts';
import { V_APIC_BASE } from '../../assembly/abi/vcpu_page.ts';
import {
  decode,
  encode,
  encodeInto,
  type Input,
  type KvmClockData,
  KvmError,
  type KvmIrqchip,
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
import { clockChanged } from './kvmclock.ts';
import type { MachineMemory } from './memory.ts';
import { hostMilliseconds, machineNanoseconds, vcpuArea, vcpuIds, vcpuPage, vmTscKhz } from './vm_page.ts';

/** KVM_IRQCHIP_*: kvm_irqchip.chip_id. */
export const KVM_IRQCHIP = {
  PIC_MASTER: KVM_IRQCHIP_PIC_MASTER,
  PIC_SLAVE: KVM_IRQCHIP_PIC_SLAVE,
  IOAPIC: KVM_IRQCHIP_IOAPIC,
} as const;

const KVM_PIT_SPEAKER_DUMMY = 1;

export function hasIrqchip(memory: MachineMemory): boolean {
  return memory.load(memory.vm + VM_HAS_IRQCHIP) !== 0;
}

/** All chips are in the core, not the local APICs alone. */
export function hasPic(memory: MachineMemory): boolean {
  return memory.load(memory.vm + VM_HAS_IRQCHIP) === IRQCHIP_FULL;
}

export function hasPit(memory: MachineMemory): boolean {
  return memory.load(memory.vm + VM_HAS_PIT) !== 0;
}

function needIrqchip(memory: MachineMemory, code: 'ENXIO' | 'EINVAL'): void {
  if (!hasIrqchip(memory)) throw new KvmError(code, 'this VM has no irqchip; call createIrqchip first.');
}

function needPic(memory: MachineMemory, code: 'ENXIO' | 'ENOENT'): void {
  if (!hasPic(memory))
    throw new KvmError(code, 'this VM has no PIC and IOAPIC in the core; call createIrqchip first.');
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

/**
 * KVM_IRQ_LINE and KVM_IRQ_LINE_STATUS: raises or lowers a GSI. The status: to how many it went, 0 when it was coalesced
 * with one that still waits, -1 when it was masked or the GSI leads nowhere. ENXIO without an irqchip.
 */
export function irqLine(memory: MachineMemory, core: Core, gsi: number, level: boolean): number {
  needIrqchip(memory, 'ENXIO');
  return core.irq_line(gsi >>> 0, level ? 1 : 0);
}

/** kvm_msi.flags: `devid` is valid. x86 takes no notice of it. */
const KVM_MSI_VALID_DEVID = 1;

/**
 * KVM_SIGNAL_MSI: how many local APICs took the message, 0 when the guest blocks it. EINVAL without an irqchip or with
 * flags, EPERM (KVM's -1) when the message names no local APIC.
 */
export function signalMsi(memory: MachineMemory, core: Core, msi: Input<KvmMsi>): number {
  needIrqchip(memory, 'EINVAL');
  if ((msi.flags ?? 0) & ~KVM_MSI_VALID_DEVID)
    throw new KvmError('EINVAL', 'kvm_msi.flags may be KVM_MSI_VALID_DEVID (1) only.');
  const high = msi.address_hi ?? 0;
  const wide = usesWideIds(memory);
  if (wide && high & 0xff)
    throw new KvmError('EINVAL', 'with 32-bit ids bits 0 to 7 of address_hi must be 0.');
  const address = (BigInt(high) << 32n) | BigInt(msi.address_lo ?? 0);
  // The upper 24 bits of an id that no vCPU has.
  const taken = wide && high !== 0 ? -1 : core.msi_send(address, (msi.data ?? 0) >>> 0);
  if (taken < 0)
    throw new KvmError(
      'EPERM',
      'no local APIC has the destination of this MSI; look at bits 12 to 19 of its address.',
    );
  return taken;
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

/** KVM_REINJECT_CONTROL. ENXIO without a PIT. */
export function reinjectControl(memory: MachineMemory, core: Core, on: boolean): void {
  needPit(memory);
  core.pit_set_reinject(on ? 1 : 0);
}

/** KVM_GET_IRQCHIP. ENXIO without an irqchip, EINVAL for another chip_id than 0 to 2. */
export function getIrqchip(memory: MachineMemory, core: Core, chipId: number): KvmIrqchip {
  needPic(memory, 'ENXIO');
  // Interrupts that other threads have left to a vCPU are in the state, though none runs.
  core.irqfds_poll();
  const data = encode(kvm_irqchip, { chip_id: chipId });
  const state = chipState(memory, chipId);
  memory.locked(memory.vm + VM_IRQ_LOCK, () => data.set(state, 8));
  return decode(kvm_irqchip, data);
}

/** KVM_SET_IRQCHIP, with the whole state of one chip in `chip.pic` or `chip.ioapic`. Errors as getIrqchip. */
export function setIrqchip(memory: MachineMemory, core: Core, irqchip: Input<KvmIrqchip>): void {
  needPic(memory, 'ENXIO');
  const state = chipState(memory, irqchip.chip_id ?? 0);
  const data = encode(kvm_irqchip, irqchip);
  memory.locked(memory.vm + VM_IRQ_LOCK, () => state.set(data.subarray(8, 8 + state.length)));
  core.irqchip_loaded();
}

/** KVM_CREATE_PIT2. ENOENT without an irqchip, EEXIST when there is one, EINVAL for unknown flags. */
export function createPit2(memory: MachineMemory, core: Core, config: Input<KvmPitConfig>): void {
  needPic(memory, 'ENOENT');
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

/** KVM_CLOCK_*: what a clock reading holds beside kvmclock. */
export const KVM_CLOCK = { TSC_STABLE: 2, REALTIME: 4, HOST_TSC: 8 } as const;
const CLOCK_FLAGS = KVM_CLOCK.TSC_STABLE | KVM_CLOCK.REALTIME | KVM_CLOCK.HOST_TSC;

/**
 * KVM_GET_CLOCK: kvmclock in ns, the wall clock and the TSC of the same moment. In the deterministic engine there is no
 * wall clock, and the flags say so.
 */
export function getClock(memory: MachineMemory): KvmClockData {
  const now = machineNanoseconds(memory);
  const virtual = memory.u32(memory.vm + VM_ENGINE) === ENGINE_DETERMINISTIC;
  return {
    clock: BigInt.asUintN(64, now + memory.u64(memory.base + CLOCK_PAGE + CLOCK_OFFSET)),
    flags: virtual ? CLOCK_FLAGS & ~KVM_CLOCK.REALTIME : CLOCK_FLAGS,
    pad0: 0,
    realtime: virtual ? 0n : BigInt(Math.round(hostMilliseconds() * 1e6)),
    host_tsc: (now * BigInt(vmTscKhz(memory))) / 1_000_000n,
    pad: [0, 0, 0, 0],
  };
}

/**
 * KVM_SET_CLOCK: kvmclock goes on from `clock`; with KVM_CLOCK_REALTIME the time since `realtime` is added. EINVAL for
 * flags that KVM_GET_CLOCK does not give.
 */
export function setClock(memory: MachineMemory, data: Input<KvmClockData>): void {
  const { flags = 0, clock = 0n, realtime = 0n } = data;
  if (flags & ~CLOCK_FLAGS)
    throw new KvmError('EINVAL', `kvm_clock_data.flags are 2, 4 and 8; ${flags} was given.`);
  const wall = BigInt(Math.round(hostMilliseconds() * 1e6));
  const since = flags & KVM_CLOCK.REALTIME && wall > BigInt(realtime) ? wall - BigInt(realtime) : 0n;
  const offset = BigInt(clock) + since - machineNanoseconds(memory);
  memory.setU64(memory.base + CLOCK_PAGE + CLOCK_OFFSET, BigInt.asUintN(64, offset));
  clockChanged(memory);
}

/** x2APIC mode is on: its 32-bit ids are the vCPUs' ids. */
function hasWideId(memory: MachineMemory, id: number): boolean {
  return (memory.u32(vcpuPage(memory, id) + V_APIC_BASE) & APIC_BASE_X2APIC) !== 0;
}

function usesWideIds(memory: MachineMemory): boolean {
  return (memory.u32(memory.vm + VM_X2APIC_API) & KVM_X2APIC_API_USE_32BIT_IDS) !== 0;
}

/**
 * KVM_GET_LAPIC: the register page of a vCPU's local APIC. The ID register is bits 24 to 31, or in x2APIC mode all 32
 * bits where KVM_CAP_X2APIC_API has said so. EINVAL without an irqchip.
 */
export function getLapic(memory: MachineMemory, core: Core, id: number): KvmLapicState {
  needIrqchip(memory, 'EINVAL');
  core.irqfds_poll();
  core.lapic_save(vcpuPage(memory, id));
  const page = memory.bytes(vcpuArea(memory, id) + VCPU_LAPIC, kvm_lapic_state.size);
  const state = decode(kvm_lapic_state, page);
  if (hasWideId(memory, id) && usesWideIds(memory))
    new DataView(state.regs.buffer, state.regs.byteOffset).setUint32(APIC_ID, id, true);
  return state;
}

/** KVM_SET_LAPIC. EINVAL without an irqchip, and for an ID register of 32 bits that is not the vCPU's id. */
export function setLapic(memory: MachineMemory, core: Core, id: number, state: Input<KvmLapicState>): void {
  needIrqchip(memory, 'EINVAL');
  const at = vcpuArea(memory, id) + VCPU_LAPIC;
  const page = Uint8Array.from(memory.bytes(at, kvm_lapic_state.size));
  encodeInto(kvm_lapic_state, page, state);
  if (hasWideId(memory, id) && usesWideIds(memory)) {
    const view = new DataView(page.buffer);
    if (state.regs && view.getUint32(APIC_ID, true) !== id) {
      throw new KvmError(
        'EINVAL',
        `the 32-bit APIC id of vCPU ${id} is its own id; the register says another.`,
      );
    }
    view.setUint32(APIC_ID, id << 24, true);
  }
  memory.bytes(at, page.length).set(page);
  core.lapic_loaded(vcpuPage(memory, id));
}
