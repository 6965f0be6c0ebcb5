// What a VM's buses hold beside its chips: ioeventfds and coalesced zones, in the VM page. Constants only.
import { VM_EVENT_TABLES } from './map';

/** How many ioeventfds and zones lie on each bus (u32 each): 0 = nobody need look. */
export const VM_BUS_MMIO: u32 = VM_EVENT_TABLES + 0x8;
export const VM_BUS_PIO: u32 = VM_EVENT_TABLES + 0xc;
/** Highest used entry plus 1 of each table (u32). */
export const VM_IOEVENTFD_END: u32 = VM_EVENT_TABLES + 0x10;
export const VM_ZONE_END: u32 = VM_EVENT_TABLES + 0x14;
/** Lock of the coalesced queue (0 free, 1 held), and how many writes it holds (u32). */
export const VM_COALESCED_LOCK: u32 = VM_EVENT_TABLES + 0x18;
export const VM_COALESCED_COUNT: u32 = VM_EVENT_TABLES + 0x1c;

export const VM_IOEVENTFDS: u32 = 0xb000;
export const IOEVENTFDS_MAX: u32 = 256;
export const IOEVENTFD_SIZE: u32 = 32;
export const IOEVENTFD_ADDR: u32 = 0; // u64
export const IOEVENTFD_DATAMATCH: u32 = 8; // u64
export const IOEVENTFD_LEN: u32 = 16; // u32: 1, 2, 4, 8; 0 = any
/** u32 (atomic): BUS_* flags; 0 = free. */
export const IOEVENTFD_FLAGS: u32 = 20;
/** Address of the eventfd's record. */
export const IOEVENTFD_EVENTFD: u32 = 24; // u32

/** Zones, of which the first 128 exist. */
export const VM_ZONES: u32 = 0xd000;
export const ZONES_MAX: u32 = 128;
export const ZONE_SIZE: u32 = 16;
export const ZONE_ADDR: u32 = 0; // u64
export const ZONE_BYTES: u32 = 8; // u32
export const ZONE_FLAGS: u32 = 12; // u32 (atomic): BUS_* flags; 0 = free

export const BUS_USED: u32 = 1;
export const BUS_PIO: u32 = 2;
export const BUS_DATAMATCH: u32 = 4;

/** Coalesced writes of all vCPUs in their order, until one of them leaves the core: struct kvm_coalesced_mmio each. */
export const VM_COALESCED: u32 = 0xe000;
// struct kvm_coalesced_mmio_ring, at VCPU_COALESCED of each vCPU.
export const RING_FIRST: u32 = 0;
export const RING_LAST: u32 = 4;
export const RING_ENTRIES: u32 = 8;
/** KVM_COALESCED_MMIO_MAX: entries of a page; one of them stays unused. */
export const RING_MAX: u32 = 170;
// struct kvm_coalesced_mmio.
export const COALESCED_SIZE: u32 = 24;
export const COALESCED_ADDR: u32 = 0; // u64
export const COALESCED_LEN: u32 = 8; // u32
export const COALESCED_PIO: u32 = 12; // u32
export const COALESCED_DATA: u32 = 16; // 8 bytes
