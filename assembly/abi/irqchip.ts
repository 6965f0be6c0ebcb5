// The interrupt chips in memory: KVM's state structures first, private words behind. Constants only.
//
//   PIC_PAGE     struct kvm_pic_state master | slave                    | 0x400 output of the pair
//   IOAPIC_PAGE  struct kvm_ioapic_state                                | 0x400 acknowledgements, lines
//   PIT_PAGE     struct kvm_pit_state2                                  | 0x400 channel 0's ticks, gates
//   CLOCK_PAGE   u64 offset of kvmclock, then what its guests have told (abi/pv.ts)
//   ROUTES_PAGE  the GSI routing table
//   VM_IRQFDS    in the VM page: irqfds
//   VCPU_LAPIC   the 1 KiB of registers of KVM_GET_LAPIC                | 0x400 timer, pending INIT and SIPI

import { VM_EVENT_TABLES } from './map';

// struct kvm_pic_state, u8 each.
export const PIC_MASTER: u32 = 0;
export const PIC_SLAVE: u32 = 16;
export const PIC_LAST_IRR: u32 = 0;
export const PIC_IRR: u32 = 1;
export const PIC_IMR: u32 = 2;
export const PIC_ISR: u32 = 3;
export const PIC_PRIORITY_ADD: u32 = 4;
export const PIC_IRQ_BASE: u32 = 5;
export const PIC_READ_REG_SELECT: u32 = 6;
export const PIC_POLL: u32 = 7;
export const PIC_SPECIAL_MASK: u32 = 8;
export const PIC_INIT_STATE: u32 = 9;
export const PIC_AUTO_EOI: u32 = 10;
export const PIC_ROTATE_ON_AUTO_EOI: u32 = 11;
export const PIC_SPECIAL_FULLY_NESTED_MODE: u32 = 12;
export const PIC_INIT4: u32 = 13;
export const PIC_ELCR: u32 = 14;
export const PIC_ELCR_MASK: u32 = 15;
export const PIC_STATE_SIZE: u32 = 16;
/** u32: the pair's INTR output, 0 or 1. */
export const PIC_OUTPUT: u32 = 0x400;

// struct kvm_ioapic_state.
export const IOAPIC_BASE_ADDRESS: u32 = 0; // u64
export const IOAPIC_IOREGSEL: u32 = 8;
export const IOAPIC_ID: u32 = 12;
/** Level of each pin. */
export const IOAPIC_IRR: u32 = 16;
export const IOAPIC_REDIRTBL: u32 = 24; // u64 each
export const IOAPIC_PINS: u32 = 24;
export const IOAPIC_STATE_SIZE: u32 = 216;
export const IOAPIC_DEFAULT_ADDRESS: u32 = 0xfec00000;
/** Bitmap of 256 vectors whose EOI the IOAPIC wants to hear of although they are edge triggered. */
export const IOAPIC_EOI_VECTORS: u32 = 0x400;
/** Turn of lowest-priority delivery (u32). */
export const IOAPIC_ARBITER: u32 = 0x420;
/** Pins acknowledged since the chips last settled (u64 bitmap, under the lock): PIC pins from bit 0, IOAPIC pins from bit 16. */
export const IRQ_ACKS: u32 = 0x428;
/** Pins whose acknowledgement somebody waits for: the PIT, resampling irqfds (u64 bitmap of the same form). */
export const IRQ_HEARD: u32 = 0x430;
export const IRQ_IOAPIC_BIT: u32 = 16;
/** Number of routing entries (u32); they stand in ROUTES_PAGE. */
export const ROUTE_COUNT: u32 = 0x438;
/** One byte for each GSI below IRQ_GSIS: a bit for each source that holds the line up. */
export const IRQ_LINES: u32 = 0x440;
export const IRQ_GSIS: u32 = 1024;
/** Bitmap of the GSIs whose irqfd was signalled while they led nowhere (atomic): whoever routes them later may look here. */
export const IRQ_UNROUTED: u32 = 0x840;
// Sources of a line; a line is high while any source holds it up.
export const IRQ_SOURCE_USER: u32 = 0;
export const IRQ_SOURCE_PIT: u32 = 1;
export const IRQ_SOURCE_RESAMPLE: u32 = 2;
/** FERR# of the x87. */
export const IRQ_SOURCE_X87: u32 = 3;
export const ROUTE_SIZE: u32 = 16;
export const ROUTES_MAX: u32 = 1024;
// A routing entry: the fields of struct kvm_irq_routing_entry without its padding.
export const ROUTE_GSI: u32 = 0; // u16
export const ROUTE_TYPE: u32 = 2; // u16: KVM_IRQ_ROUTING_*
export const ROUTE_CHIP: u32 = 4; // u32: chip, or the MSI address's low half
export const ROUTE_PIN: u32 = 8; // u32: pin, or the MSI address's high half
export const ROUTE_DATA: u32 = 12; // u32: MSI data
export const KVM_IRQ_ROUTING_IRQCHIP: u32 = 1;
export const KVM_IRQ_ROUTING_MSI: u32 = 2;
/** ROUTE_CHIP is the VP index, ROUTE_PIN the SINT. */
export const KVM_IRQ_ROUTING_HV_SINT: u32 = 4;
export const KVM_IRQCHIP_PIC_MASTER: u32 = 0;
export const KVM_IRQCHIP_PIC_SLAVE: u32 = 1;
export const KVM_IRQCHIP_IOAPIC: u32 = 2;

