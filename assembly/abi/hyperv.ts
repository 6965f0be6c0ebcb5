// Hyper-V: numbers of the Top Level Functional Specification (TLFS), and where a VM and its vCPUs keep what a guest has
// set. Constants only, read by asc and by tsc alike.

// MSRs (TLFS, appendix C).
export const HV_MSRS: u32 = 0x40000000;
export const HV_MSRS_END: u32 = 0x40000200;
export const HV_X64_MSR_GUEST_OS_ID: u32 = 0x40000000;
export const HV_X64_MSR_HYPERCALL: u32 = 0x40000001;
export const HV_X64_MSR_VP_INDEX: u32 = 0x40000002;
export const HV_X64_MSR_RESET: u32 = 0x40000003;
export const HV_X64_MSR_VP_RUNTIME: u32 = 0x40000010;
export const HV_X64_MSR_TIME_REF_COUNT: u32 = 0x40000020;
export const HV_X64_MSR_REFERENCE_TSC: u32 = 0x40000021;
export const HV_X64_MSR_TSC_FREQUENCY: u32 = 0x40000022;
export const HV_X64_MSR_APIC_FREQUENCY: u32 = 0x40000023;
export const HV_X64_MSR_EOI: u32 = 0x40000070;
export const HV_X64_MSR_ICR: u32 = 0x40000071;
export const HV_X64_MSR_TPR: u32 = 0x40000072;
export const HV_X64_MSR_VP_ASSIST_PAGE: u32 = 0x40000073;
export const HV_X64_MSR_SCONTROL: u32 = 0x40000080;
export const HV_X64_MSR_SVERSION: u32 = 0x40000081;
export const HV_X64_MSR_SIEFP: u32 = 0x40000082;
export const HV_X64_MSR_SIMP: u32 = 0x40000083;
export const HV_X64_MSR_EOM: u32 = 0x40000084;
export const HV_X64_MSR_SINT0: u32 = 0x40000090;
export const HV_X64_MSR_SINT15: u32 = 0x4000009f;
/** CONFIG and COUNT of each of the four timers, in turn. */
export const HV_X64_MSR_STIMER0_CONFIG: u32 = 0x400000b0;
export const HV_X64_MSR_STIMER3_COUNT: u32 = 0x400000b7;
export const HV_X64_MSR_CRASH_P0: u32 = 0x40000100;
export const HV_X64_MSR_CRASH_P4: u32 = 0x40000104;
export const HV_X64_MSR_CRASH_CTL: u32 = 0x40000105;
export const HV_X64_MSR_REENLIGHTENMENT_CONTROL: u32 = 0x40000106;
export const HV_X64_MSR_TSC_EMULATION_CONTROL: u32 = 0x40000107;
export const HV_X64_MSR_TSC_EMULATION_STATUS: u32 = 0x40000108;

// CPUID leaves and their bits (TLFS, 2.4).
export const HYPERV_CPUID_VENDOR: u32 = 0x40000000;
export const HYPERV_CPUID_INTERFACE: u32 = 0x40000001;
export const HYPERV_CPUID_VERSION: u32 = 0x40000002;
export const HYPERV_CPUID_FEATURES: u32 = 0x40000003;
export const HYPERV_CPUID_ENLIGHTENMENTS: u32 = 0x40000004;
export const HYPERV_CPUID_LIMITS: u32 = 0x40000005;
/** "Hv#1" in EAX of the interface leaf. */
export const HYPERV_SIGNATURE: u32 = 0x31237648;
// Features, EAX: which MSRs a guest may use.
export const HV_MSR_VP_RUNTIME_AVAILABLE: u32 = 1 << 0;
export const HV_MSR_TIME_REF_COUNT_AVAILABLE: u32 = 1 << 1;
export const HV_MSR_SYNIC_AVAILABLE: u32 = 1 << 2;
export const HV_MSR_SYNTIMER_AVAILABLE: u32 = 1 << 3;
export const HV_MSR_APIC_ACCESS_AVAILABLE: u32 = 1 << 4;
export const HV_MSR_HYPERCALL_AVAILABLE: u32 = 1 << 5;
export const HV_MSR_VP_INDEX_AVAILABLE: u32 = 1 << 6;
export const HV_MSR_RESET_AVAILABLE: u32 = 1 << 7;
export const HV_MSR_REFERENCE_TSC_AVAILABLE: u32 = 1 << 9;
export const HV_ACCESS_FREQUENCY_MSRS: u32 = 1 << 11;
export const HV_ACCESS_REENLIGHTENMENT: u32 = 1 << 13;
// Features, EBX: which hypercalls.
export const HV_POST_MESSAGES: u32 = 1 << 4;
export const HV_SIGNAL_EVENTS: u32 = 1 << 5;
// Features, EDX.
export const HV_X64_HYPERCALL_XMM_INPUT_AVAILABLE: u32 = 1 << 4;
export const HV_FEATURE_FREQUENCY_MSRS_AVAILABLE: u32 = 1 << 8;
export const HV_FEATURE_GUEST_CRASH_MSR_AVAILABLE: u32 = 1 << 10;
export const HV_STIMER_DIRECT_MODE_AVAILABLE: u32 = 1 << 19;
// Enlightenments, EAX: what a guest is advised to use.
export const HV_X64_REMOTE_TLB_FLUSH_RECOMMENDED: u32 = 1 << 2;
export const HV_X64_APIC_ACCESS_RECOMMENDED: u32 = 1 << 3;
export const HV_X64_RELAXED_TIMING_RECOMMENDED: u32 = 1 << 5;
export const HV_DEPRECATING_AEOI_RECOMMENDED: u32 = 1 << 9;
export const HV_X64_CLUSTER_IPI_RECOMMENDED: u32 = 1 << 10;
export const HV_X64_EX_PROCESSOR_MASKS_RECOMMENDED: u32 = 1 << 11;

