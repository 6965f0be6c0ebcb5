// The door of web/kvm: Kvm > Vm > Vcpu, the tables of <linux/kvm.h>, and what other floors read from the memory.

export * from './abi/index.ts';
export { type Place, place } from './aliases.ts';
export { COALESCED_MMIO_PAGE_OFFSET, type CoalescedWrite, type CoalescedZone } from './coalesced.ts';
export { type Core, type PortServer, servePorts } from './core.ts';
export { cpuidOf, FEATURES, KVM_CPUID_FLAG_SIGNIFCANT_INDEX, MAX_CPUID_ENTRIES } from './cpuid.ts';
export { clearDerived, derivedRanges } from './derived.ts';
export { type DirtyPages, dirtyPages, hostWritten, slotWritten } from './dirty_log.ts';
export { type DirtyGfn, DirtyRing, dirtyRingEntries, KVM_DIRTY_LOG_PAGE_OFFSET } from './dirty_ring.ts';
export { type IoeventfdInfo, type IrqfdInfo, ioeventfds, irqfds, releaseEvents } from './event_tables.ts';
export { Eventfd, type EventfdHandle, type EventfdOptions } from './eventfd.ts';
export { readRflags } from './flags.ts';
export {
  isUnrouted,
  KVM_IRQ_ROUTING,
  MAX_IRQ_ROUTES,
  type MessageRoute,
  routeMessages,
  takeUnrouted,
} from './gsi_routing.ts';
export { copyFromGuest, copyToGuest, hvaOf } from './guest_memory.ts';
export { HaltPoll } from './halt_poll.ts';
export {
  HYPERV_MSRS,
  type HypervEventfd,
  hypervCpuid,
  KVM_EXIT_HYPERV_TYPE,
  KVM_HYPERV_EVENTFD_DEASSIGN,
} from './hyperv.ts';
export { type Ioeventfd, KVM_IOEVENTFD_FLAG } from './ioeventfd.ts';
export { hasPic, KVM_IRQCHIP } from './irqchip.ts';
export { type Irqfd, KVM_IRQFD_FLAG } from './irqfd.ts';
export { KVM_API_VERSION, Kvm, type KvmOptions } from './kvm.ts';
export { MachineMemory, roundUp } from './memory.ts';
export { filterBitmapBytes, KVM_MSR_FILTER, type MsrFilter, type MsrFilterRange } from './msr_filter.ts';
export {
  type Attachment,
  type AttachmentKind,
  freePin,
  Pin,
  type PinInfo,
  type PinOwner,
  type PinPlace,
  pins,
  revokePin,
} from './pins.ts';
export { readDebugregs, readRegs, readSregs } from './registers.ts';
export { request, requestAll, requestEvents, waitUntilOut } from './requests.ts';
export { type IoExit, KVM_SYNC_X86, type MmioExit, RunPage } from './run_page.ts';
export { SIGUSR1, signalMask } from './signals.ts';
export {
  ADDRESS_SPACES,
  bitmapBytes,
  checkSlotId,
  KVM_MEM_LOG_DIRTY_PAGES,
  KVM_MEM_READONLY,
  MAX_SLOTS,
  type Slot,
  setUserMemoryRegion,
  slot,
  slotAt,
} from './slots.ts';
export { KVM_SREGS2_FLAGS_PDPTRS_VALID } from './sregs2.ts';
export { exitCounts, KVM_STATS_TYPE, type Stat, vcpuStats } from './stats.ts';
export {
  DROP_REASONS,
  type DropReason,
  forgetCode,
  forgetRegion,
  type Place as RegionPlace,
  type PlaceKind,
  type Region,
  type RegionText,
  readRegion,
  readRegions,
  readText,
  readTierEvents,
  readTiers,
  type TierCounts,
  type TierEvent,
} from './tiers.ts';
export { type Translation, translate } from './translate.ts';
export { Vcpu } from './vcpu.ts';
export { KVM_VCPU_TSC_CTRL } from './vcpu_calls.ts';
export { KVM_VCPUEVENT, readEvents } from './vcpu_events.ts';
export { Vm, type VmHandle, type VmOptions } from './vm.ts';
export {
  hostMilliseconds,
  layMemory,
  livingVms,
  machineNanoseconds,
  retired,
  vcpuArea,
  vcpuPage,
} from './vm_page.ts';
export { BUS_LOCK, MSR_EXIT, QUIRKS, X2APIC_API } from './vm_settings.ts';
export { KVM_XEN_HVM } from './xen.ts';