// An irqfd: the eventfd that drives it (0 = free), its GSI, and the eventfd that hears of its EOI (0 = an edge).
export const VM_IRQFDS: u32 = 0xa000;
export const IRQFDS_MAX: u32 = 256;
export const IRQFD_SIZE: u32 = 16;
export const IRQFD_EVENTFD: u32 = 0;
export const IRQFD_GSI: u32 = 4;
export const IRQFD_RESAMPLE: u32 = 8;
/** In the VM page: 1 while an irqfd was signalled by a thread that could not inject (u32, atomic). */
export const VM_IRQFD_WAITS: u32 = VM_EVENT_TABLES;
/** In the VM page: how many irqfds resample (u32, under the irqchip lock). */
export const VM_RESAMPLERS: u32 = VM_EVENT_TABLES + 0x4;

// struct kvm_pit_state2: three struct kvm_pit_channel_state, then the flags.
export const PIT_CHANNEL_SIZE: u32 = 24;
export const PIT_COUNT: u32 = 0; // u32
export const PIT_LATCHED_COUNT: u32 = 4; // u16
export const PIT_COUNT_LATCHED: u32 = 6; // u8 from here on
export const PIT_STATUS_LATCHED: u32 = 7;
export const PIT_STATUS: u32 = 8;
export const PIT_READ_STATE: u32 = 9;
export const PIT_WRITE_STATE: u32 = 10;
export const PIT_WRITE_LATCH: u32 = 11;
export const PIT_RW_MODE: u32 = 12;
export const PIT_MODE: u32 = 13;
export const PIT_BCD: u32 = 14;
export const PIT_GATE: u32 = 15;
export const PIT_COUNT_LOAD_TIME: u32 = 16; // i64 ns
export const PIT_FLAGS: u32 = 72; // u32
export const PIT_STATE_SIZE: u32 = 112;
export const KVM_PIT_FLAGS_HPET_LEGACY: u32 = 1;
export const KVM_PIT_FLAGS_SPEAKER_DATA_ON: u32 = 2;
/** Hz of the 8254's input clock. */
export const PIT_HZ: u32 = 1193182;
/** u64 ns: when channel 0 ticks next; 0 = never. */
export const PIT_NEXT: u32 = 0x400;
/** u64: ticks of channel 0 since its count was loaded. */
export const PIT_TICKS: u32 = 0x408;
/** u32: ticks that wait for the guest to acknowledge the one before. */
export const PIT_BACKLOG: u32 = 0x410;
/** u32: 1 when the last tick was acknowledged, so that the next may be injected. */
export const PIT_IRQ_ACK: u32 = 0x414;
/** u32: 1 = lost ticks are injected later (KVM_REINJECT_CONTROL). */
export const PIT_REINJECT: u32 = 0x418;
/** For each channel u64: clocks counted when the counter was stopped, plus 1; 0 = counting. */
export const PIT_HELD: u32 = 0x420;