/** Bit 0 of the MSRs that name a page: it is in use. */
export const HV_PAGE_ENABLE: u32 = 1;
/** HV_X64_MSR_HYPERCALL: the guest cannot write it any more. */
export const HV_HYPERCALL_LOCKED: u32 = 2;
// HV_X64_MSR_SINTn.
export const HV_SINT_VECTOR: u32 = 0xff;
export const HV_SINT_MASKED: u32 = 0x10000;
export const HV_SINT_AUTO_EOI: u32 = 0x20000;
export const HV_SINTS: u32 = 16;
export const HV_STIMERS: u32 = 4;

// VM page, offsets from it: the partition.
export const VM_HV_GUEST_OS_ID: u32 = 0x5000; // u64
export const VM_HV_HYPERCALL: u32 = 0x5008; // u64
export const VM_HV_TSC_PAGE: u32 = 0x5010; // u64
export const VM_HV_CRASH_CTL: u32 = 0x5018; // u64
/** Five u64. */
export const VM_HV_CRASH_PARAMS: u32 = 0x5020;
/** Reenlightenment control, TSC emulation control and status: u64 each. */
export const VM_HV_REENLIGHTENMENT: u32 = 0x5048;
/** What the reference TSC page says: its sequence (u32, 0 = the page is not valid), scale and offset (u64 each). */
export const VM_HV_TSC_SEQUENCE: u32 = 0x5060;
export const VM_HV_TSC_SCALE: u32 = 0x5068;
export const VM_HV_TSC_OFFSET: u32 = 0x5070;
/** Lock of what all vCPUs write (0 free, 1 held). */
export const VM_HV_LOCK: u32 = 0x5078;
/** KVM_HYPERV_EVENTFD: a connection and the eventfd that SIGNAL_EVENT to it rings. Highest used entry plus 1 (u32). */
export const VM_HV_CONNECTION_END: u32 = 0x507c;
export const VM_HV_CONNECTIONS: u32 = 0x5400;
export const HV_CONNECTIONS_MAX: u32 = 128;
export const HV_CONNECTION_SIZE: u32 = 8;
export const HV_CONNECTION_ID: u32 = 0;
/** Address of the eventfd's record (atomic), 0 = the entry is free. */
export const HV_CONNECTION_EVENTFD: u32 = 4;
/** KVM_HYPERV_CONN_ID_MASK. */
export const HV_CONNECTION_ID_MASK: u32 = 0xffffff;

// vCPU page, offsets from it; they lie behind the counters in the page of MSR homes (VCPU_MSRS).
/** A bit for each SINT that is not masked: 0 = interrupts need not be looked at (atomic). */
export const V_HV_SINTS: u32 = 0x2b00;
/** KVM_CAP_HYPERV_SYNIC, KVM_CAP_HYPERV_SYNIC2: HV_SYNIC_*. */
export const V_HV_SYNIC: u32 = 0x2b04;
export const HV_SYNIC_OFF: u32 = 0;
export const HV_SYNIC_ZEROES: u32 = 1;
/** SYNIC2: pages are not zeroed when they are enabled. */
export const HV_SYNIC_KEEPS: u32 = 2;
/** What the vCPU's own thread has to do at the next block edge: a bit for each SINT whose interrupt has ended, ... */
export const V_HV_ACKED: u32 = 0x2b08;
/** ... and a bit for each timer that counts. The two are read as one u64. */
export const V_HV_TIMERS: u32 = 0x2b0c;
/** Exits that the last MSR write has asked for, HV_EXIT_*, and the SynIC's MSR. */
export const V_HV_EXIT: u32 = 0x2b10;
export const V_HV_EXIT_MSR: u32 = 0x2b14;
export const HV_EXIT_SYNIC: u32 = 1;
export const HV_EXIT_RESET: u32 = 2;
export const HV_EXIT_CRASH: u32 = 4;
/** The virtual processor's index plus 1; 0 = its id. */
export const V_HV_VP_INDEX: u32 = 0x2b18;
/** KVM_CAP_HYPERV_ENFORCE_CPUID. */
export const V_HV_ENFORCED: u32 = 0x2b1c;
export const V_HV_ASSIST_PAGE: u32 = 0x2b20; // u64
/** u64 each: ns in the guest before this entry, when this entry began plus 1 (0 = out), and what the host has added in 100 ns. */
export const V_HV_RUNTIME: u32 = 0x2b28;
export const V_HV_ENTERED: u32 = 0x2b30;
export const V_HV_RUNTIME_OFFSET: u32 = 0x2b38;
export const V_HV_SCONTROL: u32 = 0x2b40; // u64
/** HV_X64_MSR_SVERSION minus 1, so that zeroed memory is version 1. */
export const V_HV_SVERSION: u32 = 0x2b48; // u64
export const V_HV_SIEFP: u32 = 0x2b50; // u64
export const V_HV_SIMP: u32 = 0x2b58; // u64
/** Sixteen u64: SINTn with HV_SINT_MASKED inverted, so that zeroed memory is masked. */
export const V_HV_SINT: u32 = 0x2b80;
/** Timers: CONFIG, COUNT, when it expires in reference time (0 = not started), and whether its message waits; u64 each. */
export const V_HV_STIMER: u32 = 0x2c00;
export const STIMER_SIZE: u32 = 32;
export const STIMER_CONFIG: u32 = 0;
export const STIMER_COUNT: u32 = 8;
export const STIMER_EXPIRES: u32 = 16;
export const STIMER_WAITS: u32 = 24;
