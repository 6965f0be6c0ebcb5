// Where the rarer calls of KVM keep what they were given: words of the VM page and of the vCPU page, the MSR filter, the
// machine-check banks and the counters of KVM_GET_STATS_FD. Constants only.

// VM page, offsets from it; u32 each where nothing else is said.
/** KVM_CAP_EXIT_HYPERCALL: bitmap of the hypercalls that exit. */
export const VM_HYPERCALL_EXITS: u32 = 0x300;
/** KVM_CAP_X86_USER_SPACE_MSR: KVM_MSR_EXIT_REASON_* that exit instead of raising #GP. */
export const VM_MSR_EXITS: u32 = 0x304;
/** KVM_X86_SET_MSR_FILTER: offset of the filter in force from the VM's base; 0 = none, every MSR is allowed (atomic). */
export const VM_MSR_FILTER: u32 = 0x308;
/** KVM_CAP_X86_DISABLE_EXITS: KVM_X86_DISABLE_EXITS_*. */
export const VM_DISABLED_EXITS: u32 = 0x30c;
/** KVM_CAP_X86_BUS_LOCK_EXIT: 1 = a split lock exits. */
export const VM_BUS_LOCK_EXITS: u32 = 0x310;
/** KVM_CAP_EXCEPTION_PAYLOAD. */
export const VM_EXCEPTION_PAYLOADS: u32 = 0x314;
/** KVM_CAP_X86_TRIPLE_FAULT_EVENT. */
export const VM_TRIPLE_FAULT_EVENTS: u32 = 0x318;
/** KVM_CAP_EXIT_ON_EMULATION_FAILURE. */
export const VM_EMULATION_EXITS: u32 = 0x31c;
/** KVM_CAP_X2APIC_API: KVM_X2APIC_API_*. */
export const VM_X2APIC_API: u32 = 0x320;
/** KVM_CAP_MAX_VCPU_ID: ids must be below it; 0 = not set. */
export const VM_MAX_VCPU_ID: u32 = 0x324;
/** KVM_CAP_DISABLE_QUIRKS: KVM_X86_QUIRK_* that are off. */
export const VM_DISABLED_QUIRKS: u32 = 0x328;
/** KVM_CAP_HALT_POLL: how long a halted vCPU polls at most, in ns; 0 = never. */
export const VM_HALT_POLL_NS: u32 = 0x32c;
/** KVM_CAP_MSR_PLATFORM_INFO: 1 = the guest may not read it. */
export const VM_PLATFORM_INFO_HIDDEN: u32 = 0x330;
/** KVM_CAP_SPLIT_IRQCHIP: GSIs below it belong to the IOAPIC of user space. */
export const VM_RESERVED_PINS: u32 = 0x334;
/** Values of VM_HAS_IRQCHIP beside 0: all chips in the core, or local APICs alone (KVM_CAP_SPLIT_IRQCHIP). */
export const IRQCHIP_FULL: u32 = 1;
export const IRQCHIP_SPLIT: u32 = 2;

export const KVM_X86_DISABLE_EXITS_HLT: u32 = 2;
export const KVM_MSR_EXIT_REASON_INVAL: u32 = 1;
export const KVM_MSR_EXIT_REASON_UNKNOWN: u32 = 2;
export const KVM_MSR_EXIT_REASON_FILTER: u32 = 4;
export const KVM_X2APIC_API_USE_32BIT_IDS: u32 = 1;
export const KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK: u32 = 2;
export const KVM_X86_QUIRK_LINT0_REENABLED: u32 = 1;
export const KVM_X86_QUIRK_FIX_HYPERCALL_INSN: u32 = 0x20;
export const KVM_X86_QUIRK_MWAIT_NEVER_UD_FAULTS: u32 = 0x40;

// The MSR filter: two places, so that one can be filled while the other is in force. Offsets from the VM's base.
export const MSR_FILTERS: u32 = 0xf0000;
export const MSR_FILTER_STRIDE: u32 = 0x8000;
/** A filter: whether MSRs outside all ranges are allowed, how many ranges, the ranges, then their bitmaps. */
export const FILTER_ALLOWS: u32 = 0;
export const FILTER_COUNT: u32 = 4;
export const FILTER_RANGES: u32 = 8;
export const FILTER_BITMAPS: u32 = 0x200;
/** A range: its first MSR, their number, KVM_MSR_FILTER_*, and the offset of its bitmap in the filter. */
export const RANGE_SIZE: u32 = 16;
export const RANGE_BASE: u32 = 0;
export const RANGE_MSRS: u32 = 4;
export const RANGE_FLAGS: u32 = 8;
export const RANGE_BITMAP: u32 = 12;
export const KVM_MSR_FILTER_MAX_RANGES: u32 = 16;
export const KVM_MSR_FILTER_MAX_BITMAP_SIZE: u32 = 0x600;
export const KVM_MSR_FILTER_READ: u32 = 1;
export const KVM_MSR_FILTER_WRITE: u32 = 2;