/** i64 in CLOCK_PAGE: kvmclock minus machine time, ns. */
export const CLOCK_OFFSET: u32 = 0;

// Local APIC registers (SDM vol. 3, table 11-1).
export const APIC_ID: u32 = 0x020;
export const APIC_LVR: u32 = 0x030;
export const APIC_TASKPRI: u32 = 0x080;
export const APIC_ARBPRI: u32 = 0x090;
export const APIC_PROCPRI: u32 = 0x0a0;
export const APIC_EOI: u32 = 0x0b0;
export const APIC_RRR: u32 = 0x0c0;
export const APIC_LDR: u32 = 0x0d0;
export const APIC_DFR: u32 = 0x0e0;
export const APIC_SPIV: u32 = 0x0f0;
export const APIC_ISR: u32 = 0x100;
export const APIC_TMR: u32 = 0x180;
export const APIC_IRR: u32 = 0x200;
export const APIC_ESR: u32 = 0x280;
export const APIC_ICR: u32 = 0x300;
export const APIC_ICR2: u32 = 0x310;
export const APIC_LVTT: u32 = 0x320;
export const APIC_LVTTHMR: u32 = 0x330;
export const APIC_LVTPC: u32 = 0x340;
export const APIC_LVT0: u32 = 0x350;
export const APIC_LVT1: u32 = 0x360;
export const APIC_LVTERR: u32 = 0x370;
export const APIC_TMICT: u32 = 0x380;
export const APIC_TMCCT: u32 = 0x390;
export const APIC_TDCR: u32 = 0x3e0;
export const APIC_SELF_IPI: u32 = 0x3f0;
// Private words of the LAPIC page.
/** u64 ns (atomic): when the timer fires; 0 = stopped. */
export const LAPIC_DEADLINE: u32 = 0x400;
/** u64 ns: period of the periodic timer; 0 = one-shot. */
export const LAPIC_PERIOD: u32 = 0x408;
/** Errors that the next write to ESR shows (u32, atomic). */
export const LAPIC_ERRORS: u32 = 0x410;
/** INIT and SIPI that wait for their vCPU's thread: LAPIC_EVENT_* (u32, atomic). */
export const LAPIC_EVENTS: u32 = 0x414;
export const LAPIC_EVENT_NONE: u32 = 0;
export const LAPIC_EVENT_INIT: u32 = 1;
export const LAPIC_EVENT_SIPI: u32 = 2;
/** 1 while an ExtINT message of the IOAPIC asks for the PIC's vector (u32, atomic). */
export const LAPIC_EXTINT: u32 = 0x418;

// Fields of ICR, LVT and redirection entries.
export const APIC_DM_FIXED: u32 = 0;
export const APIC_DM_LOWEST: u32 = 1;
export const APIC_DM_SMI: u32 = 2;
export const APIC_DM_REMRD: u32 = 3;
export const APIC_DM_NMI: u32 = 4;
export const APIC_DM_INIT: u32 = 5;
export const APIC_DM_STARTUP: u32 = 6;
export const APIC_DM_EXTINT: u32 = 7;
export const APIC_DEST_LOGICAL: u32 = 0x800;
export const APIC_ICR_BUSY: u32 = 0x1000;
export const APIC_INT_ASSERT: u32 = 0x4000;
export const APIC_REMOTE_IRR: u32 = 0x4000;
export const APIC_LEVEL_TRIG: u32 = 0x8000;
export const APIC_MASKED: u32 = 0x10000;
export const APIC_SPIV_ENABLED: u32 = 0x100;
export const APIC_TIMER_ONESHOT: u32 = 0;
export const APIC_TIMER_PERIODIC: u32 = 1;
export const APIC_TIMER_TSCDEADLINE: u32 = 2;
export const APIC_ESR_SEND_ILLEGAL: u32 = 0x20;
export const APIC_ESR_RECV_ILLEGAL: u32 = 0x40;
export const APIC_ESR_ILLEGAL_REG: u32 = 0x80;
// IA32_APIC_BASE.
export const APIC_BASE_BSP: u32 = 0x100;
export const APIC_BASE_X2APIC: u32 = 0x400;
export const APIC_BASE_ENABLE: u32 = 0x800;
export const APIC_DEFAULT_ADDRESS: u32 = 0xfee00000;