// vCPU page. An exception that waits for the next entry (KVM_SET_VCPU_EVENTS, KVM_SET_GUEST_DEBUG, KVM_X86_SET_MCE).
/** Vector + 1; 0 = none. */
export const V_EXCEPTION: u32 = 0x600;
export const V_EXCEPTION_HAS_CODE: u32 = 0x604;
export const V_EXCEPTION_CODE: u32 = 0x608;
/** 1: the payload is CR2 or the DR6 bits; 0: those registers are right already. */
export const V_EXCEPTION_HAS_PAYLOAD: u32 = 0x60c;
export const V_EXCEPTION_PAYLOAD: u32 = 0x610; // u64
/** 1: shown as pending, not as injected. */
export const V_EXCEPTION_PENDING: u32 = 0x618;
/** 1: the next entry ends with KVM_EXIT_SHUTDOWN. */
export const V_TRIPLE_FAULT: u32 = 0x61c;
/** Vector + 1 of an EOI that the IOAPIC of user space waits for. */
export const V_EOI_EXIT: u32 = 0x620;
/** KVM_TPR_ACCESS_REPORTING, and the access to report when its instruction has ended: TPR_*. */
export const V_TPR_REPORTS: u32 = 0x624;
export const V_TPR_ACCESS: u32 = 0x628;
export const TPR_NONE: u32 = 0;
export const TPR_READ: u32 = 1;
export const TPR_WRITE: u32 = 2;
/** KVM_SET_VAPIC_ADDR: guest-physical address, 0 = none. */
export const V_VAPIC_ADDR: u32 = 0x638; // u64
/** KVM_CAP_ENFORCE_PV_FEATURE_CPUID. */
export const V_PV_ENFORCED: u32 = 0x640;
/** Set by KVM_HC_KICK_CPU: the next HLT, or the one under way, ends at once (atomic). */
export const V_PV_UNHALT: u32 = 0x644;
/** KVM_SET_SIGNAL_MASK: whether there is one, it, and the signals that wait behind it (u32 pairs, atomic). */
export const V_SIGNAL_MASKED: u32 = 0x648;
export const V_SIGNAL_MASK: u32 = 0x650;
export const V_SIGNALS: u32 = 0x658;
/** KVM_X86_SETUP_MCE, u64 each. */
export const V_MCG_CAP: u32 = 0x660;
export const V_MCG_CTL: u32 = 0x668;
/** 1: the instruction that ended was a split lock. */
export const V_BUS_LOCK: u32 = 0x670;

/** u64: KVM_SET_TSC_KHZ of the vCPU, 0 = the VM's. */
export const V_TSC_KHZ: u32 = 0x678;

// In the page of MSR homes (VCPU_MSRS).
/** IA32_MCG_STATUS, u64. */
export const MCG_STATUS: u32 = 0x0f0;
/** Machine-check banks: CTL, STATUS, ADDR, MISC of each, u64. */
export const MCE_BANKS: u32 = 0x400;
export const KVM_MAX_MCE_BANKS: u32 = 32;
/** Exits by reason, u64 each, then the counters. */
export const STAT_EXIT_REASONS: u32 = 0x800;
export const STAT_REASONS: u32 = 64;
export const STAT_HALTS: u32 = 0xa00;
export const STAT_NMIS: u32 = 0xa08;
export const STAT_HYPERCALLS: u32 = 0xa10;
export const STAT_TLB_FLUSHES: u32 = 0xa18;
export const STAT_BUS_LOCKS: u32 = 0xa20;
export const STAT_HALT_WAKEUPS: u32 = 0xa28;
// Halt polling (web/kvm/halt_poll.ts): polls, those that a wake ended; ns of these, of the others, and asleep.
export const STAT_POLLS: u32 = 0xa30;
export const STAT_POLLS_WON: u32 = 0xa38;
export const STAT_POLL_SUCCESS_NS: u32 = 0xa40;
export const STAT_POLL_FAIL_NS: u32 = 0xa48;
export const STAT_WAIT_NS: u32 = 0xa50;
